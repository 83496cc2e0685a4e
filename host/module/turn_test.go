package module

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A gate stops the next load of a module after its file was read.
type gate struct {
	armed           atomic.Bool
	reached, opened chan struct{}
}

// gated adds a gate to a configuration.
func gated(cfg Config) (Config, *gate) {
	g := &gate{reached: make(chan struct{}), opened: make(chan struct{})}
	cfg.Limits = func(_ string, asked abi.Limits) abi.Limits {
		if g.armed.CompareAndSwap(true, false) {
			close(g.reached)
			<-g.opened
		}
		return asked.Within(abi.DefaultLimits)
	}
	return cfg, g
}

// openWhen opens the gate when what the others do has come so far.
func (g *gate) openWhen(t *testing.T, ok func() bool) {
	t.Helper()
	eventually(t, func() error {
		if !ok() {
			return errors.New("nothing happens while a load takes long")
		}
		return nil
	})
	close(g.opened)
}

// waits reports whether somebody waits for the turn at m.wasm, and changes whether
// Run has noted that it changed.
func waits(cfg Config, r *Registry) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.file(filepath.Join(cfg.Dir, "m.wasm")).free != nil
}

func changes(cfg Config, r *Registry) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.file(filepath.Join(cfg.Dir, "m.wasm")).again
}

// threeVersions serves three versions of a module in turn, and stops at the gate
// whatever loads next. It returns their hashes.
func threeVersions(t *testing.T) (Config, *Registry, *gate, []string) {
	cfg, g := gated(keeping(t))
	cfg.Trial = -1
	r := start(t, cfg)
	var hashes []string
	for i := 1; i <= 3; i++ {
		put(t, cfg, "m.wasm", small("t.x", i))
		eventually(t, answers(r, "t.x", fmt.Sprint(i)))
		hashes = append(hashes, only(t, r, "m.wasm", Serving).Hash)
	}
	eventually(t, func() error { // the last is kept after it began to serve
		if kept, err := r.Versions("m"); err != nil || len(kept) != 3 {
			return fmt.Errorf("Versions = %+v, %v", kept, err)
		}
		return nil
	})
	g.armed.Store(true)
	return cfg, r, g, hashes
}

func TestARollbackIsNotUndoneByAFileThatIsBeingLoaded(t *testing.T) {
	cfg, r, g, hashes := threeVersions(t)
	put(t, cfg, "m.wasm", small("t.x", 4))
	<-g.reached
	var back Info
	var err error
	var done atomic.Bool
	var rollback sync.WaitGroup
	rollback.Go(func() {
		back, err = r.Rollback(t.Context(), "m", hashes[0])
		done.Store(true)
	})
	g.openWhen(t, func() bool { return done.Load() || waits(cfg, r) })
	rollback.Wait()
	if err != nil || back.Hash != hashes[0] || !back.RolledBack {
		t.Fatalf("Rollback = %+v, %v", back, err)
	}
	settled(t, cfg, r)
	for _, r := range []*Registry{r, open(t, cfg)} {
		if got := result(t, r, "t.x"); got != "1" {
			t.Errorf("t.x gave %s, not what it was rolled back to", got)
		}
	}
}

func TestTheVersionBeforeIsNotThatOfAFileThatComesMeanwhile(t *testing.T) {
	cfg, r, g, _ := threeVersions(t)
	put(t, cfg, "m.wasm", small("t.x", 4))
	<-g.reached
	var err error
	var done atomic.Bool
	var rollback sync.WaitGroup
	rollback.Go(func() {
		_, err = r.Rollback(t.Context(), "m", "")
		done.Store(true)
	})
	g.openWhen(t, func() bool { return done.Load() || waits(cfg, r) })
	rollback.Wait()
	if err == nil || !strings.Contains(err.Error(), "began to serve just now") {
		t.Errorf("Rollback = %v", err)
	}
	if got := result(t, r, "t.x"); got != "4" {
		t.Errorf("t.x gave %s", got)
	}
}

func TestAFileThatLandsDuringARollbackServes(t *testing.T) {
	cfg, r, g, hashes := threeVersions(t)
	var rollback sync.WaitGroup
	rollback.Go(func() {
		if _, err := r.Rollback(t.Context(), "m", hashes[0]); err != nil {
			t.Error(err)
		}
	})
	<-g.reached
	put(t, cfg, "m.wasm", small("t.x", 4))
	g.openWhen(t, func() bool { return changes(cfg, r) || answers(r, "t.x", "4")() == nil })
	rollback.Wait()
	eventually(t, answers(r, "t.x", "4"))
	settled(t, cfg, r)
	for _, r := range []*Registry{r, open(t, cfg)} {
		if got := result(t, r, "t.x"); got != "4" {
			t.Errorf("t.x gave %s, not what is in the file", got)
		}
	}
}

// reloads begins to reload the module, which must succeed.
func reloads(t *testing.T, r *Registry) *sync.WaitGroup {
	var reload sync.WaitGroup
	reload.Go(func() {
		if _, err := r.Reload(t.Context(), "m"); err != nil {
			t.Error(err)
		}
	})
	return &reload
}

func TestAFileThatLandsDuringAReloadServes(t *testing.T) {
	cfg, r, g, _ := threeVersions(t)
	reload := reloads(t, r)
	<-g.reached
	put(t, cfg, "m.wasm", small("t.x", 4))
	g.openWhen(t, func() bool { return changes(cfg, r) || answers(r, "t.x", "4")() == nil })
	reload.Wait()
	settled(t, cfg, r)
	if got := result(t, r, "t.x"); got != "4" {
		t.Errorf("t.x gave %s, not what is in the file", got)
	}
}

func TestWhoWaitsForAFileGivesUpInTime(t *testing.T) {
	_, r, g, _ := threeVersions(t)
	reload := reloads(t, r)
	<-g.reached
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := r.Rollback(ctx, "m", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Rollback = %v", err)
	}
	close(g.opened)
	reload.Wait()
}

// Whoever wins: what serves is what the file or the last rollback says, also after
// a restart.
func TestRollbacksReloadsAndFilesAtOnce(t *testing.T) {
	cfg := keeping(t)
	cfg.Trial = -1
	put(t, cfg, "m.wasm", small("t.x", 1))
	r := start(t, cfg)
	known := func(err error) bool {
		for _, words := range []string{"serves already", "began to serve just now", "no good version older", "is being written"} {
			if strings.Contains(err.Error(), words) {
				return true
			}
		}
		return false
	}
	var all sync.WaitGroup
	var end atomic.Bool
	repeat := func(do func() error) {
		all.Go(func() {
			for !end.Load() {
				if err := do(); err != nil && !known(err) {
					t.Error(err)
					return
				}
			}
		})
	}
	repeat(func() error { _, err := r.Rollback(t.Context(), "m", ""); return err })
	repeat(func() error { _, err := r.Reload(t.Context(), "m"); return err })
	repeat(func() error { _, err := r.Reload(t.Context(), ""); return err })
	for i := range 20 {
		put(t, cfg, "m.wasm", small("t.x", i%5+2))
		time.Sleep(10 * time.Millisecond) // some are read, others are overtaken
	}
	end.Store(true)
	all.Wait()
	settled(t, cfg, r)
	serving := only(t, r, "m.wasm", Serving)
	if got := only(t, open(t, cfg), "m.wasm", Serving); got.Hash != serving.Hash || got.RolledBack != serving.RolledBack {
		t.Errorf("after a restart %.12s serves (rolled back: %v), %.12s did before (%v)", got.Hash, got.RolledBack, serving.Hash, serving.RolledBack)
	}
}

// settled waits until a registry that runs has seen what is in the file m.wasm: it
// serves, or something else does in its place.
func settled(t *testing.T, cfg Config, r *Registry) {
	t.Helper()
	c, err := r.engine.read(filepath.Join(cfg.Dir, "m.wasm"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	eventually(t, func() error {
		infos := r.Modules()
		switch {
		case infos[0].State == Serving && infos[0].Hash == c.hash && !infos[0].RolledBack:
			return nil
		case len(infos) > 1 && infos[0].RolledBack && infos[1].State == Refused && infos[1].Hash == c.hash:
			return nil
		}
		return fmt.Errorf("the file has %.12s: %+v", c.hash, infos)
	})
}

// A folder full of files that land at once takes neither all memory nor all CPUs.
func TestFewFilesAreLoadedAtOnce(t *testing.T) {
	cfg := config(t)
	cfg.CompileWorkers = 1
	var mu sync.Mutex
	inside, most := 0, 0
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		inside += n
		most = max(most, inside)
	}
	cfg.Limits = func(_ string, asked abi.Limits) abi.Limits { // while a file is read and not compiled yet
		count(1)
		defer count(-1)
		time.Sleep(2 * time.Millisecond) // for others to come in
		return asked.Within(abi.DefaultLimits)
	}
	r := start(t, cfg)
	const files = 16
	for i := range files {
		put(t, cfg, fmt.Sprintf("m%d.wasm", i), small(fmt.Sprintf("t.x%d", i), 1))
	}
	eventually(t, func() error {
		if n := len(r.Tasks()); n < files {
			return fmt.Errorf("%d tasks", n)
		}
		return nil
	})
	mu.Lock()
	defer mu.Unlock()
	if most > 2 {
		t.Errorf("%d files were loaded at once, with one CPU for them", most)
	}
}
