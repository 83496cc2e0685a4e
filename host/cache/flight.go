package cache

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// flight is one build that any number of callers wait for. Cache.mu guards its
// fields; once ended is set they do not change, and done is closed.
type flight struct {
	plan    *plan
	cancel  context.CancelCauseFunc
	waiters map[*claim]struct{}
	asker   Asker // who began it
	done    chan struct{}
	ended   bool
	entry   *entry // what was built, pinned once for each waiter
	err     error  // or why there is none
}

// claim is one caller's hold on one plan: a pin of its entry, or a place among
// those who wait for its flight.
type claim struct {
	input   spark.CachedInput
	entry   *entry
	flight  *flight
	settled chan<- *claim // gets the claim when its flight ends; has room

	mu       sync.Mutex
	progress func(spark.Progress) // nil once the caller has stopped waiting
}

// claim pins the plan's entry, or joins the build under way, or begins one.
func (c *Cache) claim(ctx context.Context, in spark.CachedInput, opt spark.Options, settled chan<- *claim) (*claim, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	p := c.plans[in.Hash]
	if p == nil {
		if err := cacheable(in); err != nil {
			return nil, err
		}
		p = &plan{hash: in.Hash, name: in.Name, text: in.Plan.String(), keep: in.Keep}
		c.plans[in.Hash] = p
	}
	asker := askerOf(ctx)
	c.own(p, asker)
	p.lastUsed = now
	if !asker.Warm {
		p.uses++
		c.stats.Uses++
	}
	if p.entry != nil {
		if reason := c.unfit(p.entry, now); reason != "" {
			c.forget(p.entry, reason)
		}
	}
	cl := &claim{input: in, settled: settled, progress: opt.Progress}
	switch {
	case p.entry != nil:
		if !asker.Warm {
			p.hits++
			c.stats.Hits++
		}
		p.entry.pins++
		cl.entry = p.entry
		return cl, nil
	case p.flight != nil:
		if !asker.Warm {
			p.waits++
			c.stats.Waits++
		}
	default:
		c.depart(ctx, p, in, opt.Tags)
	}
	cl.flight = p.flight
	cl.flight.waiters[cl] = struct{}{}
	return cl, nil
}

// depart begins to build p. c.mu is held.
func (c *Cache) depart(ctx context.Context, p *plan, in spark.CachedInput, tags []string) {
	f := &flight{plan: p, waiters: make(map[*claim]struct{}), asker: askerOf(ctx), done: make(chan struct{})}
	// The build belongs to all who wait: it outlives the caller that happened to
	// be first.
	ctx, f.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	p.flight = f
	go func() {
		defer f.cancel(nil)
		c.build(ctx, f, in, buildOptions(f, c, in.Name, tags))
	}()
}

// buildOptions returns the options of a build. The tags of the task that began
// it are marked, for an interrupt of that task must not end what others wait for.
func buildOptions(f *flight, c *Cache, name string, tags []string) spark.Options {
	opt := spark.Options{
		Tags:     []string{cacheTag(name)},
		Progress: func(p spark.Progress) { c.report(f, p) },
	}
	for _, tag := range tags {
		if !strings.HasPrefix(tag, "for:") && !strings.HasPrefix(tag, "cache:") {
			tag = "for:" + tag
		}
		if !slices.Contains(opt.Tags, tag) {
			opt.Tags = append(opt.Tags, tag)
		}
	}
	return opt
}

// cacheTag marks what is run for a cached DataFrame.
func cacheTag(name string) string { return "cache:" + strings.ReplaceAll(name, ",", "_") }

// build materialises the plan and tells all who wait.
func (c *Cache) build(ctx context.Context, f *flight, in spark.CachedInput, opt spark.Options) {
	start := time.Now()
	found := c.find(ctx, f.plan, in)
	if found != nil {
		c.land(f, found, nil)
		return
	}
	var rows kept
	// It builds what the plan itself takes from the cache.
	err := c.twice(ctx, in.Plan, opt, func(ctx context.Context, df *spark.DataFrame, lease *Lease) (err error) {
		rows, err = c.keep(ctx, in, df, lease, opt)
		return err
	})
	rows.builtAt = start
	c.land(f, &entry{plan: f.plan, kept: rows, builtAt: start, took: time.Since(start), builder: f.asker}, err)
}

// land tells all who wait what came of a flight: e, unless there is an error.
func (c *Cache) land(f *flight, e *entry, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := f.plan
	current := p.flight == f
	if current {
		p.flight = nil
	}
	f.ended = true
	defer func() {
		close(f.done)
		for cl := range f.waiters {
			cl.settled <- cl
		}
	}()
	if err != nil {
		f.err = fmt.Errorf("build cached DataFrame %q: %w", p.name, err)
		p.failures++
		c.stats.Failures++
		if p.entry == nil && p.flight == nil && p.builds == 0 && c.plans[p.hash] == p {
			delete(c.plans, p.hash)
		}
		return
	}
	f.entry = e
	e.pins = len(f.waiters)
	if e.found {
		c.stats.Found++
		c.cfg.Log.Info("cached DataFrame found in the engine", logkey.Cache, p.name, logkey.Hash, p.hash, logkey.Age, time.Since(e.builtAt))
	} else {
		p.builds++
		c.stats.Builds++
		c.cfg.Log.Info("cached DataFrame built", logkey.Cache, p.name, logkey.Hash, p.hash, logkey.Duration, e.took)
	}
	if !current {
		// Everyone left, or it was to be forgotten, while the engine finished.
		c.forget(f.entry, ReasonLate)
		return
	}
	p.entry = f.entry
	c.toBeMeasured(p.entry)
	c.evict()
}

// abandon gives the claim up. If it was the last one to wait for a build, that
// is interrupted; the channel is closed when it has ended.
func (c *Cache) abandon(cl *claim, cause error) <-chan struct{} {
	cl.mu.Lock()
	cl.progress = nil
	cl.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f := cl.flight; {
	case f == nil:
		c.unpin(cl.entry)
	case f.ended && f.entry != nil:
		c.unpin(f.entry)
	case !f.ended:
		delete(f.waiters, cl)
		if len(f.waiters) == 0 {
			if f.plan.flight == f {
				f.plan.flight = nil // who asks now begins anew
			}
			f.cancel(cause)
			return f.done
		}
	}
	return nil
}

// report passes a build's progress on to all who wait for it.
func (c *Cache) report(f *flight, progress spark.Progress) {
	c.mu.Lock()
	claims := make([]*claim, 0, len(f.waiters))
	for cl := range f.waiters {
		claims = append(claims, cl)
	}
	c.mu.Unlock()
	for _, cl := range claims {
		cl.mu.Lock()
		if cl.progress != nil {
			cl.progress(progress)
		}
		cl.mu.Unlock()
	}
}
