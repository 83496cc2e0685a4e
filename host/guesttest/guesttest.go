// Package guesttest runs the tests of modules that are compiled to WebAssembly
// as the modules are: those in C and AssemblyScript. A test is an export named
// test_…, without parameters or results, which fails by a trap. There is no host
// for it: a call of one of the host's functions is a failure, too.
package guesttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	wasm "github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Prefix begins the names of exports that are tests.
const Prefix = "test_"

// Result is how the tests of a file ended.
type Result struct{ Passed, Failed int }

// Run runs the tests of a file whose names match, each in an instance of its own,
// and writes to out what they print and how they end. Nil matches all. Its error
// is that of a file that cannot be run, or of ctx.
func Run(ctx context.Context, file []byte, match *regexp.Regexp, out io.Writer) (r Result, err error) {
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCloseOnContextDone(true))
	defer func() { err = errors.Join(err, runtime.Close(context.WithoutCancel(ctx))) }()
	compiled, err := runtime.CompileModule(ctx, file)
	if err != nil {
		return r, err
	}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, runtime); err != nil {
		return r, err
	}
	var told nobody
	if err := told.bind(ctx, runtime, compiled); err != nil {
		return r, err
	}
	for _, name := range slices.Sorted(maps.Keys(compiled.ExportedFunctions())) {
		if !strings.HasPrefix(name, Prefix) || match != nil && !match.MatchString(name) {
			continue
		}
		told.message = ""
		line := "ok   " + name
		err := runOne(ctx, runtime, compiled, name, out)
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		if err != nil {
			if told.message == "" {
				told.message = err.Error()
			}
			line = "FAIL " + name + ": " + strings.ReplaceAll(told.message, "\n", "\n     ")
			r.Failed++
		} else {
			r.Passed++
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return r, err
		}
	}
	return r, nil
}

func runOne(ctx context.Context, runtime wazero.Runtime, compiled wazero.CompiledModule, name string, out io.Writer) (err error) {
	instance, err := runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().
		WithName("").WithStartFunctions("_initialize").WithStdout(out).WithStderr(out).WithSysWalltime().WithSysNanotime())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, instance.Close(ctx)) }()
	_, err = instance.ExportedFunction(name).Call(ctx)
	return err
}

// nobody is the host of tests, which keeps the error that a guest tells as it fails.
type nobody struct{ message string }

// bind makes the functions of the host that a file imports.
func (n *nobody) bind(ctx context.Context, runtime wazero.Runtime, file wazero.CompiledModule) error {
	host := runtime.NewHostModuleBuilder(abi.ImportModule)
	for _, f := range file.ImportedFunctions() {
		module, name, _ := f.Import()
		if module != abi.ImportModule {
			continue
		}
		call := func(context.Context, wasm.Module, []uint64) {
			panic(fmt.Errorf("it calls the host's %s, which is there in tasks only", name))
		}
		if name == "result_error" {
			call = n.take
		}
		host.NewFunctionBuilder().WithGoModuleFunction(wasm.GoModuleFunc(call), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	_, err := host.Instantiate(ctx)
	return err
}

// take is result_error of the host.
func (n *nobody) take(_ context.Context, guest wasm.Module, stack []uint64) {
	text, ok := guest.Memory().Read(uint32(stack[0]), uint32(stack[1]))
	var failure abi.Error
	if !ok || json.Unmarshal(text, &failure) != nil {
		panic(errors.New("it tells an error that cannot be read"))
	}
	n.message = failure.Error()
	if failure.Traceback != "" {
		n.message += " (" + failure.Traceback + ")"
	}
	stack[0] = 0
}
