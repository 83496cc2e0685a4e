//go:build !sparkstalk_functions

package sdk

import "github.com/sparkstalk/sparkstalk/sdk/internal/hostcall"

//go:wasmexport sparkstalk_describe
func describe() int32 { return Describe(hostcall.Host()) }

//go:wasmexport sparkstalk_run
func run(index int32) int32 { return Run(hostcall.Host(), index) }
