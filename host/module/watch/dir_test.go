package watch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// patience is how long a test waits for what must come; it is long because the
// machine may be busy, and costs nothing when things go well.
const patience = time.Minute

// world is a watched folder of real files.
type world struct {
	t      *testing.T
	dir    string
	events chan Event
}

func watch(t *testing.T, dir string, cfg Config) *world {
	t.Helper()
	cfg.Dir = dir
	ctx, stop := context.WithCancel(context.Background())
	w := &world{t: t, dir: dir, events: make(chan Event)}
	done := make(chan error, 1)
	go func() { done <- New(cfg).Run(ctx, w.events) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// put writes a file under a hidden name and renames it, as a deployment should.
func (w *world) put(name, content string) {
	w.t.Helper()
	temp := w.path("." + name + ".tmp")
	if err := os.WriteFile(temp, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(temp, w.path(name)); err != nil {
		w.t.Fatal(err)
	}
}

// await waits for one event and skips what comes before it.
func (w *world) await(op Op, name string) {
	w.t.Helper()
	want := Event{Path: w.path(name), Op: op}
	deadline := time.After(patience)
	for {
		select {
		case e := <-w.events:
			if e == want {
				return
			}
			w.t.Logf("passed over: %v %v", e.Op, e.Path)
		case <-deadline:
			w.t.Fatalf("no %v of %v within %v", op, name, patience)
		}
	}
}

// quiet fails if anything is reported in a while.
func (w *world) quiet(d time.Duration) {
	w.t.Helper()
	select {
	case e := <-w.events:
		w.t.Fatalf("unexpected %v of %v", e.Op, e.Path)
	case <-time.After(d):
	}
}

// onlyEvents is a configuration in which the listing would come too late.
var onlyEvents = Config{Settle: 30 * time.Millisecond, Relist: time.Hour}

// onlyListing has no use for events: they would be too early by far, but the
// tests that use it change what no event tells of.
var onlyListing = Config{Settle: 30 * time.Millisecond, Relist: 100 * time.Millisecond}

func TestMissingFolderIsMade(t *testing.T) {
	w := watch(t, filepath.Join(t.TempDir(), "a", "plugins"), onlyListing)
	deadline := time.Now().Add(patience)
	for {
		if _, err := os.Stat(w.dir); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	w.put("x.wasm", "1")
	w.await(Load, "x.wasm")
}

func TestRunFailsWhereNoFolderCanBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := New(Config{Dir: filepath.Join(file, "plugins")}).Run(t.Context(), nil); err == nil {
		t.Fatal("no error")
	}
}

func TestEventsOfRealFiles(t *testing.T) {
	w := watch(t, t.TempDir(), onlyEvents)
	w.quiet(200 * time.Millisecond) // Run has begun

	w.put("a.wasm", "1")
	w.await(Load, "a.wasm")

	w.put("a.wasm", "2") // rename over
	w.await(Load, "a.wasm")

	if err := os.WriteFile(w.path("a.wasm"), []byte("3"), 0o644); err != nil { // in place
		t.Fatal(err)
	}
	w.await(Load, "a.wasm")

	// An editor's save: move the old one away, write a new one, delete the old.
	if err := os.Rename(w.path("a.wasm"), w.path("a.wasm~")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path("a.wasm"), []byte("4"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(w.path("a.wasm~")); err != nil {
		t.Fatal(err)
	}
	w.await(Load, "a.wasm")
	w.quiet(150 * time.Millisecond)

	for _, name := range []string{".hidden.wasm", "notes.txt", "x.wasm.part"} {
		if err := os.WriteFile(w.path(name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(w.path("folder.wasm"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.quiet(200 * time.Millisecond)

	if err := os.Remove(w.path("a.wasm")); err != nil {
		t.Fatal(err)
	}
	w.await(Unload, "a.wasm")
	w.quiet(100 * time.Millisecond)
}

func TestSlowWriterIsReportedWhenDone(t *testing.T) {
	// The settle time is long against the pauses, so that a busy machine does
	// not make a pause look like the end.
	w := watch(t, t.TempDir(), Config{Settle: time.Second, Relist: time.Hour})
	f, err := os.Create(w.path("slow.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		if _, err := fmt.Fprint(f, "more"); err != nil {
			t.Fatal(err)
		}
		w.quiet(20 * time.Millisecond)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	w.await(Load, "slow.wasm")
	w.quiet(100 * time.Millisecond)
}

// kubernetes lays dir out as a mounted ConfigMap and returns how to swap it.
func kubernetes(t *testing.T, dir string) (swap func(version string)) {
	t.Helper()
	swap = func(version string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, "..v"+version), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "..v"+version, "k.wasm"), []byte(version), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("..v"+version, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	swap("1")
	if err := os.Symlink(filepath.Join("..data", "k.wasm"), filepath.Join(dir, "k.wasm")); err != nil {
		t.Fatal(err)
	}
	return swap
}

func TestKubernetesSwap(t *testing.T) {
	dir := t.TempDir()
	swap := kubernetes(t, dir)
	w := watch(t, dir, onlyEvents)
	w.await(Load, "k.wasm")
	for version := 2; version < 5; version++ {
		swap(fmt.Sprint(version))
		w.await(Load, "k.wasm")
	}
}

func TestChangeBehindALinkIsFoundByListing(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "real")
	if err := os.WriteFile(elsewhere, []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, "l.wasm")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling.wasm")); err != nil {
		t.Fatal(err)
	}
	w := watch(t, dir, onlyListing)
	w.await(Load, "l.wasm")
	w.quiet(200 * time.Millisecond)
	if err := os.WriteFile(elsewhere, []byte("22"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.await(Load, "l.wasm")
	if err := os.Remove(elsewhere); err != nil {
		t.Fatal(err)
	}
	w.await(Unload, "l.wasm")
}

func TestReplacedFolderIsWatchedAgain(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "plugins")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// A listing every hour, but a missing folder is looked for sooner.
	w := watch(t, dir, onlyEvents)
	w.quiet(200 * time.Millisecond)
	w.put("a.wasm", "1")
	w.await(Load, "a.wasm")

	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	w.quiet(300 * time.Millisecond) // the folder is gone, not the module
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w.put("a.wasm", "22")
	w.await(Load, "a.wasm")
	w.put("a.wasm", "333") // by an event of the new folder
	w.await(Load, "a.wasm")

	// Another folder moves into its place.
	next := filepath.Join(parent, "next")
	if err := os.Mkdir(next, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(next, "b.wasm"), []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, filepath.Join(parent, "old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, dir); err != nil {
		t.Fatal(err)
	}
	w.await(Load, "b.wasm")
	w.await(Unload, "a.wasm")
	w.put("b.wasm", "22")
	w.await(Load, "b.wasm")
}

func TestManyFilesConverge(t *testing.T) {
	w := watch(t, t.TempDir(), Config{Settle: 30 * time.Millisecond, Relist: 200 * time.Millisecond})
	const files = 200
	for round := range 20 { // 4,000 writes and renames that nobody takes the events of
		for i := range files {
			w.put(fmt.Sprintf("m%03d.wasm", i), fmt.Sprintf("round %d", round))
		}
	}
	seen := map[string]bool{}
	deadline := time.After(patience)
	for len(seen) < files {
		select {
		case e := <-w.events:
			if e.Op != Load {
				t.Fatalf("unexpected %v of %v", e.Op, e.Path)
			}
			seen[e.Path] = true
		case <-deadline:
			t.Fatalf("%d of %d files reported", len(seen), files)
		}
	}
}
