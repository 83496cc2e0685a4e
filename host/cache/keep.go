package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
}

// outlives reports whether the rows stay in the engine when the session has ended.
func (k kept) outlives() bool { return k.persisted != nil }

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

// keep has the engine keep the rows of df, which is in's plan with what it
// takes from the cache, held by lease, in place.
func (c *Cache) keep(ctx context.Context, in spark.CachedInput, df *spark.DataFrame, lease *Lease, opt spark.Options) (kept, error) {
	storage := in.Keep.StorageLevel
	if storage == "" {
		storage = c.cfg.StorageLevel
	}
	storage = strings.ToUpper(storage)
	// Who builds ahead does so for the rows to be there.
	lazy := in.Keep.Lazy && !askerOf(ctx).Warm
	if storage != "" && storage != spark.Checkpointed {
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
	made, err := checkpoint(ctx, df, opt)
	if err != nil {
		return kept{}, err
	}
	return kept{
		frame: spark.Relation(made.RelationID), generation: made.Generation, storage: spark.Checkpointed, checkpoint: made,
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
	if rows.persisted != nil {
		return c.unpersist(ctx, rows.persisted)
	}
	if rows.generation != c.cfg.Session.Generation() {
		return nil
	}
	return c.cfg.Session.Release(ctx, rows.checkpoint)
}
