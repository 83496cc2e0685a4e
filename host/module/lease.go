package module

import (
	"context"
	"sync/atomic"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A Lease pins the version that serves a task, from the moment on that it was
// acquired. Its methods may be called by several goroutines, Release once all
// calls of Run have returned. A Lease that is never released keeps its version
// for ever.
type Lease struct {
	version  *version
	index    int
	released atomic.Bool
}

// Spec is the task's description. A lease of [Registry.AcquireWarm] has none.
func (l *Lease) Spec() abi.TaskSpec { return l.version.info.Tasks[l.index] }

// Module describes the version as it is now. State is that of the moment when
// the lease was acquired.
func (l *Lease) Module() Info { return l.version.Info(Serving) }

// Version is the name of the module and the hash of its file.
func (l *Lease) Version() (name, hash string) { return l.version.info.Name, l.version.info.Hash }

// Capabilities are what the module asks for in its manifest.
func (l *Lease) Capabilities() []string { return l.version.info.Capabilities }

// SignedBy names the key that signed the module, or is empty.
func (l *Lease) SignedBy() string { return l.version.info.SignedBy }

// Limits are what the module may use.
func (l *Lease) Limits() abi.Limits { return l.version.info.Limits }

// Functions are the module's for Spark's expressions. They must not be changed.
func (l *Lease) Functions() Functions { return l.version.functions }

// Run runs the task once, on an instance that no other call has meanwhile; it
// waits for one while Config.MaxInstances are busy. The guest's host calls reach h.
//
// It returns nil if the guest returned, having succeeded or having said of itself
// by ResultError that it failed: h knows which. A trap behind such a word changes
// nothing. When ctx ends, the guest is
// interrupted, and the error wraps ctx's cause. The package's documentation says
// what cannot be interrupted; a host function that blocks is one thing more, so
// h must heed ctx. Every other end is a [*TrapError].
func (l *Lease) Run(ctx context.Context, h abi.Host) error {
	return l.version.run(ctx, l.index, h)
}

// Release lets go of the version. Calling it again does nothing.
func (l *Lease) Release() {
	if l.released.CompareAndSwap(false, true) {
		l.version.release()
	}
}
