package watch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// dir is the real folder.
type dir struct {
	path string
	// notify is nil while the system refuses another watcher.
	notify *fsnotify.Watcher
	// at is the folder that notify watches, nil for none.
	at fs.FileInfo
}

func newDir(path string) *dir {
	// Clean, since fsnotify names its watches by the path as it was given.
	return &dir{path: filepath.Clean(path)}
}

func (d *dir) list() (map[string]stamp, error) {
	paths, err := List(d.path)
	if err != nil {
		return nil, err
	}
	files := make(map[string]stamp, len(paths))
	for _, path := range paths {
		name := filepath.Base(path)
		if s, ok := d.stat(name); ok {
			files[name] = s
		}
	}
	return files, nil
}

func (d *dir) stat(name string) (stamp, bool) {
	info, err := os.Stat(filepath.Join(d.path, name))
	if err != nil || !info.Mode().IsRegular() {
		return stamp{}, false
	}
	s := stamp{size: info.Size(), modified: info.ModTime().UnixNano()}
	s.inode, s.changed = identity(info)
	return s, true
}

// attach watches the folder, never its files: a file's watch ends with its inode.
func (d *dir) attach() error {
	info, err := os.Stat(d.path)
	if err != nil {
		d.detach()
		return fmt.Errorf("watch: %w", err)
	}
	if d.notify == nil {
		notify, err := fsnotify.NewWatcher()
		if err != nil {
			return fmt.Errorf("watch %s: %w", d.path, err)
		}
		d.notify = notify
	}
	// A folder that was replaced has the same name: the watch stays with the
	// old one, which may live on under another name, and says nothing of the new.
	if d.at != nil && os.SameFile(d.at, info) && len(d.notify.WatchList()) > 0 {
		return nil
	}
	d.detach()
	if err := d.notify.Add(d.path); err != nil {
		return fmt.Errorf("watch %s: %w", d.path, err)
	}
	d.at = info
	return nil
}

func (d *dir) detach() {
	if d.notify != nil && d.at != nil {
		// The watch may have ended with its folder.
		_ = d.notify.Remove(d.path)
	}
	d.at = nil
}

func (d *dir) events() <-chan fsnotify.Event {
	if d.notify == nil {
		return nil
	}
	return d.notify.Events
}

func (d *dir) errors() <-chan error {
	if d.notify == nil {
		return nil
	}
	return d.notify.Errors
}

func (d *dir) close() {
	if d.notify != nil {
		// Nothing is left to be done about an error here.
		_ = d.notify.Close()
	}
}
