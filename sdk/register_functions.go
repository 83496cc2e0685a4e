//go:build sparkstalk_functions

package sdk

import "github.com/sparkstalk/sparkstalk/sdk/spark"

// Built with the tag sparkstalk_functions a module has its functions for Spark's
// expressions alone. Tasks and caches are dropped, and the linker leaves out all
// that only they need: what executors get is a third as large.

// Task does nothing in this build.
func Task[A, R any](name string, fn func(*Context, A) (R, error), options ...Option) {}

// Cached gives a cache without a builder in this build, where no task asks it.
func Cached[K any](name string, build func(ctx *Context, key K) *spark.DataFrame, options ...CacheOption) *Cache[K] {
	return &Cache[K]{}
}
