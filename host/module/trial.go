package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// A verdict is how a version's trial ended: with a trap, with calls that ran out
// of time, or with nil.
type verdict struct {
	version *version
	trap    error
}

// judged notes a verdict for Run.
func (r *Registry) judged(v *version, trap error) {
	r.mu.Lock()
	r.verdicts = append(r.verdicts, verdict{v, trap})
	r.mu.Unlock()
	r.rouse()
}

// judgements takes the verdicts that were noted.
func (r *Registry) judgements() []verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	verdicts := r.verdicts
	r.verdicts = nil
	return verdicts
}

// decide has a version that passed its trial serve alone, and one that did not
// give way to the one before.
func (r *Registry) decide(ctx context.Context, d verdict) {
	v := d.version
	if d.trap == nil {
		if r.promote(v) {
			r.history.prove(v.info.Path, v.info.Hash)
		}
		return
	}
	p := pin{
		Over: v.info.Hash, Size: v.info.Size, Kind: Trapped,
		Reason: fmt.Sprintf("it failed in its first %d calls: %v", r.cfg.Trial, d.trap),
	}
	if r.fallBack(v, p) {
		return
	}
	hash, ok := r.history.known(v.info.Path).good(v.info.Hash)
	if !ok {
		r.log.Warn("a new module trapped, and there is no version before it to go back to", logkey.Module, v.info.Name, logkey.Error, d.trap)
		return
	}
	p.Hash = hash
	if a, err := r.kept(ctx, v.info.Path, &p); err == nil {
		a.over = v
		r.take(a)
	} else if ctx.Err() == nil {
		r.log.Warn("a new module trapped, and the version before it cannot be loaded", logkey.Module, v.info.Name, logkey.Error, err)
	}
}

// promote ends the trial of a version that serves.
func (r *Registry) promote(v *version) (done bool) {
	r.change(func(e *edit) {
		f := r.files[v.info.Path]
		if f == nil || f.serving != v {
			return
		}
		if done = true; f.standby == nil {
			return
		}
		table := e.next()
		for task, s := range table {
			if s.version == f.standby {
				delete(table, task)
			}
		}
		e.gone = append(e.gone, f.standby)
		f.standby = nil
		e.fill(f)
	})
	return done
}

// fallBack has the version that stands by serve in place of v.
func (r *Registry) fallBack(v *version, p pin) (done bool) {
	r.change(func(e *edit) {
		f := r.files[v.info.Path]
		switch {
		case f == nil || f.serving != v:
			done = true // it is gone already
			return
		case f.standby == nil:
			return
		}
		standby := f.standby
		if err := e.fits(f, standby); err != nil { // others have its tasks by now
			r.log.Warn("a new module trapped, and the version before it cannot serve again", logkey.Module, v.info.Name, logkey.Error, err)
			done = true
			return
		}
		e.enter(f, standby)
		p.Hash = standby.info.Hash
		f.pin = &p
		e.refuse(f, attempt{path: v.info.Path, version: v, err: refusal(p.Kind, "%s", p.Reason)})
		done = true
	})
	if done && p.Hash != "" {
		r.history.pin(v.info.Path, &p)
	}
	return done
}

// kept loads a version that was kept, to serve as a pin says.
func (r *Registry) kept(ctx context.Context, path string, p *pin) (attempt, error) {
	a := attempt{path: path, pin: p}
	var err error
	if a.file, err = r.history.read(path, p.Hash); err != nil {
		return a, err
	}
	a.version, err = r.load(ctx, a.file, nil)
	a.file.data = nil
	return a, err
}

// first is the attempt of a start: what was put in place of the file's version
// still is, and when that is refused, the last good one serves.
func (r *Registry) first(ctx context.Context, path string) attempt {
	known := r.history.known(path)
	if p := known.Pin; p != nil && (p.Kind == Trapped || p.Kind == RolledBack) {
		if file, err := r.engine.read(path); err == nil && file.hash == p.Over {
			a, err := r.kept(ctx, path, p)
			if err == nil || ctx.Err() != nil {
				a.err = err
				return a
			}
			r.log.Warn("the version that a module was rolled back to cannot be loaded", logkey.Module, name(path), logkey.Error, err)
		}
	}
	a := r.attempt(ctx, path)
	if a.err == nil {
		r.history.add(a.file)
		a.file.data = nil // of many modules at once
		return a
	}
	a.file.data = nil
	if ctx.Err() != nil || errors.Is(a.err, fs.ErrNotExist) || errors.Is(a.err, errMoving) {
		return a
	}
	a.instead = r.lastGood(ctx, path, known, a.file.hash)
	return a
}

// lastGood loads what serves in place of a file that is refused: the version that
// was put in place of the file's, by a pin, else the one loaded last that is fit to
// serve and not older than what was accepted. It returns nil if there is none.
func (r *Registry) lastGood(ctx context.Context, path string, known record, refused string) *version {
	try := func(hash string, accept func(*Info) error) *version {
		file, err := r.history.read(path, hash)
		var v *version
		if err == nil {
			v, err = r.load(ctx, file, accept)
		}
		if err != nil && ctx.Err() == nil {
			r.log.Warn("a kept version of a module cannot serve in place of its file", logkey.Module, name(path), logkey.Hash, hash, logkey.Error, err)
		}
		return v
	}
	if p := known.Pin; p != nil {
		if v := try(p.Hash, nil); v != nil {
			return v
		}
	}
	for _, k := range known.Versions {
		if k.Bad != "" || k.Hash == refused || ctx.Err() != nil {
			continue
		}
		if v := try(k.Hash, r.accepted.notOlder); v != nil {
			return v
		}
	}
	return nil
}
