package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// At a file there is one at a time: whoever reads it, loads what it read and has
// that serve has the file's turn. So what was read last serves last, whoever asked.

// enter notes that a file is to be looked at. It reports whether the caller has
// its turn and is to do so: otherwise someone else has, and it will be looked at
// after that.
func (r *Registry) enter(path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.file(path)
	if f.loading || f.resting {
		f.again = true
		return false
	}
	f.loading = true
	return true
}

// hold waits for the turn at a file. Its error is the end of ctx or of the
// registry; without one the caller must leave the file.
func (r *Registry) hold(ctx context.Context, path string) error {
	for {
		r.mu.Lock()
		if r.closed {
			r.mu.Unlock()
			return errors.New("the host is stopping")
		}
		f := r.file(path)
		if !f.loading {
			f.loading = true
			r.mu.Unlock()
			return nil
		}
		if f.free == nil {
			f.free = make(chan struct{})
		}
		free := f.free
		r.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
			return fmt.Errorf("wait until %s is loaded: %w", path, context.Cause(ctx))
		}
	}
}

// leave gives the turn at a file back. If something was said of the file
// meanwhile, Run looks at it.
func (r *Registry) leave(path string) {
	r.mu.Lock()
	f := r.file(path)
	again := f.again
	f.again, f.loading = false, false
	f.yield()
	r.tidy(f)
	if again {
		r.anew = append(r.anew, path)
	}
	r.mu.Unlock()
	if again {
		r.rouse()
	}
}

// yield wakes those that wait for a file's turn. Callers hold mu.
func (f *file) yield() {
	if f.free != nil {
		close(f.free)
		f.free = nil
	}
}

// rouse has Run see what was noted for it.
func (r *Registry) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// changed takes the paths of files that changed while somebody else had their turn.
func (r *Registry) changed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	paths := r.anew
	r.anew = nil
	return paths
}

// look loads or unloads a file, whichever it takes, until nothing new was said of
// it. The caller has entered it.
func (r *Registry) look(ctx context.Context, path string) {
	for again := true; again; again = r.once(ctx, path) {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) { // which waits for nobody
			r.unload(path)
			continue
		}
		if !r.rest(ctx, path) {
			return
		}
		begin := time.Now()
		release := r.room(ctx, path)
		a := r.attempt(ctx, path)
		switch {
		case ctx.Err() != nil:
			a.drop()
		case errors.Is(a.err, fs.ErrNotExist):
			r.unload(path)
		case errors.Is(a.err, errMoving):
			// Whoever writes it causes another event.
		default:
			r.take(a)
			r.keep(a)
		}
		release()
		r.paid(a, time.Since(begin))
	}
	r.leave(path)
}

// once reports whether a file is to be looked at once more in the same turn. Others
// that wait come first: a file that changes all the time keeps nobody out.
func (r *Registry) once(ctx context.Context, path string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.file(path)
	if !f.again || f.free != nil || ctx.Err() != nil {
		return false
	}
	f.again = false
	return true
}
