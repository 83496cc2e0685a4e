package sdk

import (
	"fmt"
	"strconv"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// A Cache makes cached DataFrames, one for each key. See [Cached].
type Cache[K any] struct {
	name    string
	build   func(*Context, K) *spark.DataFrame
	options []string
}

// describeKey returns a key as people see it in the manifest.
func describeKey(name string, key any) []byte {
	data, err := pyjson.Marshal(key)
	if err != nil {
		panic(fmt.Sprintf("sdk.Cached %q: the key %v of sdk.Warm has no form as JSON: %v", name, key, err))
	}
	return data
}

// Name returns the cache's name.
func (c *Cache[K]) Name() string { return c.name }

// Get returns the cached DataFrame for a key. It costs as little as describing
// it; nothing runs before an action. If build returned no DataFrame, that is the
// action's error.
func (c *Cache[K]) Get(ctx *Context, key K) *spark.DataFrame {
	df := c.build(ctx, key)
	if df == nil {
		return spark.InvalidFrame(abi.Errorf("TypeError", "cache %q: only DataFrames can be cached, but its function returned nil for the key %v", c.name, key))
	}
	if len(c.options) == 0 {
		return df.Cache(c.name)
	}
	return df.CacheWith(c.name, c.options...)
}

// cacheSettings is what CacheOptions change.
type cacheSettings struct {
	name    string
	options []string // of FrameCacheWith
	warm    []any
}

// A CacheOption changes how a cache keeps rows. See [Cached].
type CacheOption func(*cacheSettings)

// Warm has the host build the DataFrames for these keys when the module is
// loaded, in the background, and again when they have expired or the engine has
// lost them: even the first task finds them, unless it comes before they are
// built. Keys have the type of the cache's keys; struct{}{} is that of a cache
// with a single DataFrame.
func Warm(keys ...any) CacheOption {
	return func(c *cacheSettings) { c.warm = append(c.warm, keys...) }
}

// StorageLevel persists the rows, at a level as PySpark names it, such as
// "MEMORY_AND_DISK" or "DISK_ONLY", instead of checkpointing them: Spark can
// compute lost ones again, so that they survive executors that come and go.
// "CHECKPOINT" is a checkpoint even where the host persists by default. Sail
// cannot persist; there the host checkpoints them, and its log says so.
func StorageLevel(level string) CacheOption {
	return func(c *cacheSettings) { c.options = append(c.options, "storage_level", level) }
}

// Lazy leaves computing the rows to the first action that reads them, instead
// of computing all of them ahead of it: for an action that needs only a few. Rows
// built ahead by [Warm], and all of them on Sail, are computed at once all the
// same.
func Lazy() CacheOption {
	return func(c *cacheSettings) { c.options = append(c.options, "lazy", "true") }
}

// TTL is how long rows are used after they were built: it is the most that the
// data behind them may have changed unnoticed. Negative is for ever; without it
// the host decides, and its default is a day.
func TTL(d time.Duration) CacheOption {
	return func(c *cacheSettings) {
		if d == 0 {
			panic(fmt.Sprintf("sdk.Cached %q: a TTL of zero would keep nothing", c.name))
		}
		c.options = append(c.options, "ttl", strconv.FormatFloat(d.Seconds(), 'f', -1, 64))
	}
}
