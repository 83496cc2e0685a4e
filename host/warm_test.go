package host

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// numbers returns the entries of the module testdata/cached.
func (w *world) numbers() []cache.Entry {
	var out []cache.Entry
	for _, e := range w.runtime.cache.Entries() {
		if e.Name == "numbers" && !e.Building {
			out = append(out, e)
		}
	}
	return out
}

func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(hosttest.Patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within %v: %s; the cache has %+v", hosttest.Patience, what, w.runtime.cache.Entries())
		}
	}
}

// cachedModule builds and drops a version of testdata/cached.
func (w *world) cachedModule(version string) {
	w.t.Helper()
	hosttest.Drop(w.t, hosttest.Build(w.t, "testdata/cached", version), w.plugins, "cached.wasm")
	w.eventually("version "+version+" serves", func() bool { return w.answers("cached.version") == version })
}

func (w *world) count() {
	w.t.Helper()
	if value, err := w.runtime.Call(w.t.Context(), "cached.count", nil, nil); err != nil || string(value) != "1000" {
		w.t.Errorf("cached.count = %s, %v; want 1000", value, err)
	}
}

func TestCachesAreWarmBeforeTheFirstTask(t *testing.T) {
	t.Parallel()
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		// What another run of this test has left in the engine is not this one's.
		w := serve(t, func(cfg *Config) { cfg.Spark, cfg.CachePrivate = remote, true })
		w.cachedModule("a1")
		w.eventually("numbers is warm and measured", func() bool {
			e := w.numbers()
			return len(e) == 1 && e[0].Measured
		})
		w.count()
		e := w.numbers()[0]
		if e.Builds != 1 || e.Uses != 1 || e.Hits != 1 || !e.Warm || e.Builder != "warm:numbers" || e.Rows != 1000 || len(e.Owners) != 1 || e.Owners[0].Module != "cached" {
			t.Errorf("entry = %+v, want one warm build of 1000 rows, and the task's use of it as a hit", e)
		}
	})
}

func TestReloadsKeepWhatHasTheSamePlan(t *testing.T) {
	t.Parallel()
	w := serve(t, func(cfg *Config) { cfg.Spark = proctest.Sail(t); cfg.CacheGrace = 0.5 })
	w.cachedModule("a1")
	w.eventually("numbers is warm", func() bool { return len(w.numbers()) == 1 })
	first := w.numbers()[0]
	w.cachedModule("a2")
	w.eventually("version a2 owns numbers", func() bool {
		e := w.numbers()
		return len(e) == 1 && len(e[0].Owners) == 1 && e[0].Owners[0] != first.Owners[0]
	})
	time.Sleep(time.Second) // twice the grace
	w.count()
	if e := w.numbers(); len(e) != 1 || e[0].RelationID != first.RelationID || e[0].Builds != 1 || e[0].Hits != 1 {
		t.Errorf("after a reload with the same plan: %+v, want what version a1 built", e)
	}

	w.cachedModule("b1")
	w.eventually("the new plan is warm and the old one is dropped", func() bool {
		e := w.numbers()
		return len(e) == 1 && e[0].Hash != first.Hash
	})
	if err := os.Remove(filepath.Join(w.plugins, "cached.wasm")); err != nil {
		t.Fatal(err)
	}
	w.eventually("what the module cached went with it", func() bool { return len(w.numbers()) == 0 })
	if stats := w.runtime.cache.Stats(); stats.Unwanted != 2 {
		t.Errorf("stats = %+v, want 2 unwanted", stats)
	}
}

func TestWarmCachesAreBuiltAgainWhenTheEngineWasLost(t *testing.T) {
	t.Parallel()
	w := serve(t, func(cfg *Config) { cfg.Spark = "sail" })
	w.cachedModule("a1")
	w.eventually("numbers is warm", func() bool { return len(w.numbers()) == 1 })
	before := w.numbers()[0]
	if err := syscall.Kill(w.enginePID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.eventually("the engine is back", func() bool { return w.runtime.session.Ping(t.Context()) == nil })
	w.runtime.warmer.wake() // what its ticker does within 15 s
	w.eventually("numbers is warm again", func() bool {
		e := w.numbers()
		return len(e) == 1 && e[0].Builds == 2 && e[0].Generation > before.Generation
	})
	w.count()
	if e := w.numbers()[0]; e.Uses != 1 || e.Hits != 1 {
		t.Errorf("entry = %+v, want the task to find it", e)
	}
	// What is dropped leaves the disk, too.
	folder := filepath.Join(w.runtime.cfg.Home, "run", "sail-*", "checkpoints", w.runtime.session.ID(), w.numbers()[0].RelationID)
	there := func() bool {
		found, err := filepath.Glob(folder)
		if err != nil {
			t.Fatal(err)
		}
		return len(found) > 0
	}
	if !there() {
		t.Errorf("the rows are not in %s", folder)
	}
	w.runtime.cache.Forget("numbers")
	w.eventually("its files are removed", func() bool { return !there() })
}

func TestARestartedHostFindsWhatItHadCached(t *testing.T) {
	t.Parallel()
	w := serve(t, func(cfg *Config) { cfg.Spark = proctest.Spark(t); cfg.Hostname = proctest.Name(t) + "@here" })
	w.cachedModule("a1")
	to := 1000 + time.Now().UnixNano()%997_003 // a plan of this run alone
	call := func() cache.Entry {
		t.Helper()
		value, err := w.runtime.Call(t.Context(), "cached.count_to", []json.RawMessage{json.RawMessage(fmt.Sprint(to))}, nil)
		if err != nil || string(value) != fmt.Sprint(to) {
			t.Fatalf("cached.count_to(%d) = %s, %v", to, value, err)
		}
		for _, e := range w.numbers() {
			if e.Builder != "warm:numbers" {
				return e
			}
		}
		t.Fatalf("no entry among %+v", w.numbers())
		return cache.Entry{}
	}
	built := call()
	if built.Found {
		t.Fatalf("entry = %+v, want a new one", built)
	}
	w.eventually("it is shared", func() bool { return call().Shared })
	w.stop()
	if err := w.wait(); err != nil {
		t.Fatal(err)
	}
	<-w.ended
	w.start()
	found := call()
	if !found.Found || found.Builds != 0 || !found.BuiltAt.Equal(built.BuiltAt) || found.Builder != "cached.count_to" {
		t.Errorf("entry = %+v, want the one built before the restart: %+v", found, built)
	}
	if n := w.runtime.cache.Forget(found.Hash); n != 1 {
		t.Errorf("dropped %d entries", n)
	}
}
