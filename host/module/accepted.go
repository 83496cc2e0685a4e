package module

import (
	"log/slog"
	"maps"
	"path/filepath"
	"sync"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// accepted are the highest versions that served of signed tasks: in memory, and
// in a file for the next start and for other hosts of the folder. What could not
// be written is still known until the host ends.
type accepted struct {
	// off says that older versions are taken as well.
	off  bool
	log  *slog.Logger
	disk *ledger[uint64] // nil keeps them in memory alone

	mu     sync.Mutex
	latest map[string]uint64
}

const acceptedName = "accepted.json"

func newAccepted(cfg Config, h *history) *accepted {
	a := &accepted{off: cfg.AllowDowngrades, log: cfg.Log, latest: make(map[string]uint64)}
	if h != nil {
		a.disk = &ledger[uint64]{filepath.Join(h.dir, acceptedName)}
	}
	return a
}

// notOlder refuses a signed module that is older than what was accepted of its
// tasks, by this host or by another.
func (a *accepted) notOlder(i *Info) error {
	if i.SignedBy == "" || a.off {
		return nil
	}
	if a.disk != nil {
		others, err := a.disk.read()
		if err != nil {
			return refusal(Downgraded, "it is not known which versions of signed modules were accepted: %w; without that file, once the host is started anew, any will be", err)
		}
		a.mu.Lock()
		a.merge(others)
		a.mu.Unlock()
	}
	return a.stillNotOlder(i)
}

// stillNotOlder is notOlder by what this host knows already.
func (a *accepted) stillNotOlder(i *Info) error {
	if i.SignedBy == "" || a.off {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range i.Tasks {
		if latest := a.latest[t.Name]; i.SignedVersion < latest {
			return refusal(Downgraded, "it was signed as version %d, and %s was accepted as version %d before: sign it again to go back, "+
				"or let `sparkstalk modules rollback` do so", i.SignedVersion, t.Name, latest)
		}
	}
	return nil
}

// merge adds to what is known, and reports whether that was any news. Callers
// hold mu.
func (a *accepted) merge(versions map[string]uint64) (news bool) {
	for task, version := range versions {
		if a.latest[task] < version {
			a.latest[task], news = version, true
		}
	}
	return news
}

// note notes a version that serves.
func (a *accepted) note(i Info) {
	if i.SignedBy == "" || i.SignedVersion == 0 {
		return
	}
	a.mu.Lock()
	own := make(map[string]uint64, len(i.Tasks))
	for _, t := range i.Tasks {
		own[t.Name] = i.SignedVersion
	}
	a.merge(own)
	known := maps.Clone(a.latest) // with what could not be written before
	a.mu.Unlock()
	if a.disk == nil {
		return
	}
	err := a.disk.update(func(all map[string]uint64) (changed bool) {
		for task, version := range known {
			if all[task] < version {
				all[task], changed = version, true
			}
		}
		return changed
	})
	if err != nil {
		a.log.Warn("the version of a signed module could not be noted: after a restart an older one will not be told", logkey.Module, i.Name, logkey.Error, err)
	}
}
