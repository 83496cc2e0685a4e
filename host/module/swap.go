package module

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// take makes what came of a file effective: the version serves, or the file is
// refused.
func (r *Registry) take(a attempt) {
	r.notify.Lock()
	defer r.notify.Unlock()
	var changes []Info
	var gone []*version
	defer func() { r.finish(changes, gone) }()

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		gone = append(gone, a.version)
		return
	}
	f := r.file(a.path)
	switch {
	case a.same:
		if f.serving == nil || f.serving.info.Hash != a.file.hash {
			return
		}
		// A bad file, or one that waited, was replaced by what still serves.
		gone = append(gone, f.waiting)
		if f.waiting = nil; f.refused != nil {
			f.refused = nil
			changes = append(changes, f.serving.Info(Serving))
		}
		return
	case a.err == nil:
		err := fits(*r.table.Load(), f, a.version)
		if err == nil {
			gone = append(gone, f.waiting)
			f.waiting = nil
			changes, gone = r.swap(map[*file]*version{f: a.version}, nil, changes, gone)
			return
		}
		gone = append(gone, f.waiting)
		f.waiting = a.version
		a.err = err
	default:
		gone = append(gone, f.waiting)
		f.waiting = nil
	}
	changes = append(changes, r.refuse(f, a))
}

// refuse notes why a file does not serve. Callers hold mu.
func (r *Registry) refuse(f *file, a attempt) Info {
	err := refuse(a.path, Unreadable, a.err)
	info := Info{
		Path: a.path, Name: name(a.path), Hash: a.file.hash, Size: a.file.size,
		LoadedAt: time.Now(), State: Refused, Reason: err.Error(), Kind: err.Kind,
	}
	if a.version != nil { // it is whole, but another has its task's name
		info = a.version.Info(Refused)
		info.LoadedAt, info.Reason, info.Kind = time.Now(), err.Error(), err.Kind
	}
	if f.serving != nil {
		info.Instead = f.serving.info.Hash
	}
	f.refused = &info
	return info.clone()
}

// fits returns nil, or why v cannot serve for f beside the others in a table.
func fits(table map[string]served, f *file, v *version) error {
	for _, task := range v.info.Tasks {
		if holder, ok := table[task.Name]; ok && holder.version != f.serving {
			return refusal(TaskNameConflict, "module %s (%s) already has a task named %s",
				holder.version.info.Name, holder.version.info.Path, task.Name)
		}
	}
	return nil
}

// unload takes a module whose file is gone out of service.
func (r *Registry) unload(path string) {
	r.notify.Lock()
	defer r.notify.Unlock()
	var changes []Info
	var gone []*version
	defer func() { r.finish(changes, gone) }()

	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.files[path]
	if f == nil || r.closed {
		return
	}
	gone = append(gone, f.waiting)
	f.waiting = nil
	if f.refused != nil && f.serving == nil {
		info := f.refused.clone()
		info.State = Retired
		changes = append(changes, info)
	}
	f.refused = nil
	if f.serving != nil {
		changes, gone = r.swap(nil, f, changes, gone)
	}
	r.tidy(f)
}

// swap puts versions into service in place of those that their files serve now,
// takes the version of one file out, and puts versions that waited for a name
// that is free now into service as well: all in one step, so that a task that
// moves from one file to another is always served. Callers hold mu.
func (r *Registry) swap(in map[*file]*version, out *file, changes []Info, gone []*version) ([]Info, []*version) {
	table := maps.Clone(*r.table.Load())
	leave := func(f *file) {
		for task, s := range table {
			if s.version == f.serving {
				delete(table, task)
			}
		}
		gone = append(gone, f.serving)
		f.serving = nil
	}
	enter := func(f *file, v *version) {
		if f.serving != nil {
			leave(f)
		}
		for i, task := range v.info.Tasks {
			table[task.Name] = served{v, i}
		}
		f.serving, f.refused, f.waiting = v, nil, nil
		v.began.Store(time.Now().UnixNano())
		v.served.Store(true)
		changes = append(changes, v.Info(Serving))
	}
	for f, v := range in {
		enter(f, v)
	}
	if out != nil {
		changes = append(changes, out.serving.Info(Retired))
		leave(out)
	}
	for again := true; again; { // one that enters may make room for another
		again = false
		for _, path := range slices.Sorted(maps.Keys(r.files)) {
			f := r.files[path]
			if f.waiting != nil && fits(table, f, f.waiting) == nil {
				enter(f, f.waiting)
				again = true
			}
		}
	}
	r.table.Store(&table)
	return changes, gone
}

// finish releases versions and tells of changes. Callers hold notify but not mu.
func (r *Registry) finish(changes []Info, gone []*version) {
	for _, v := range gone {
		if v != nil {
			v.release()
		}
	}
	for _, info := range changes {
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
}
