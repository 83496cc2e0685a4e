package cache

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// An Owner is a version of a module, on whose behalf DataFrames are cached.
type Owner struct {
	Module  string `json:"module"`
	Version string `json:"version"` // the hash of its file
}

// An Asker says who uses the cache: see [WithAsker].
type Asker struct {
	Owner
	Task   string // Celery task name; of the module's cache when it is warmed
	TaskID string
	// Warm asks for the rows ahead of the tasks that will need them. It counts
	// as no use, and the entry is known as a warm one from then on.
	Warm bool
	// Quota is how many bytes the entries may hold that the module has asked for;
	// the last asker of a module counts. Zero means no limit.
	Quota int64
}

type askerKey struct{}

// WithAsker returns a context in which what is asked of the cache is asked by
// that asker. Without one, nobody in particular asks: such entries stay until
// they expire or make room.
func WithAsker(ctx context.Context, asker Asker) context.Context {
	return context.WithValue(ctx, askerKey{}, asker)
}

func askerOf(ctx context.Context) Asker {
	asker, _ := ctx.Value(askerKey{}).(Asker)
	return asker
}

// SetLive tells the cache which versions of modules serve now. An entry that
// only others have asked for is dropped after [Config.Grace], unless a live one
// asks for it in the meantime: a new version with the same plan keeps what its
// predecessor built. Until the first call all owners count as live.
func (c *Cache) SetLive(live []Owner) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = make(map[Owner]bool, len(live))
	for _, o := range live {
		c.live[o] = true
	}
	for _, p := range c.plans {
		c.reckon(p)
	}
}

// reckon notes when a plan has come to be asked for by no live module. c.mu is held.
func (c *Cache) reckon(p *plan) {
	if len(p.owners) == 0 || c.live == nil {
		return
	}
	gone := func(o Owner) bool { return !c.live[o] }
	if !slices.ContainsFunc(p.owners, func(o Owner) bool { return !gone(o) }) {
		if p.orphaned.IsZero() {
			p.orphaned = time.Now()
		}
		return
	}
	p.owners = slices.DeleteFunc(p.owners, gone)
	p.orphaned = time.Time{}
}

// own notes that asker wants the plan. c.mu is held.
func (c *Cache) own(p *plan, asker Asker) {
	c.setQuota(asker)
	p.warm = p.warm || asker.Warm
	if asker.Owner == (Owner{}) || slices.Contains(p.owners, asker.Owner) {
		return
	}
	p.owners = append(p.owners, asker.Owner)
	slices.SortFunc(p.owners, func(a, b Owner) int {
		return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.Version, b.Version))
	})
	c.reckon(p)
}
