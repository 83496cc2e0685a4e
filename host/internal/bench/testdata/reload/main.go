// Command reload is a small module, of which the benchmark swaps versions.
package main

import "github.com/sparkstalk/sparkstalk/sdk"

// version is set by the linker.
var version = "1"

type none struct{}

func init() {
	sdk.Task("test.noop", func(*sdk.Context, none) (none, error) { return none{}, nil })
	sdk.Task("test.version", func(*sdk.Context, none) (string, error) { return version, nil })
}

func main() {}
