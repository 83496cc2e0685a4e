package policy

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxEntries is how many names of files are looked at for links below one path.
const maxEntries = 100_000

// A link lies below a path, and leads to another.
type link struct{ at, to string }

// linksBelow returns the links on this machine that whoever reads or writes a
// path may come by. Engines list a folder with all below it, through links too,
// and to Sail a * in a path stands for slashes as well: so they are all the links
// below a folder, and below the literal part of a pattern those whose names
// begin as it does. Where this process may not look, no engine of its user may.
func linksBelow(name string) ([]link, error) {
	base, beginning := literal(name), ""
	if base != name {
		beginning = strings.TrimPrefix(name[:strings.IndexAny(name, "*?[{")], base+"/")
	}
	w := linkWalk{left: maxEntries, seen: make(map[string]bool)}
	w.at(path.Clean("/"+base), beginning)
	if w.left < 0 {
		return nil, fmt.Errorf("there are more than %d files below the path %q, too many to see whether links among them lead elsewhere; name a part of it", maxEntries, name)
	}
	return w.found, nil
}

type linkWalk struct {
	left  int
	seen  map[string]bool
	found []link
}

// at looks at a path, and at what is below it with names that begin so.
func (w *linkWalk) at(at, beginning string) {
	info, err := os.Lstat(at)
	if err != nil || w.left < 0 || w.seen[at] {
		return
	}
	w.seen[at] = beginning == "" // else a link may lead back, to all of it
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		if real, err := filepath.EvalSymlinks(at); err == nil { // else it leads nowhere
			w.found = append(w.found, link{at, real})
			w.at(real, beginning)
		}
	case info.IsDir():
		w.list(at, beginning)
	}
}

func (w *linkWalk) list(dir, beginning string) {
	f, err := os.Open(dir)
	if err != nil {
		return
	}
	defer f.Close() // read only: nothing is lost
	for w.left >= 0 {
		entries, err := f.ReadDir(1000)
		w.left -= len(entries)
		for _, e := range entries {
			if (e.IsDir() || e.Type()&fs.ModeSymlink != 0) && strings.HasPrefix(e.Name(), beginning) {
				w.at(path.Join(dir, e.Name()), "")
			}
		}
		if err != nil || len(entries) == 0 {
			return
		}
	}
}
