package guesttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tetratelabs/wazero"
	wasm "github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/sparkstalk/sparkstalk/abi"
	hostwasm "github.com/sparkstalk/sparkstalk/host/hostfn/wasm"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

// ImportModule has what tests import to call the module's tasks: call takes the
// name and the arguments, a JSON array, and returns the length of the answer, which
// is the task's result in JSON, or its error as Python prints it. given has rows
// stand where tasks read a table or files: it takes its name or path, the schema
// and a JSON array of rows. take copies the last answer to where its argument says.
const ImportModule = "sparkstalk_test"

// tasks are those of a file with tests. Each call has an instance of its own, as
// on a worker that has just begun, in a runtime whose host is that of tasks.
type tasks struct {
	config wazero.RuntimeConfig
	file   []byte
	out    io.Writer
	test   *test // that runs

	runtime  wazero.Runtime // nil until the first call, as what follows
	compiled wazero.CompiledModule
	manifest abi.Manifest
}

// A test is one that runs, with the host of the tasks that it calls.
type test struct {
	name      string
	recording sdktest.Recording
	host      *sdktest.Host // nil until it is needed
	cleanups  []func()
	answer    []byte // that is yet to be taken
}

// bind makes the functions that tests import.
func (t *tasks) bind(ctx context.Context, runtime wazero.Runtime) error {
	const i32, i64 = wasm.ValueTypeI32, wasm.ValueTypeI64
	b := runtime.NewHostModuleBuilder(ImportModule)
	b.NewFunctionBuilder().WithGoModuleFunction(wasm.GoModuleFunc(func(ctx context.Context, guest wasm.Module, stack []uint64) {
		name, args := read(guest, stack[0], stack[1]), read(guest, stack[2], stack[3])
		t.test.answer = t.call(ctx, string(name), args)
		stack[0] = uint64(len(t.test.answer))
	}), []wasm.ValueType{i32, i32, i32, i32}, []wasm.ValueType{i64}).Export("call")
	b.NewFunctionBuilder().WithGoModuleFunction(wasm.GoModuleFunc(func(ctx context.Context, guest wasm.Module, stack []uint64) {
		source, schema, rows := read(guest, stack[0], stack[1]), read(guest, stack[2], stack[3]), read(guest, stack[4], stack[5])
		var list [][]any
		if err := json.Unmarshal(rows, &list); err != nil {
			t.test.Fatalf("the rows of %s are no JSON array of arrays: %v", source, err)
		}
		given := make([]any, len(list))
		for i, row := range list {
			given[i] = row
		}
		t.host(ctx).Given(string(source), string(schema), given...)
	}), []wasm.ValueType{i32, i32, i32, i32, i32, i32}, nil).Export("given")
	b.NewFunctionBuilder().WithGoModuleFunction(wasm.GoModuleFunc(func(_ context.Context, guest wasm.Module, stack []uint64) {
		if !guest.Memory().Write(uint32(stack[0]), t.test.answer) {
			t.test.Fatalf("the answer does not fit where take is to put it")
		}
	}), []wasm.ValueType{i32}, nil).Export("take")
	_, err := b.Instantiate(ctx)
	return err
}

// read copies what a test hands over.
func read(guest wasm.Module, at, n uint64) []byte {
	data, ok := guest.Memory().Read(uint32(at), uint32(n))
	if !ok {
		panic(&fatal{"it hands over what is not in its memory"})
	}
	return append([]byte{}, data...)
}

// call calls a task. What is wrong with the test ends it.
func (t *tasks) call(ctx context.Context, name string, args []byte) []byte {
	arguments := fmt.Appendf(nil, `{"args":%s,"kwargs":{}}`, args)
	if !json.Valid(arguments) {
		t.test.Fatalf("the arguments of %s are no JSON array: %s", name, args)
	}
	value, err := t.host(ctx).Run(name, arguments, func(host abi.Host, index int32) (int32, error) {
		code, err := t.instance(hostwasm.WithHost(ctx, host), "sparkstalk_run", uint64(index))
		if fatal, ok := errors.AsType[*fatal](err); ok {
			panic(fatal)
		}
		return code, err
	})
	switch e, ok := errors.AsType[*abi.Error](err); {
	case ok:
		return []byte(e.Error())
	case err != nil:
		return []byte("WasmTrap: " + err.Error())
	}
	return value
}

// host returns the host of the tasks that the test calls.
func (t *tasks) host(ctx context.Context) *sdktest.Host {
	if t.runtime == nil {
		if err := t.load(ctx); err != nil {
			t.test.Fatalf("its module cannot be called: %v", err)
		}
	}
	if t.test.host == nil {
		t.test.host = sdktest.RecordedModule(t.test, t.manifest, t.test.recording)
	}
	return t.test.host
}

// load has the file run as the module that it holds beside the tests.
func (t *tasks) load(ctx context.Context) (err error) {
	t.runtime = wazero.NewRuntimeWithConfig(ctx, t.config)
	if t.compiled, err = t.runtime.CompileModule(ctx, t.file); err != nil {
		return err
	}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, t.runtime); err != nil {
		return err
	}
	if err := hostwasm.Instantiate(ctx, t.runtime); err != nil {
		return err
	}
	if err := t.bind(ctx, t.runtime); err != nil {
		return err
	}
	told := &describing{Unsupported: abi.Unsupported{Reason: "describe has no task to answer"}}
	code, err := t.instance(hostwasm.WithHost(ctx, told), "sparkstalk_describe")
	if err == nil && code != 0 {
		err = fmt.Errorf("sparkstalk_describe returned %d", code)
	}
	if err == nil {
		t.manifest, err = abi.ParseManifest(told.manifest)
	}
	return err
}

// instance calls an export in an instance of its own.
func (t *tasks) instance(ctx context.Context, export string, args ...uint64) (code int32, err error) {
	instance, err := t.runtime.InstantiateModule(ctx, t.compiled, instanceConfig(t.out))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, instance.Close(ctx)) }()
	f := instance.ExportedFunction(export)
	if f == nil {
		return 0, fmt.Errorf("the file exports no %s", export)
	}
	results, err := f.Call(ctx, args...)
	if err != nil {
		return 0, err
	}
	return wasm.DecodeI32(results[0]), nil
}

func (t *tasks) close(ctx context.Context) error {
	if t.runtime == nil {
		return nil
	}
	return t.runtime.Close(ctx)
}

// describing is the host that a module gives its manifest to.
type describing struct {
	abi.Unsupported
	manifest []byte
}

func (d *describing) ResultJSON(value []byte) error {
	d.manifest = value
	return nil
}

// A fatal is the panic that ends a test.
type fatal struct{ message string }

func (f *fatal) Error() string { return f.message }

// Helper implements [sdktest.NamedTB], as do the others.
func (t *test) Helper() {}

// Name is the test's behind that of its file.
func (t *test) Name() string { return t.name }

// Cleanup has f called once the test has ended.
func (t *test) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

// Fatalf ends the test.
func (t *test) Fatalf(format string, args ...any) { panic(&fatal{fmt.Sprintf(format, args...)}) }

// end calls what was to be called at the end.
func (t *test) end() (err error) {
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(*fatal)
			if !ok {
				panic(p)
			}
			err = f
		}
	}()
	for _, f := range t.cleanups {
		f()
	}
	return nil
}
