// Package guesttest runs the tests of modules that are compiled to WebAssembly
// as the modules are: those in C and AssemblyScript. A test is an export named
// test_…, without parameters or results, which fails by a trap. There is no host
// for it: a call of one of the host's functions is a failure, too. But it may
// call the module's tasks, whose host is one of sdktest, with frames that the test
// gives and answers of an engine, or such as were recorded.
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
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

// Prefix begins the names of exports that are tests.
const Prefix = "test_"

// Result is how the tests of a file ended.
type Result struct{ Passed, Failed int }

// Options say which tests run, and what answers the tasks that they call.
type Options struct {
	// Match is what the tests' names match. Nil matches all.
	Match *regexp.Regexp
	// Name is the file's, which the recordings' names begin with.
	Name string
	// Recording is where an engine's answers are.
	Recording sdktest.Recording
}

// Run runs the tests of a file, each in an instance of its own, and writes to out
// what they print and how they end. Its error is that of a file that cannot be
// run, or of ctx.
func Run(ctx context.Context, file []byte, o Options, out io.Writer) (r Result, err error) {
	cache := wazero.NewCompilationCache() // the tasks that tests call are of the same file
	defer func() { err = errors.Join(err, cache.Close(context.WithoutCancel(ctx))) }()
	config := wazero.NewRuntimeConfig().WithCloseOnContextDone(true).WithCompilationCache(cache)
	runtime := wazero.NewRuntimeWithConfig(ctx, config)
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
	called := &tasks{config: config, file: file, out: out}
	defer func() { err = errors.Join(err, called.close(context.WithoutCancel(ctx))) }()
	if err := called.bind(ctx, runtime); err != nil {
		return r, err
	}
	for _, name := range slices.Sorted(maps.Keys(compiled.ExportedFunctions())) {
		if !strings.HasPrefix(name, Prefix) || o.Match != nil && !o.Match.MatchString(name) {
			continue
		}
		told.message = ""
		line := "ok   " + name
		called.test = &test{name: o.Name + "/" + name, recording: o.Recording}
		err := errors.Join(runOne(ctx, runtime, compiled, name, out), called.test.end())
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		if err != nil {
			if fatal, ok := errors.AsType[*fatal](err); ok {
				told.message = fatal.message
			}
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
	instance, err := runtime.InstantiateModule(ctx, compiled, instanceConfig(out))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, instance.Close(ctx)) }()
	_, err = instance.ExportedFunction(name).Call(ctx)
	return err
}

func instanceConfig(out io.Writer) wazero.ModuleConfig {
	return wazero.NewModuleConfig().
		WithName("").WithStartFunctions("_initialize").WithStdout(out).WithStderr(out).WithSysWalltime().WithSysNanotime()
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
