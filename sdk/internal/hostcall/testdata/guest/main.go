// Command guest is a task module for tests: it calls every host function and
// prints what came back. A test of host/hostfn/wasm builds and runs it.
package main

import (
	"fmt"
	"runtime"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/abitest"
	"github.com/sparkstalk/sparkstalk/sdk/internal/hostcall"
)

//go:wasmexport sparkstalk_run
func run(round int32) int32 {
	for _, line := range abitest.CallAll(hostcall.Host(), abitest.Round(round)) {
		fmt.Println(line)
	}
	return 0
}

// allocations returns how often a hundred rounds of typical calls allocate in
// this module's memory.
//
//go:wasmexport allocations
func allocations() int64 {
	h := hostcall.Host()
	options, names := []string{"header", "true", "sep", ";"}, []string{"id", "word"}
	columns, value := []abi.Expr{1, 2, 3}, []byte("value")
	// What runs in between allocates too, but not a hundred times.
	const rounds = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		f := h.FrameRead("csv", "id int, word string", options, names)
		f = h.FrameSelect(f, columns)
		f = h.FrameFilter(f, h.ExprCall("isnotnull", columns, false))
		f = h.FrameWithColumns(f, names, columns)
		_ = h.ExprBinary(value)
		_ = h.FrameLimit(f, 5)
	}
	runtime.ReadMemStats(&after)
	return int64(after.Mallocs-before.Mallocs) / rounds
}

func main() {}
