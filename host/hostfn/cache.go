package hostfn

import (
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// FrameCache implements [abi.Host].
func (i *Invocation) FrameCache(in abi.Frame, name string) abi.Frame {
	return i.build("FrameCache").cache(in, name, spark.Keeping{})
}

// FrameCacheWith implements [abi.Host].
func (i *Invocation) FrameCacheWith(in abi.Frame, name string, options []string) abi.Frame {
	b := i.build("FrameCacheWith")
	var keep spark.Keeping
	for option, value := range b.pairs(options) {
		switch option {
		case "storage_level":
			if err := cache.CheckStorageLevel(cut(value, 100)); err != nil {
				b.invalid(typeValue, "%v", err)
			}
			keep.StorageLevel = value
		case "lazy":
			lazy, err := strconv.ParseBool(value)
			if err != nil {
				b.invalid(typeValue, "lazy is %q; it is true or false", cut(value, 100))
			}
			keep.Lazy = lazy
		case "ttl":
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil || math.IsNaN(seconds) || seconds == 0 {
				b.invalid(typeValue, "ttl is %q; it is a number of seconds, or negative for ever", cut(value, 100))
			}
			keep.TTL = duration(seconds)
		default:
			b.invalid(typeValue, "option %q is unknown; there are storage_level, lazy and ttl", cut(option, 100))
		}
	}
	return b.cache(in, name, keep)
}

// duration is a number of seconds, as far as a duration goes.
func duration(seconds float64) time.Duration {
	switch ns := seconds * float64(time.Second); {
	case seconds < 0:
		return -1
	case ns >= math.MaxInt64:
		return math.MaxInt64
	default:
		return max(1, time.Duration(ns))
	}
}

func (b *builder) cache(in abi.Frame, name string, keep spark.Keeping) abi.Frame {
	df := b.frame(in)
	b.weight = nodeBytes // plans only refer to what is cached
	b.count(len(name))
	name = printable(cut(name, 200))
	if name == "" {
		name = "unnamed"
	}
	if err := df.Err(); err != nil && b.err == nil {
		if denied, ok := errors.AsType[*abi.Error](err); ok && denied.Type == typePermission {
			return b.keepFrame(spark.Invalid(err)) // whatever was made of it
		}
		return b.keepFrame(spark.Invalid(&cache.UncacheableError{Name: name, Err: err}))
	}
	return b.keepFrame(df.CachedAs(name, keep))
}

// Warm builds the cached DataFrames that the given result reads, and does not
// read them: it is what a call for one of a module's [abi.WarmSpec] ends with.
// It returns the hash of the cached DataFrame.
func (i *Invocation) Warm() (hash string, err error) {
	switch i.given {
	case givenRows:
	case givenFailure:
		return "", i.withCause(i.failure)
	default:
		return "", abi.Errorf(typeValue, "%s gave no DataFrame", i.task.Name)
	}
	inputs := i.rows.CachedInputs()
	if len(inputs) != 1 || !i.rows.IsCached() {
		return "", abi.Errorf(typeValue, "%s gave a DataFrame that is not a cached one", i.task.Name)
	}
	if err := i.cfg.Cache.RestoreViews(i.ctx); err != nil {
		return inputs[0].Hash, i.failed(i.ctx, err)
	}
	_, lease, err := i.cfg.Cache.Use(i.ctx, i.rows, i.opt)
	if err != nil {
		return inputs[0].Hash, i.failed(i.ctx, err)
	}
	lease.Release()
	return inputs[0].Hash, nil
}
