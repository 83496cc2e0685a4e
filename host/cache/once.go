package cache

import (
	"context"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

// Once is [Cache.Do] for what must not happen twice, such as a write: run is
// called at most once, whatever becomes of the session. Rows that turn out to be
// lost are built anew for the next who asks.
func (c *Cache) Once(ctx context.Context, df *spark.DataFrame, opt spark.Options, run func(ctx context.Context, df *spark.DataFrame) error) error {
	_, err := c.inViews(ctx, df, opt, run)
	return err
}
