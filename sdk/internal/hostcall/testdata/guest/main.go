// Command guest is a task module for tests: it calls every host function and
// prints what came back. A test of host/hostfn/wasm builds and runs it.
package main

import (
	"fmt"

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

func main() {}
