package module

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// owners are the files, by their names in the folder, whose modules had tasks
// last: in a file, so that a start gives each task to the module that had it.
type owners struct {
	disk *ledger[string] // nil knows nothing of starts before
	log  *slog.Logger

	mu    sync.Mutex
	noted map[string]string // what this host has written
}

func newOwners(cfg Config, h *history) *owners {
	o := &owners{log: cfg.Log, noted: make(map[string]string)}
	if h != nil {
		o.disk = &ledger[string]{filepath.Join(h.dir, "owners.json")}
	}
	return o
}

// note notes that a version serves.
func (o *owners) note(i Info) {
	if o.disk == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	file := filepath.Base(i.Path)
	if !slices.ContainsFunc(i.Tasks, func(t abi.TaskSpec) bool { return o.noted[t.Name] != file }) {
		return
	}
	err := o.disk.update(func(all map[string]string) (changed bool) {
		for _, t := range i.Tasks {
			if all[t.Name] != file {
				all[t.Name], changed = file, true
			}
		}
		return changed
	})
	if err != nil {
		o.log.Warn("which module has a task could not be noted: after a restart another with a task of that name may get it", logkey.Module, i.Name, logkey.Error, err)
		return
	}
	for _, t := range i.Tasks {
		o.noted[t.Name] = file
	}
}

// inTurn orders what a start has loaded, so that modules get the tasks that they
// had before, and what nobody had goes by the order of paths. A file that wants
// another's task is last, and its last good version serves in place of it.
func (r *Registry) inTurn(ctx context.Context, prepared []attempt) []attempt {
	if r.owners.disk == nil {
		return prepared
	}
	owned, err := r.owners.disk.read()
	if err != nil {
		r.log.Warn("it is not known which modules had which tasks: of two with one name, the first by its file gets it", logkey.Error, err)
		return prepared
	}
	there := make(map[[2]string]bool) // a file's name, and a task that it can serve
	for _, a := range prepared {
		for _, v := range []*version{a.version, a.instead} {
			if v == nil {
				continue
			}
			for _, t := range v.info.Tasks {
				there[[2]string{filepath.Base(a.path), t.Name}] = true
			}
		}
	}
	var first, last []attempt
	for _, a := range prepared {
		file := filepath.Base(a.path)
		others := func(t abi.TaskSpec) bool {
			owner := owned[t.Name]
			return owner != file && there[[2]string{owner, t.Name}]
		}
		if a.version == nil || !slices.ContainsFunc(a.version.info.Tasks, others) {
			first = append(first, a)
			continue
		}
		if a.instead == nil && a.pin == nil {
			a.instead = r.lastGood(ctx, a.path, r.history.known(a.path), a.file.hash)
		}
		last = append(last, a)
	}
	return append(first, last...)
}
