package cache

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// releaseTimeout bounds one request to release a relation. It is a small
// command that does not wait for running queries.
const releaseTimeout = 10 * time.Second

// Run drops what has expired or is no longer wanted, releases in the engine what
// is not needed, and finds out how much entries hold, until ctx ends. It returns
// nil.
func (c *Cache) Run(ctx context.Context) error {
	defer c.disappear(ctx)
	var measuring sync.WaitGroup
	defer measuring.Wait()
	measuring.Go(func() { c.measureAll(ctx) })
	tick := time.NewTicker(c.sweepEvery())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		case now := <-tick.C:
			c.mu.Lock()
			c.expire(now)
			c.mu.Unlock()
			c.checkPersisted(ctx)
			c.tendShelf(ctx)
		}
		c.releaseTrash(ctx)
	}
}

// sweepEvery is a tenth of the time that entries live or are left, within reason.
func (c *Cache) sweepEvery() time.Duration {
	every := time.Minute
	for _, d := range []time.Duration{c.cfg.TTL, c.cfg.Grace} {
		if d > 0 {
			every = min(every, max(d/10, 100*time.Millisecond))
		}
	}
	return every
}

// unfit says why e can no longer be used, or nothing. c.mu is held.
func (c *Cache) unfit(e *entry, now time.Time) Reason {
	ttl := c.ttl(e.plan)
	switch {
	case e.kept.generation != c.cfg.Session.Generation():
		return ReasonSession
	case ttl > 0 && now.Sub(e.builtAt) >= ttl:
		return ReasonExpired
	}
	return ""
}

// expire forgets what can no longer be used. c.mu is held.
func (c *Cache) expire(now time.Time) {
	for hash, at := range c.distrust {
		if now.Sub(at) > orphanAge { // they were withdrawn long since
			delete(c.distrust, hash)
		}
	}
	for hash, p := range c.plans {
		if p.entry != nil {
			reason := c.unfit(p.entry, now)
			if reason == "" && c.cfg.Grace > 0 && !p.orphaned.IsZero() && now.Sub(p.orphaned) >= c.cfg.Grace {
				reason = ReasonUnwanted
			}
			if reason != "" {
				c.forget(p.entry, reason)
			}
		}
		// The counters of a plan outlive its entry for a while, so that a rebuild
		// shows as one; but not for ever.
		if p.entry == nil && p.flight == nil && now.Sub(p.lastUsed) > time.Hour {
			delete(c.plans, hash)
		}
	}
}

// evict forgets the entries that were used longest ago until there are no more
// than allowed, passing over those in use. c.mu is held.
func (c *Cache) evict() {
	c.holdQuotas()
	for {
		n, bytes := 0, int64(0)
		var oldest, oldestMeasured *plan
		for _, p := range c.plans {
			if p.entry == nil {
				continue
			}
			n++
			bytes += p.entry.size.Bytes
			if p.entry.pins > 0 {
				continue
			}
			if oldest == nil || p.lastUsed.Before(oldest.lastUsed) {
				oldest = p
			}
			if p.entry.size.Bytes > 0 && (oldestMeasured == nil || p.lastUsed.Before(oldestMeasured.lastUsed)) {
				oldestMeasured = p
			}
		}
		p := oldest
		if c.cfg.MaxEntries < 0 || n <= c.cfg.MaxEntries {
			p = oldestMeasured
			if c.cfg.MaxBytes <= 0 || bytes <= c.cfg.MaxBytes {
				return
			}
		}
		if p == nil {
			return // the others are in use, and looked at again when they are not
		}
		c.forget(p.entry, ReasonRoom)
		if p.flight == nil {
			delete(c.plans, p.hash)
		}
	}
}

// discard leaves rows that nobody uses to Run. c.mu is held.
func (c *Cache) discard(rows kept) {
	rows.inner.release() // they will not be computed again
	if rows.generation != c.cfg.Session.Generation() && !rows.outlives() {
		return // gone with its session
	}
	c.trash = append(c.trash, rows)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// releaseTrash releases in the engine what discard collected.
func (c *Cache) releaseTrash(ctx context.Context) {
	c.mu.Lock()
	trash := c.trash
	c.trash = nil
	c.mu.Unlock()
	for i, rows := range trash {
		if ctx.Err() != nil {
			return // the session ends with the host, and its relations with it
		}
		err := c.release(ctx, rows)
		switch {
		case err == nil || isLost(err):
		case errors.Is(err, spark.ErrUnavailable):
			// The engine may come back with the same session. Until then the
			// others would fail alike; the next tick tries again.
			c.mu.Lock()
			c.trash = append(c.trash, trash[i:]...)
			c.mu.Unlock()
			return
		case ctx.Err() == nil:
			c.cfg.Log.WarnContext(ctx, "release cached DataFrame", logkey.Frame, rows.checkpoint.RelationID, logkey.Error, err)
		}
	}
}

func (c *Cache) release(ctx context.Context, rows kept) error {
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	return c.letGo(ctx, rows)
}
