package module

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// logged collects a log.
type logged struct{ proctest.Output }

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// cached is a configuration with a cache on disk.
func cached(t *testing.T) (Config, *logged) {
	cfg := config(t)
	cfg.CacheDir = filepath.Join(t.TempDir(), "cache")
	var l logged
	cfg.Log = l.logger()
	return cfg, &l
}

// entries returns the paths of what wazero has stored.
func entries(t *testing.T, cfg Config) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(cfg.CacheDir, "compiled", "wazero-*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range paths {
		if !strings.HasSuffix(path, sealSuffix) {
			found = append(found, path)
		}
	}
	return found
}

// once opens a registry, calls t.x, which must give 1, and closes it.
func once(t *testing.T, cfg Config) {
	t.Helper()
	r, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got := result(t, r, "t.x"); got != "1" {
		t.Errorf("t.x gave %s", got)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestCompiledCodeIsKept(t *testing.T) {
	cfg, log := cached(t)
	put(t, cfg, "guest.wasm", goGuest(t))
	compileTime := func() time.Duration {
		r, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := r.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		if got := result(t, r, "guest.version"); got != `"1"` {
			t.Errorf("guest.version gave %s", got)
		}
		return only(t, r, "guest.wasm", Serving).CompileTime
	}
	cold := compileTime()
	info, err := os.Stat(filepath.Join(cfg.CacheDir, "compiled"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the cache's folder: %v, %v", info.Mode(), err)
	}
	warm := min(compileTime(), compileTime())
	t.Logf("compiled in %v, from the cache in %v", cold, warm)
	if warm > cold/2 {
		t.Errorf("compiled in %v, from the cache in %v", cold, warm)
	}
	if n := len(entries(t, cfg)); n != 1 {
		t.Errorf("%d entries, want 1", n)
	}
	if strings.Contains(log.String(), "damaged") {
		t.Error(log)
	}
}

func TestDamagedCacheNeverBlocksALoad(t *testing.T) {
	cfg, log := cached(t)
	put(t, cfg, "m.wasm", small("t.x", 1))
	once(t, cfg)
	found := entries(t, cfg)
	if len(found) != 1 {
		t.Fatalf("entries: %q", found)
	}
	path := found[0]
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	damage := map[string][]byte{"empty": {}, "foreign": []byte("hello"), "longer": append(bytes.Clone(good), 0)}
	for at := range 24 { // the header, where a byte can stand for gigabytes
		b := bytes.Clone(good)
		b[at] ^= 0xff
		damage[fmt.Sprintf("byte %d", at)] = b
	}
	for range 20 {
		b := bytes.Clone(good)
		at := random.IntN(len(b))
		b[at] ^= byte(1 + random.IntN(255))
		damage[fmt.Sprintf("random byte %d", at)] = b
		cut := random.IntN(len(good))
		damage[fmt.Sprintf("cut at %d", cut)] = good[:cut]
	}
	for name, bad := range damage {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		once(t, cfg)
		if again, err := os.ReadFile(path); err != nil || bytes.Equal(again, bad) || len(again) != len(good) {
			t.Errorf("%s: the entry was not made anew (%v)", name, err)
		}
	}
	if n := strings.Count(log.String(), "damaged entry"); n != len(damage) {
		t.Errorf("%d entries were called damaged, want %d", n, len(damage))
	}

	// Damage that came before the seal: wazero itself notices.
	for _, cut := range []int{0, 5, len(good) / 2, len(good) - 6} {
		if err := os.WriteFile(path, good[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := digest(path, info)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeWhole(path+sealSuffix, []byte(sum)); err != nil {
			t.Fatal(err)
		}
		once(t, cfg)
	}
	// An entry whose writer did not live to seal it.
	if err := os.Remove(path + sealSuffix); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, good[:20], 0o600); err != nil {
		t.Fatal(err)
	}
	once(t, cfg)
}

func TestCacheDamagedWhileTheHostRuns(t *testing.T) {
	cfg, _ := cached(t)
	path := put(t, cfg, "m.wasm", small("t.x", 1))
	r := open(t, cfg)
	for _, entry := range entries(t, cfg) {
		time.Sleep(5 * time.Millisecond) // another modification time
		if err := os.WriteFile(entry, []byte("WAZEVO\x03dev\xff\xff\xff\xff"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(t, cfg, "m.wasm", small("t.x", 2))
	r.look(t.Context(), path)
	put(t, cfg, "m.wasm", small("t.x", 1))
	r.look(t.Context(), path)
	if got := result(t, r, "t.x"); got != "1" {
		t.Errorf("t.x gave %s", got)
	}
}

func TestCacheThatCannotBeWritten(t *testing.T) {
	cfg, log := cached(t)
	path := put(t, cfg, "m.wasm", small("t.x", 1))
	r := open(t, cfg)
	// What wazero writes into disappears, as if the disk were full.
	if err := os.RemoveAll(filepath.Join(cfg.CacheDir, "compiled")); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		put(t, cfg, "m.wasm", small("t.x", i+2))
		r.look(t.Context(), path)
		if got := result(t, r, "t.x"); got != fmt.Sprint(i+2) {
			t.Errorf("t.x gave %s", got)
		}
	}
	if !strings.Contains(log.String(), "compilation cache out of order") {
		t.Error(log)
	}

	// No folder at all.
	cfg, log = cached(t)
	cfg.CacheDir = "/dev/null/cache"
	put(t, cfg, "m.wasm", small("t.x", 1))
	once(t, cfg)
	if !strings.Contains(log.String(), "compiled anew") {
		t.Error(log)
	}
}

func TestCacheOfOthersIsNotUsed(t *testing.T) {
	cfg, log := cached(t)
	put(t, cfg, "m.wasm", small("t.x", 1))
	once(t, cfg)
	dir := filepath.Join(cfg.CacheDir, "compiled")
	entry := entries(t, cfg)[0]

	if err := os.Chmod(dir, 0o777); err != nil { // others could write
		t.Fatal(err)
	}
	before, err := os.Stat(entry)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Millisecond)
	once(t, cfg)
	after, err := os.Stat(entry)
	if err != nil || after.ModTime().Equal(before.ModTime()) {
		t.Errorf("an entry that others could have written was used (%v)", err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	if os.Geteuid() == 0 {
		if err := os.Chown(dir, 12345, -1); err != nil {
			t.Fatal(err)
		}
		once(t, cfg)
		if !strings.Contains(log.String(), "belongs to another user") {
			t.Error(log)
		}
	}

	// A link in its place is someone else's choice.
	elsewhere := t.TempDir()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, dir); err != nil {
		t.Fatal(err)
	}
	once(t, cfg)
	if !strings.Contains(log.String(), "is not a folder") {
		t.Error(log)
	}
	if left, err := os.ReadDir(elsewhere); err != nil || len(left) > 0 {
		t.Errorf("%d files behind the link, %v", len(left), err)
	}
}

func TestCacheStaysWithinItsLimit(t *testing.T) {
	cfg, _ := cached(t)
	for i := range 5 {
		put(t, cfg, fmt.Sprintf("m%d.wasm", i), small(fmt.Sprintf("t.x%d", i), i))
	}
	r := open(t, cfg)
	if n := len(entries(t, cfg)); n != 5 {
		t.Fatalf("%d entries, want 5", n)
	}
	var total int64
	for _, info := range r.engine.cache.entries() {
		total += info.Size()
	}
	r.engine.cache.limit = total/5*2 + total/10
	r.engine.cache.trim()
	if n := len(entries(t, cfg)); n != 2 {
		t.Errorf("%d entries are left, want 2", n)
	}
	seals, err := filepath.Glob(filepath.Join(cfg.CacheDir, "compiled", "wazero-*", "*"+sealSuffix))
	if err != nil || len(seals) != 2 {
		t.Errorf("%d seals are left, %v", len(seals), err)
	}
}

func TestHostsShareACache(t *testing.T) {
	cfg, log := cached(t)
	for i := range 6 {
		put(t, cfg, fmt.Sprintf("m%d.wasm", i), small(fmt.Sprintf("t.x%d", i), i))
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			r, err := Open(t.Context(), cfg)
			if err != nil {
				t.Error(err)
				return
			}
			if n := len(r.Tasks()); n != 6 {
				t.Errorf("%d tasks, want 6: %+v", n, r.Modules())
			}
			if err := r.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	once := open(t, cfg)
	if n := len(once.Tasks()); n != 6 {
		t.Errorf("%d tasks, want 6\n%s", n, log)
	}
}
