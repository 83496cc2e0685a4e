package cache

import (
	"context"
	"fmt"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

// A Lease keeps the materialised rows of the cached DataFrames in one plan from
// being released in the engine. It belongs to the caller of [Cache.Use] and is
// not safe for concurrent use.
type Lease struct {
	cache    *Cache
	claims   []*claim
	released bool
	kept     bool // by an entry that reads these rows for as long as it lives
}

// Release ends the lease. It does not wait for the engine, and further calls do nothing.
func (l *Lease) Release() {
	l.cache.mu.Lock()
	defer l.cache.mu.Unlock()
	l.release()
}

// release is Release with the lock held.
func (l *Lease) release() {
	if l == nil || l.released {
		return
	}
	l.released = true
	for _, cl := range l.claims {
		l.cache.unpin(cl.entry)
	}
}

// frames returns what stands for each placeholder. It is false if not all are
// of the session's present generation.
func (l *Lease) frames() (map[string]*spark.DataFrame, bool) {
	generation := l.cache.cfg.Session.Generation()
	frames := make(map[string]*spark.DataFrame, len(l.claims))
	for _, cl := range l.claims {
		if cl.entry.kept.generation != generation {
			return nil, false
		}
		frames[cl.input.ID] = cl.entry.kept.frame
	}
	return frames, true
}

// forget takes the leased entries out of use: the engine may no longer have
// them. An entry that replaced one of them since is left alone.
func (l *Lease) forget(reason Reason) {
	l.cache.mu.Lock()
	defer l.cache.mu.Unlock()
	for _, cl := range l.claims {
		l.cache.forget(cl.entry, reason)
	}
}

// unpin gives one pin of e back. c.mu is held.
func (c *Cache) unpin(e *entry) {
	e.pins--
	switch {
	case e.pins > 0:
	case e.forgotten:
		c.discard(e.kept)
	default:
		c.evict() // it may have been one too many for as long as it was in use
	}
}

// acquire pins an entry for each input, building those that are missing at the
// same time. It pins all or none.
func (c *Cache) acquire(ctx context.Context, inputs []spark.CachedInput, opt spark.Options) (*Lease, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	lease := &Lease{cache: c, claims: make([]*claim, 0, len(inputs))}
	settled := make(chan *claim, len(inputs))
	waiting := 0
	var err error
	for _, in := range inputs {
		var cl *claim
		if cl, err = c.claim(ctx, in, opt, settled); err != nil {
			break
		}
		lease.claims = append(lease.claims, cl)
		if cl.flight != nil {
			waiting++
		}
	}
	for ; waiting > 0 && err == nil; waiting-- {
		select {
		case cl := <-settled:
			cl.entry, err = cl.flight.entry, cl.flight.err
		case <-ctx.Done():
			err = fmt.Errorf("wait for cached DataFrames: %w", context.Cause(ctx))
		}
	}
	if err != nil {
		var builds []<-chan struct{}
		for _, cl := range lease.claims {
			if done := c.abandon(cl, err); done != nil {
				builds = append(builds, done)
			}
		}
		// The caller leaves no execution behind that only it wanted.
		for _, done := range builds {
			<-done
		}
		return nil, err
	}
	return lease, nil
}
