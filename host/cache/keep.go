package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// kept is rows that the engine keeps for one entry.
type kept struct {
	frame      *spark.DataFrame // what plans read in place of the placeholder
	generation uint64           // of the session
	storage    string           // spark.Checkpointed or a storage level
	checkpoint spark.Checkpoint // if it is one
	persisted  *persisted       // if they are
	foreign    bool             // somebody else had persisted them
	inner      *Lease           // on cached rows that a persisted plan reads
	reason     Reason           // why they were forgotten

	// Of rows that hosts share. published is guarded by Cache.mu.
	handle    string        // the view that holds on to them, if another host built them
	hash      string        // of the plan
	scope     <-chan string // gets what the plan's meaning depends on besides; see Cache.scope
	builtAt   time.Time
	published bool
}

// outlives reports whether the rows stay in the engine when the session has ended.
func (k kept) outlives() bool { return k.persisted != nil || k.published }

// CheckStorageLevel returns an error that names the levels there are, unless
// level is one of them: PySpark's but NONE, or CHECKPOINT. Empty is CHECKPOINT.
func CheckStorageLevel(level string) error {
	if level == "" || level == spark.Checkpointed {
		return nil
	}
	parsed, err := spark.ParseStorageLevel(level)
	if err != nil {
		return fmt.Errorf("%w; or it is %s", err, spark.Checkpointed)
	}
	if !parsed.Kept() {
		return fmt.Errorf("storage level %s would keep nothing", level)
	}
	return nil
}

// checkpoints reports whether the rows of in are to be checkpointed.
func (c *Cache) checkpoints(in spark.CachedInput) bool {
	storage := strings.ToUpper(cmp.Or(in.Keep.StorageLevel, c.cfg.StorageLevel))
	return storage == "" || storage == spark.Checkpointed
}

// keep has the engine keep the rows of df, which is in's plan with what it
// takes from the cache, held by lease, in place.
func (c *Cache) keep(ctx context.Context, in spark.CachedInput, df *spark.DataFrame, lease *Lease, opt spark.Options) (kept, error) {
	// Who builds ahead does so for the rows to be there.
	lazy := in.Keep.Lazy && !askerOf(ctx).Warm
	if !c.checkpoints(in) {
		storage := strings.ToUpper(cmp.Or(in.Keep.StorageLevel, c.cfg.StorageLevel))
		rows, err := c.keepPersisted(ctx, df, lease, storage, lazy, opt)
		lacks, is := errors.AsType[*spark.LacksError](err)
		if !is {
			return rows, err
		}
		// Rows that are kept is what was wanted. How is told to whoever runs the host.
		c.warnOnce(ctx, lacks, in.Name, storage)
	}
	checkpoint := c.cfg.Session.Checkpoint
	if lazy {
		checkpoint = c.cfg.Session.LazyCheckpoint
	}
	scope := c.scope(ctx)
	made, err := checkpoint(ctx, df, opt)
	if err != nil {
		return kept{}, err
	}
	return kept{
		frame: spark.Relation(made.RelationID), generation: made.Generation, storage: spark.Checkpointed, checkpoint: made,
		hash: in.Hash, scope: scope,
	}, nil
}

// warnOnce says that the engine cannot persist, once for each cache's name.
func (c *Cache) warnOnce(ctx context.Context, lacks error, name, storage string) {
	c.mu.Lock()
	said := c.warned[name]
	c.warned[name] = true
	c.mu.Unlock()
	if !said {
		c.cfg.Log.WarnContext(ctx, "cached DataFrame is checkpointed instead of persisted", logkey.Cache, name, logkey.Storage, storage, logkey.Reason, lacks.Error())
	}
}

// letGo has the engine drop rows.
func (c *Cache) letGo(ctx context.Context, rows kept) error {
	if err := c.withdraw(ctx, rows, rows.reason); err != nil {
		return fmt.Errorf("withdraw from other hosts: %w", err)
	}
	if rows.persisted != nil {
		return c.unpersist(ctx, rows.persisted)
	}
	if rows.generation != c.cfg.Session.Generation() {
		return nil
	}
	if rows.handle != "" {
		return c.cfg.Session.DropView(ctx, rows.handle, false)
	}
	if err := c.cfg.Session.Release(ctx, rows.checkpoint); err != nil || c.cfg.Released == nil {
		return err
	}
	return c.cfg.Released(rows.checkpoint)
}
