package module

import (
	"context"
	"os"
	"sync"
	"time"
)

// A pace keeps files that are refused from taking the machine: whoever puts one bad
// file after the other into the folder gets a share of a CPU, and no more. Its
// zero value is ready.
type pace struct {
	mu sync.Mutex
	// debt is how much time refused files took beyond their share, as of the time at;
	// last is what the last one took.
	debt, last time.Duration
	at         time.Time
}

const (
	// paceCredit is what may be taken at once: a few modules that compile and do
	// not describe themselves well, as someone makes who works on one.
	paceCredit = 3 * time.Second
	// paceShare is the part of the time that may be taken for long, as a divisor.
	paceShare = 50
	// paceRest is the longest rest before a file, unless the one before took longer.
	paceRest = 5 * time.Second
)

// spend notes that a file was refused, and how long that took.
func (p *pace) spend(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	// More than a rest pays for is forgotten, or the rests would never end.
	p.debt, p.last = min(p.debt+took, paceCredit+took), took
}

// rest is how long the next file has to wait.
func (p *pace) rest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	return min(max(p.debt-paceCredit, 0)*paceShare, max(paceRest, p.last))
}

// settle pays with the time that has passed.
func (p *pace) settle() {
	now := time.Now()
	p.debt = max(p.debt-now.Sub(p.at)/paceShare, 0)
	p.at = now
}

// rest waits until a file may be looked at. One that serves, and was not refused
// since, need not wait. Meanwhile others may have the file's turn. The caller has it
// before, and after unless rest reports false: then ctx or the registry has ended.
func (r *Registry) rest(ctx context.Context, path string) bool {
	rest := r.pace.rest()
	r.mu.Lock()
	f := r.file(path)
	if rest <= 0 || f.serving != nil && f.refused == nil {
		r.mu.Unlock()
		return true
	}
	f.resting, f.loading = true, false
	f.yield()
	r.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-time.After(rest):
	}
	err := r.hold(ctx, path)
	r.mu.Lock()
	defer r.mu.Unlock()
	// What was said of it until now is what is looked at now.
	f.resting, f.again = false, false
	return err == nil
}

// paid notes what an attempt took, if the file was refused.
func (r *Registry) paid(a attempt, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.file(a.path); f.refused != nil && f.refused.Hash == a.file.hash {
		r.pace.spend(took)
	}
}

// filesAtOnce is how many files of the largest size are looked at at once; of
// smaller ones it may be more, up to so many for each CPU that may compile.
const filesAtOnce = 2

// room waits until few enough files are looked at for one more: each is in memory as
// it is and rewritten, and takes a CPU. The caller releases it.
func (r *Registry) room(ctx context.Context, path string) (release func()) {
	size := int64(1)
	if info, err := os.Stat(path); err == nil {
		size = min(max(info.Size(), size), int64(r.cfg.MaxFileMiB)<<20)
	}
	select {
	case r.loads <- struct{}{}:
	case <-ctx.Done():
		return func() {} // as the attempt will see
	}
	if r.weight.Acquire(ctx, size) != nil {
		return func() { <-r.loads }
	}
	return func() {
		r.weight.Release(size)
		<-r.loads
	}
}
