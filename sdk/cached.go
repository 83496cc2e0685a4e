package sdk

import (
	"fmt"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// A Cache makes cached DataFrames, one for each key. See [Cached].
type Cache[K any] struct {
	name  string
	build func(*Context, K) *spark.DataFrame
}

// Cached registers a cache of DataFrames. build describes the DataFrame for a
// key; it must give the same plan for the same key, and return a DataFrame:
// only those can be cached. Call it for a package variable, or in init; a second
// cache of one name is a panic.
//
// The first action that needs a cached DataFrame has the host keep its rows;
// later ones, of any task and module, use them. The host knows them by their
// plan: after a reload with the same plan they are still there, and name is only
// for people.
func Cached[K any](name string, build func(ctx *Context, key K) *spark.DataFrame) *Cache[K] {
	if name == "" {
		panic("sdk.Cached: a cache needs a name")
	}
	if build == nil {
		panic(fmt.Sprintf("sdk.Cached %q: the function is nil", name))
	}
	registered.addCache(name)
	return &Cache[K]{name, build}
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
	return df.Cache(c.name)
}
