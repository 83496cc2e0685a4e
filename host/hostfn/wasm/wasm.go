// Package wasm lets WASM modules call an [abi.Host] through wazero: it is the
// module sparkstalk_v1 that they import.
//
// [Instantiate] adds that module to a runtime once. [WithHost] then makes the
// context to call a guest with; the guest's imports reach the Host in it.
//
// Nothing that a guest passes is trusted. Each pointer and length is checked
// against the guest's memory, and what they point at is copied before use, so
// that a Host may keep what it is given. A guest that breaks the wire rules
// ends its own call: the call returns an error that holds a [CallError].
package wasm

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/sparkstalk/sparkstalk/abi"
)

// What a [CallError] may wrap, beside the cause of a context that has ended.
var (
	// ErrNoHost: the guest called the host outside of an invocation, such as
	// while it was being instantiated.
	ErrNoHost = errors.New("called outside of a task invocation")
	// ErrNoMemory: the guest exports no memory under the name that the ABI asks for.
	ErrNoMemory = fmt.Errorf("the module exports no memory named %q", abi.ExportMemory)
	// ErrOutOfRange: a pointer and length reach past the end of the guest's memory.
	ErrOutOfRange = errors.New("out of the memory's range")
	// ErrTooLong: an argument is longer than [MaxBytes] or [MaxElements].
	ErrTooLong = errors.New("too long")
	// ErrMalformed: a list of strings is not encoded as the ABI says.
	ErrMalformed = errors.New("malformed list")
)

// A CallError is a guest's misuse of a host function. It ends the guest's call,
// whose error has it in its chain.
type CallError struct {
	// Function is the name of the import, such as "frame_filter".
	Function string
	// Argument is the name of the parameter at fault, or empty.
	Argument string
	// Err says what is wrong. It wraps one of this package's Err values, or is
	// the cause of the context that ended.
	Err error
}

func (e *CallError) Error() string {
	if e.Argument == "" {
		return fmt.Sprintf("%s.%s: %v", abi.ImportModule, e.Function, e.Err)
	}
	return fmt.Sprintf("%s.%s: argument %s: %v", abi.ImportModule, e.Function, e.Argument, e.Err)
}

func (e *CallError) Unwrap() error { return e.Err }

// A function is one import that a guest may have.
type function struct {
	name            string
	call            api.GoModuleFunc
	params, results []api.ValueType
	names           []string // of the parameters
}

// The value types, as the ABI's table has them.
const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
	f64 = api.ValueTypeF64
)

// functions returns all functions of the module, those of the register included.
func functions() []function {
	return append(slices.Clip(methods),
		function{name: "take", call: take, params: []api.ValueType{i32}, names: []string{"ptr"}},
		function{name: "error_take", call: errorTake, results: []api.ValueType{i64}},
	)
}

// names has the name of each function.
var names = func() map[string]bool {
	set := map[string]bool{}
	for _, f := range functions() {
		set[f.name] = true
	}
	return set
}()

// Serves reports whether name is a function that a guest can import from
// sparkstalk_v1.
func Serves(name string) bool { return names[name] }

// Instantiate adds the module sparkstalk_v1 to r. It is closed with r.
func Instantiate(ctx context.Context, r wazero.Runtime) error {
	b := r.NewHostModuleBuilder(abi.ImportModule)
	for _, f := range functions() {
		b.NewFunctionBuilder().
			WithGoModuleFunction(f.call, f.params, f.results).
			WithName(f.name).
			WithParameterNames(f.names...).
			Export(f.name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("instantiate %s: %w", abi.ImportModule, err)
	}
	return nil
}

// WithHost returns the context to call a guest with, so that its host calls
// reach h. Make a new one for each call: it also keeps what the guest has yet
// to take, and serves one goroutine at a time.
//
// The guest's host calls end as soon as the context has: with a [CallError]
// that wraps the context's cause. How to interrupt a guest between its host
// calls is up to the runtime's configuration; a Host must itself heed the
// context that it was made with.
func WithHost(ctx context.Context, h abi.Host) context.Context {
	return context.WithValue(ctx, invocationKey{}, &invocation{host: h})
}
