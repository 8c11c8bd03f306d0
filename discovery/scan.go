package discovery

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"forge.ourworld.tf/lhumina_code/hero/internal/unixsock"
	"forge.ourworld.tf/lhumina_code/hero/layout"
)

// root is the sockets folder's own path relative to itself.
const root = "."

// file is a socket that a listing found: everything about it but what it
// answers.
type file struct {
	rel string
	id  unixsock.ID
}

// listing is what one folder holds, with every name parsed. It is not changed
// after it was made.
type listing struct {
	files   map[string]file // sockets, by the name before ".sock"
	folders []string        // that a layout has a use for, sorted
	locks   map[string]bool // services whose lock file stands in the root
	strays  []Stray
	domains []Domain // of a context's folder: its files, ready for use, by name
}

// list reads the folder at dir, a path in fsys at most two levels deep. A
// folder that is gone holds nothing.
func list(fsys fs.FS, dir string) *listing {
	l := &listing{files: map[string]file{}, locks: map[string]bool{}}
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.stray(dir, "cannot be read: "+reasonOf(err))
	}
	for _, e := range entries {
		l.take(dir, e)
	}
	for stem, f := range l.files {
		if name, err := layout.ParseDomain(stem); err == nil && levelOf(dir) == 2 {
			l.domains = append(l.domains, Domain{Name: name, Socket: &Socket{Rel: f.rel, ID: f.id}})
		}
	}
	slices.SortFunc(l.domains, func(a, b Domain) int { return strings.Compare(a.Name.String(), b.Name.String()) })
	return l
}

func (l *listing) stray(rel, reason string) {
	// A file's name may be any bytes, a document's text may not.
	l.strays = append(l.strays, Stray{Path: strings.ToValidUTF8(rel, "\ufffd"), Reason: reason})
}

// take files one entry of a folder.
func (l *listing) take(dir string, e fs.DirEntry) {
	name, rel := e.Name(), path.Join(dir, e.Name())
	if strings.HasPrefix(name, ".") {
		// Sockets before their time, locks and other people's markers.
		if s, ok := strings.CutSuffix(name[1:], ".lock"); ok && dir == root {
			l.locks[s] = true
		}
		return
	}
	stem, isSock := layout.Stem(name)
	switch e.Type() {
	case fs.ModeSymlink:
		l.stray(rel, "a symbolic link: sockets and their folders stand where they are named")
	case fs.ModeDir:
		if why := folderFault(dir, name); why != "" {
			l.stray(rel, why)
			return
		}
		l.folders = append(l.folders, name)
	case fs.ModeSocket:
		if !isSock {
			l.stray(rel, "a socket whose name does not end in .sock")
			return
		}
		if why := socketFault(dir, stem); why != "" {
			l.stray(rel, why)
			return
		}
		info, err := e.Info()
		if err != nil {
			return // gone since the folder was read
		}
		id, _ := unixsock.IDOf(info)
		l.files[stem] = file{rel: rel, id: id}
	case 0:
		l.stray(rel, "a plain file, not a socket")
	default:
		l.stray(rel, "not a socket: "+e.Type().String())
	}
}

// levelOf returns how deep a folder stands: the root 0, a service's folder 1,
// a context's 2.
func levelOf(dir string) int {
	if dir == root {
		return 0
	}
	return 1 + strings.Count(dir, "/")
}

// folderFault reports why no layout has a folder of that name there, or "".
func folderFault(dir, name string) string {
	switch levelOf(dir) {
	case 0:
		_, err := layout.ParseService(name)
		return words(err)
	case 1:
		if _, ok := owner(dir); !ok {
			return "a folder inside " + dir + "/, which is not a {service}_server folder"
		}
		_, err := layout.ParseContext(name)
		return words(err)
	}
	return "a folder inside a context's folder"
}

// socketFault reports why no layout has a socket of that name there, or "".
func socketFault(dir, stem string) string {
	if levelOf(dir) == 2 {
		_, err := layout.ParseDomain(stem)
		return words(err)
	}
	_, err := layout.ParseService(stem)
	return words(err)
}

// owner returns the service whose contexts a folder in the root can hold.
func owner(dir string) (layout.Service, bool) {
	base, ok := layout.CutServer(dir)
	if !ok {
		return layout.Service{}, false
	}
	s, err := layout.ParseNewService(base)
	return s, err == nil
}

func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// reasonOf says what went wrong without the path, which stands beside it.
func reasonOf(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

// listAll reads the whole folder: the root, the folders in it, and those of
// contexts.
func listAll(fsys fs.FS) map[string]*listing {
	all := map[string]*listing{root: list(fsys, root)}
	for _, f := range all[root].folders {
		all[f] = list(fsys, f)
		for _, c := range all[f].folders {
			rel := path.Join(f, c)
			all[rel] = list(fsys, rel)
		}
	}
	return all
}

// Scan reads the names in a sockets folder and tells the services by them
// alone: nobody is asked, so that layouts are a first guess and there are no
// manifests. fsys is the sockets folder, such as os.Root's FS, which keeps
// symbolic links from leading out of it.
func Scan(fsys fs.FS) *Tree {
	v := newView()
	for dir, l := range listAll(fsys) {
		v.put(dir, l)
	}
	v.settle()
	return v.tree()
}

func byPath(a, b Stray) int {
	return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Reason, b.Reason))
}
