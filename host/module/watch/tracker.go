package watch

import (
	"path/filepath"
	"slices"
	"time"
)

// A stamp tells one content of a file from another without reading it.
type stamp struct {
	size, modified int64
	// inode and changed (the status change time) are zero where the system
	// does not tell.
	inode   uint64
	changed int64
}

// A tracker decides when a file has come to rest. It has no clock and no file
// system of its own: the loop hands both in.
type tracker struct {
	wait  time.Duration
	files map[string]*file
}

// A file is what the tracker knows of a name.
type file struct {
	seen    stamp // at the last look
	present bool  // at the last look
	// restless is true from a change until it is reported; at is when the last
	// one happened.
	restless bool
	at       time.Time
	// reported is the stamp that Load was given for, if any was.
	reported stamp
	loaded   bool
	// again makes the next report happen even if the stamp did not change:
	// there was a write, perhaps within the clock's resolution.
	again bool
	// untried says that nobody looked whether it is whole since the last change;
	// try is when somebody may.
	untried bool
	try     time.Time
}

// wholeShare is how many times as long as one look whether a file is whole the
// next one waits: a file that is written piece by piece is not read as a whole
// after each of them.
const wholeShare = 10

func newTracker(wait time.Duration, known []string) *tracker {
	t := &tracker{wait: wait, files: make(map[string]*file)}
	for _, path := range known {
		t.files[filepath.Base(path)] = &file{present: true, loaded: true}
	}
	return t
}

// observe takes a whole listing.
func (t *tracker) observe(listing map[string]stamp, now time.Time) {
	for name, s := range listing {
		t.look(name, s, true, now)
	}
	for name, f := range t.files {
		if _, ok := listing[name]; !ok && f.present {
			t.look(name, stamp{}, false, now)
		}
	}
}

// touch takes an event for one file, and how the file looks after it.
func (t *tracker) touch(name string, s stamp, present, content bool, now time.Time) {
	f := t.look(name, s, present, now)
	if f == nil {
		return
	}
	if content && present {
		f.again, f.restless = true, true
	}
	f.at, f.untried = now, true
}

// look notes how a file looks. It returns nil for one that never was there.
func (t *tracker) look(name string, s stamp, present bool, now time.Time) *file {
	f := t.files[name]
	if f == nil {
		if !present {
			return nil
		}
		f = &file{}
		t.files[name] = f
	}
	if f.present != present || f.seen != s {
		f.seen, f.present = s, present
		f.restless, f.at, f.untried = true, now, true
	}
	return f
}

// rest is when f is to be reported.
func (t *tracker) rest(f *file) time.Time {
	if f.present {
		return f.at.Add(t.wait)
	}
	return f.at.Add(2 * t.wait)
}

// early is when to see whether f is whole, if there is reason to.
func (f *file) early() (time.Time, bool) {
	if !f.untried || !f.present {
		return time.Time{}, false
	}
	if f.try.After(f.at) {
		return f.try, true
	}
	return f.at, true
}

// next is when due has something to say, if nothing happens before.
func (t *tracker) next() (time.Time, bool) {
	var at time.Time
	found := false
	for _, f := range t.files {
		if !f.restless {
			continue
		}
		rest := t.rest(f)
		if early, ok := f.early(); ok && early.Before(rest) {
			rest = early
		}
		if !found || rest.Before(at) {
			at, found = rest, true
		}
	}
	return at, found
}

// due returns the names to load and to unload now, in order. It looks at each
// file once more, since the last look may be as old as the listing, and asks
// whole about those that changed a moment ago. A name to unload stays known until
// forget is called.
func (t *tracker) due(now time.Time, stat func(string) (stamp, bool), whole func(string) (bool, time.Duration)) (loads, unloads []string) {
	for name, f := range t.files {
		if !f.restless {
			continue
		}
		early, maybe := f.early()
		maybe = maybe && !now.Before(early)
		if !maybe && now.Before(t.rest(f)) {
			continue
		}
		s, present := stat(name)
		t.look(name, s, present, now)
		if now.Before(t.rest(f)) {
			if !maybe || !f.present {
				continue // it changed meanwhile
			}
			ok, took := whole(name)
			f.untried, f.try = false, now.Add(took*(1+wholeShare))
			if !ok {
				continue
			}
		}
		switch {
		case !f.present:
			unloads = append(unloads, name)
		case f.again || !f.loaded || f.reported != f.seen:
			f.reported, f.loaded, f.again, f.restless = f.seen, true, false, false
			loads = append(loads, name)
		default: // back to what it was
			f.restless = false
		}
	}
	slices.Sort(loads)
	slices.Sort(unloads)
	return loads, unloads
}

// postpone makes a file that is gone wait once more.
func (t *tracker) postpone(name string, now time.Time) {
	if f := t.files[name]; f != nil {
		f.at = now
	}
}

// restart makes all files that are gone wait once more.
func (t *tracker) restart(now time.Time) {
	for _, f := range t.files {
		if !f.present {
			f.at = now
		}
	}
}

// forget drops a file that is gone. It reports whether Load was ever said for it.
func (t *tracker) forget(name string) bool {
	f := t.files[name]
	if f == nil || f.present {
		return false
	}
	delete(t.files, name)
	return f.loaded
}
