package module

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/sys"
)

// A TrapError is how a call ends that the guest did not bring to an end itself:
// by a trap, a panic, an exit, or misuse of a host function. The instance is
// thrown away.
type TrapError struct {
	// Module is the module's name, Task the task's.
	Module, Task string
	// Message says what happened in one line: the line of a language's panic if
	// the guest printed one, else the trap.
	Message string
	// Traceback is what is known of the place, for people: what the guest
	// printed about it, and the WASM stack.
	Traceback string
	// Stderr is the last 4 KiB that the guest printed during the call.
	Stderr string
	// Exited says that the guest exited, with ExitCode.
	Exited   bool
	ExitCode uint32
	// stack is the WASM stack, and lines says that it has lines of the source.
	stack string
	lines bool
	// Err is the cause. If a host function panicked with an error, that is in its chain.
	Err error
}

// Error names the module, the task and the message.
func (e *TrapError) Error() string {
	return fmt.Sprintf("module %s: task %s: %s", e.Module, e.Task, e.Message)
}

// Unwrap returns Err.
func (e *TrapError) Unwrap() error { return e.Err }

// stackMark is where wazero puts the WASM stack into an error's text.
const stackMark = "\nwasm stack trace:"

// sourceMark is how a line of the source begins in it.
const sourceMark = "\n\t\t0x"

// newTrap describes the end of a guest's call by err.
func newTrap(module, task string, err error, out *output) *TrapError {
	t := &TrapError{Module: module, Task: task, Err: err, Stderr: out.last()}
	text, stack, _ := strings.Cut(err.Error(), stackMark)
	// A crash of the host's own code comes with the host's stack, which is
	// not for clients. It stays in Err.
	stack, _, _ = strings.Cut(stack, "\n\nGo runtime stack trace:")

	said, rest := out.panicked()
	if exit, ok := errors.AsType[*sys.ExitError](err); ok {
		t.Exited, t.ExitCode = true, exit.ExitCode()
		t.Message = fmt.Sprintf("exited with code %d", t.ExitCode)
		if t.ExitCode == 0 {
			t.Message += " before the task returned"
		}
	} else {
		t.Message = strings.TrimPrefix(text, "wasm error: ")
		t.Message = strings.TrimSuffix(t.Message, " (recovered by wazero)")
	}
	if said != "" {
		t.Message = said
	}
	var trace []string
	if rest != "" {
		trace = append(trace, strings.TrimRight(rest, "\n"))
	} else if t.Stderr != "" {
		trace = append(trace, strings.TrimRight(t.Stderr, "\n"))
	}
	if stack != "" {
		t.stack = strings.TrimPrefix(stackMark, "\n") + demangled(stack)
		t.lines = strings.Contains(stack, sourceMark)
		trace = append(trace, t.stack)
	}
	t.Traceback = strings.Join(trace, "\n")
	return t
}

// interrupted is the error of a call whose context has ended.
func interrupted(ctx context.Context, module, task string) error {
	return fmt.Errorf("module %s: task %s: interrupted: %w", module, task, context.Cause(ctx))
}
