package host

import (
	"context"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/udf"
)

// libraries are the functions for Spark's expressions of modules that have been
// called, by the hash of what executors run: versions of a module that do not
// differ in that share what the session has registered.
type libraries struct{ byHash sync.Map }

// library returns the functions of a task's module.
func (r *Runtime) library(lease *module.Lease) *udf.Library {
	f := lease.Functions()
	if f.Hash == "" {
		return nil
	}
	if known, ok := r.libraries.byHash.Load(f.Hash); ok {
		return known.(*udf.Library)
	}
	memory := r.cfg.FunctionMemoryMiB
	if memory == 0 {
		memory = udf.DefaultMemoryMiB
	}
	library := udf.New(f.File, f.Hash, f.Specs, memory)
	known, _ := r.libraries.byHash.LoadOrStore(f.Hash, library)
	return known.(*udf.Library)
}

// forget has the session drop functions that no module has any more, in the
// background. What is cached and needs them again brings them back.
func (r *Runtime) forget(hash string) {
	known, ok := r.libraries.byHash.LoadAndDelete(hash)
	if !ok {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		unused := func() bool {
			_, again := r.libraries.byHash.Load(hash)
			return !again
		}
		if err := r.session.Forget(ctx, known.(*udf.Library).Functions(), unused); err != nil {
			// They cost nothing but a name, and go with the session.
			r.log.Debug("drop functions of a replaced module", logkey.Error, err)
		}
	}()
}
