package module

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ways are how a module's file becomes another one, in a folder dir that is
// watched; parent is the folder's own.
var ways = []struct {
	name   string
	arrive func(t *testing.T, parent, dir, path string, data []byte)
}{
	{"copied in place", func(t *testing.T, _, _, path string, data []byte) { save(t, path, data) }},
	{"renamed over", func(t *testing.T, _, dir, path string, data []byte) {
		save(t, filepath.Join(dir, "next.tmp"), data)
		rename(t, filepath.Join(dir, "next.tmp"), path)
	}},
	{"moved from elsewhere", func(t *testing.T, parent, _, path string, data []byte) {
		save(t, filepath.Join(parent, "next"), data)
		rename(t, filepath.Join(parent, "next"), path)
	}},
	{"written bit by bit", func(t *testing.T, _, _, path string, data []byte) {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(data); at += 50 {
			if _, err := f.Write(data[at:min(at+50, len(data))]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}},
	{"overwritten without being cut", func(t *testing.T, _, _, path string, data []byte) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(data); at += 100 {
			if _, err := f.WriteAt(data[at:min(at+100, len(data))], int64(at)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Truncate(int64(len(data))); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}},
	{"saved by vim with a backup", func(t *testing.T, _, _, path string, data []byte) {
		rename(t, path, path+"~")
		save(t, path, data)
		remove(t, path+"~")
	}},
	{"saved by an editor with a copy as its backup", func(t *testing.T, _, dir, path string, data []byte) {
		save(t, filepath.Join(dir, ".m.wasm.swp"), []byte("notes"))
		save(t, filepath.Join(dir, "4913"), nil) // vim's probe
		remove(t, filepath.Join(dir, "4913"))
		save(t, path, nil)
		save(t, path, data)
		remove(t, filepath.Join(dir, ".m.wasm.swp"))
	}},
	{"removed and written", func(t *testing.T, _, _, path string, data []byte) {
		remove(t, path)
		save(t, path, data)
	}},
	{"a link swapped", func(t *testing.T, parent, dir, path string, data []byte) {
		target := filepath.Join(parent, fmt.Sprintf("build-%d", time.Now().UnixNano()))
		save(t, target, data)
		if err := os.Symlink(target, filepath.Join(dir, ".link")); err != nil {
			t.Fatal(err)
		}
		rename(t, filepath.Join(dir, ".link"), path)
	}},
	{"rewritten behind a link, of which no event tells", func(t *testing.T, parent, dir, path string, data []byte) {
		target := filepath.Join(parent, "target")
		if to, err := os.Readlink(path); err != nil || to != target {
			save(t, target, data)
			if err := os.Symlink(target, filepath.Join(dir, ".link")); err != nil {
				t.Fatal(err)
			}
			rename(t, filepath.Join(dir, ".link"), path)
			return
		}
		save(t, target, data)
	}},
	{"the folder replaced", func(t *testing.T, parent, dir, path string, data []byte) {
		next := filepath.Join(parent, "next-folder")
		if err := os.Mkdir(next, 0o755); err != nil {
			t.Fatal(err)
		}
		save(t, filepath.Join(next, "m.wasm"), data)
		rename(t, dir, fmt.Sprintf("%s-%d", dir, time.Now().UnixNano()))
		rename(t, next, dir)
	}},
	{"the folder removed and made again", func(t *testing.T, _, dir, path string, data []byte) {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		if err := os.MkdirAll(dir, 0o755); err != nil { // a registry that just begins makes it, too
			t.Fatal(err)
		}
		save(t, path, data)
	}},
}

func save(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	// Unlike os.Rename this takes the place of an empty folder, which a registry that just
	// begins may have made.
	if err := syscall.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestEveryWayOfArrival has a caller that never stops: it must get answers of
// whole versions only, and each in its turn.
func TestEveryWayOfArrival(t *testing.T) {
	for _, way := range ways {
		for _, kind := range []string{"sealed", "unsealed"} {
			t.Run(way.name+", "+kind, func(t *testing.T) {
				t.Parallel()
				cfg := config(t)
				// What is sealed does not wait for that, but a file that vanishes for a
				// moment must not be taken for one that is gone, however busy the
				// machine is.
				cfg.Settle, cfg.Relist = 20*time.Second, 50*time.Millisecond
				if kind == "unsealed" {
					cfg.Settle = 300 * time.Millisecond
				}
				file := func(n int) []byte {
					// Each is shorter than the one before, so that one written over it
					// has its end until it is cut.
					a := asm{manifest: manifest("t.x"), result: strconv.Itoa(n), custom: string(make([]byte, 2000-n*100))}
					if kind == "sealed" {
						return sealed(t, a.bytes(), a.manifest)
					}
					return a.bytes()
				}
				path := put(t, cfg, "m.wasm", file(1))
				r := start(t, cfg)
				eventually(t, answers(r, "t.x", "1"))
				stop := make(chan struct{})
				var caller sync.WaitGroup
				caller.Go(func() {
					last := 1
					for {
						select {
						case <-stop:
							return
						case <-time.After(time.Millisecond):
						}
						var c call
						if err := run(context.Background(), r, "t.x", &c); err != nil {
							if kind == "unsealed" && errors.Is(err, errNoTask) {
								continue // a busy machine took longer than that
							}
							t.Error(err)
							return
						}
						n, err := strconv.Atoi(string(c.result))
						if err != nil || n < last || n > 3 {
							t.Errorf("version %q answers after %d", c.result, last)
							return
						}
						last = n
					}
				})
				for n := 2; n <= 3; n++ {
					way.arrive(t, filepath.Dir(cfg.Dir), cfg.Dir, path, file(n))
					eventually(t, answers(r, "t.x", strconv.Itoa(n)))
				}
				close(stop)
				caller.Wait()
				for _, info := range r.Modules() {
					if info.State == Refused {
						t.Errorf("refused in the end: %s", info.Reason)
					}
				}
			})
		}
	}
}

func TestAFileThatIsRemovedIsNoLongerServed(t *testing.T) {
	cfg := config(t)
	path := put(t, cfg, "m.wasm", smallSealed(t, "t.x", 1))
	r := start(t, cfg)
	eventually(t, answers(r, "t.x", "1"))
	remove(t, path)
	eventually(t, func() error {
		if tasks := r.Tasks(); len(tasks) > 0 {
			return fmt.Errorf("still serves %q", tasks)
		}
		return nil
	})
	put(t, cfg, "m.wasm", smallSealed(t, "t.x", 2))
	eventually(t, answers(r, "t.x", "2"))
}
