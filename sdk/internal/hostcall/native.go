//go:build !wasip1

package hostcall

import "github.com/sparkstalk/sparkstalk/abi"

// standard refuses: a native process has no host of its own.
var standard abi.Host = abi.Unsupported{Reason: "this is not a WASM module, so it needs a host handed in, as sdktest does"}
