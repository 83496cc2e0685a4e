package hostfn

import (
	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// FrameCache implements [abi.Host].
func (i *Invocation) FrameCache(in abi.Frame, name string) abi.Frame {
	b := i.build("FrameCache")
	df := b.frame(in)
	b.weight = nodeBytes // plans only refer to what is cached
	b.count(len(name))
	name = printable(cut(name, 200))
	if name == "" {
		name = "unnamed"
	}
	if err := df.Err(); err != nil && b.err == nil {
		return b.keepFrame(spark.Invalid(&cache.UncacheableError{Name: name, Err: err}))
	}
	return b.keepFrame(df.Cached(name))
}
