// Package heapfloor keeps the garbage collector of a process with a small heap from
// running all the time.
//
// Go collects garbage whenever the heap has doubled, and a worker that has 4 MB in use
// collects hundreds of times a second while a module is read and rewritten: then
// one call in a hundred waits for milliseconds.
package heapfloor

import (
	"os"
	"runtime"
)

// Bytes is how much the heap grows at least before garbage is collected.
const Bytes = 64 << 20

// Raise has garbage collected only when the heap has grown by [Bytes], until the
// function that it returns is called. It takes addresses and no memory, but up to
// Bytes of garbage are kept longer. Where the environment says what is to be done
// (GOGC or GOMEMLIMIT), Raise does nothing.
func Raise() (lower func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	// The collector counts it, has nothing to look at in it, and as it is never
	// written to the system gives no memory for it.
	floor := make([]byte, Bytes)
	return func() { runtime.KeepAlive(floor) }
}
