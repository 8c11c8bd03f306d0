package interp

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/rhai/failure"
	"forge.ourworld.tf/lhumina_code/hero/rhai/syntax"
	"forge.ourworld.tf/lhumina_code/hero/rhai/value"
)

// module is a script that was imported.
type module struct {
	inst *instance
	vars map[string]value.Value
	subs []imported
}

// imported is a module under the name that it was imported as.
type imported struct {
	name string
	m    *module
}

// export compiles export name as alias.
func (c *compiler) export(s *syntax.Export) node {
	alias := s.As
	if alias == "" {
		alias = s.Name
	}
	if !c.names {
		for i := len(c.vars) - 1; i >= 0; i-- {
			if c.vars[i].name == s.Name {
				c.vars[i].export = append(c.vars[i].export, alias)
				return unit
			}
		}
	}
	return func(fr *frame) value.Value {
		x := fr.variable(s.Name)
		if x == nil {
			fr.vm.throw(failure.New("ErrorVariableNotFound", s.Name, "Variable not found: "+s.Name), s.Pos)
		}
		x.export = append(x.export, alias)
		return value.Value{}
	}
}

// importStmt compiles import path as name.
func (c *compiler) importStmt(s *syntax.Import) node {
	x, at, pos, as := c.expr(s.X), s.X.Position(), s.Pos, s.As
	top := c.atTop && c.depth == 0
	return func(fr *frame) value.Value {
		m := fr.vm
		v := x(fr)
		m.want(v, value.String, at)
		if limit := m.cfg.Limits.Modules; limit > 0 && m.loaded >= limit {
			m.throw(failure.Errorf("ErrorTooManyModules", "Too many modules imported"), pos)
		}
		m.loaded++
		mod := m.load(v.Str(), fr.fn.unit.name, at)
		if as != "" {
			m.imports = append(m.imports, imported{as, mod})
			if top {
				fr.inst.imports = append(fr.inst.imports, imported{as, mod})
			}
		}
		return value.Value{}
	}
}

// file returns the path of a module's file: beside the script that imports
// it, with the extension of scripts.
func file(name, from string) string {
	if path.Ext(name) != ".rhai" {
		name += ".rhai"
	}
	if !path.IsAbs(name) && !path.IsAbs(from) {
		name = path.Join(path.Dir(from), name)
	}
	return path.Clean(strings.TrimPrefix(name, "/"))
}

// load runs the script of a module, once.
func (m *vm) load(name, from string, pos syntax.Pos) *module {
	p := file(name, from)
	if m.cfg.Modules == nil || !fs.ValidPath(p) {
		m.throw(failure.New("ErrorModuleNotFound", name, "Module not found: "+name), pos)
	}
	if mod := m.modules[p]; mod != nil {
		return mod
	}
	text, err := fs.ReadFile(m.cfg.Modules, p)
	if err != nil {
		e := failure.New("ErrorModuleNotFound", name, "Module not found: "+name)
		e.Cause = err
		m.throw(e, pos)
	}
	if slices.Contains(m.loading, p) || m.top.depth >= m.maxCalls {
		m.throw(failure.New("ErrorInModule", name, "Module '"+name+"' imports itself"), pos)
	}
	m.loading = append(m.loading, p)
	mod, failed := m.runModule(p, string(text))
	m.loading = m.loading[:len(m.loading)-1]
	if failed != nil {
		failed.Calls = append(failed.Calls, failure.Call{Name: name, Pos: pos, Module: true})
		panic(failed)
	}
	if m.modules == nil {
		m.modules = make(map[string]*module)
	}
	m.modules[p] = mod
	return mod
}

func (m *vm) runModule(p, text string) (*module, *failure.Error) {
	tree, err := syntax.Parse(p, text, m.cfg.Syntax)
	if err != nil {
		e := failure.FromSyntax(err)
		e.Locate(e.Pos, p, text)
		return nil, e
	}
	u := Compile(m.cfg, tree, nil)
	inst := &instance{unit: u}
	mark := len(m.imports)
	mod := &module{inst: inst, vars: make(map[string]value.Value)}
	root, _, failed := m.run(u, inst)
	m.imports = m.imports[:mark]
	if failed != nil {
		return nil, failed
	}
	mod.subs = inst.imports
	for _, x := range u.remaining(root) {
		for _, alias := range x.export {
			mod.vars[alias] = x.v.Copy()
		}
	}
	return mod, nil
}

// findModule walks a path of modules; nil where one is missing.
func (fr *frame) findModule(path []string) *module {
	find := func(list []imported, name string) *module {
		for i := len(list) - 1; i >= 0; i-- {
			if list[i].name == name {
				return list[i].m
			}
		}
		return nil
	}
	mod := find(fr.inst.imports, path[0])
	if mod == nil || fr.inst.unit == fr.vm.bottom().fn.unit {
		if seen := find(fr.vm.imports, path[0]); seen != nil {
			mod = seen
		}
	}
	for _, name := range path[1:] {
		if mod == nil {
			return nil
		}
		mod = find(mod.subs, name)
	}
	return mod
}

// bottom is the frame of the script that was started.
func (m *vm) bottom() *frame {
	f := m.top
	for f.parent != nil {
		f = f.parent
	}
	return f
}

func missingModule(ns string) error {
	return failure.New("ErrorModuleNotFound", ns, "Module not found: "+ns)
}

// qualified compiles module::variable, and global::CONSTANT.
func (c *compiler) qualified(v *syntax.Variable) node {
	ns := strings.Join(v.Path, "::")
	full, pos := ns+"::"+v.Name, v.Pos
	return func(fr *frame) value.Value {
		mod := fr.findModule(v.Path)
		var x value.Value
		ok := false
		switch {
		case mod != nil:
			x, ok = mod.vars[v.Name]
		case ns == "global":
			x, ok = fr.inst.consts[v.Name]
			if s := fr.vm.scope.find(v.Name); !ok && s != nil {
				x, ok = s.v, true
			}
			if s := fr.vm.constant(v.Name); !ok && s != nil {
				x, ok = s.v, true
			}
		default:
			fr.vm.throw(missingModule(ns), pos)
		}
		if !ok {
			fr.vm.throw(failure.New("ErrorVariableNotFound", full, "Variable not found: "+full), pos)
		}
		return x.Copy()
	}
}

// qualifiedCall compiles module::function(…).
func (c *compiler) qualifiedCall(x *syntax.Call) node {
	args, pos, ns := c.exprs(x.Args), x.Pos, strings.Join(x.Path, "::")
	base := c.temps(len(args))
	return func(fr *frame) value.Value {
		vals := fr.slots[base : base+len(args)]
		for i, a := range args {
			vals[i] = a(fr)
		}
		mod := fr.findModule(x.Path)
		if mod == nil {
			fr.vm.throw(missingModule(ns), pos)
		}
		fn := mod.inst.unit.lookup(x.Name, len(args), "")
		if fn == nil || fn.decl.Private {
			e := failure.NotFound(ns+"::"+x.Name, vals...)
			fr.vm.throw(e, pos)
		}
		return fr.vm.callScript(fn, mod.inst, nil, vals, pos)
	}
}
