package cache

import (
	"context"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

// kept is rows that the engine keeps for one entry.
type kept struct {
	frame      *spark.DataFrame // what plans read in place of the placeholder
	generation uint64           // of the session
	storage    string           // spark.Checkpointed or a storage level
	checkpoint spark.Checkpoint // if it is one
	inner      *Lease           // on cached rows that these may be computed from again
}

// outlives reports whether the rows stay in the engine when the session has ended.
func (k kept) outlives() bool { return false }

// keep has the engine keep the rows of df, which is in's plan with what it
// takes from the cache, held by lease, in place.
func (c *Cache) keep(ctx context.Context, in spark.CachedInput, df *spark.DataFrame, lease *Lease, opt spark.Options) (kept, error) {
	checkpoint, err := c.cfg.Session.Checkpoint(ctx, df, opt)
	if err != nil {
		return kept{}, err
	}
	return kept{
		frame: spark.Relation(checkpoint.RelationID), generation: checkpoint.Generation,
		storage: spark.Checkpointed, checkpoint: checkpoint,
	}, nil
}

// letGo has the engine drop rows.
func (c *Cache) letGo(ctx context.Context, rows kept) error {
	if rows.generation != c.cfg.Session.Generation() {
		return nil
	}
	return c.cfg.Session.Release(ctx, rows.checkpoint)
}

// StorageLevels are what [spark.Keeping.StorageLevel] may be: PySpark's levels,
// and CHECKPOINT.
var StorageLevels = []string{
	spark.Checkpointed, "DISK_ONLY", "DISK_ONLY_2", "DISK_ONLY_3", "MEMORY_AND_DISK", "MEMORY_AND_DISK_2",
	"MEMORY_AND_DISK_DESER", "MEMORY_ONLY", "MEMORY_ONLY_2", "OFF_HEAP",
}
