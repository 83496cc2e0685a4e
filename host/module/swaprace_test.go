package module

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// swapTimes is how often TestSwapRace swaps: a hundred times, or as often as
// SPARKSTALK_SWAPS says, which "make swaps-race" sets to 100,000.
func swapTimes(t *testing.T) int {
	text := os.Getenv("SPARKSTALK_SWAPS")
	if text == "" {
		return 100
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("SPARKSTALK_SWAPS: %v", err)
	}
	return n
}

// settledMiB is what the process has resident without garbage.
func settledMiB() int {
	runtime.GC()
	debug.FreeOSMemory() // compiled code goes with its finalizer
	return resident("self")
}

// TestSwapRace swaps one module for ever new versions, of which each was never there
// before, while it is called, listed, rolled back and reloaded, and another one
// comes and goes. No call of the first fails, its answers do not go back but by
// a rollback, and the last version is live. What it takes does not grow.
func TestSwapRace(t *testing.T) {
	const callers = 4
	swaps := swapTimes(t)
	cfg := config(t)
	cfg.VersionsDir = t.TempDir()
	path := put(t, cfg, "m.wasm", small("t.x", 0))
	guest := put(t, cfg, "guest.wasm", small("t.guest", 0))
	r := open(t, cfg)
	// When look returns, the file was read since it was called.
	look := func(path string) {
		if r.enter(path) {
			r.look(t.Context(), path)
		} else if _, err := r.Reload(t.Context(), name(path)); err != nil { // somebody has its turn
			t.Error(err)
		}
	}

	stop := make(chan struct{})
	var all sync.WaitGroup
	again := func(do func(round int) error) {
		all.Go(func() {
			for round := 0; ; round++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := do(round); err != nil {
					t.Error(err)
					return
				}
				runtime.Gosched() // or whoever swaps waits for a slice of each
			}
		})
	}
	var calls, newest atomic.Int64
	for range callers {
		again(func(int) error {
			since := newest.Load()
			var c call
			if err := run(context.Background(), r, "t.x", &c); err != nil {
				return fmt.Errorf("t.x: %w", err)
			}
			calls.Add(1)
			// A rollback goes back to one of the versions that are kept, and no further.
			if n, err := strconv.ParseInt(string(c.result), 10, 64); err != nil || n < since-int64(2*r.cfg.Versions) {
				return fmt.Errorf("version %s answered after %d was live (%v)", c.result, since, err)
			}
			return nil
		})
	}
	again(func(round int) error {
		if round%2 == 0 {
			put(t, cfg, "guest.wasm", small("t.guest", round))
		} else if err := os.Remove(guest); err != nil {
			return err
		}
		look(guest)
		return nil
	})
	again(func(int) error {
		err := run(context.Background(), r, "t.guest", &call{})
		if errors.Is(err, errNoTask) {
			err = nil
		}
		return err
	})
	again(func(round int) error {
		r.Modules()
		r.Tasks()
		switch round % 20 {
		case 0: // it may be that nothing is kept yet, or that the file changes meanwhile
			_, _ = r.Rollback(t.Context(), "m", "")
		case 10:
			_, _ = r.Reload(t.Context(), "m")
		}
		for _, d := range r.judgements() { // as Run would
			r.decide(t.Context(), d)
		}
		r.trim()
		return nil
	})

	early := 0
	for i := range swaps {
		put(t, cfg, "m.wasm", small("t.x", i+1))
		look(path)
		newest.Store(int64(i + 1))
		if i == swaps/5 {
			early = settledMiB()
		}
		if t.Failed() {
			break
		}
	}
	close(stop)
	all.Wait()
	late := settledMiB()
	if _, err := r.Reload(t.Context(), "m"); err != nil { // if it was rolled back last
		t.Error(err)
	}
	if got := result(t, r, "t.x"); got != strconv.Itoa(swaps) {
		t.Errorf("t.x gave %s at the end, not %d", got, swaps)
	}
	r.mu.Lock()
	left := len(r.open)
	r.mu.Unlock()
	if left > 6 { // of two files, each may have one that serves, stands by and is about to go
		t.Errorf("%d versions are open", left)
	}
	if kept, err := r.Versions("m"); err != nil || len(kept) > cfg.Versions+7 {
		t.Errorf("%d versions are kept, %v", len(kept), err)
	}
	t.Logf("%d swaps, %d calls, resident %d MiB after a fifth, %d MiB at the end", swaps, calls.Load(), early, late)
	if late > early+64 {
		t.Errorf("memory grew from %d to %d MiB", early, late)
	}
}
