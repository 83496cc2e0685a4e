package module

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAFileThatLandsServesAndServesAnew(t *testing.T) {
	cfg := config(t)
	var mu sync.Mutex
	var changes []string
	cfg.OnChange = func(i Info) {
		mu.Lock()
		defer mu.Unlock()
		changes = append(changes, fmt.Sprintf("%s %s", i.State, i.Name))
	}
	r := start(t, cfg)
	path := put(t, cfg, "m.wasm", small("t.x", 1))
	eventually(t, answers(r, "t.x", "1"))
	put(t, cfg, "m.wasm", small("t.x", 2))
	eventually(t, answers(r, "t.x", "2"))
	if err := os.WriteFile(path, small("t.x", 3), 0o644); err != nil { // in place
		t.Fatal(err)
	}
	eventually(t, answers(r, "t.x", "3"))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if tasks := r.Tasks(); len(tasks) > 0 {
			return fmt.Errorf("still serves %q", tasks)
		}
		return nil
	})
	if got := r.Modules(); len(got) != 0 {
		t.Errorf("Modules() = %+v", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"serving m", "serving m", "serving m", "retired m"}; !slices.Equal(changes, want) {
		t.Errorf("OnChange got %q, want %q", changes, want)
	}
}

func TestABadFileLeavesTheLastGoodVersion(t *testing.T) {
	cfg := config(t)
	r := start(t, cfg)
	good := small("t.x", 1)
	put(t, cfg, "m.wasm", good)
	eventually(t, answers(r, "t.x", "1"))
	first := only(t, r, "m.wasm", Serving)
	for _, bad := range [][]byte{[]byte("no"), good[:len(good)-3], asm{manifest: manifest("t.x"), describe: bodyTrap}.bytes()} {
		put(t, cfg, "m.wasm", bad)
		eventually(t, func() error {
			for _, info := range r.Modules() {
				if info.State == Refused && info.Size == int64(len(bad)) {
					return nil
				}
			}
			return fmt.Errorf("not refused: %+v", r.Modules())
		})
		info := only(t, r, "m.wasm", Refused)
		if info.Instead != first.Hash || info.Reason == "" {
			t.Errorf("Info = %+v", info)
		}
		if got := only(t, r, "m.wasm", Serving); got.Hash != first.Hash || got.LoadedAt != first.LoadedAt {
			t.Errorf("Info = %+v", got)
		}
		if got := result(t, r, "t.x"); got != "1" {
			t.Errorf("t.x gave %s", got)
		}
	}
	// The good file comes back: it is not loaded again, and nothing is refused any more.
	put(t, cfg, "m.wasm", good)
	eventually(t, func() error {
		if got := r.Modules(); len(got) != 1 || got[0].State != Serving {
			return fmt.Errorf("Modules() = %+v", got)
		}
		return nil
	})
	if got := only(t, r, "m.wasm", Serving); got.LoadedAt != first.LoadedAt {
		t.Errorf("the same bytes were loaded again: %+v", got)
	}
}

func TestTheSameBytesAreNoChange(t *testing.T) {
	cfg := config(t)
	var changes atomic.Int32
	cfg.OnChange = func(Info) { changes.Add(1) }
	path := put(t, cfg, "m.wasm", small("t.x", 1))
	r := open(t, cfg)
	before := only(t, r, "m.wasm", Serving)
	for range 3 {
		put(t, cfg, "m.wasm", small("t.x", 1))
		r.look(t.Context(), path)
	}
	if after := only(t, r, "m.wasm", Serving); after.LoadedAt != before.LoadedAt || changes.Load() != 1 {
		t.Errorf("%d changes, loaded at %v and %v", changes.Load(), before.LoadedAt, after.LoadedAt)
	}
}

func TestACallFinishesOnItsVersion(t *testing.T) {
	cfg := config(t)
	cfg.Trial = -1
	path := put(t, cfg, "m.wasm", asm{manifest: manifest("t.count", "t.old"), run: bodyCount}.bytes())
	r := open(t, cfg)
	lease, ok := r.Acquire("t.old")
	if !ok {
		t.Fatal("no task")
	}
	inside, leave := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- lease.Run(t.Context(), &call{count: func(context.Context) (int64, error) {
			close(inside)
			<-leave
			return 0, nil
		}})
	}()
	<-inside

	put(t, cfg, "m.wasm", small("t.count", 2)) // without t.old
	r.look(t.Context(), path)
	if got := result(t, r, "t.count"); got != "2" {
		t.Errorf("t.count gave %s", got)
	}
	if _, ok := r.Acquire("t.old"); ok {
		t.Error("the new version serves the old one's task")
	}
	if info := only(t, r, "m.wasm", Retired); info.Hash != lease.Module().Hash || info.Instances != 1 {
		t.Errorf("Info = %+v", info)
	}
	if err := os.Remove(path); err != nil { // and now the file goes as well
		t.Fatal(err)
	}
	r.look(t.Context(), path)
	if got := r.Tasks(); len(got) != 0 {
		t.Errorf("Tasks() = %q", got)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Errorf("the call on the old version: %v", err)
	}
	if err := lease.Run(t.Context(), &call{}); err != nil { // the lease still holds
		t.Errorf("another call on the old version: %v", err)
	}
	lease.Release()
	lease.Release()
	if got := r.Modules(); len(got) != 0 {
		t.Errorf("Modules() = %+v", got)
	}
}

func TestARenamedModuleIsServedAllTheTime(t *testing.T) {
	cfg := config(t)
	put(t, cfg, "a.wasm", small("t.x", 1))
	r := start(t, cfg)
	stop := make(chan struct{})
	var caller sync.WaitGroup
	caller.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := answers(r, "t.x", "1")(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	if err := os.Rename(filepath.Join(cfg.Dir, "a.wasm"), filepath.Join(cfg.Dir, "b.wasm")); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if got := r.Modules(); len(got) != 1 || got[0].Name != "b" || got[0].State != Serving {
			return fmt.Errorf("Modules() = %+v", got)
		}
		return nil
	})
	close(stop)
	caller.Wait()
}

func TestWhatHappenedBetweenOpenAndRunIsNotMissed(t *testing.T) {
	cfg := config(t)
	gone := put(t, cfg, "gone.wasm", small("t.gone", 1))
	put(t, cfg, "new.wasm", small("t.new", 1))
	r := open(t, cfg)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	put(t, cfg, "new.wasm", small("t.new", 2))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	eventually(t, answers(r, "t.new", "2"))
	eventually(t, func() error {
		if got := r.Tasks(); !slices.Equal(got, []string{"t.new"}) {
			return fmt.Errorf("Tasks() = %q", got)
		}
		return nil
	})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestKubernetesSwapLoadsTheNewVersion(t *testing.T) {
	cfg := config(t)
	mount := func(version int) {
		t.Helper()
		dir := filepath.Join(cfg.Dir, fmt.Sprintf("..v%d", version))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "m.wasm"), small("t.x", version), 0o644); err != nil {
			t.Fatal(err)
		}
		temp := filepath.Join(cfg.Dir, "..data_tmp")
		if err := os.Symlink(filepath.Base(dir), temp); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(temp, filepath.Join(cfg.Dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	mount(1)
	if err := os.Symlink(filepath.Join("..data", "m.wasm"), filepath.Join(cfg.Dir, "m.wasm")); err != nil {
		t.Fatal(err)
	}
	r := start(t, cfg)
	for version := 1; version < 4; version++ {
		eventually(t, answers(r, "t.x", strconv.Itoa(version)))
		mount(version + 1)
	}
	eventually(t, answers(r, "t.x", "4"))
}

// TestSwapsUnderLoad replaces a module 500 times while four callers never stop.
func TestSwapsUnderLoad(t *testing.T) {
	const swaps, callers = 500, 4
	cfg := config(t)
	path := put(t, cfg, "m.wasm", small("t.x", 0))
	r := open(t, cfg)
	var calls, failed atomic.Int64
	var newest atomic.Int64
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				atLeast := newest.Load()
				var c call
				if err := run(context.Background(), r, "t.x", &c); err != nil {
					if failed.Add(1) == 1 {
						t.Error(err)
					}
				} else if n, err := strconv.ParseInt(string(c.result), 10, 64); err != nil || n < atLeast {
					t.Errorf("version %s answered after version %d was live (%v)", c.result, atLeast, err)
				}
				calls.Add(1)
			}
		})
	}
	resident := func() int64 {
		debug.FreeOSMemory() // what is garbage does not count
		data, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			return 0
		}
		pages, err := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return pages * int64(os.Getpagesize())
	}
	// The lowest of three samples of the second fifth and of the last one: calls are at
	// work in each, and compiled code goes with its finalizer.
	var samples [5][]int64
	for i := range swaps {
		put(t, cfg, "m.wasm", small("t.x", i+1))
		r.look(t.Context(), path)
		newest.Store(int64(i + 1))
		if fifth := i * 5 / swaps; i%33 == 32 && (fifth == 1 || fifth == 4) {
			samples[fifth] = append(samples[fifth], resident())
		}
	}
	early, late := slices.Min(samples[1]), slices.Min(samples[4])
	close(stop)
	all.Wait()
	if failed.Load() > 0 || calls.Load() < swaps {
		t.Errorf("%d of %d calls failed", failed.Load(), calls.Load())
	}
	if got := result(t, r, "t.x"); got != strconv.Itoa(swaps) {
		t.Errorf("t.x gave %s at the end", got)
	}
	infos := r.Modules()
	if len(infos) > 2 || infos[0].State != Serving || infos[0].Instances > callers { // the second may stand by
		t.Errorf("Modules() = %+v", infos)
	}
	t.Logf("%d calls over %d swaps, resident %d MiB in the second fifth, %d MiB in the last", calls.Load(), swaps, early>>20, late>>20)
	if late > early+16<<20 {
		t.Errorf("memory grew from %d to %d MiB", early>>20, late>>20)
	}
}

// TestSwapsOfFilesUnderLoad goes the whole way, through the watcher.
func TestSwapsOfFilesUnderLoad(t *testing.T) {
	cfg := config(t)
	cfg.Settle = 5 * time.Millisecond
	put(t, cfg, "m.wasm", small("t.x", 0))
	r := start(t, cfg)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := run(context.Background(), r, "t.x", &call{}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 50 {
		put(t, cfg, "m.wasm", small("t.x", i+1))
		if i%3 == 0 {
			time.Sleep(20 * time.Millisecond)
		}
	}
	eventually(t, answers(r, "t.x", "50"))
	close(stop)
	all.Wait()
}

// TestLeasesRaceWithSwaps hammers the reference count: leases are taken and
// released while versions come and go, and at the end only one version is open.
func TestLeasesRaceWithSwaps(t *testing.T) {
	cfg := config(t)
	path := put(t, cfg, "m.wasm", small("t.x", 0))
	r := open(t, cfg)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if lease, ok := r.Acquire("t.x"); ok {
					lease.Spec()
					lease.Release()
				}
				r.Modules()
				runtime.Gosched()
			}
		})
	}
	for i := range 100 {
		put(t, cfg, "m.wasm", small("t.x", i%7))
		if i%10 == 9 {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		r.look(t.Context(), path)
	}
	close(stop)
	all.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.open) != 0 {
		t.Errorf("%d versions are open", len(r.open))
	}
}

func TestModulesThatShareNamesLandTogether(t *testing.T) {
	for round := range 20 {
		cfg := config(t)
		r := open(t, cfg)
		var all sync.WaitGroup
		for i := range 4 {
			path := put(t, cfg, fmt.Sprintf("m%d.wasm", i), small("t.x", i))
			all.Go(func() { r.look(t.Context(), path) })
		}
		all.Wait()
		serving := 0
		for _, info := range r.Modules() {
			if info.State == Serving {
				serving++
			}
		}
		if serving != 1 {
			t.Fatalf("round %d: %d modules have the name", round, serving)
		}
	}
}

func TestOpenThatIsCancelled(t *testing.T) {
	cfg := goConfig(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("why")
	cancel(cause)
	if _, err := Open(ctx, cfg); !errors.Is(err, cause) {
		t.Errorf("Open: %v", err)
	}
}
