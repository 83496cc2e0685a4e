package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// persisted is one plan that Spark persists, as Spark tells plans apart: those
// of several entries may be the same to it, although their hashes differ.
//
// Spark matches by plan, for all sessions and users of the server, and one word
// of anybody's drops the rows for all. So the entries of a plan are counted; the
// last of them drops the rows, unless another host says that it uses them; and
// rows that somebody had persisted who is no host are only used. What a host
// that is gone has left belongs to the next that comes to use it.
type persisted struct {
	df       *spark.DataFrame
	semantic int32 // Spark's hash of it
	entries  int
	foreign  bool // somebody else has persisted it
}

// ownership is the plans that entries have persisted.
type ownership struct {
	gate  chan struct{} // held while Spark is asked and the list changed
	plans []*persisted
}

// lock takes the gate. Whoever has it asks the engine only what it answers
// without computing anything.
func (o *ownership) lock(ctx context.Context) error {
	select {
	case o.gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (o *ownership) unlock() { <-o.gate }

// keepPersisted has Spark persist the rows of df and, unless it is lazy,
// compute them.
func (c *Cache) keepPersisted(ctx context.Context, df *spark.DataFrame, lease *Lease, storage string, lazy bool, opt spark.Options) (kept, error) {
	level, err := spark.ParseStorageLevel(storage)
	if err != nil {
		return kept{}, err
	}
	generation := c.cfg.Session.Generation()
	rows, err := c.persist(ctx, df, level)
	if err != nil {
		return kept{}, err
	}
	rows.frame, rows.generation = df, generation
	if !lazy {
		if _, err := c.cfg.Session.Count(ctx, df, opt); err != nil {
			c.mu.Lock()
			c.discard(rows)
			c.mu.Unlock()
			return kept{}, err
		}
	}
	// Plans that read these rows hold the persisted plan, and with it the names
	// of what it takes from the cache.
	lease.kept, rows.inner = true, lease
	return rows, nil
}

// persist counts one more entry of a plan.
func (c *Cache) persist(ctx context.Context, df *spark.DataFrame, level spark.StorageLevel) (kept, error) {
	if err := c.persists.lock(ctx); err != nil {
		return kept{}, err
	}
	defer c.persists.unlock()
	// The first question, because it is the one that Sail is known to lie about.
	now, err := c.cfg.Session.StorageLevel(ctx, df)
	if err != nil {
		return kept{}, err
	}
	p, err := c.samePlan(ctx, df)
	if err != nil {
		return kept{}, err
	}
	if p.entries++; p.entries == 1 {
		c.persists.plans = append(c.persists.plans, p)
		// Other hosts must know before it is asked once more whether the rows are there.
		hosts, err := c.persistedChanged(ctx)
		if err == nil {
			now, err = c.cfg.Session.StorageLevel(ctx, df)
		}
		if err != nil {
			c.persists.drop(p)
			return kept{}, err
		}
		p.foreign = now.Kept() && !slices.ContainsFunc(hosts, func(h presence) bool {
			return slices.Contains(h.Persisted, p.semantic) || slices.Contains(h.Leaving, p.semantic)
		})
	}
	if !now.Kept() {
		if err := c.cfg.Session.Persist(ctx, df, level); err != nil {
			c.persists.drop(p)
			return kept{}, err
		}
		p.foreign, now = false, level
	}
	return kept{storage: now.String(), persisted: p, foreign: p.foreign}, nil
}

// samePlan returns the plan that is the same to Spark as df, or a new one.
func (c *Cache) samePlan(ctx context.Context, df *spark.DataFrame) (*persisted, error) {
	hash, err := c.cfg.Session.SemanticHash(ctx, df)
	if err != nil {
		return nil, err
	}
	for _, p := range c.persists.plans {
		if p.semantic != hash {
			continue
		}
		same, err := c.cfg.Session.SameSemantics(ctx, df, p.df)
		switch {
		case isLost(err):
			// It reads rows of a session that is gone, as df cannot.
		case err != nil:
			return nil, err
		case same:
			return p, nil
		}
	}
	return &persisted{df: df, semantic: hash}, nil
}

// unpersist counts one entry of a plan less. The last one has Spark drop the
// rows, unless they are somebody else's.
func (c *Cache) unpersist(ctx context.Context, p *persisted) error {
	if err := c.persists.lock(ctx); err != nil {
		return err
	}
	defer c.persists.unlock()
	if c.persists.drop(p); p.entries > 0 {
		return nil
	}
	hosts, err := c.persistedChanged(ctx, p.semantic)
	if err == nil && !p.foreign && !slices.ContainsFunc(hosts, func(h presence) bool {
		return h.alive() && slices.Contains(h.Persisted, p.semantic)
	}) {
		err = c.cfg.Session.Unpersist(ctx, p.df, false)
	}
	if err != nil && !isLost(err) {
		p.entries++ // to try again
		c.persists.plans = append(c.persists.plans, p)
		return fmt.Errorf("unpersist: %w", err)
	}
	_, err = c.persistedChanged(ctx)
	return err
}

// unpersistAll gives up all that entries have persisted.
func (c *Cache) unpersistAll(ctx context.Context) error {
	if err := c.persists.lock(ctx); err != nil {
		return err
	}
	plans := slices.Clone(c.persists.plans)
	for _, p := range plans {
		p.entries = 1
	}
	c.persists.unlock()
	var errs []error
	for _, p := range plans {
		errs = append(errs, c.unpersist(ctx, p))
	}
	return errors.Join(errs...)
}

// drop counts one entry of p less. The gate is held.
func (o *ownership) drop(p *persisted) {
	if p.entries--; p.entries == 0 {
		o.plans = slices.DeleteFunc(o.plans, func(other *persisted) bool { return other == p })
	}
}

// persistedChanged tells other hosts which plans this one has persisted and which
// it is about to give up, and returns what they say. The gate is held.
func (c *Cache) persistedChanged(ctx context.Context, leaving ...int32) ([]presence, error) {
	hashes := make([]int32, 0, len(c.persists.plans))
	for _, p := range c.persists.plans {
		hashes = append(hashes, p.semantic)
	}
	slices.Sort(hashes)
	c.mu.Lock()
	c.persistedNow, c.leavingNow = hashes, leaving
	c.mu.Unlock()
	if !c.shares(ctx) {
		return nil, nil
	}
	if err := c.appear(ctx); err != nil {
		return nil, err
	}
	return c.others(ctx)
}

// checkPersisted forgets the entries whose rows somebody else has had dropped:
// they would be computed anew by each task.
func (c *Cache) checkPersisted(ctx context.Context) {
	c.mu.Lock()
	var check []*entry
	for _, p := range c.plans {
		if p.entry != nil && p.entry.kept.persisted != nil && c.unfit(p.entry, time.Now()) == "" {
			check = append(check, p.entry)
		}
	}
	c.mu.Unlock()
	for _, e := range check {
		limited, cancel := context.WithTimeout(ctx, releaseTimeout)
		level, err := c.cfg.Session.StorageLevel(limited, e.kept.frame)
		cancel()
		switch {
		case err != nil && !isLost(err):
			c.cfg.Log.DebugContext(ctx, "look after a persisted DataFrame", logkey.Cache, e.plan.name, logkey.Error, err)
		case err != nil || !level.Kept():
			c.mu.Lock()
			c.forget(e, ReasonLost)
			c.mu.Unlock()
		}
	}
}
