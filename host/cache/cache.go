// Package cache keeps DataFrames materialised in the engine and shares them
// between tasks.
//
// A cached DataFrame is known by the hash of its plan. Who asks for a plan that
// is already materialised reads what is there; who asks first has it built, by
// a local, eager checkpoint in the session; who asks meanwhile waits for that
// one build. So a reloaded module finds its data again as long as the plan it
// describes is the same, and two modules with the same plan share it.
//
// What follows from knowing data by its plan:
//
//   - The plan holds paths and table names, not their contents. A file that
//     changes on disk is not seen until the entry expires ([Config.TTL], counted
//     from the build) or is dropped with [Cache.Forget].
//   - A plan that gives other rows each time it runs, such as one with rand() or
//     current_timestamp(), is computed once, and those rows are what everyone reads.
//   - Only what can be asked again may be cached. SQL text that is a command
//     (INSERT, CREATE, SET, …) is refused with an [UncacheableError].
//
// An entry belongs to one generation of the session: when the engine was
// replaced, or says that the data is gone, the entry is forgotten and built
// anew. A cached DataFrame may be built on others; they are built first.
//
// Rows are kept as a checkpoint of the session or, by choice, persisted. On an
// engine that has global temporary views, other hosts and this one's successor
// find what was built: see shelf.go. Entries go when they expire, when there is
// no room, and some time after the last module that asked for them.
package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// Session is what the cache needs of a [spark.Session].
type Session interface {
	Checkpoint(ctx context.Context, df *spark.DataFrame, opt spark.Options) (spark.Checkpoint, error)
	LazyCheckpoint(ctx context.Context, df *spark.DataFrame, opt spark.Options) (spark.Checkpoint, error)
	Release(ctx context.Context, checkpoint spark.Checkpoint) error

	Persist(ctx context.Context, df *spark.DataFrame, level spark.StorageLevel) error
	Unpersist(ctx context.Context, df *spark.DataFrame, blocking bool) error
	StorageLevel(ctx context.Context, df *spark.DataFrame) (spark.StorageLevel, error)
	SemanticHash(ctx context.Context, df *spark.DataFrame) (int32, error)
	SameSemantics(ctx context.Context, df, other *spark.DataFrame) (bool, error)

	Count(ctx context.Context, df *spark.DataFrame, opt spark.Options) (int64, error)
	Measure(ctx context.Context, df *spark.DataFrame, opt spark.Options) (spark.Size, error)
	Generation() uint64
	Views
}

// Views is what hosts share rows by. Without it, see [Config.Private].
type Views interface {
	Lacks(ctx context.Context, feature spark.Feature) error
	Scope(ctx context.Context) (string, error)
	DefineView(ctx context.Context, df *spark.DataFrame, name string, global bool) (generation uint64, err error)
	DropView(ctx context.Context, name string, global bool) error
	GlobalViews(ctx context.Context, prefix string) ([]string, error)
	Texts(ctx context.Context, df *spark.DataFrame) ([]string, error)
}

var _ Session = (*spark.Session)(nil)

// Config says what a [Cache] works with and how much it keeps.
type Config struct {
	// Session builds and releases what is cached: a [*spark.Session]. Required.
	Session Session
	// StorageLevel is how rows are kept whose DataFrame leaves it open: one of
	// PySpark's storage levels, or CHECKPOINT, which empty means, too. An engine
	// that cannot persist has them checkpointed, with a warning.
	StorageLevel string
	// TTL is how long an entry is used after it was built. It then is built
	// anew by the next who asks.
	//
	// Zero means 24 hours, negative means for ever.
	TTL time.Duration
	// MaxEntries is how many entries are kept. When there are more, those used
	// longest ago go; entries that a task is using stay as long as it does.
	//
	// Zero means 64, negative means no limit.
	MaxEntries int
	// MaxBytes is how much the entries may hold together, as far as their sizes
	// are known: [Cache.Run] finds them out. As with MaxEntries, those used
	// longest ago go.
	//
	// Zero means no limit.
	MaxBytes int64
	// Grace is how long an entry stays that no live module asks for: see
	// [Cache.SetLive].
	//
	// Zero means 10 minutes, negative for ever.
	Grace time.Duration
	// Private keeps what is built from the hosts that use the same engine, and
	// from this one's successor, and does not look for what they have built.
	Private bool
	// Released is called after a checkpoint was released in the engine, for what
	// the engine leaves behind. Nil does nothing.
	Released func(spark.Checkpoint) error
	// OnForget is called when an entry is no longer used, one call at a time and
	// with the cache locked: it must not block, nor call the cache.
	OnForget func(Entry, Reason)
	// Log is where builds (info) and evictions (debug) are told. Nil discards.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.TTL == 0 {
		c.TTL = 24 * time.Hour
	}
	if c.MaxEntries == 0 {
		c.MaxEntries = 64
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Cache holds the cached DataFrames of one session. It is safe for concurrent
// use. Entries are built whether or not [Cache.Run] runs; without it, relations
// no longer needed stay in the engine until the session ends.
type Cache struct {
	cfg Config

	mu       sync.Mutex
	plans    map[string]*plan // by hash
	live     map[Owner]bool   // nil until SetLive
	quotas   map[string]int64 // of modules that have one
	stats    Stats
	warned   map[string]bool // names of which it was said that they cannot be persisted
	persists ownership
	// Spark's hashes of those, and of what is about to leave them, for other
	// hosts. The lists are replaced, never changed.
	persistedNow, leavingNow []int32
	shelf                    shelf
	views                    globalViews
	distrust                 map[string]time.Time // by hash: published rows this old and older are not to be used
	trash                    []kept               // rows for Run to release
	wake                     chan struct{}        // tells Run of new trash; holds one
	toMeasure                []*entry
	unmeasured               chan struct{} // tells Run of those; holds one
}

// New returns an empty cache. It starts nothing.
func New(cfg Config) *Cache {
	return &Cache{
		cfg:        cfg.withDefaults(),
		plans:      make(map[string]*plan),
		quotas:     make(map[string]int64),
		warned:     make(map[string]bool),
		distrust:   make(map[string]time.Time),
		shelf:      shelf{id: strings.ReplaceAll(uuid.NewString(), "-", "")},
		views:      newViews(),
		persists:   ownership{gate: make(chan struct{}, 1)},
		wake:       make(chan struct{}, 1),
		unmeasured: make(chan struct{}, 1),
	}
}

// Use returns df with each cached DataFrame in it replaced by its materialised
// rows, building those that are missing. What it builds is shared with everyone
// who asks meanwhile, and goes on until the last of them has left: ctx ends the
// caller's waiting, and the build only if nobody else waits. opt's tags mark
// the builds that this call begins, each with "for:" in front, and its Progress
// hears of all it waits for.
//
// The Lease keeps the rows in the engine until it is released. It is nil if and
// only if there is an error: an [*UncacheableError], what the build failed
// with, or the cause of ctx.
func (c *Cache) Use(ctx context.Context, df *spark.DataFrame, opt spark.Options) (*spark.DataFrame, *Lease, error) {
	if err := df.Err(); err != nil {
		return nil, nil, err
	}
	inputs := df.CachedInputs()
	if len(inputs) == 0 {
		return df, &Lease{cache: c}, nil
	}
	// The engine may be replaced while several inputs are being built, which
	// leaves those of the older session useless.
	for range 3 {
		lease, err := c.acquire(ctx, inputs, opt)
		if err != nil {
			return nil, nil, err
		}
		if frames, ok := lease.frames(); ok {
			return df.Replace(frames), lease, nil
		}
		lease.Release()
	}
	return nil, nil, fmt.Errorf("build cached DataFrame %q: %w: replaced again and again", inputs[0].Name, spark.ErrSessionLost)
}

// Do calls run with df as [Cache.Use] returns it, and keeps the cached rows in
// the engine until run returns.
//
// If the engine lost these rows or the whole session, they are forgotten, built
// again, and run is called once more, unless df holds a SQL command, which
// might then be run twice. So run must be able to begin from the start.
func (c *Cache) Do(ctx context.Context, df *spark.DataFrame, opt spark.Options, run func(ctx context.Context, df *spark.DataFrame) error) error {
	again, err := c.inViews(ctx, df, opt, run)
	if !again || ctx.Err() != nil {
		return err
	}
	if _, is := commandIn(df); is {
		return err
	}
	_, err = c.inViews(ctx, df, opt, run)
	return err
}

// twice is Do for a build: run may keep the lease. It leaves the views alone, for
// those who make them again may be waiting for it.
func (c *Cache) twice(ctx context.Context, df *spark.DataFrame, opt spark.Options, run func(ctx context.Context, df *spark.DataFrame, lease *Lease) error) error {
	again, err := c.do(ctx, df, opt, run)
	if !again || ctx.Err() != nil {
		return err
	}
	if _, is := commandIn(df); is {
		return err
	}
	_, err = c.do(ctx, df, opt, run)
	return err
}

// do is one try of Do. again says that run failed for want of the data or the
// session. It is false when a build failed, since a build is a Do of its own
// and had its second try.
func (c *Cache) do(ctx context.Context, df *spark.DataFrame, opt spark.Options, run func(ctx context.Context, df *spark.DataFrame, lease *Lease) error) (again bool, err error) {
	frame, lease, err := c.Use(ctx, df, opt)
	if err != nil {
		return false, err
	}
	defer func() {
		if err != nil || !lease.kept {
			lease.Release()
		}
	}()
	if err = run(ctx, frame, lease); isLost(err) {
		lease.forget(ReasonLost)
		return true, err
	}
	return false, err
}

// isLost reports whether the data or the session that an execution needed is gone.
func isLost(err error) bool {
	return errors.Is(err, spark.ErrRelationGone) || errors.Is(err, spark.ErrSessionLost)
}

// Entries returns what is cached or being built, in no particular order.
func (c *Cache) Entries() []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(time.Now())
	entries := make([]Entry, 0, len(c.plans))
	for _, p := range c.plans {
		if p.entry != nil || p.flight != nil {
			entries = append(entries, c.describe(p))
		}
	}
	return entries
}

// Missing reports whether a plan that was cached has to be built again, because
// it expired or was lost. It is false for one that made room for others or was
// dropped by [Cache.Forget].
func (c *Cache) Missing(hash string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.plans[hash]
	return p != nil && p.flight == nil && (p.entry == nil || c.unfit(p.entry, time.Now()) != "")
}

// Forget drops the entry whose hash begins with the given digits, at least 8 of
// them, or all entries with the given name, and returns how many there were.
// Tasks that use them go on with them; the next to ask has them built anew, also
// if a build is under way now.
func (c *Cache) Forget(hashOrName string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, p := range c.plans {
		if !p.is(hashOrName) {
			continue
		}
		if p.entry != nil || p.flight != nil {
			n++
		}
		p.flight = nil // who waits for it gets it, nobody else will
		if p.entry != nil {
			c.forget(p.entry, ReasonAsked)
		}
		delete(c.plans, p.hash)
	}
	return n
}

// minDigits is how much of a hash is enough to name an entry.
const minDigits = 8

func (p *plan) is(hashOrName string) bool { return Entry{Name: p.name, Hash: p.hash}.Is(hashOrName) }

// Is reports whether the entry is meant by a name, or by the beginning of a
// hash, of at least 8 digits.
func (e Entry) Is(hashOrName string) bool {
	return e.Name == hashOrName || len(hashOrName) >= minDigits && strings.HasPrefix(e.Hash, hashOrName)
}

// forget takes e out of use. Its rows are released when no lease is left. c.mu
// is held.
func (c *Cache) forget(e *entry, reason Reason) {
	if e.forgotten {
		return
	}
	e.forgotten, e.kept.reason = true, reason
	p := e.plan
	if e.kept.published && (reason == ReasonAsked || reason == ReasonLost) {
		c.distrust[p.hash] = e.builtAt
	}
	if p.entry == e {
		if c.cfg.OnForget != nil {
			c.cfg.OnForget(c.describe(p), reason)
		}
		p.entry = nil
		c.stats.count(reason)
	}
	c.cfg.Log.Debug("cached DataFrame forgotten", logkey.Cache, p.name, logkey.Hash, p.hash, logkey.Reason, string(reason))
	if e.pins == 0 {
		c.discard(e.kept)
	}
}
