package watch

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestIsModule(t *testing.T) {
	for name, want := range map[string]bool{
		"a.wasm": true, "a.b.wasm": true, "A-1_x.wasm": true,
		".wasm": false, ".a.wasm": false, "..data": false, "~a.wasm": false, "#a.wasm": false,
		"a.wasm~": false, "a.wasm.tmp": false, ".a.wasm.swp": false, "a.WASM": false, "wasm": false, "": false, "a.so": true, ".a.so": false, "a.so.1": false,
	} {
		if got := IsModule(name); got != want {
			t.Errorf("IsModule(%q) = %v, want %v", name, got, want)
		}
	}
}

// fake is a folder without a file system, for faked time.
type fake struct {
	event chan fsnotify.Event
	lost  chan error

	mu     sync.Mutex
	files  map[string]stamp
	gone   bool
	lists  int
	silent bool // events get lost
}

func newFake() *fake {
	return &fake{files: map[string]stamp{}, event: make(chan fsnotify.Event), lost: make(chan error)}
}

func (f *fake) list() (map[string]stamp, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lists++
	if f.gone {
		return nil, fmt.Errorf("list: %w", fs.ErrNotExist)
	}
	files := map[string]stamp{}
	for name, s := range f.files {
		if IsModule(name) {
			files[name] = s
		}
	}
	return files, nil
}

func (f *fake) stat(name string) (stamp, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.files[name]
	return s, ok && !f.gone
}

func (f *fake) attach() error                 { return nil }
func (f *fake) events() <-chan fsnotify.Event { return f.event }
func (f *fake) errors() <-chan error          { return f.lost }

// do changes the folder.
func (f *fake) do(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) say(name string, op fsnotify.Op) {
	if !f.silent {
		f.event <- fsnotify.Event{Name: "/m/" + name, Op: op}
	}
}

func (f *fake) write(name string, size int64) {
	f.do(func() { f.files[name] = stamp{size: size, modified: time.Now().UnixNano()} })
	f.say(name, fsnotify.Write)
}

func (f *fake) remove(name string) {
	f.do(func() { delete(f.files, name) })
	f.say(name, fsnotify.Remove)
}

// script runs body against a watcher of f whose events are noted with the time
// since the start, in faked time.
func script(t *testing.T, cfg Config, f *fake, body func(log func() []string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg.Dir = "/m"
		f.event, f.lost = make(chan fsnotify.Event), make(chan error)
		ctx, stop := context.WithCancel(t.Context())
		events := make(chan Event)
		done := make(chan error)
		start := time.Now()
		var got []string
		go func() { done <- New(cfg).run(ctx, f, events) }()
		go func() {
			for e := range events {
				got = append(got, fmt.Sprintf("%v %v %v", time.Since(start), e.Op, strings.TrimPrefix(e.Path, "/m/")))
			}
		}()
		body(func() []string { synctest.Wait(); return got })
		stop()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		close(events)
	})
}

func expect(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestFilesThatAreThereAreReportedOnce(t *testing.T) {
	f := newFake()
	f.files["b.wasm"], f.files["a.wasm"] = stamp{size: 1}, stamp{size: 2}
	script(t, Config{}, f, func(log func() []string) {
		time.Sleep(time.Minute)
		expect(t, log(), []string{"100ms load a.wasm", "100ms load b.wasm"})
	})
}

func TestDebounceStartsAnewAtEachEvent(t *testing.T) {
	f := newFake()
	script(t, Config{}, f, func(log func() []string) {
		for i := range 20 { // a writer that is at work for 1.9 s
			f.write("a.wasm", int64(i+1))
			time.Sleep(95 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		expect(t, log(), []string{"1.905s load a.wasm"})
	})
}

func TestAWriteThatLeavesTheStampIsReported(t *testing.T) {
	f := newFake()
	f.files["a.wasm"] = stamp{size: 1}
	script(t, Config{}, f, func(log func() []string) {
		time.Sleep(time.Second)
		f.say("a.wasm", fsnotify.Chmod) // no reason
		time.Sleep(time.Second)
		f.say("a.wasm", fsnotify.Write)
		time.Sleep(time.Minute)
		expect(t, log(), []string{"100ms load a.wasm", "2.1s load a.wasm"})
	})
}

func TestWithoutEventsTheListingFindsChanges(t *testing.T) {
	f := newFake()
	f.silent = true
	script(t, Config{}, f, func(log func() []string) {
		time.Sleep(500 * time.Millisecond)
		f.write("a.wasm", 1)
		time.Sleep(2 * time.Second)
		f.write("a.wasm", 2)
		time.Sleep(2 * time.Second)
		f.remove("a.wasm")
		time.Sleep(time.Minute)
		expect(t, log(), []string{"2.1s load a.wasm", "4.1s load a.wasm", "6.2s unload a.wasm"})
	})
}

func TestASlowWriterBetweenListingsIsNotReportedHalfWay(t *testing.T) {
	f := newFake()
	f.silent = true
	script(t, Config{Relist: 60 * time.Millisecond}, f, func(log func() []string) {
		for i := range 10 {
			f.write("a.wasm", int64(i+1))
			time.Sleep(80 * time.Millisecond)
		}
		time.Sleep(time.Second)
		if got := log(); len(got) != 1 || !strings.HasSuffix(got[0], "load a.wasm") {
			t.Errorf("got %q, want one load", got)
		}
	})
}

func TestALostQueueIsAListing(t *testing.T) {
	f := newFake()
	script(t, Config{}, f, func(log func() []string) {
		time.Sleep(100 * time.Millisecond)
		f.do(func() { f.files["a.wasm"] = stamp{size: 1} })
		f.lost <- fsnotify.ErrEventOverflow
		time.Sleep(time.Minute)
		expect(t, log(), []string{"200ms load a.wasm"})
	})
}

func TestARemovedFileMayComeBack(t *testing.T) {
	f := newFake()
	f.files["a.wasm"] = stamp{size: 1}
	script(t, Config{}, f, func(log func() []string) {
		time.Sleep(time.Second)
		f.remove("a.wasm") // an editor moves it away
		time.Sleep(150 * time.Millisecond)
		f.write("a.wasm", 3) // and writes a new one
		time.Sleep(time.Second)
		f.remove("a.wasm")
		time.Sleep(time.Minute)
		expect(t, log(), []string{"100ms load a.wasm", "1.25s load a.wasm", "2.35s unload a.wasm"})
	})
}

func TestARenamedFileIsThereBeforeItsOldNameGoes(t *testing.T) {
	f := newFake()
	f.files["a.wasm"] = stamp{size: 1}
	script(t, Config{}, f, func(log func() []string) {
		time.Sleep(time.Second)
		f.do(func() { f.files["b.wasm"] = f.files["a.wasm"] })
		f.remove("a.wasm")
		f.say("b.wasm", fsnotify.Create)
		time.Sleep(time.Minute)
		expect(t, log(), []string{"100ms load a.wasm", "1.1s load b.wasm", "1.2s unload a.wasm"})
	})
}

func TestAFileThatNeverSettledIsForgotten(t *testing.T) {
	f := newFake()
	script(t, Config{}, f, func(log func() []string) {
		f.write("a.wasm", 1)
		time.Sleep(50 * time.Millisecond)
		f.remove("a.wasm")
		time.Sleep(time.Minute)
		expect(t, log(), nil)
	})
}

func TestAMissingFolderKeepsItsModules(t *testing.T) {
	f := newFake()
	f.files["a.wasm"], f.files["b.wasm"] = stamp{size: 1}, stamp{size: 1}
	script(t, Config{}, f, func(log func() []string) {
		time.Sleep(time.Second)
		f.remove("a.wasm") // rm -r takes the files one by one
		f.remove("b.wasm")
		f.do(func() { f.gone = true })
		time.Sleep(time.Minute)
		f.do(func() { f.files["b.wasm"], f.gone = stamp{size: 2}, false })
		time.Sleep(time.Minute)
		got := log()
		if len(got) != 4 || !strings.HasSuffix(got[2], "load b.wasm") || !strings.HasSuffix(got[3], "unload a.wasm") {
			t.Errorf("got %q, want b loaded and a unloaded once the folder is back", got)
		}
	})
}

func TestAnotherNameCausesAListing(t *testing.T) {
	f := newFake()
	f.files["a.wasm"] = stamp{size: 1, inode: 1}
	script(t, Config{}, f, func(log func() []string) {
		time.Sleep(time.Second)
		f.do(func() { f.files["a.wasm"] = stamp{size: 1, inode: 2} }) // through a link
		f.say("..data", fsnotify.Create)
		time.Sleep(time.Minute)
		expect(t, log(), []string{"100ms load a.wasm", "1.11s load a.wasm"})
	})
}

func TestForeignWritesCauseNothing(t *testing.T) {
	f := newFake()
	script(t, Config{}, f, func(log func() []string) {
		synctest.Wait()
		listings := func() (n int) { f.do(func() { n = f.lists }); return n }
		before := listings()
		for range 100 {
			f.say(".upload-1", fsnotify.Write)
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		if n := listings(); n != before {
			t.Errorf("%d listings for writes to another file", n-before)
		}
	})
}

func TestKnownFilesThatAreGoneAreUnloaded(t *testing.T) {
	f := newFake()
	f.files["b.wasm"] = stamp{size: 1}
	script(t, Config{Known: []string{"/m/a.wasm", "/m/b.wasm"}}, f, func(log func() []string) {
		time.Sleep(time.Minute)
		expect(t, log(), []string{"100ms load b.wasm", "200ms unload a.wasm"})
	})
}

func TestASlowReceiverGetsTheLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.silent = true
		ctx, stop := context.WithCancel(t.Context())
		events, done := make(chan Event), make(chan error)
		go func() { done <- New(Config{Dir: "/m", Relist: 10 * time.Millisecond}).run(ctx, f, events) }()
		for i := range 10 {
			f.write("a.wasm", int64(i+1))
			f.write("b.wasm", int64(i+1))
			time.Sleep(time.Second)
		}
		f.remove("a.wasm")
		time.Sleep(time.Second)
		first, second := <-events, <-events
		if first != (Event{Path: "/m/b.wasm", Op: Load}) || second != (Event{Path: "/m/a.wasm", Op: Unload}) {
			t.Errorf("got %v, %v, want load b and unload a", first, second)
		}
		time.Sleep(time.Second)
		select {
		case e := <-events:
			t.Errorf("got %v on top", e)
		default:
		}
		stop()
		<-done
	})
}
