package module

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/module/rewrite"
)

// budget is what a guest may do between two looks at whether its call is to go
// on, in bytes of code: some tenths of a millisecond of it. A look takes about
// 0.1 µs.
const budget = 1 << 19

// ErrStack is the cause of a call's end whose calls nested too deep.
var ErrStack = errors.New("stack overflow")

// ErrCPU is the cause of a call's end that took too much of a processor's time.
var ErrCPU = errors.New("too much processor time")

// A meter says when, in its thread's time, a call has had what it may have; zero
// is never. It also knows how much stack that may take.
type meter struct {
	end      int64
	limit    time.Duration
	stackMiB int
	// behind, if there is one, has this thread give way to those that wake until back
	// is called. Code that has used up a budget since it last called the host does.
	behind func() (back func())
	back   func()
}

// look is called when a budget is used up.
func (m *meter) look() {
	if m.behind != nil && m.back == nil {
		runtime.LockOSThread() // the thread is the call's as long as that is so
		m.back = m.behind()
	}
}

// rest is called when the code calls the host, or ends.
func (m *meter) rest() {
	if m.back != nil {
		m.back()
		m.back = nil
		runtime.UnlockOSThread()
	}
}

type meterKey struct{}

// bindGuard adds the function that rewritten modules call when their budget is
// used up.
func (e *engine) bindGuard(ctx context.Context) error {
	types := []api.ValueType{api.ValueTypeI32}
	_, err := e.runtime.NewHostModuleBuilder(rewrite.ImportModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(e.tick), types, types).WithParameterNames("stack_left").
		Export(rewrite.TickName).Instantiate(ctx)
	if err != nil {
		return fmt.Errorf("bind the guard: %w", err)
	}
	return nil
}

// tick ends a call that is to end, and else gives it more to do. The runtime
// may stop the goroutine here, to collect garbage or to let others run.
func (e *engine) tick(ctx context.Context, _ api.Module, stack []uint64) {
	if api.DecodeI32(stack[0]) < 0 {
		most := "they may"
		if m, ok := ctx.Value(meterKey{}).(*meter); ok {
			most = fmt.Sprintf("%d MiB", m.stackMiB)
		}
		panic(fmt.Errorf("%w: its calls take more than %s of stack (setting module_stack_mib, or modules, stack_mib)", ErrStack, most))
	}
	if ctx.Err() != nil {
		panic(context.Cause(ctx))
	}
	if m, ok := ctx.Value(meterKey{}).(*meter); ok {
		if m.end > 0 && threadTime() > m.end {
			panic(fmt.Errorf("%w: more than %v (setting modules, cpu_limit)", ErrCPU, m.limit))
		}
		m.look()
	}
	stack[0] = api.EncodeI32(budget)
}

// trusted reports whether a module runs as it is. Where there are keys one of
// them must have signed it: whoever writes to the folder chooses the name.
func (e *engine) trusted(name string, signer *Key) bool {
	if len(e.cfg.Keys) > 0 && signer == nil {
		return false
	}
	return slices.ContainsFunc(e.cfg.Trusted, func(pattern string) bool {
		ok, err := path.Match(pattern, name) // withDefaults has checked it
		return err == nil && ok
	})
}

// guarded returns what is compiled of a module's file: the file rewritten, so
// that its code can be stopped, unless the module is trusted.
func (e *engine) guarded(name string, file []byte, most abi.Limits, signer *Key) ([]byte, error) {
	if e.trusted(name, signer) {
		return file, nil
	}
	out, err := rewrite.Module(file, rewrite.Limits{
		StackBytes: most.StackMiB << 20, MemoryPages: uint32(most.MemoryMiB << 20 / pageSize), TableEntries: uint32(most.TableEntries),
	})
	if _, ok := errors.AsType[*rewrite.LimitError](err); ok {
		return nil, refusal(OverLimit, "%w", err)
	}
	if err != nil {
		return nil, refusal(Invalid, "it does not compile: %w", err)
	}
	return out, nil
}

// guards reports whether an import is the guard's.
func guards(f api.FunctionDefinition) bool {
	module, name, _ := f.Import()
	return module == rewrite.ImportModule && name == rewrite.TickName
}
