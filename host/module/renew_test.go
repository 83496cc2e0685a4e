//go:build linux

package module

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// countedRun counts its calls in memory and gives their number, a byte, as its
// result. Then it asks the host twice for a number: it loops for ever if the first
// is 0, and traps if the second is.
var countedRun = slices.Concat(
	i32(0), i32(0), []byte{0x2d, 0, 0}, i32(1), []byte{0x6a}, []byte{0x3a, 0, 0},
	i32(0), i32(1), []byte{0x10, 0, 0x1a},
	i32(1), []byte{0x10, 1, 0x50, 0x04, 0x40, 0x03, 0x40, 0x0c, 0, end, end},
	i32(1), []byte{0x10, 1, 0x50, 0x04, 0x40, 0x00, end},
	i32(0), []byte{end})

// lives is one process, idle now, of the module that has the task.
func lives(t *testing.T, r *Registry, task string) *process {
	t.Helper()
	lease, ok := r.Acquire(task)
	if !ok {
		t.Fatal("nobody has", task)
	}
	defer lease.Release()
	v := lease.version
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.idle) != 1 {
		t.Fatalf("%d instances are idle", len(v.idle))
	}
	return v.idle[0].process
}

// counted calls a task with countedRun, whose asking is answered by these numbers
// and then by 1.
func counted(ctx context.Context, r *Registry, answers ...int64) (calls int, err error) {
	c := call{count: func(context.Context) (int64, error) {
		if len(answers) == 0 {
			return 1, nil
		}
		n := answers[0]
		answers = answers[1:]
		return n, nil
	}}
	err = run(ctx, r, "t.counted", &c)
	if len(c.result) == 1 {
		calls = int(c.result[0])
	}
	return calls, err
}

// TestAProcessOutlivesItsInstances ends calls in all ways. What comes next finds
// a new memory in the same process.
func TestAProcessOutlivesItsInstances(t *testing.T) {
	cfg := isolated(config(t))
	cfg.MaxCalls = 3
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.counted"), run: countedRun}.bytes())
	r := open(t, cfg)
	first := lives(t, r, "t.counted")
	first.grace = patience // a busy machine may take long
	expect := func(what string, want int) {
		t.Helper()
		if got, err := counted(t.Context(), r); err != nil || got != want {
			t.Errorf("%s: call %d of its instance, want %d: %v", what, got, want, err)
		}
		if now := lives(t, r, "t.counted"); now != first {
			t.Fatalf("%s: process %d came after %d", what, now.cmd.Process.Pid, first.cmd.Process.Pid)
		}
	}
	expect("at first", 1)
	expect("at first", 2)

	over := errors.New("over the limit")
	ctx, cancel := context.WithCancelCause(t.Context())
	c := call{count: func(context.Context) (int64, error) { cancel(over); return 0, nil }}
	if err := run(ctx, r, "t.counted", &c); !errors.Is(err, over) {
		t.Errorf("the end of its context: %v", err)
	}
	expect("after an interruption", 1)

	if _, err := counted(t.Context(), r, 1, 0); err == nil {
		t.Error("a trap is no error")
	}
	expect("after a trap", 1)
	expect("after a trap", 2)
	expect("after a trap", 3)
	expect("after as many calls as an instance may have", 1)
	if info := only(t, r, "m.wasm", Serving); info.Traps != 2 || info.Instances != 1 || info.MemoryBytes != pageSize {
		t.Errorf("Info = %+v", info)
	}
}

// TestAnInterruptedStart ends a call while its new instance is being initialised.
func TestAnInterruptedStart(t *testing.T) {
	cfg := isolated(config(t))
	// A hundred million rounds.
	slow := slices.Concat(i32(8), i32(100_000_000), store, []byte{0x03, 0x40},
		i32(8), at(8), i32(1), []byte{0x6b}, store, at(8), []byte{0x0d, 0, end, end})
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.counted"), run: countedRun, more: [][]byte{slow}, initialize: true}.bytes())
	r := open(t, cfg)
	first := lives(t, r, "t.counted")
	first.grace = patience
	if _, err := counted(t.Context(), r, 1, 0); err == nil {
		t.Error("a trap is no error")
	}
	over := errors.New("over the limit")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Millisecond, over)
	defer cancel()
	if _, err := counted(ctx, r); !errors.Is(err, over) {
		t.Errorf("got %v", err)
	}
	if calls, err := counted(t.Context(), r); err != nil || calls != 1 || lives(t, r, "t.counted") != first {
		t.Errorf("then call %d: %v", calls, err)
	}
}

// stopped says which thread of a process runs yet.
func stopped(pid int) error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, path := range threads {
		text, readErr := os.ReadFile(path)
		if readErr != nil {
			return readErr
		}
		if !strings.Contains(string(text), ") T ") {
			return fmt.Errorf("not stopped: %s", text)
		}
	}
	return err
}

// TestAProcessThatDoesNotEndItsCallIsKilled has one stop under its call.
func TestAProcessThatDoesNotEndItsCallIsKilled(t *testing.T) {
	cfg := isolated(config(t))
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.counted"), run: countedRun}.bytes())
	r := open(t, cfg)
	pid := lives(t, r, "t.counted").cmd.Process.Pid
	over := errors.New("over the limit")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := run(ctx, r, "t.counted", &call{count: func(context.Context) (int64, error) {
		defer cancel(over)
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return 0, err
		}
		eventually(t, func() error { return stopped(pid) }) // one thread after the other
		return 1, nil
	}})
	if !errors.Is(err, over) {
		t.Errorf("got %v", err)
	}
	if calls, err := counted(t.Context(), r); err != nil || calls != 1 {
		t.Errorf("then call %d: %v", calls, err)
	}
	if now := lives(t, r, "t.counted").cmd.Process.Pid; now == pid {
		t.Error("it is the same process")
	}
}

// TestAProcessWithoutAnInstanceIsReplaced by another one, without harm to the call,
// if it has grown too large or died.
func TestAProcessWithoutAnInstanceIsReplaced(t *testing.T) {
	for name, spoil := range map[string]func(*process) error{
		"grown": func(p *process) error { p.base = -1 << 40; return nil },
		"dead":  func(p *process) error { return p.cmd.Process.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := isolated(config(t))
			put(t, cfg, "m.wasm", asm{manifest: manifest("t.counted"), run: countedRun}.bytes())
			r := open(t, cfg)
			first := lives(t, r, "t.counted")
			if _, err := counted(t.Context(), r, 1, 0); err == nil {
				t.Error("a trap is no error")
			}
			if err := spoil(first); err != nil {
				t.Fatal(err)
			}
			if calls, err := counted(t.Context(), r); err != nil || calls != 1 {
				t.Errorf("call %d: %v", calls, err)
			}
			if lives(t, r, "t.counted") == first {
				t.Error("it is the same process")
			}
			if info := only(t, r, "m.wasm", Serving); info.Instances != 1 || info.Traps != 1 {
				t.Errorf("Info = %+v", info)
			}
		})
	}
}

func TestInterruptsAreForOneCall(t *testing.T) {
	var i interrupts
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() { i.listen(r); close(done) }()
	tell := func(number uint64) {
		if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, number)); err != nil {
			t.Fatal(err)
		}
	}
	one, end := i.begin(t.Context(), 1)
	tell(1)
	select {
	case <-one.Done():
	case <-time.After(patience):
	}
	if !errors.Is(context.Cause(one), errInterrupted) {
		t.Error("a call that was told to end has not")
	}
	end()
	tell(1) // once more, too late
	tell(3)
	_ = w.Close()
	<-done
	two, end := i.begin(t.Context(), 4)
	if two.Err() != nil {
		t.Errorf("a call has ended for another: %v", context.Cause(two))
	}
	end()
	// The number may come before the call.
	i.told = 5
	if three, end := i.begin(t.Context(), 5); !errors.Is(context.Cause(three), errInterrupted) {
		t.Error("what was told before it began did not end it")
	} else {
		end()
	}
}
