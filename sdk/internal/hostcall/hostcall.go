// Package hostcall hands the SDK the [abi.Host] of the task at hand.
//
// In a WASM module that is the host that runs it, reached by imported
// functions. In a native build, a Go plugin or a test, somebody has to say
// which: [Use].
package hostcall

import (
	"sync/atomic"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A holder makes Hosts of different types fit one atomic value.
type holder struct{ host abi.Host }

var current atomic.Pointer[holder]

// Host returns the Host that was last given to [Use]. Without one it is the
// module's own host under wasip1, and elsewhere an [abi.Unsupported].
//
// Ask once for each invocation and carry the value along, so that invocations
// that run natively side by side each keep their own.
func Host() abi.Host {
	if h := current.Load(); h != nil {
		return h.host
	}
	return standard
}

// Use makes h the Host that [Host] returns, until restore is called; nil means
// the standard one. It is for code that runs one task at a time, such as a
// test: the choice is the whole process's. It may be called from any goroutine.
func Use(h abi.Host) (restore func()) {
	var next *holder
	if h != nil {
		next = &holder{host: h}
	}
	before := current.Swap(next)
	return func() { current.Store(before) }
}
