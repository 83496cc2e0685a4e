package cache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/internal/sqltext"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// How many global temporary views are kept, and how large their plans may be
// together.
const (
	maxViews      = 256
	maxViewWeight = 64 << 20
)

// ErrTooManyViews is wrapped by the error of [Cache.DefineView] for one too many.
var ErrTooManyViews = errors.New("too many global temporary views")

// nowhere is no generation of a session.
const nowhere = ^uint64(0)

// globalViews are the global temporary views that tasks have made. They are made again
// in each session that takes the place of a lost one, before a task works in it.
type globalViews struct {
	gate chan struct{} // held while one is made, dropped or made again

	mu   sync.Mutex
	made uint64                 // the generation that has them all
	list map[string]*globalView // by name in lower case
}

// A globalView is what it takes to make a view again.
type globalView struct {
	name    string
	frame   *spark.DataFrame // reads cached DataFrames as such
	asker   Asker            // who made it
	suspect bool             // what it reads is gone, though it may be there
	lost    error            // why it could not be made again
}

func newViews() globalViews {
	return globalViews{gate: make(chan struct{}, 1), list: make(map[string]*globalView)}
}

// DefineView makes df a global temporary view and keeps its plan, to make it
// again when the session was lost. It calls define once, as [Cache.Once] does.
// Whoever drops the view by other means than SQL text says so to [Cache.DropView].
func (c *Cache) DefineView(ctx context.Context, df *spark.DataFrame, name string, opt spark.Options, define func(ctx context.Context, df *spark.DataFrame) error) error {
	if err := c.views.room(name, df); err != nil {
		return err
	}
	return c.Once(ctx, df, opt, func(ctx context.Context, frame *spark.DataFrame) error {
		if err := c.views.lock(ctx); err != nil {
			return err
		}
		defer c.views.unlock()
		generation := c.cfg.Session.Generation()
		if err := define(ctx, frame); err != nil {
			return err
		}
		c.views.keep(&globalView{name: name, frame: df, asker: askerOf(ctx)}, generation)
		return nil
	})
}

// DropView calls drop, which drops a global temporary view, and keeps it no longer.
func (c *Cache) DropView(ctx context.Context, name string, drop func() error) error {
	if err := c.views.lock(ctx); err != nil {
		return err
	}
	defer c.views.unlock()
	if err := drop(); err != nil {
		return err
	}
	c.views.forget(name)
	return nil
}

// RestoreViews makes the global temporary views again that a lost session took
// with it. [Cache.Do] and [Cache.Once] do so by themselves. One that cannot be
// made is told, and named by the error of who reads it: that is no error here.
func (c *Cache) RestoreViews(ctx context.Context) error {
	if c.views.are(c.cfg.Session.Generation()) {
		return nil
	}
	if err := c.views.lock(ctx); err != nil {
		return err
	}
	defer c.views.unlock()
	for range 3 {
		generation := c.cfg.Session.Generation()
		if c.views.are(generation) {
			return nil
		}
		err := c.restoreViews(ctx)
		switch {
		case errors.Is(err, spark.ErrSessionLost): // once more
		case err != nil:
			return fmt.Errorf("make the global temporary views again: %w", err)
		case c.cfg.Session.Generation() == generation:
			c.views.mu.Lock()
			c.views.made = generation
			c.views.mu.Unlock()
		}
	}
	if c.views.are(c.cfg.Session.Generation()) {
		return nil
	}
	return fmt.Errorf("make the global temporary views again: %w: replaced again and again", spark.ErrSessionLost)
}

// restoreViews makes those views that are not there. On Spark they belong to the
// engine, and outlive a session; another host may have made them meanwhile.
func (c *Cache) restoreViews(ctx context.Context) error {
	names, err := c.cfg.Session.GlobalViews(ctx, "")
	if _, refused := errors.AsType[*spark.Error](err); err != nil && (!refused || isLost(err)) {
		return err
	}
	there := make(map[string]bool, len(names))
	for _, name := range names {
		there[strings.ToLower(name)] = true
	}
	for _, v := range c.views.all() {
		if there[strings.ToLower(v.name)] && !v.suspect {
			continue
		}
		err := c.makeView(ctx, v)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, spark.ErrSessionLost), errors.Is(err, spark.ErrUnavailable), errors.Is(err, spark.ErrClosed):
			return err
		case err != nil:
			c.cfg.Log.Warn("global temporary view cannot be made again after the Spark session was lost", logkey.View, v.name, logkey.Error, err)
		default:
			c.cfg.Log.Info("global temporary view made again", logkey.View, v.name)
		}
		c.views.mu.Lock()
		v.suspect, v.lost = false, err
		c.views.mu.Unlock()
	}
	return nil
}

// makeView makes a view again, with the cached DataFrames that it reads.
func (c *Cache) makeView(ctx context.Context, v *globalView) error {
	if keyword, is := commandIn(v.frame); is {
		return fmt.Errorf("its plan holds the SQL command %s, which is not run again", keyword)
	}
	if v.suspect {
		for _, in := range v.frame.CachedInputs() {
			c.Forget(in.Hash)
		}
	}
	ctx = WithAsker(ctx, v.asker)
	frame, lease, err := c.Use(ctx, v.frame, spark.Options{Tags: []string{"view:" + v.name}})
	if err != nil {
		return err
	}
	defer lease.Release()
	if _, err = c.cfg.Session.DefineView(ctx, frame, v.name, true); isLost(err) {
		lease.forget(ReasonLost)
	}
	return err
}

func (v *globalViews) lock(ctx context.Context) error {
	select {
	case v.gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (v *globalViews) unlock() { <-v.gate }

func (v *globalViews) empty() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.list) == 0
}

// are reports whether a generation has all of the views.
func (v *globalViews) are(generation uint64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.list) == 0 || v.made == generation
}

func (v *globalViews) all() []*globalView {
	v.mu.Lock()
	defer v.mu.Unlock()
	var list []*globalView
	for _, name := range slices.Sorted(maps.Keys(v.list)) {
		list = append(list, v.list[name])
	}
	return list
}

// room reports whether one more can be kept.
func (v *globalViews) room(name string, df *spark.DataFrame) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	n, weight := 1, df.Weight()
	for other, view := range v.list {
		if other != strings.ToLower(name) {
			n++
			weight += view.frame.Weight()
		}
	}
	if n > maxViews || weight > maxViewWeight {
		return fmt.Errorf("%w: this worker keeps %d beside %s, and %d with plans of %d MiB in all are the most; drop some with catalog.dropGlobalTempView",
			ErrTooManyViews, n-1, name, maxViews, maxViewWeight>>20)
	}
	return nil
}

// keep keeps a view that was made in a generation.
func (v *globalViews) keep(view *globalView, generation uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.list) == 0 {
		v.made = generation
	}
	v.list[strings.ToLower(view.name)] = view
}

func (v *globalViews) forget(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.list, strings.ToLower(name))
}

// suspectAll has the views that read cached DataFrames made again: rows of some
// are gone.
func (v *globalViews) suspectAll() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, view := range v.list {
		if len(view.frame.CachedInputs()) > 0 {
			view.suspect, v.made = true, nowhere
		}
	}
}

// explain returns what an action failed with: if the engine misses a view that
// could not be made again, with the reason and the way out.
func (v *globalViews) explain(err error) error {
	e, ok := errors.AsType[*spark.Error](err)
	if !ok {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	text := strings.ToLower(e.Error())
	for name, view := range v.list {
		if view.lost != nil && strings.Contains(text, name) {
			out := *e
			out.Message += fmt.Sprintf(" (the global temporary view %s was lost with the Spark session and could not be made again: %v; make it anew with createOrReplaceGlobalTempView)", view.name, view.lost)
			return &out
		}
	}
	return err
}

// inViews is do where all views are. What it ends with may be that it changed
// some, that it ran in a session that did not have them yet, or that one is lost.
func (c *Cache) inViews(ctx context.Context, df *spark.DataFrame, opt spark.Options, run func(ctx context.Context, df *spark.DataFrame) error) (again bool, err error) {
	if err := c.RestoreViews(ctx); err != nil {
		return false, err
	}
	again, err = c.do(ctx, df, opt, func(ctx context.Context, df *spark.DataFrame, _ *Lease) error { return run(ctx, df) })
	if c.views.empty() {
		return again, err
	}
	c.views.changed(df.Queries())
	_, said := errors.AsType[*spark.Error](err)
	switch {
	case err == nil:
	case errors.Is(err, spark.ErrRelationGone):
		c.views.suspectAll()
	case said && !isLost(err) && !c.views.are(c.cfg.Session.Generation()):
		return true, fmt.Errorf("%w: %w", spark.ErrSessionLost, err)
	case said && !isLost(err):
		return again, c.views.explain(err)
	}
	return again, err
}

// changed is told of the SQL text that was run: a view that it may have made,
// changed or dropped is no longer known, and so not made again.
func (v *globalViews) changed(queries []string) {
	for _, query := range queries {
		if name := viewChanged(query); name != "" {
			v.forget(name)
		}
	}
}

// viewChanged returns the name of the view that a command is about: CREATE, ALTER
// or DROP … VIEW [IF [NOT] EXISTS] [qualifiers.]name.
func viewChanged(query string) string {
	s := sqltext.New(query)
	switch s.Next() {
	case "CREATE", "ALTER", "DROP":
	default:
		return ""
	}
	tok := s.Next()
	for n := 0; tok != "VIEW"; n++ {
		if tok == "" || n > 8 {
			return ""
		}
		tok = s.Next()
	}
	tok = s.Next()
	for tok == "IF" || tok == "NOT" || tok == "EXISTS" {
		tok = s.Next()
	}
	for {
		name := strings.Trim(query[s.Start():s.End()], "`")
		if s.Next() != "." {
			return name
		}
		s.Next()
	}
}
