package cache

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// What a host has built, others and its own successor find in the engine, where
// that has global temporary views (Spark): under sparkstalk_<hash of the plan>
// are the rows, and under sparkstalk_note_<hash> what is known of them.
//
// A view holds on to the rows that it reads, whoever computed them. A host that
// finds rows first defines a view of its own session over them: from then on
// nobody else can take them away. So what is published serves to be found and
// nothing else, and to withdraw it at a bad moment costs others a build.
//
//   - Rows are withdrawn when they expire, are dropped by hand or were lost.
//   - A host that makes room, or whose modules want them no more, withdraws them
//     unless another host lists them among its own. Hosts do so in the view
//     sparkstalk_host_<id>, which they renew every minute.
//   - A host that stops leaves them for its successor. When none comes, the next
//     host that sweeps withdraws them once they have expired; those that never
//     expire, a day after they were built, if no host has them.
const (
	rowsPrefix = "sparkstalk_"
	notePrefix = "sparkstalk_note_"
	hostPrefix = "sparkstalk_host_"
)

const (
	// renewEvery is how often a host says that it is there; after three times
	// as long it is taken for dead.
	renewEvery = time.Minute
	// sweepShelfEvery is how often what nobody needs is withdrawn.
	sweepShelfEvery = 5 * time.Minute
	// orphanAge is how old rows must be that never expire and that no host has.
	orphanAge = 24 * time.Hour
	// shelfTimeout bounds one look at what is published.
	shelfTimeout = 10 * time.Second
	// stopTimeout bounds what is told to the engine when the host stops.
	stopTimeout = 3 * time.Second
)

var planHash = regexp.MustCompile(`^[0-9a-f]{64}$`)

// note is what is known of published rows.
type note struct {
	Scope     string        `json:"scope"`
	Name      string        `json:"name"`
	BuiltAt   time.Time     `json:"built_at"`
	Took      time.Duration `json:"took"`
	TTL       time.Duration `json:"ttl"` // negative is for ever
	Builder   string        `json:"builder"`
	BuilderID string        `json:"builder_id"`
	Size      spark.Size    `json:"size"`
	Measured  bool          `json:"measured"`
}

// presence is what a host says of itself.
type presence struct {
	Renewed time.Time `json:"renewed"`
	Hashes  []string  `json:"hashes"` // of the plans whose rows it has
	// Persisted are Spark's hashes of the plans that it has persisted or uses
	// so. Should two plans have the same, of billions, one may stay persisted.
	Persisted []int32 `json:"persisted,omitempty"`
	// Leaving are of those that it is about to unpersist, or to leave to another
	// host that has them: whoever comes to use them inherits them.
	Leaving []int32 `json:"leaving,omitempty"`
}

// shelf is one host's dealings with what is published.
type shelf struct {
	id string // of this host

	order sync.Mutex // held while rows are published or withdrawn

	mu         sync.Mutex
	generation uint64 // of the session that lacks views
	lacking    bool
	said       presence // what this host last said of itself
	swept      time.Time
}

// shares reports whether the engine has what it takes to share rows.
func (c *Cache) shares(ctx context.Context) bool {
	if c.cfg.Private || c.isLacking() {
		return false
	}
	generation := c.cfg.Session.Generation()
	err := c.cfg.Session.Lacks(ctx, spark.FeatureGlobalViews)
	if _, lacks := errors.AsType[*spark.LacksError](err); lacks {
		c.shelf.mu.Lock()
		c.shelf.lacking, c.shelf.generation = true, generation
		c.shelf.mu.Unlock()
	}
	return err == nil
}

// scope asks for the session's scope as it is when rows begin to be built. The
// channel gets it once, empty if there is none: then the rows are not shared.
func (c *Cache) scope(ctx context.Context) <-chan string {
	scope := make(chan string, 1)
	if c.cfg.Private || c.isLacking() {
		scope <- ""
		return scope
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shelfTimeout)
		defer cancel()
		s, err := c.cfg.Session.Scope(ctx)
		if err != nil {
			c.cfg.Log.DebugContext(ctx, "cached DataFrame will not be shared", logkey.Error, err)
		}
		scope <- s
	}()
	return scope
}

// isLacking reports whether the engine is known to have no views to share rows by.
func (c *Cache) isLacking() bool {
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	return c.shelf.lacking && c.shelf.generation == c.cfg.Session.Generation()
}

// text is a view of one text. It is written so that no quoting is needed.
func text(v any) (*spark.DataFrame, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return spark.SQL("SELECT '"+base64.StdEncoding.EncodeToString(data)+"' AS text", nil, nil), nil
}

// read reads a text that some host has published.
func (c *Cache) read(ctx context.Context, name string, v any) error {
	texts, err := c.cfg.Session.Texts(ctx, spark.Table("global_temp."+name, nil))
	if err != nil {
		return err
	}
	if len(texts) != 1 {
		return fmt.Errorf("%s has %d rows", name, len(texts))
	}
	data, err := base64.StdEncoding.DecodeString(texts[0])
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (c *Cache) write(ctx context.Context, name string, v any) error {
	df, err := text(v)
	if err == nil {
		_, err = c.cfg.Session.DefineView(ctx, df, name, true)
	}
	return err
}

// isMissing reports whether a name is not there.
func isMissing(err error) bool {
	e, ok := errors.AsType[*spark.Error](err)
	return ok && (e.Condition == "TABLE_OR_VIEW_NOT_FOUND" || e.Condition == "")
}

// find takes hold of the rows of a plan that some host has published. It is nil
// if there are none that are fit. Trouble with finding is no trouble: the rows
// are built.
func (c *Cache) find(ctx context.Context, p *plan, in spark.CachedInput) *entry {
	if c.cfg.Private || c.isLacking() || !c.checkpoints(in) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, shelfTimeout)
	defer cancel()
	e, err := c.take(ctx, p)
	if err != nil && !isMissing(err) && ctx.Err() == nil {
		c.cfg.Log.DebugContext(ctx, "look for a cached DataFrame of another host", logkey.Cache, p.name, logkey.Hash, p.hash, logkey.Error, err)
	}
	return e
}

func (c *Cache) take(ctx context.Context, p *plan) (*entry, error) {
	var n note
	if err := c.read(ctx, notePrefix+p.hash, &n); err != nil {
		return nil, err
	}
	c.mu.Lock()
	ttl, distrust := c.ttl(p), c.distrust[p.hash]
	c.mu.Unlock()
	if ttl > 0 && time.Since(n.BuiltAt) >= ttl || !n.BuiltAt.After(distrust) {
		return nil, nil
	}
	scope, err := c.cfg.Session.Scope(ctx)
	if err != nil || scope == "" || scope != n.Scope {
		return nil, err
	}
	handle := spark.HandleName(strings.ReplaceAll(uuid.NewString(), "-", ""))
	generation, err := c.cfg.Session.DefineView(ctx, spark.Table("global_temp."+rowsPrefix+p.hash, nil), handle, false)
	if err != nil {
		return nil, err
	}
	return &entry{
		plan: p, builtAt: n.BuiltAt, took: n.Took, builder: Asker{Task: n.Builder, TaskID: n.BuilderID},
		size: n.Size, measured: n.Measured, found: true,
		kept: kept{
			frame: spark.Table(handle, nil), generation: generation, storage: spark.Checkpointed, handle: handle,
			hash: p.hash, builtAt: n.BuiltAt, published: true,
		},
	}, nil
}

// publish lets others find the rows of e, which is pinned.
func (c *Cache) publish(ctx context.Context, e *entry) {
	if e.kept.scope == nil || !c.shares(ctx) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, shelfTimeout)
	defer cancel()
	before := ""
	select {
	case before = <-e.kept.scope:
	case <-ctx.Done():
	}
	if before == "" {
		return
	}
	c.shelf.order.Lock()
	defer c.shelf.order.Unlock()
	err := func() error {
		scope, err := c.cfg.Session.Scope(ctx)
		if err != nil || scope != before {
			return err // the session was changed while the rows were built: who knows which of them
		}
		c.mu.Lock()
		n := note{
			Scope: scope, Name: e.plan.name, BuiltAt: e.builtAt, Took: e.took, TTL: c.ttl(e.plan),
			Builder: e.builder.Task, BuilderID: e.builder.TaskID, Size: e.size, Measured: e.measured,
		}
		c.mu.Unlock()
		if _, err := c.cfg.Session.DefineView(ctx, e.kept.frame, rowsPrefix+e.plan.hash, true); err != nil {
			return err
		}
		if err := c.write(ctx, notePrefix+e.plan.hash, n); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		e.kept.published = true
		return nil
	}()
	if err != nil && ctx.Err() == nil {
		c.cfg.Log.DebugContext(ctx, "publish cached DataFrame", logkey.Cache, e.plan.name, logkey.Hash, e.plan.hash, logkey.Error, err)
	}
}

// withdraw takes rows off the shelf that this host no longer has, if they are
// still the ones that are there, and for some reasons only if no other host has
// them.
func (c *Cache) withdraw(ctx context.Context, rows kept, reason Reason) error {
	if !rows.published || reason == ReasonSession {
		return nil // with the session alone, the rows are not gone
	}
	if reason == ReasonRoom || reason == ReasonUnwanted || reason == ReasonLate {
		// In this order, two hosts that let go at once see each other's absence.
		if err := c.appear(ctx); err != nil {
			return err
		}
		others, err := c.others(ctx)
		if err != nil || slices.ContainsFunc(others, func(p presence) bool { return p.alive() && slices.Contains(p.Hashes, rows.hash) }) {
			return err
		}
	}
	c.shelf.order.Lock()
	defer c.shelf.order.Unlock()
	var n note
	switch err := c.read(ctx, notePrefix+rows.hash, &n); {
	case isMissing(err) || err == nil && !n.BuiltAt.Equal(rows.builtAt):
		return nil
	case err != nil:
		return err
	}
	return c.clear(ctx, rows.hash)
}

// clear takes a plan's rows off the shelf.
func (c *Cache) clear(ctx context.Context, hash string) error {
	return errors.Join(c.cfg.Session.DropView(ctx, notePrefix+hash, true), c.cfg.Session.DropView(ctx, rowsPrefix+hash, true))
}

// appear says which rows this host has, if it has to be said again.
func (c *Cache) appear(ctx context.Context) error {
	// The lock is held from here on: what is said last must be what was so last.
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	hashes := []string{}
	c.mu.Lock()
	for _, p := range c.plans {
		if p.entry != nil && p.entry.kept.published {
			hashes = append(hashes, p.hash)
		}
	}
	now := presence{Renewed: time.Now(), Hashes: hashes, Persisted: c.persistedNow, Leaving: c.leavingNow}
	c.mu.Unlock()
	slices.Sort(hashes)
	said := c.shelf.said
	same := slices.Equal(now.Hashes, said.Hashes) && slices.Equal(now.Persisted, said.Persisted) && slices.Equal(now.Leaving, said.Leaving)
	if same && (now.Renewed.Sub(said.Renewed) < renewEvery || len(now.Hashes)+len(now.Persisted) == 0 && said.Renewed.IsZero()) {
		return nil
	}
	if err := c.write(ctx, hostPrefix+c.shelf.id, now); err != nil {
		return err
	}
	c.shelf.said = now
	return nil
}

// alive reports whether the host is still there.
func (p presence) alive() bool { return time.Since(p.Renewed) < 3*renewEvery }

// others returns what the other hosts say of themselves, also those that are no
// longer there, and forgets those that have been gone for long.
func (c *Cache) others(ctx context.Context) ([]presence, error) {
	names, err := c.cfg.Session.GlobalViews(ctx, hostPrefix)
	if err != nil {
		return nil, err
	}
	var others []presence
	for _, name := range names {
		if name == hostPrefix+c.shelf.id {
			continue
		}
		var p presence
		switch err := c.read(ctx, name, &p); {
		case isMissing(err):
		case err != nil:
			return nil, err
		case time.Since(p.Renewed) <= orphanAge:
			others = append(others, p)
		default:
			if err := c.cfg.Session.DropView(ctx, name, true); err != nil {
				return nil, err
			}
		}
	}
	return others, nil
}

// tendShelf renews this host's presence and withdraws what nobody needs.
func (c *Cache) tendShelf(ctx context.Context) {
	if !c.shares(ctx) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, shelfTimeout)
	defer cancel()
	err := c.appear(ctx)
	c.shelf.mu.Lock()
	due := time.Since(c.shelf.swept) >= sweepShelfEvery
	if due {
		c.shelf.swept = time.Now()
	}
	c.shelf.mu.Unlock()
	if due && err == nil {
		err = c.sweepShelf(ctx)
	}
	if err != nil && ctx.Err() == nil {
		c.cfg.Log.DebugContext(ctx, "look after what hosts share", logkey.Error, err)
	}
}

func (c *Cache) sweepShelf(ctx context.Context) error {
	names, err := c.cfg.Session.GlobalViews(ctx, notePrefix)
	if err != nil || len(names) == 0 {
		return err
	}
	others, err := c.others(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		hash := strings.TrimPrefix(name, notePrefix)
		var n note
		switch err := c.read(ctx, name, &n); {
		case !planHash.MatchString(hash) || isMissing(err):
			continue
		case err != nil:
			return err
		}
		c.mu.Lock()
		p := c.plans[hash]
		needed := p != nil && p.entry != nil
		c.mu.Unlock()
		needed = needed || slices.ContainsFunc(others, func(p presence) bool { return p.alive() && slices.Contains(p.Hashes, hash) })
		age := time.Since(n.BuiltAt)
		if n.TTL > 0 && age < n.TTL || n.TTL <= 0 && (needed || age < orphanAge) {
			continue
		}
		c.cfg.Log.DebugContext(ctx, "cached DataFrame of a host that is gone is withdrawn", logkey.Cache, n.Name, logkey.Hash, hash)
		if err := c.clear(ctx, hash); err != nil {
			return err
		}
	}
	return nil
}

// disappear is for when this host stops. What it has published stays for its
// successor; what it has persisted, which nothing would ever drop, goes unless
// other hosts use it.
func (c *Cache) disappear(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err := c.unpersistAll(ctx)
	c.shelf.mu.Lock()
	said := c.shelf.said
	c.shelf.mu.Unlock()
	if err == nil && !said.Renewed.IsZero() {
		err = c.cfg.Session.DropView(ctx, hostPrefix+c.shelf.id, true)
	}
	if err != nil {
		c.cfg.Log.DebugContext(ctx, "say that this host is gone", logkey.Error, err)
	}
}
