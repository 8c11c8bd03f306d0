package hero_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "forge.ourworld.tf/lhumina_code/hero"

// Budgets: what is larger is taken apart, or listed by name with a reason.
const (
	maxFileLines    = 600
	maxFuncLines    = 80
	maxPackageLines = 2500
	maxExported     = 40
	maxMethods      = 6 // of an interface
	maxParams       = 6
)

// pkg is what the house knows of a package.
type pkg struct {
	layer int      // imports go to lower layers only
	third []string // modules outside the standard library that it may import
	same  []string // packages of its own layer that it may import
}

// house lists every package. Making one is a deliberate act: one that is
// missing here fails the test, and so does a line whose package is gone.
var house = map[string]pkg{
	"fault":               {layer: 0},
	"internal/json":       {layer: 0, third: []string{"github.com/go-json-experiment/json"}},
	"internal/atomicfile": {layer: 0},
	"internal/machine":    {layer: 0},
	"internal/stats":      {layer: 0},
	"layout":              {layer: 1},
	"internal/unixsock":   {layer: 1, third: []string{"golang.org/x/sys"}},
	"internal/unit":       {layer: 2, third: []string{"github.com/pelletier/go-toml/v2", "github.com/adhocore/gronx"}},
	"jsonrpc":             {layer: 2},
	"openrpc":             {layer: 2, third: []string{"github.com/santhosh-tekuri/jsonschema/v6"}, same: []string{"jsonrpc"}},
	"store":               {layer: 2, third: []string{"modernc.org/sqlite"}},
	"internal/osproc":     {layer: 2, third: []string{"golang.org/x/sys"}},
	"internal/contexts":   {layer: 2},
	"internal/handover":   {layer: 2},
	"internal/activate":   {layer: 2},
	"internal/ondemand":   {layer: 3},
	"internal/logs":       {layer: 2, third: []string{"golang.org/x/sys"}},
	"jsonrpc/jsonrpctest": {layer: 3},
	"manifest":            {layer: 3},
	"internal/registry":   {layer: 3, third: []string{"modernc.org/sqlite"}},
	"internal/supervisor": {layer: 3, same: []string{"internal/registry"}},
	"discovery":           {layer: 4, third: []string{"github.com/fsnotify/fsnotify", "golang.org/x/sys"}},
	"sdk":                 {layer: 5},
	"internal/health":     {layer: 5},
	"internal/inspect":    {layer: 5},
	"internal/route":      {layer: 5},
	"sdk/sdktest":         {layer: 6},
	"models/identity":     {layer: 6},
	"models/base":         {layer: 6},
	"internal/tenancy":    {layer: 7},
	"internal/access":     {layer: 1, third: []string{"github.com/pelletier/go-toml/v2"}},
	"internal/proxy":      {layer: 6},
	"internal/proxy/fast": {layer: 5},
	"internal/web":        {layer: 7},
	"mcp":                 {layer: 5, third: []string{"github.com/modelcontextprotocol/go-sdk"}},
	"internal/procd":      {layer: 7},
	"internal/scriptlib":  {layer: 8},
	"internal/show":       {layer: 8},
	"internal/sse":        {layer: 1},
	"internal/doctor":     {layer: 7},
	"internal/cli":        {layer: 7, third: []string{"golang.org/x/term"}},
	"cmd/hero_core":       {layer: 9},
	"cmd/hero_proc":       {layer: 9, third: []string{"golang.org/x/term"}},
	"cmd/hero_inspector":  {layer: 9},
	"cmd/hero_proxy":      {layer: 9},

	"internal/web/page":          {layer: 6},
	"internal/web/page/pagetest": {layer: 7},
	"internal/web/tools":         {layer: 7},

	"models/internal/valid": {layer: 5, third: []string{"github.com/nyaruka/phonenumbers"}},
	"models/projects":       {layer: 6},
	"models/calendar":       {layer: 6, third: []string{"github.com/teambition/rrule-go"}},
	"models/communication":  {layer: 6, third: []string{"github.com/emersion/go-message"}},
	"internal/cli/clitest":  {layer: 8},

	"internal/inspect/bridge": {layer: 6},
	"internal/inspect/client": {layer: 6},

	"examples/hero_food/restaurant": {layer: 7},
	"examples/hero_food/delivery":   {layer: 8},
	"examples/hero_food/demo":       {layer: 9},
	"examples/hero_food/ui":         {layer: 9},
	"examples/hero_food":            {layer: 10},

	"rhai/failure":     {layer: 2},
	"rhai/value":       {layer: 1},
	"rhai/syntax":      {layer: 1},
	"rhai/operator":    {layer: 3},
	"rhai/native":      {layer: 3},
	"rhai/stdlib":      {layer: 4},
	"rhai/interp":      {layer: 5},
	"rhai":             {layer: 6},
	"rhai/conformance": {layer: 7},
}

// publicMayImport are the private packages that public ones are made of.
var publicMayImport = []string{"internal/unixsock", "internal/handover", "internal/ondemand", "internal/contexts", "internal/atomicfile", "internal/json"}

// owners says who alone may touch what is dangerous. A path ends with / where
// all below it is meant.
var owners = []struct {
	what   string // import path, or pkg.Name of a call
	owners []string
	why    string
}{
	{"encoding/json", nil, "it folds the case of names: two readers of one body may read two different methods"},
	{"github.com/go-json-experiment/json", []string{"internal/json"}, "there is one door to JSON"},
	{"os/exec", []string{"internal/osproc", "internal/ondemand"}, "processes have one owner; a service starts its own binary as the UI"},
	{"html/template", []string{"internal/web/", "examples/hero_food/ui"}, "pages live in web"},
	{"httputil.ReverseProxy", []string{"internal/proxy"}, "whoever forwards decides access"},
	{"net.ListenUnix", []string{"internal/unixsock"}, "a socket appears whole, and only in a folder of its owner"},
	{"net.DialUnix", []string{"internal/unixsock"}, "a path may be long, or hold a NUL byte that cuts it"},
	{"os.Exit", []string{"cmd/", "sdk", "rhai/conformance"}, "only main ends the process"},
	{"os.Args", []string{"cmd/", "internal/cli", "sdk", "rhai/conformance"}, "only main reads the command line"},
	{"os.Getenv", []string{"cmd/", "internal/cli", "sdk"}, "only main reads the environment"},
	{"os.Environ", []string{"cmd/", "internal/cli", "sdk"}, "only main reads the environment"},
	{"slog.Default", nil, "loggers are passed in"},
}

// pure are the packages that decide and do nothing: no disk, no network.
var pure = []string{"layout", "internal/machine", "internal/route", "internal/access", "rhai/syntax"}

// long are the functions that may be longer than the budget, each with why.
var long = map[string]string{}

// large are the packages that may be larger than the budget, each with why.
var large = map[string]string{
	"rhai/interp": "one closure for each kind of expression: splitting it would part what belongs together",
	"rhai/syntax": "the whole grammar",
}

// fixed are the exported variables that Go has no constant for.
var fixed = map[string]bool{"Root": true}

// source is one Go file of the project.
type source struct {
	path, pkg string
	file      *ast.File
	lines     int
	test      bool
}

func sources(t *testing.T) (*token.FileSet, []source) {
	t.Helper()
	fset := token.NewFileSet()
	var out []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || p == "bench" || strings.HasPrefix(d.Name(), ".") && p != ".") {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(p) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		out = append(out, source{filepath.ToSlash(p), filepath.ToSlash(filepath.Dir(p)), f, fset.File(f.Pos()).LineCount(),
			strings.HasSuffix(p, "_test.go")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return fset, out
}

// TestImportsGoDown holds the layers and the list of third-party modules.
func TestImportsGoDown(t *testing.T) {
	_, files := sources(t)
	seen := map[string]bool{}
	for _, s := range files {
		if s.test {
			continue
		}
		seen[s.pkg] = true
		from, known := house[s.pkg]
		if !known {
			t.Errorf("%s: the package is not in the house's table", s.pkg)
			continue
		}
		for _, spec := range s.file.Imports {
			imp := strings.Trim(spec.Path.Value, `"`)
			if to, ours := strings.CutPrefix(imp, module+"/"); ours {
				target := house[to]
				if target.layer >= from.layer && !slices.Contains(from.same, to) {
					t.Errorf("%s: %s (layer %d) must not import %s (layer %d)", s.path, s.pkg, from.layer, to, target.layer)
				}
				if public(s.pkg) && strings.HasPrefix(to, "internal/") && !slices.Contains(publicMayImport, to) {
					t.Errorf("%s: the public package %s must not import %s", s.path, s.pkg, to)
				}
				if strings.HasPrefix(to, "cmd/") {
					t.Errorf("%s: nobody imports a command", s.path)
				}
				continue
			}
			first, _, _ := strings.Cut(imp, "/")
			if strings.Contains(first, ".") && !slices.ContainsFunc(from.third, func(m string) bool { return within(imp, m) }) {
				t.Errorf("%s: %s must not import %s: it is not in its list", s.path, s.pkg, imp)
			}
			if slices.Contains(pure, s.pkg) && (imp == "os" || imp == "net" || imp == "net/http") {
				t.Errorf("%s: %s decides and does nothing: it must not import %s", s.path, s.pkg, imp)
			}
		}
	}
	for name := range house {
		if !seen[name] {
			t.Errorf("the house's table names %s, which does not exist", name)
		}
	}
}

func public(name string) bool {
	return !strings.HasPrefix(name, "internal/") && !strings.HasPrefix(name, "cmd/") && !strings.HasPrefix(name, "examples/")
}

// within reports whether path is the module m or a package in it.
func within(path, m string) bool { return path == m || strings.HasPrefix(path, m+"/") }

// TestDangerousThingsHaveOneOwner holds the owners' list.
func TestDangerousThingsHaveOneOwner(t *testing.T) {
	fset, files := sources(t)
	for _, s := range files {
		if s.test || strings.HasPrefix(s.pkg, "e2e") {
			continue
		}
		for _, rule := range owners {
			if slices.ContainsFunc(rule.owners, func(o string) bool { return s.pkg == o || strings.HasSuffix(o, "/") && strings.HasPrefix(s.pkg+"/", o) }) {
				continue
			}
			if pos := use(s.file, rule.what); pos.IsValid() {
				t.Errorf("%s: %s uses %s: %s", fset.Position(pos), s.pkg, rule.what, rule.why)
			}
		}
	}
}

// use returns where a file imports a package, or names pkg.Name.
func use(f *ast.File, what string) token.Pos {
	for _, spec := range f.Imports {
		if within(strings.Trim(spec.Path.Value, `"`), what) && strings.Contains(what, "/") {
			return spec.Pos()
		}
	}
	base, name, ok := strings.Cut(what, ".")
	if !ok || strings.Contains(what, "/") {
		return token.NoPos
	}
	found := token.NoPos
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if ok && sel.Sel.Name == name {
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == base && id.Obj == nil {
				found = sel.Pos()
			}
		}
		return !found.IsValid()
	})
	return found
}

// TestBudgets holds the sizes.
func TestBudgets(t *testing.T) {
	fset, files := sources(t)
	lines, exported := map[string]int{}, map[string]int{}
	for _, s := range files {
		if s.test {
			continue
		}
		lines[s.pkg] += s.lines
		if s.lines > maxFileLines {
			t.Errorf("%s: %d lines, more than %d", s.path, s.lines, maxFileLines)
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				checkFunc(t, fset, s, n)
			case *ast.InterfaceType:
				if n.Methods.NumFields() > maxMethods {
					t.Errorf("%s: an interface of %d methods, more than %d", fset.Position(n.Pos()), n.Methods.NumFields(), maxMethods)
				}
			}
			return true
		})
		for _, d := range s.file.Decls {
			exported[s.pkg] += exportedNames(d)
		}
	}
	for name, n := range lines {
		if _, excused := large[name]; n > maxPackageLines && !excused {
			t.Errorf("%s: %d lines, more than %d", name, n, maxPackageLines)
		}
	}
	for name, n := range exported {
		if n > maxExported {
			t.Errorf("%s: %d exported names, more than %d", name, n, maxExported)
		}
	}
}

func checkFunc(t *testing.T, fset *token.FileSet, s source, f *ast.FuncDecl) {
	t.Helper()
	n := fset.Position(f.End()).Line - fset.Position(f.Pos()).Line + 1
	if _, excused := long[s.pkg+"."+f.Name.Name]; n > maxFuncLines && !excused {
		t.Errorf("%s: %s has %d lines, more than %d", fset.Position(f.Pos()), f.Name.Name, n, maxFuncLines)
	}
	if f.Type.Params.NumFields() > maxParams {
		t.Errorf("%s: %s takes %d parameters, more than %d", fset.Position(f.Pos()), f.Name.Name, f.Type.Params.NumFields(), maxParams)
	}
	if f.Name.Name == "init" && f.Recv == nil {
		t.Errorf("%s: init does work that nobody asked for", fset.Position(f.Pos()))
	}
}

// exportedNames counts what a declaration adds to its package's names;
// constants of one block count once, being values of one thing.
func exportedNames(d ast.Decl) int {
	n := 0
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.IsExported() {
			n++
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() {
					n++
				}
			case *ast.ValueSpec:
				if spec.Names[0].IsExported() && (d.Tok == token.VAR || n == 0) {
					n++
				}
			}
		}
	}
	return n
}

// TestDocs holds that everything exported is explained, every package once.
func TestDocs(t *testing.T) {
	fset, files := sources(t)
	comments, any := map[string]int{}, map[string]bool{}
	for _, s := range files {
		if s.test {
			continue
		}
		any[s.pkg] = true
		if s.file.Doc != nil {
			comments[s.pkg]++
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && receiverExported(d) && d.Doc == nil {
					t.Errorf("%s: %s has no doc comment", fset.Position(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					checkSpecDoc(t, fset, d, spec)
				}
			}
		}
	}
	for name := range any {
		if comments[name] != 1 {
			t.Errorf("%s: %d package comments, want one", name, comments[name])
		}
	}
}

func receiverExported(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	x := f.Recv.List[0].Type
	for {
		switch y := x.(type) {
		case *ast.StarExpr:
			x = y.X
		case *ast.IndexExpr:
			x = y.X
		case *ast.IndexListExpr:
			x = y.X
		case *ast.Ident:
			return y.IsExported()
		default:
			return false
		}
	}
}

func checkSpecDoc(t *testing.T, fset *token.FileSet, d *ast.GenDecl, spec ast.Spec) {
	t.Helper()
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
			t.Errorf("%s: %s has no doc comment", fset.Position(spec.Pos()), spec.Name.Name)
		}
	case *ast.ValueSpec:
		if spec.Names[0].IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
			t.Errorf("%s: %s has no doc comment", fset.Position(spec.Pos()), spec.Names[0].Name)
		}
		if name := spec.Names[0].Name; d.Tok == token.VAR && ast.IsExported(name) && !strings.HasPrefix(name, "Err") && !fixed[name] {
			t.Errorf("%s: %s is a variable that anyone can change", fset.Position(spec.Pos()), spec.Names[0].Name)
		}
	}
}

// TestNobodySleepsInTests holds that tests wait for what they wait for.
func TestNobodySleepsInTests(t *testing.T) {
	fset, files := sources(t)
	for _, s := range files {
		if !s.test || strings.HasPrefix(s.pkg, "e2e") || s.path == "house_test.go" {
			continue
		}
		if pos := use(s.file, "time.Sleep"); pos.IsValid() && !strings.Contains(text(t, s.path), "testing/synctest") {
			t.Errorf("%s: a test sleeps; wait for the thing itself, or use testing/synctest", fset.Position(pos))
		}
	}
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLinksLead holds that every relative link in the documents leads somewhere.
func TestLinksLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	code := regexp.MustCompile("(?s)```.*?```") // f[T](x) is no link
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && p != "." || d.Name() == "node_modules" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(p) != ".md" {
			return nil
		}
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(text(t, p), ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(p), m[1])); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", p, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestReadmeShowsCodeThatRuns holds that the Go code in the README stands, word
// for word, in a file that the compiler reads.
func TestReadmeShowsCodeThatRuns(t *testing.T) {
	_, files := sources(t)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(text(t, "README.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("README.md shows no Go code")
	}
	for _, b := range blocks {
		if !slices.ContainsFunc(files, func(s source) bool { return strings.Contains(text(t, s.path), b[1]) }) {
			t.Errorf("README.md: no file holds this code:\n%s", b[1])
		}
	}
}
