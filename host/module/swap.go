package module

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// An edit changes what serves, in one step.
type edit struct {
	r *Registry
	// table is the next one, nil as long as it is the same.
	table map[string]served
	// changes are told, and gone is released, when the locks are.
	changes []Info
	gone    []*version
}

// change runs do with the registry locked, makes what it changed effective and
// tells of it. On a closed registry it only releases gone.
func (r *Registry) change(do func(e *edit), gone ...*version) {
	r.notify.Lock()
	defer r.notify.Unlock()
	e := &edit{r: r}
	r.mu.Lock()
	if r.closed {
		e.gone = gone
	} else {
		do(e)
		e.publish()
	}
	r.mu.Unlock()
	for _, v := range e.gone {
		if v != nil {
			v.release()
		}
	}
	for _, info := range e.changes {
		if info.State == Serving {
			r.accepted.note(info)
			r.owners.note(info)
		}
		r.tell(info)
	}
}

// take makes what came of a file effective: the version serves, or the file is
// refused.
func (r *Registry) take(a attempt) {
	pinned, done := (*pin)(nil), false
	r.change(func(e *edit) {
		f := r.file(a.path)
		e.take(f, a)
		pinned, done = f.pin, true
	}, a.version, a.instead)
	if done {
		r.history.pin(a.path, pinned)
	}
}

func (e *edit) take(f *file, a attempt) {
	if a.over != nil && f.serving != a.over {
		e.gone = append(e.gone, a.version)
		return
	}
	if a.same {
		if f.serving == nil || f.serving.info.Hash != a.file.hash {
			return
		}
		// A bad file, or one that waited, was replaced by what still serves.
		f.pin = nil
		e.drop(f)
		if f.refused != nil {
			f.refused = nil
			e.changes = append(e.changes, f.info())
		}
		return
	}
	if a.err == nil && a.pin == nil {
		if a.err = e.r.accepted.stillNotOlder(&a.version.info); a.err != nil { // a later one came in between
			e.gone = append(e.gone, a.version)
			a.version = nil
		}
	}
	if a.err == nil {
		if a.err = e.fits(f, a.version); a.err == nil {
			e.enter(f, a.version)
			e.gone = append(e.gone, a.instead) // which nobody needs
			if f.pin = a.pin; a.pin != nil {
				e.refuse(f, attempt{
					path: a.path, file: contents{hash: a.pin.Over, size: a.pin.Size},
					err: refusal(a.pin.Kind, "%s", a.pin.Reason),
				})
			}
			return
		}
		if a.pin != nil { // the file's own version serves on
			e.gone = append(e.gone, a.version)
			return
		}
	}
	e.drop(f)
	f.waiting = a.version
	if a.instead != nil {
		if f.serving == nil && e.fits(f, a.instead) == nil {
			e.enter(f, a.instead)
		} else {
			e.gone = append(e.gone, a.instead)
		}
	}
	e.refuse(f, a)
	if f.pin != nil { // it serves on in place of another one
		f.pin = &pin{Hash: f.pin.Hash, Over: a.file.hash, Size: a.file.size, Kind: f.refused.Kind, Reason: a.err.Error()}
	}
}

// drop gives up a version that waits for a name.
func (e *edit) drop(f *file) {
	e.gone = append(e.gone, f.waiting)
	f.waiting = nil
}

// refuse notes why a file does not serve.
func (e *edit) refuse(f *file, a attempt) {
	err := refuse(a.path, Unreadable, a.err)
	info := Info{
		Path: a.path, Name: name(a.path), Hash: a.file.hash, Size: a.file.size,
		LoadedAt: time.Now(), State: Refused, Reason: err.Error(), Kind: err.Kind,
	}
	if a.version != nil { // it is whole, but another has its task's name, or it trapped
		info = a.version.Info(Refused)
		info.LoadedAt, info.Reason, info.Kind = time.Now(), err.Error(), err.Kind
	}
	if f.serving != nil {
		info.Instead = f.serving.info.Hash
	}
	f.refused = &info
	e.changes = append(e.changes, info.clone())
}

// current is the table as it will be.
func (e *edit) current() map[string]served {
	if e.table == nil {
		return *e.r.table.Load()
	}
	return e.table
}

// next is the table to write to.
func (e *edit) next() map[string]served {
	if e.table == nil {
		e.table = maps.Clone(*e.r.table.Load())
	}
	return e.table
}

// fits returns nil, or why v cannot serve for f beside the others.
func (e *edit) fits(f *file, v *version) error {
	for _, task := range v.info.Tasks {
		holder, ok := e.current()[task.Name]
		if ok && holder.version != f.serving && holder.version != f.standby {
			return refusal(TaskNameConflict, "module %s (%s) already has a task named %s",
				holder.version.info.Name, holder.version.info.Path, task.Name)
		}
	}
	return nil
}

// unload takes a module whose file is gone out of service.
func (r *Registry) unload(path string) {
	r.change(func(e *edit) {
		f := r.files[path]
		if f == nil {
			return
		}
		e.drop(f)
		if f.refused != nil && f.serving == nil {
			info := f.refused.clone()
			info.State = Retired
			e.changes = append(e.changes, info)
		}
		f.refused, f.pin = nil, nil
		if f.serving != nil {
			e.changes = append(e.changes, f.serving.Info(Retired))
			e.leave(f)
		}
		r.tidy(f)
	})
	r.history.pin(path, nil)
}

// leave takes the versions of a file out of the table.
func (e *edit) leave(f *file) {
	table := e.next()
	for task, s := range table {
		if s.version == f.serving || s.version == f.standby {
			delete(table, task)
		}
	}
	e.gone = append(e.gone, f.serving, f.standby)
	f.serving, f.standby = nil, nil
}

// enter puts a version into service in place of the one that its file has now.
// That one is kept while the new one is on trial, unless it trapped in its own.
func (e *edit) enter(f *file, v *version) {
	var standby *version
	if v.left.Load() > 0 {
		if standby = f.serving; standby == nil || standby.failed.Load() {
			standby = f.standby
		}
		if standby == v {
			standby = nil
		}
	}
	e.leave(f)
	e.gone = slices.DeleteFunc(e.gone, func(old *version) bool { return old == standby || old == v })
	e.drop(f)
	f.serving, f.standby, f.refused = v, standby, nil
	e.gone = slices.DeleteFunc(e.gone, func(old *version) bool { return old == v })
	e.fill(f)
	v.began.Store(time.Now().UnixNano())
	v.served.Store(true)
	e.changes = append(e.changes, f.info())
}

// fill enters a file's versions into the table. With a canary the one that stands
// by keeps a part of the calls, and tasks that the new one has not.
func (e *edit) fill(f *file) {
	table := e.next()
	for i, task := range f.serving.info.Tasks {
		table[task.Name] = served{version: f.serving, index: i}
	}
	if f.standby == nil || e.r.cfg.Canary >= 1 {
		return
	}
	for i, task := range f.standby.info.Tasks {
		s, ok := table[task.Name]
		switch {
		case !ok:
			s = served{version: f.standby, index: i}
		case s.version == f.serving:
			s.other, s.place = f.standby, i
		default:
			continue
		}
		table[task.Name] = s
	}
}

// publish has versions that waited for a name that is free now serve as well, in
// the same step: a task that moves from one file to another is always served.
func (e *edit) publish() {
	if e.table == nil {
		return
	}
	for again := true; again; { // one that enters may make room for another
		again = false
		for _, path := range slices.Sorted(maps.Keys(e.r.files)) {
			f := e.r.files[path]
			v := f.waiting
			if v == nil || e.fits(f, v) != nil {
				continue
			}
			if err := e.r.accepted.stillNotOlder(&v.info); err != nil { // it waited too long
				e.drop(f)
				e.refuse(f, attempt{path: path, version: v, err: err})
				continue
			}
			e.enter(f, v)
			again = true
		}
	}
	e.r.table.Store(&e.table)
}

// tell tells of a change. Callers hold notify but not mu.
func (r *Registry) tell(info Info) {
	attrs := []slog.Attr{slog.String(logkey.Module, info.Name), slog.String(logkey.Path, info.Path)}
	switch info.State {
	case Serving:
		attrs = append(attrs, slog.String(logkey.Hash, info.Hash), slog.Int(logkey.Count, len(info.Tasks)), slog.Duration(logkey.Duration, info.CompileTime))
		r.log.LogAttrs(context.Background(), slog.LevelInfo, "module loaded", attrs...)
	case Refused:
		r.log.LogAttrs(context.Background(), slog.LevelWarn, "module refused", append(attrs, slog.String(logkey.Reason, info.Reason))...)
	case Retired:
		r.log.LogAttrs(context.Background(), slog.LevelInfo, "module unloaded", attrs...)
	}
	if r.cfg.OnChange != nil {
		r.cfg.OnChange(info)
	}
}
