package cache

import (
	"slices"
	"time"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

// An Entry is what is known of one cached DataFrame.
type Entry struct {
	Name string `json:"name"` // given by the module that asked first; for people
	Hash string `json:"hash"` // of the plan, as [spark.DataFrame.Hash] gives it
	Plan string `json:"plan"` // its steps in one line, without literals
	// Building says that a build is under way. The fields about what was built
	// are zero if it is the first.
	Building bool `json:"building"`

	BuiltAt    time.Time     `json:"built_at,omitzero"`   // when its build began, so the age of what it shows
	BuildTime  time.Duration `json:"build_time"`          // in nanoseconds
	Builder    string        `json:"builder,omitempty"`   // the task that had it built, or "warm" and its cache's name
	BuilderID  string        `json:"builder_id"`          // that task's id
	Expires    time.Time     `json:"expires,omitzero"`    // zero for never
	Generation uint64        `json:"generation"`          // of the session that holds the rows
	RelationID string        `json:"relation_id"`         // the rows' name within that session, if they have one
	Storage    string        `json:"storage,omitempty"`   // CHECKPOINT, or the level at which the rows are persisted
	Found      bool          `json:"found,omitempty"`     // built by another host, or by this one's predecessor
	Shared     bool          `json:"shared,omitempty"`    // other hosts can find the rows
	Foreign    bool          `json:"foreign,omitempty"`   // somebody else persisted the rows, and may drop them
	Measured   bool          `json:"measured"`            // Rows and Bytes are known
	Rows       int64         `json:"rows"`                //
	Bytes      int64         `json:"bytes"`               //
	BytesFrom  string        `json:"bytes_from,omitzero"` // how they are known: see [spark.Size]

	Owners   []Owner   `json:"owners"`            // the module versions that asked for it
	Orphaned time.Time `json:"orphaned,omitzero"` // since when none of them is live
	Warm     bool      `json:"warm"`              // it is built ahead of the tasks that need it

	Leases   int       `json:"leases"`             // held now
	LastUsed time.Time `json:"last_used,omitzero"` // when it was last asked for
	Uses     int64     `json:"uses"`               // times it was asked for: hits, waits, and those who began a build
	Hits     int64     `json:"hits"`               // answered with what was there
	Waits    int64     `json:"waits"`              // answered by a build that someone else had begun
	Builds   int64     `json:"builds"`             // successful ones
	Failures int64     `json:"failures"`           // builds that failed
}

// plan is all that the cache knows of one plan. Cache.mu guards it.
type plan struct {
	hash, name, text string
	keep             spark.Keeping
	entry            *entry  // the materialised rows, or nil
	flight           *flight // the build under way, or nil

	owners   []Owner
	orphaned time.Time // since when no owner is live; zero if one is
	warm     bool

	lastUsed                            time.Time
	uses, hits, waits, builds, failures int64
}

// entry is one materialisation of a plan. Cache.mu guards pins, forgotten and
// size; the rest does not change.
type entry struct {
	plan      *plan
	kept      kept
	builtAt   time.Time
	took      time.Duration
	builder   Asker
	size      spark.Size
	measured  bool
	found     bool // built by another host, or by this one's predecessor
	pins      int  // leases held
	forgotten bool // no longer its plan's entry
}

// describe returns p for people. c.mu is held.
func (c *Cache) describe(p *plan) Entry {
	d := Entry{
		Name: p.name, Hash: p.hash, Plan: p.text, Building: p.flight != nil,
		Owners: slices.Clone(p.owners), Orphaned: p.orphaned, Warm: p.warm,
		LastUsed: p.lastUsed, Uses: p.uses, Hits: p.hits, Waits: p.waits, Builds: p.builds, Failures: p.failures,
	}
	if e := p.entry; e != nil {
		d.BuiltAt, d.BuildTime, d.Leases = e.builtAt, e.took, e.pins
		d.Builder, d.BuilderID = e.builder.Task, e.builder.TaskID
		d.Generation, d.RelationID, d.Storage = e.kept.generation, e.kept.checkpoint.RelationID, e.kept.storage
		d.Found, d.Shared, d.Foreign = e.found, e.kept.published, e.kept.foreign
		d.Measured, d.Rows, d.Bytes, d.BytesFrom = e.measured, e.size.Rows, e.size.Bytes, e.size.From
		if ttl := c.ttl(p); ttl > 0 {
			d.Expires = e.builtAt.Add(ttl)
		}
	}
	return d
}

// ttl is how long what is built of p is used; negative is for ever.
func (c *Cache) ttl(p *plan) time.Duration {
	if p.keep.TTL != 0 {
		return p.keep.TTL
	}
	return c.cfg.TTL
}
