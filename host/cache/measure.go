package cache

import (
	"context"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// measureTimeout bounds measuring one entry.
const measureTimeout = 5 * time.Minute

// maxToMeasure bounds how many entries wait for that.
const maxToMeasure = 1000

// measureAll finds out how much entries hold, one after the other, behind the
// back of the tasks that wait for them, until ctx ends.
func (c *Cache) measureAll(ctx context.Context) {
	for {
		e := c.nextToMeasure()
		if e == nil {
			select {
			case <-ctx.Done():
				return
			case <-c.unmeasured:
				continue
			}
		}
		if !e.measured {
			c.measure(ctx, e)
		}
		c.publish(ctx, e)
		c.unpinLocked(e)
		c.tendShelf(ctx)
		if ctx.Err() != nil {
			return
		}
	}
}

// nextToMeasure pins an entry that is to be measured.
func (c *Cache) nextToMeasure() *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.toMeasure) > 0 {
		e := c.toMeasure[0]
		c.toMeasure = c.toMeasure[1:]
		if !e.forgotten {
			e.pins++
			return e
		}
	}
	return nil
}

func (c *Cache) measure(ctx context.Context, e *entry) {
	limited, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	size, err := c.cfg.Session.Measure(limited, e.kept.frame, spark.Options{Tags: []string{cacheTag(e.plan.name)}})
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		// Whoever reads the rows will meet the same error, and deal with it.
		c.cfg.Log.DebugContext(ctx, "measure cached DataFrame", logkey.Cache, e.plan.name, logkey.Hash, e.plan.hash, logkey.Error, err)
		return
	}
	e.size, e.measured = size, true
	c.cfg.Log.DebugContext(ctx, "cached DataFrame measured", logkey.Cache, e.plan.name, logkey.Hash, e.plan.hash,
		logkey.Rows, size.Rows, logkey.Bytes, size.Bytes)
	if c.cfg.MaxBytes > 0 && size.Bytes > c.cfg.MaxBytes {
		c.cfg.Log.WarnContext(ctx, "cached DataFrame is larger than all that may be cached, and is dropped after each use",
			logkey.Cache, e.plan.name, logkey.Hash, e.plan.hash, logkey.Bytes, size.Bytes)
	}
}

func (c *Cache) unpinLocked(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unpin(e)
}

// toBeMeasured hands a new entry to measureAll. c.mu is held.
func (c *Cache) toBeMeasured(e *entry) {
	if len(c.toMeasure) >= maxToMeasure { // nobody calls Run
		c.toMeasure = c.toMeasure[1:]
	}
	c.toMeasure = append(c.toMeasure, e)
	select {
	case c.unmeasured <- struct{}{}:
	default:
	}
}
