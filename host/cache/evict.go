package cache

import (
	"context"
	"errors"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// releaseTimeout bounds one request to release a relation. It is a small
// command that does not wait for running queries.
const releaseTimeout = 10 * time.Second

// Run drops expired entries and releases in the engine what is no longer
// needed, until ctx ends. It returns nil.
func (c *Cache) Run(ctx context.Context) error {
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
		}
		c.releaseTrash(ctx)
	}
}

// sweepEvery is a tenth of the time that entries live, within reason.
func (c *Cache) sweepEvery() time.Duration {
	if c.cfg.TTL < 0 {
		return time.Minute
	}
	return min(max(c.cfg.TTL/10, 100*time.Millisecond), time.Minute)
}

// unfit says why e can no longer be used, or nothing. c.mu is held.
func (c *Cache) unfit(e *entry, now time.Time) string {
	switch {
	case e.checkpoint.Generation != c.cfg.Session.Generation():
		return "session replaced"
	case c.cfg.TTL > 0 && now.Sub(e.builtAt) >= c.cfg.TTL:
		return "expired"
	}
	return ""
}

// expire forgets what can no longer be used. c.mu is held.
func (c *Cache) expire(now time.Time) {
	for hash, p := range c.plans {
		if p.entry != nil {
			if reason := c.unfit(p.entry, now); reason != "" {
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
	if c.cfg.MaxEntries < 0 {
		return
	}
	for {
		n := 0
		var oldest *plan
		for _, p := range c.plans {
			if p.entry == nil {
				continue
			}
			n++
			if p.entry.pins == 0 && (oldest == nil || p.lastUsed.Before(oldest.lastUsed)) {
				oldest = p
			}
		}
		if n <= c.cfg.MaxEntries || oldest == nil {
			return
		}
		c.forget(oldest.entry, "room for others")
		if oldest.flight == nil {
			delete(c.plans, oldest.hash)
		}
	}
}

// discard leaves a relation that nobody uses to Run. c.mu is held.
func (c *Cache) discard(checkpoint spark.Checkpoint) {
	if checkpoint.Generation != c.cfg.Session.Generation() {
		return // gone with its session
	}
	c.trash = append(c.trash, checkpoint)
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
	for i, checkpoint := range trash {
		if ctx.Err() != nil {
			return // the session ends with the host, and its relations with it
		}
		err := c.release(ctx, checkpoint)
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
			c.cfg.Log.WarnContext(ctx, "release cached DataFrame", logkey.Frame, checkpoint.RelationID, logkey.Error, err)
		}
	}
}

func (c *Cache) release(ctx context.Context, checkpoint spark.Checkpoint) error {
	if checkpoint.Generation != c.cfg.Session.Generation() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	return c.cfg.Session.Release(ctx, checkpoint)
}
