package wasm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/abitest"
)

// engines are wazero's two ways to run a module.
var engines = map[string]wazero.RuntimeConfig{
	"compiler":    wazero.NewRuntimeConfigCompiler(),
	"interpreter": wazero.NewRuntimeConfigInterpreter(),
}

// refuses fails the test unless err has a CallError of the function and
// argument that wraps want.
func refuses(t *testing.T, err error, function, argument string, want error) {
	t.Helper()
	callErr, ok := errors.AsType[*CallError](err)
	if !ok {
		t.Fatalf("got error %v, want a CallError", err)
	}
	if callErr.Function != function || callErr.Argument != argument || !errors.Is(err, want) {
		t.Errorf("got %q of %q: %v\nwant %q of %q: %v", callErr.Argument, callErr.Function, callErr.Err, argument, function, want)
	}
	if text := err.Error(); !strings.Contains(text, abi.ImportModule+"."+function) || !strings.Contains(text, argument) {
		t.Errorf("the error does not name %s and %q: %s", function, argument, text)
	}
}

func TestPointerOutOfRangeEndsTheCall(t *testing.T) {
	for name, config := range engines {
		t.Run(name, func(t *testing.T) {
			fs := functions()
			m := newForwarder(t, newRuntime(t, config), 1, abi.ExportMemory, fs)
			arguments := 0
			for _, f := range fs {
				for _, arg := range pointerArgs(f) {
					arguments++
					t.Run(f.name+" "+arg.name, func(t *testing.T) {
						for _, e := range edges {
							host := &abitest.Recorder{}
							params := make([]uint64, len(f.params))
							params[arg.slot], params[arg.slot+1] = e.ptr, e.length
							_, err := m.ExportedFunction(f.name).Call(WithHost(t.Context(), host), params...)
							want := ErrOutOfRange
							if e.length > MaxBytes || arg.handle && e.length > MaxElements {
								want = ErrTooLong
							}
							refuses(t, err, f.name, arg.name, want)
							if t.Failed() || len(host.Calls) > 0 {
								t.Fatalf("%d bytes or elements at %d: the host received %q", e.length, e.ptr, host.Calls)
							}
						}
					})
				}
			}
			if arguments < 20 {
				t.Errorf("only %d arguments were found to be pointers", arguments)
			}
		})
	}
}

func TestEveryPointerIsPairedWithALength(t *testing.T) {
	for _, f := range methods {
		pointers := 0
		for _, n := range f.names {
			if strings.HasSuffix(n, "_ptr") {
				pointers++
			}
		}
		if got := len(pointerArgs(f)); got != pointers || len(f.names) != len(f.params) {
			t.Errorf("%s: %d of %d pointers have a length; %d parameters have %d names", f.name, got, pointers, len(f.params), len(f.names))
		}
	}
}

func TestArgumentMayEndWithTheMemory(t *testing.T) {
	m := newForwarder(t, newRuntime(t, wazero.NewRuntimeConfig()), 1, abi.ExportMemory, functions())
	host := &abitest.Recorder{}
	m.Memory().WriteString(page-3, "abc")
	if _, err := m.ExportedFunction("expr_string").Call(WithHost(t.Context(), host), page-3, 3); err != nil {
		t.Fatal(err)
	}
	want := &abitest.Recorder{}
	want.ExprString("abc")
	if !slices.Equal(host.Calls, want.Calls) {
		t.Errorf("got %q, want %q", host.Calls, want.Calls)
	}
}

func TestEmptyArgumentMayPointAnywhere(t *testing.T) {
	for _, pages := range []int{0, 1} {
		fs := functions()
		m := newForwarder(t, newRuntime(t, wazero.NewRuntimeConfig()), pages, abi.ExportMemory, fs)
		for _, f := range fs {
			params := make([]uint64, len(f.params))
			for _, arg := range pointerArgs(f) {
				params[arg.slot] = 1<<32 - 1
			}
			if _, err := m.ExportedFunction(f.name).Call(WithHost(t.Context(), &abitest.Recorder{}), params...); err != nil {
				t.Errorf("%d pages: %s: %v", pages, f.name, err)
			}
		}
	}
}

func TestModuleWithoutMemoryIsTold(t *testing.T) {
	for _, c := range []struct {
		name, export string
		pages        int
	}{
		{"none", "", 0},
		{"not exported", "", 1},
		{"exported by another name", "heap", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := functions()
			m := newForwarder(t, newRuntime(t, wazero.NewRuntimeConfig()), c.pages, c.export, fs)
			for _, f := range fs {
				for _, arg := range pointerArgs(f) {
					params := make([]uint64, len(f.params))
					params[arg.slot+1] = 1
					_, err := m.ExportedFunction(f.name).Call(WithHost(t.Context(), &abitest.Recorder{}), params...)
					refuses(t, err, f.name, arg.name, ErrNoMemory)
				}
			}
			ctx := WithHost(t.Context(), &abitest.Recorder{Round: abitest.Plain})
			if _, err := m.ExportedFunction("task_args").Call(ctx); err != nil {
				t.Fatal(err)
			}
			_, err := m.ExportedFunction("take").Call(ctx, 0)
			refuses(t, err, "take", "ptr", ErrNoMemory)
		})
	}
}

func TestMalformedListEndsTheCall(t *testing.T) {
	m := newForwarder(t, newRuntime(t, wazero.NewRuntimeConfig()), 1, abi.ExportMemory, functions())
	m.Memory().WriteString(0, "\x05\x00\x00\x00abc")
	_, err := m.ExportedFunction("frame_drop").Call(WithHost(t.Context(), &abitest.Recorder{}), 1, 0, 7)
	refuses(t, err, "frame_drop", "names", ErrMalformed)
}

func TestListOfTooManyStringsEndsTheCall(t *testing.T) {
	m := newForwarder(t, newRuntime(t, wazero.NewRuntimeConfig()), 4*(MaxElements+1)/page+1, abi.ExportMemory, functions())
	host := &abitest.Recorder{}
	drop := m.ExportedFunction("frame_drop")
	if _, err := drop.Call(WithHost(t.Context(), host), 1, 0, 4*MaxElements); err != nil { // empty strings
		t.Errorf("as many as allowed: %v", err)
	}
	_, err := drop.Call(WithHost(t.Context(), host), 1, 0, 4*(MaxElements+1))
	refuses(t, err, "frame_drop", "names", ErrTooLong)
}

func TestCallOutsideOfAnInvocationIsTold(t *testing.T) {
	fs := functions()
	m := newForwarder(t, newRuntime(t, wazero.NewRuntimeConfig()), 1, abi.ExportMemory, fs)
	for _, f := range fs {
		_, err := m.ExportedFunction(f.name).Call(t.Context(), make([]uint64, len(f.params))...)
		refuses(t, err, f.name, "", ErrNoHost)
		_, err = m.ExportedFunction(f.name).Call(WithHost(t.Context(), nil), make([]uint64, len(f.params))...)
		refuses(t, err, f.name, "", ErrNoHost)
	}
}

func TestCallAfterTheContextEndedIsInterrupted(t *testing.T) {
	revoked := errors.New("revoked")
	fs := functions()
	m := newForwarder(t, newRuntime(t, wazero.NewRuntimeConfig()), 1, abi.ExportMemory, fs)
	for _, f := range fs {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(revoked)
		host := &abitest.Recorder{}
		_, err := m.ExportedFunction(f.name).Call(WithHost(ctx, host), make([]uint64, len(f.params))...)
		refuses(t, err, f.name, "", revoked)
		if len(host.Calls) > 0 {
			t.Errorf("the host was called: %q", host.Calls)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	_, err := m.ExportedFunction("expr_null").Call(WithHost(ctx, &abitest.Recorder{}))
	refuses(t, err, "expr_null", "", context.DeadlineExceeded)
}

// A failingHost fails with its error.
type failingHost struct {
	abi.Unsupported
	count   int64
	err     error
	collect func() ([]byte, error)
}

func (h *failingHost) ActionCount(abi.Frame) (int64, error) { return h.count, h.err }

func (h *failingHost) ActionCollect(abi.Frame, abi.RowForm) ([]byte, error) { return h.collect() }

func TestMethodInterruptedByTheContextEndsTheCall(t *testing.T) {
	m := newForwarder(t, newRuntime(t, wazero.NewRuntimeConfig()), 1, abi.ExportMemory, functions())
	revoked := errors.New("revoked")
	ctx, cancel := context.WithCancelCause(t.Context())
	host := &failingHost{collect: func() ([]byte, error) {
		cancel(revoked)
		return nil, errors.New("the query was interrupted")
	}}
	_, err := m.ExportedFunction("action_collect").Call(WithHost(ctx, host), 1, 0)
	refuses(t, err, "action_collect", "", revoked)
}

func TestErrorReachesTheGuestAsJSON(t *testing.T) {
	hostError := func(message string) *abi.Error { return abi.Errorf("sparkstalk.HostError", "%s", message) }
	analysis := &abi.Error{Type: "AnalysisException", Module: "pyspark.errors", Args: []json.RawMessage{[]byte(`"no"`), []byte(`{"a":1}`)}, Traceback: "t"}
	var none *abi.Error
	for _, c := range []struct {
		name  string
		count int64
		err   error
		want  *abi.Error
	}{
		{"an abi.Error", 0, analysis, analysis},
		{"a wrapped abi.Error", 0, fmt.Errorf("count: %w", analysis), analysis},
		{"an abi.Error without arguments", 0, &abi.Error{Type: "KeyError"}, &abi.Error{Type: "KeyError", Args: []json.RawMessage{}}},
		{"any other error", 7, errors.New("it broke"), hostError("it broke")},
		{"a nil abi.Error", 0, fmt.Errorf("count: %w", error(none)), nil},
		{"an argument that is no JSON", 0, &abi.Error{Type: "T", Module: "m", Args: []json.RawMessage{[]byte("{")}}, abi.Errorf("m.T", "%s", `["{"]`)},
		{"a number that would mean an error", -1, nil, hostError("action_count returned -1, which would mean an error")},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newForwarder(t, newRuntime(t, wazero.NewRuntimeConfig()), 1, abi.ExportMemory, functions())
			ctx := WithHost(t.Context(), &failingHost{count: c.count, err: c.err})
			if got := int64(invoke(t, ctx, m, "action_count", 1)); got != -1 {
				t.Errorf("action_count returned %d, want -1", got)
			}
			length := invoke(t, ctx, m, "error_take")
			invoke(t, ctx, m, "take", 100)
			text, _ := m.Memory().Read(100, uint32(length))
			var got abi.Error
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatalf("%v: %q", err, text)
			}
			if c.want == nil { // only that it is one
				if got.Type != "HostError" {
					t.Errorf("got %s, want a HostError", text)
				}
				return
			}
			want, err := json.Marshal(c.want)
			if err != nil {
				t.Fatal(err)
			}
			if string(text) != string(want) {
				t.Errorf("got %s\nwant %s", text, want)
			}
			if again := invoke(t, ctx, m, "error_take"); again != 0 {
				t.Errorf("the second error_take returned %d, want 0", again)
			}
		})
	}
}

// invoke calls a function that must not fail and returns its first result.
func invoke(t *testing.T, ctx context.Context, m api.Module, name string, params ...uint64) uint64 {
	t.Helper()
	results, err := m.ExportedFunction(name).Call(ctx, params...)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(results) == 0 {
		return 0
	}
	return results[0]
}

func TestTakeEmptiesTheRegister(t *testing.T) {
	m := newForwarder(t, newRuntime(t, wazero.NewRuntimeConfig()), 1, abi.ExportMemory, functions())
	host := &abitest.Recorder{Round: abitest.Plain}
	want := host.TaskArgs()
	ctx := WithHost(t.Context(), host)
	if got := invoke(t, ctx, m, "task_args"); got != uint64(len(want)) {
		t.Errorf("task_args returned %d, want %d", got, len(want))
	}
	invoke(t, ctx, m, "take", 8)
	if got, _ := m.Memory().Read(8, uint32(len(want))); string(got) != string(want) {
		t.Errorf("took %q, want %q", got, want)
	}
	m.Memory().WriteString(8, "mine")
	invoke(t, ctx, m, "take", 8)
	if got, _ := m.Memory().Read(8, 4); string(got) != "mine" {
		t.Errorf("the second take wrote %q", got)
	}
	invoke(t, ctx, m, "task_args")
	_, err := m.ExportedFunction("take").Call(ctx, page-1)
	refuses(t, err, "take", "ptr", ErrOutOfRange)
}

func TestInvocationsDoNotShareARegister(t *testing.T) {
	m := newForwarder(t, newRuntime(t, wazero.NewRuntimeConfig()), 1, abi.ExportMemory, functions())
	one := WithHost(t.Context(), &abitest.Recorder{Round: abitest.Failing})
	invoke(t, one, m, "task_args")
	invoke(t, one, m, "action_count", 1)
	two := WithHost(t.Context(), &abitest.Recorder{})
	m.Memory().WriteString(0, "mine")
	invoke(t, two, m, "take", 0)
	if got, _ := m.Memory().Read(0, 4); string(got) != "mine" {
		t.Errorf("took %q of another invocation", got)
	}
	if got := invoke(t, two, m, "error_take"); got != 0 {
		t.Errorf("error_take returned %d, of another invocation's error", got)
	}
}

func TestInvocationSpansModules(t *testing.T) {
	r := newRuntime(t, wazero.NewRuntimeConfig())
	host := &abitest.Recorder{}
	ctx := WithHost(t.Context(), host)
	want := &abitest.Recorder{}
	for _, name := range []string{"one", "two"} {
		m := newForwarder(t, r, 1, abi.ExportMemory, functions())
		m.Memory().WriteString(0, name)
		invoke(t, ctx, m, "expr_column", 0, 3)
		want.ExprColumn(name)
	}
	if !slices.Equal(host.Calls, want.Calls) {
		t.Errorf("got %q, want %q", host.Calls, want.Calls)
	}
}

// A keepingHost keeps what it is given.
type keepingHost struct {
	abi.Unsupported
	value []byte
	names []string
}

func (h *keepingHost) ExprBinary(value []byte) abi.Expr { h.value = value; return 1 }

func (h *keepingHost) FrameDrop(_ abi.Frame, names []string) abi.Frame { h.names = names; return 1 }

func TestArgumentsAreCopied(t *testing.T) {
	m := newForwarder(t, newRuntime(t, wazero.NewRuntimeConfig()), 1, abi.ExportMemory, functions())
	host := &keepingHost{}
	ctx := WithHost(t.Context(), host)
	m.Memory().WriteString(0, "\x02\x00\x00\x00ab")
	invoke(t, ctx, m, "expr_binary", 4, 2)
	invoke(t, ctx, m, "frame_drop", 1, 0, 6)
	m.Memory().WriteString(4, "zz")
	if string(host.value) != "ab" || host.names[0] != "ab" {
		t.Errorf("got %q and %q, want what was there at the call: \"ab\"", host.value, host.names)
	}
}

func TestPanicOfAHostIsTheCallsError(t *testing.T) {
	for name, config := range engines {
		m := newForwarder(t, newRuntime(t, config), 1, abi.ExportMemory, functions())
		ctx := WithHost(t.Context(), abi.Unsupported{Reason: "for a test"})
		_, err := m.ExportedFunction("expr_null").Call(ctx)
		refusal, ok := errors.AsType[*abi.Error](err)
		if !ok || refusal.Type != "NotImplementedError" {
			t.Errorf("%s: got %v, want a NotImplementedError", name, err)
		}
	}
}

func TestServes(t *testing.T) {
	for _, name := range []string{"take", "error_take", "frame_sql", "result_json", "expr_column_of"} {
		if !Serves(name) {
			t.Errorf("%s is not served", name)
		}
	}
	for _, name := range []string{"", "frame_telepathy", "FrameSQL", "memory"} {
		if Serves(name) {
			t.Errorf("%q is served", name)
		}
	}
}

func TestInstantiateTwiceFails(t *testing.T) {
	r := newRuntime(t, wazero.NewRuntimeConfig())
	if err := Instantiate(t.Context(), r); err == nil || !strings.Contains(err.Error(), abi.ImportModule) {
		t.Errorf("got %v, want an error that names %s", err, abi.ImportModule)
	}
}

// A quickHost answers one call at once.
type quickHost struct{ abi.Unsupported }

func (quickHost) ExprNull() abi.Expr { return 1 }

func (quickHost) ExprColumn(string) abi.Expr { return 1 }

// BenchmarkHostCall is the cost of crossing: the host does nothing.
func BenchmarkHostCall(b *testing.B) {
	bench := func(name string, prepare func(context.Context) (context.Context, context.CancelFunc), config wazero.RuntimeConfig) {
		b.Run(name, func(b *testing.B) {
			i := slices.IndexFunc(methods, func(f function) bool { return f.name == "expr_null" })
			m := newForwarder(b, newRuntime(b, config), 1, abi.ExportMemory, methods[i:i+1])
			ctx, cancel := prepare(WithHost(b.Context(), quickHost{}))
			defer cancel()
			repeat := m.ExportedFunction(repeatExport)
			b.ReportAllocs()
			b.ResetTimer()
			if _, err := repeat.Call(ctx, uint64(b.N)); err != nil {
				b.Fatal(err)
			}
		})
	}
	plain := func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} }
	deadline := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Hour)
	}
	bench("plain", plain, wazero.NewRuntimeConfig())
	bench("deadline", deadline, wazero.NewRuntimeConfig())
	bench("interruptible", deadline, wazero.NewRuntimeConfig().WithCloseOnContextDone(true))
}

// BenchmarkHostCallWithString also enters the guest each time.
func BenchmarkHostCallWithString(b *testing.B) {
	m := newForwarder(b, newRuntime(b, wazero.NewRuntimeConfig()), 1, abi.ExportMemory, functions())
	ctx := WithHost(b.Context(), quickHost{})
	f := m.ExportedFunction("expr_column")
	stack := make([]uint64, 2)
	b.ReportAllocs()
	for b.Loop() {
		stack[0], stack[1] = 0, 16
		if err := f.CallWithStack(ctx, stack); err != nil {
			b.Fatal(err)
		}
	}
}
