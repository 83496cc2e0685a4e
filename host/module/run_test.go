package module

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
)

// trap calls a task that must end in a TrapError.
func trap(t *testing.T, r *Registry, task string, c *call) *TrapError {
	t.Helper()
	err := run(t.Context(), r, task, c)
	trapped, ok := errors.AsType[*TrapError](err)
	if !ok {
		t.Fatalf("%s: got %v, want a TrapError", task, err)
	}
	if trapped.Task != task || !strings.Contains(err.Error(), task) || !strings.Contains(err.Error(), trapped.Module) {
		t.Errorf("%q does not name module %s and task %s", err, trapped.Module, trapped.Task)
	}
	return trapped
}

// Bodies of sparkstalk_run.
var (
	bodyLoop  = []byte{0x03, 0x40, 0x0c, 0, end, 0x41, 0, end}
	bodyTrap  = []byte{0x00, end}
	bodyOne   = []byte{0x41, 1, end}
	bodyCount = slices.Concat(i32(1), []byte{0x10, 1, 0x1a}, i32(0), []byte{end}) // asks the host for a number
)

func TestGoPanicIsATrapWithItsMessage(t *testing.T) {
	cfg := goConfig(t)
	r := open(t, cfg)
	trapped := trap(t, r, "guest.panic", &call{})
	if !strings.HasPrefix(trapped.Message, "panic: ") || !strings.Contains(trapped.Message, "a typed error") || strings.Contains(trapped.Message, "\n") {
		t.Errorf("Message = %q", trapped.Message)
	}
	// Go's runtime exits with code 2 or traps, depending on where it is.
	for _, want := range []string{"panic: ", "goroutine 1", "main.deeper"} {
		if !strings.Contains(trapped.Traceback, want) {
			t.Errorf("Traceback has no %q:\n%s", want, trapped.Traceback)
		}
	}
	if !strings.Contains(trapped.Stderr, "a typed error") {
		t.Errorf("TrapError = %#v", *trapped)
	}
	// The next call has another instance and knows nothing of it.
	if got := result(t, r, "guest.version"); got != `"1"` {
		t.Errorf("guest.version gave %s", got)
	}
	if info := only(t, r, "guest.wasm", Serving); info.Calls != 2 || info.Traps != 1 || info.Instances != 1 {
		t.Errorf("Info = %+v", info)
	}
}

func TestExits(t *testing.T) {
	cfg := goConfig(t)
	r := open(t, cfg)
	trapped := trap(t, r, "guest.exit", &call{})
	if !trapped.Exited || trapped.ExitCode != 7 || trapped.Message != "exited with code 7" || trapped.Stderr != "on my way out\n" || trapped.Traceback != "on my way out" {
		t.Errorf("TrapError = %#v", *trapped)
	}
	trapped = trap(t, r, "guest.exit0", &call{})
	if !trapped.Exited || trapped.ExitCode != 0 || trapped.Message != "exited with code 0 before the task returned" || trapped.Stderr != "" {
		t.Errorf("TrapError = %#v", *trapped)
	}
	if got := result(t, r, "guest.version"); got != `"1"` {
		t.Errorf("guest.version gave %s", got)
	}
}

func TestTrapHasTheStack(t *testing.T) {
	cfg := config(t)
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.trap"), run: bodyTrap}.bytes())
	r := open(t, cfg)
	trapped := trap(t, r, "t.trap", &call{})
	if trapped.Message != "unreachable" || !strings.HasPrefix(trapped.Traceback, "wasm stack trace:") || trapped.Exited {
		t.Errorf("TrapError = %#v", *trapped)
	}
}

func TestFailureThatTheGuestTellsIsNoTrap(t *testing.T) {
	cfg := goConfig(t)
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.silent"), run: bodyOne}.bytes())
	r := open(t, cfg)
	var c call
	if err := run(t.Context(), r, "guest.fail", &c); err != nil || !strings.Contains(string(c.failure), "ValueError") {
		t.Errorf("guest.fail: %v, failure %s", err, c.failure)
	}
	if trapped := trap(t, r, "t.silent", &call{}); trapped.Message != "sparkstalk_run returned 1 without an error" {
		t.Errorf("TrapError = %#v", *trapped)
	}
}

type typedError struct{ n int }

func (*typedError) Error() string { return "typed" }

func TestErrorOfAHostFunctionIsFoundInTheChain(t *testing.T) {
	cfg := goConfig(t)
	r := open(t, cfg)
	trapped := trap(t, r, "guest.host", &call{count: func(context.Context) (int64, error) { return 0, &typedError{7} }})
	typed, ok := errors.AsType[*typedError](error(trapped))
	if !ok || typed.n != 7 || trapped.Message != "typed" || !strings.Contains(trapped.Traceback, "wasm stack trace") {
		t.Errorf("TrapError = %#v", *trapped)
	}
	trapped = trap(t, r, "guest.host", &call{count: func(context.Context) (int64, error) { panic("plain") }})
	if trapped.Message != "plain" {
		t.Errorf("TrapError = %#v", *trapped)
	}
	// A bug of the host ends the call, not the host; clients do not see its stack.
	trapped = trap(t, r, "guest.host", &call{count: func(context.Context) (int64, error) { var p *call; return int64(len(p.result)), nil }})
	if !strings.Contains(trapped.Message, "nil pointer") || strings.Contains(trapped.Traceback, "run_test.go") {
		t.Errorf("TrapError = %#v", *trapped)
	}
	if got := result(t, r, "guest.host"); got != "42" {
		t.Errorf("guest.host gave %s", got)
	}
}

// overrun is how much later than its limit a call may end. The promise is 250
// ms; a machine that is busy with other tests gets more.
const overrun = 250 * time.Millisecond

func TestEndOfTheContextInterrupts(t *testing.T) {
	cfg := goConfig(t)
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.loop"), run: bodyLoop}.bytes())
	r := open(t, cfg)
	result(t, r, "guest.version")
	over := errors.New("over the limit")
	for _, task := range []string{"t.loop", "guest.loop", "guest.sleep"} {
		t.Run(task, func(t *testing.T) {
			best := time.Hour
			for range 5 { // the best of some: others use this machine as well
				const limit = 50 * time.Millisecond
				ctx, cancel := context.WithTimeoutCause(t.Context(), limit, over)
				begin := time.Now()
				err := run(ctx, r, task, &call{})
				best = min(best, time.Since(begin)-limit)
				cancel()
				if _, trapped := errors.AsType[*TrapError](err); trapped || !errors.Is(err, over) {
					t.Fatalf("got %v", err)
				}
				if !strings.Contains(err.Error(), task) {
					t.Errorf("%q does not name the task", err)
				}
				if best < overrun {
					break
				}
			}
			if best > overrun {
				t.Errorf("ended %v after the limit", best)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(20*time.Millisecond, func() { cancel(over) })
			if err := run(ctx, r, task, &call{}); !errors.Is(err, over) {
				t.Errorf("got %v", err)
			}
		})
	}
	if got := result(t, r, "guest.version"); got != `"1"` {
		t.Errorf("an instance was used again: guest.version gave %s", got)
	}
	info := only(t, r, "guest.wasm", Serving)
	if info.Traps < 4 || info.Instances != 1 {
		t.Errorf("Info = %+v", info)
	}
}

// TestInterruptionsHitOnlyTheirCalls ends contexts just before their calls
// return, and lets others go on with the instances that are left.
func TestInterruptionsHitOnlyTheirCalls(t *testing.T) {
	cfg := config(t)
	cfg.Limits = limited(abi.Limits{Instances: 2})
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.count"), run: bodyCount}.bytes())
	r := open(t, cfg)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10_000 {
				ctx, cancel := context.WithCancel(t.Context())
				err := run(ctx, r, "t.count", &call{count: func(context.Context) (int64, error) {
					cancel() // the guest returns at once after this
					return 0, nil
				}})
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("the call that is interrupted: %v", err)
				}
				if err := run(t.Context(), r, "t.count", &call{}); err != nil {
					t.Errorf("the call that nobody interrupts: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestAContextThatHasEndedRunsNothing(t *testing.T) {
	cfg := config(t)
	put(t, cfg, "m.wasm", small("t.one", 1))
	r := open(t, cfg)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("why")
	cancel(cause)
	var c call
	if err := run(ctx, r, "t.one", &c); !errors.Is(err, cause) || c.result != nil {
		t.Errorf("got %v, result %s", err, c.result)
	}
}

func TestInterruptedHostFunctionIsAnInterruption(t *testing.T) {
	cfg := config(t)
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.count"), run: bodyCount}.bytes())
	r := open(t, cfg)
	cause := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := run(ctx, r, "t.count", &call{count: func(ctx context.Context) (int64, error) {
		cancel(cause)
		return 0, context.Cause(ctx)
	}})
	if _, trapped := errors.AsType[*TrapError](err); trapped || !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestMemoryLimit(t *testing.T) {
	cfg := goConfig(t)
	cfg.Limits = limited(abi.Limits{MemoryMiB: 32})
	// Asks for 1 GiB and gives the answer as its failure to: -1 becomes a trap.
	grow := slices.Concat(i32(16384), []byte{0x40, 0}, i32(-1), []byte{0x46, 0x04, 0x40, 0x00, end}, i32(0), []byte{end})
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.grow"), run: grow}.bytes())
	put(t, cfg, "large.wasm", asm{manifest: manifest("t.large"), memory: append([]byte{0}, leb(513)...)}.bytes())
	r := open(t, cfg)
	trapped := trap(t, r, "guest.grow", &call{})
	if !strings.Contains(trapped.Message, "out of memory") {
		t.Errorf("Message = %q", trapped.Message)
	}
	if trapped = trap(t, r, "t.grow", &call{}); trapped.Message != "unreachable" {
		t.Errorf("Message = %q", trapped.Message)
	}
	if info := only(t, r, "large.wasm", Refused); info.Kind != OverLimit || !strings.Contains(info.Reason, "513 pages") {
		t.Errorf("Info = %+v", info)
	}
	if got := result(t, r, "guest.version"); got != `"1"` {
		t.Errorf("guest.version gave %s", got)
	}
}

func TestEndlessRecursionIsATrap(t *testing.T) {
	cfg := config(t)
	recursion := []byte{0x20, 0, 0x10, 3, end} // sparkstalk_run calls itself
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.recurse"), run: recursion}.bytes())
	r := open(t, cfg)
	if trapped := trap(t, r, "t.recurse", &call{}); !errors.Is(trapped, ErrStack) || !strings.Contains(trapped.Message, "16 MiB of stack (setting module_stack_mib, or modules, stack_mib)") {
		t.Errorf("Message = %q", trapped.Message)
	}
}

func TestInstancesAreUsedAgainAndReplacedInTime(t *testing.T) {
	// Counts the calls of an instance in its memory, and gives the count.
	count := slices.Concat(
		i32(0), i32(0), []byte{0x28, 2, 0}, i32(1), []byte{0x6a, 0x36, 2, 0}, // mem[0]++
		i32(resultAt), i32(0), []byte{0x28, 2, 0}, i32('0'), []byte{0x6a, 0x3a, 0, 0}, // the digit
		i32(resultAt), i32(1), []byte{0x10, 0, 0x1a}, i32(0), []byte{end})
	cfg := config(t)
	cfg.MaxCalls = 3
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.count"), run: count}.bytes())
	r := open(t, cfg)
	var got []string
	for range 7 {
		got = append(got, result(t, r, "t.count"))
	}
	if want := []string{"1", "2", "3", "1", "2", "3", "1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestInstanceThatGrewIsReplaced(t *testing.T) {
	cfg := config(t)
	cfg.RecycleMiB = 1
	grow := slices.Concat(i32(32), []byte{0x40, 0, 0x1a}, i32(0), []byte{end}) // by 2 MiB
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.grow"), run: grow}.bytes())
	r := open(t, cfg)
	lease, _ := r.Acquire("t.grow")
	defer lease.Release()
	for range 3 {
		if err := lease.Run(t.Context(), &call{}); err != nil {
			t.Fatal(err)
		}
		if n := lease.Module().MemoryBytes; n != 0 {
			t.Fatalf("%d bytes are kept", n)
		}
	}
}

func TestCallsBeyondTheLimitOfInstancesWait(t *testing.T) {
	cfg := config(t)
	cfg.Limits = limited(abi.Limits{Instances: 2})
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.count"), run: bodyCount}.bytes())
	r := open(t, cfg)
	var busy, most atomic.Int32
	inside := make(chan struct{}, 16)
	leave := make(chan struct{})
	var calls sync.WaitGroup
	for range 5 {
		calls.Go(func() {
			err := run(t.Context(), r, "t.count", &call{count: func(context.Context) (int64, error) {
				n := busy.Add(1)
				for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
				}
				inside <- struct{}{}
				<-leave
				busy.Add(-1)
				return 0, nil
			}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	<-inside
	<-inside
	cause := errors.New("why")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, cause)
	defer cancel()
	if err := run(ctx, r, "t.count", &call{}); !errors.Is(err, cause) || !strings.Contains(err.Error(), "wait for an instance") {
		t.Errorf("a call without an instance: %v", err)
	}
	close(leave)
	calls.Wait()
	if got := most.Load(); got != 2 {
		t.Errorf("%d calls at once, want 2", got)
	}
	if n := only(t, r, "m.wasm", Serving).Instances; n != 2 {
		t.Errorf("%d instances", n)
	}
}

func TestIdleInstancesAreClosed(t *testing.T) {
	cfg := config(t)
	cfg.IdleTimeout = 50 * time.Millisecond
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.count"), run: bodyCount}.bytes())
	r := start(t, cfg)
	var calls, inside sync.WaitGroup
	inside.Add(4)
	for range 4 {
		calls.Go(func() {
			err := run(t.Context(), r, "t.count", &call{count: func(context.Context) (int64, error) {
				inside.Done()
				inside.Wait()
				return 0, nil
			}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	eventually(t, func() error {
		if n := only(t, r, "m.wasm", Serving).Instances; n != 1 {
			return errors.New("more than one instance is kept")
		}
		return nil
	})
}

func TestInitializeRunsOnceForEachInstance(t *testing.T) {
	// _initialize writes the digit that the task gives.
	set := slices.Concat(i32(resultAt), i32('7'), []byte{0x3a, 0, 0, end})
	cfg := config(t)
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.init"), result: "0", more: [][]byte{set}, initialize: true}.bytes())
	put(t, cfg, "trap.wasm", asm{manifest: manifest("t.trap"), more: [][]byte{bodyTrap}, initialize: true}.bytes())
	r := open(t, cfg)
	if got := result(t, r, "t.init"); got != "7" {
		t.Errorf("got %s, want 7", got)
	}
	if info := only(t, r, "trap.wasm", Refused); info.Kind != DescribeFailed || !strings.Contains(info.Reason, "_initialize") || !strings.Contains(info.Reason, "unreachable") {
		t.Errorf("Info = %+v", info)
	}
}

func TestCloseWaitsForCalls(t *testing.T) {
	cfg := config(t)
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.count"), run: bodyCount}.bytes())
	r := open(t, cfg)
	inside, leave := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- run(t.Context(), r, "t.count", &call{count: func(context.Context) (int64, error) {
			close(inside)
			<-leave
			return 0, nil
		}})
	}()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := r.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close while a call runs: %v", err)
	}
	if _, ok := r.Acquire("t.count"); ok {
		t.Error("a task was acquired after Close")
	}
	close(leave)
	if err := <-done; err != nil {
		t.Errorf("the call that ran: %v", err)
	}
}
