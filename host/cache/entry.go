package cache

import (
	"context"
	"fmt"
	"time"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

// An Entry is what is known of one cached DataFrame.
type Entry struct {
	Name string // given by the module that asked first; for people
	Hash string // of the plan, as [spark.DataFrame.Hash] gives it
	// Building says that a build is under way. The fields about what was built
	// are zero if it is the first.
	Building bool

	BuiltAt    time.Time // when its build began, so the age of what it shows
	BuildTime  time.Duration
	Expires    time.Time // zero for never
	Generation uint64    // of the session that holds the rows
	RelationID string    // the rows' name within that session

	Leases   int       // held now
	LastUsed time.Time // when it was last asked for
	Uses     int64     // times it was asked for: hits, waits, and those who began a build
	Hits     int64     // answered with what was there
	Waits    int64     // answered by a build that someone else had begun
	Builds   int64     // successful ones
	Failures int64     // builds that failed
}

// plan is all that the cache knows of one plan. Cache.mu guards it.
type plan struct {
	hash, name string
	entry      *entry  // the materialised rows, or nil
	flight     *flight // the build under way, or nil

	lastUsed                            time.Time
	uses, hits, waits, builds, failures int64
}

// entry is one materialisation of a plan. Cache.mu guards pins and forgotten;
// the rest does not change.
type entry struct {
	plan       *plan
	checkpoint spark.Checkpoint
	builtAt    time.Time
	took       time.Duration
	pins       int  // leases held
	forgotten  bool // no longer its plan's entry
}

// describe returns p for people. c.mu is held.
func (c *Cache) describe(p *plan) Entry {
	d := Entry{
		Name: p.name, Hash: p.hash, Building: p.flight != nil,
		LastUsed: p.lastUsed, Uses: p.uses, Hits: p.hits, Waits: p.waits, Builds: p.builds, Failures: p.failures,
	}
	if e := p.entry; e != nil {
		d.BuiltAt, d.BuildTime, d.Leases = e.builtAt, e.took, e.pins
		d.Generation, d.RelationID = e.checkpoint.Generation, e.checkpoint.RelationID
		if c.cfg.TTL > 0 {
			d.Expires = e.builtAt.Add(c.cfg.TTL)
		}
	}
	return d
}

// A Lease keeps the materialised rows of the cached DataFrames in one plan from
// being released in the engine. It belongs to the caller of [Cache.Use] and is
// not safe for concurrent use.
type Lease struct {
	cache    *Cache
	claims   []*claim
	released bool
}

// Release ends the lease. It does not wait for the engine, and further calls do nothing.
func (l *Lease) Release() {
	if l.released {
		return
	}
	l.released = true
	if len(l.claims) == 0 {
		return
	}
	l.cache.mu.Lock()
	defer l.cache.mu.Unlock()
	for _, cl := range l.claims {
		l.cache.unpin(cl.entry)
	}
}

// relations returns the server's relation for each placeholder. It is false if
// not all are of the session's present generation.
func (l *Lease) relations() (map[string]string, bool) {
	generation := l.cache.cfg.Session.Generation()
	ids := make(map[string]string, len(l.claims))
	for _, cl := range l.claims {
		if cl.entry.checkpoint.Generation != generation {
			return nil, false
		}
		ids[cl.input.ID] = cl.entry.checkpoint.RelationID
	}
	return ids, true
}

// forget takes the leased entries out of use: the engine may no longer have
// them. An entry that replaced one of them since is left alone.
func (l *Lease) forget(reason string) {
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
		c.discard(e.checkpoint)
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
