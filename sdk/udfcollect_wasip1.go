package sdk

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// On an executor a module runs only while it is called, and nothing else runs
// beside a call. A collection that Go begins by itself is drawn out there over
// very many calls, of which each has to tell of the pointers that it stores. So
// collections are done between two calls, as a whole.
const (
	callsBetweenLooks = 4096
	collectAfter      = 8 << 20 // bytes that were allocated, or as much as there is in use
	// Go begins one by itself when far more was allocated than that, as by a function
	// that needs much memory in each call.
	smallHeapPercent = 400 // of what is in use, and never less than 16 MiB
	largeHeapPercent = 100
)

// A collector decides when to collect garbage.
type collector struct {
	calls   int // until the next look
	percent int
	at      uint64 // what had been allocated at the last collection
	samples [2]metrics.Sample
}

// called notes that a call was answered.
func (c *collector) called() {
	if c.calls--; c.calls < 0 {
		c.calls = callsBetweenLooks
		c.look()
	}
}

func (c *collector) look() {
	if c.percent == 0 {
		c.samples[0].Name = "/gc/heap/allocs:bytes"
		c.samples[1].Name = "/gc/heap/live:bytes"
		c.limit(smallHeapPercent)
	}
	allocated, live := c.read()
	if allocated-c.at < max(collectAfter, live) {
		return
	}
	runtime.GC()
	if c.at, live = c.read(); live > collectAfter/2 {
		c.limit(largeHeapPercent)
	} else {
		c.limit(smallHeapPercent)
	}
}

func (c *collector) limit(percent int) {
	if c.percent != percent {
		c.percent = percent
		debug.SetGCPercent(percent)
	}
}

// read returns how many bytes were allocated since the start, and how many were in
// use after the last collection.
func (c *collector) read() (allocated, live uint64) {
	metrics.Read(c.samples[:])
	return c.samples[0].Value.Uint64(), c.samples[1].Value.Uint64()
}
