// Package watch reports what becomes of the module files of one folder, as a
// stream of load and unload.
//
// Events of the operating system are only a hint here. They get lost (a full
// queue, NFS, containers that share a folder) and they come too often (one per
// write, none that says "done"). So a file is reported once nothing happened to
// it for [Config.Settle], or as soon as [Config.Whole] says that it is complete, and the folder is listed again every [Config.Relist]
// whether there were events or not.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// Extensions are how the names of module files end: WASM modules and Go plugins.
var Extensions = []string{".wasm", ".so"}

// The defaults of [Config].
const (
	DefaultSettle = 100 * time.Millisecond
	DefaultRelist = 2 * time.Second
)

// missingPoll is how often a folder that is gone is looked for.
const missingPoll = 250 * time.Millisecond

// An Op says what is to be done with a file.
type Op int

// The operations.
const (
	// Load says that the file is new or has changed, and is at rest.
	Load Op = iota + 1
	// Unload says that the file is gone.
	Unload
)

// String is the operation's name in lower case.
func (o Op) String() string {
	switch o {
	case Load:
		return "load"
	case Unload:
		return "unload"
	}
	return fmt.Sprintf("Op(%d)", int(o))
}

// An Event says what became of one file. The file may have changed again since:
// then another event follows.
type Event struct {
	Path string
	Op   Op
}

// Config is what a [Watcher] needs to know.
type Config struct {
	// Dir is the folder. Only files at its top count, and symbolic links to files.
	Dir string
	// Settle is how long a file must lie still before it is reported; the time
	// starts anew with each event. A file that is gone must stay away for twice
	// as long, so that a renamed file is there before its old name goes.
	//
	// Zero means [DefaultSettle].
	Settle time.Duration
	// Whole reports whether a file can be seen to be complete, at once; it is then
	// reported without a wait for Settle. Nil never does. It is called after
	// changes, and less often when it takes long.
	Whole func(path string) bool
	// Relist is the time between two listings of the folder. Zero means [DefaultRelist].
	Relist time.Duration
	// Known are paths of files that count as loaded already: one that is not
	// there when the watch begins is reported as gone. One that is there is
	// reported as any other.
	Known []string
	// Log receives what goes wrong. Nil discards it.
	Log *slog.Logger
}

// A Watcher watches one folder.
type Watcher struct {
	cfg Config
}

// New returns a Watcher. It starts nothing.
func New(cfg Config) *Watcher {
	if cfg.Settle <= 0 {
		cfg.Settle = DefaultSettle
	}
	if cfg.Relist <= 0 {
		cfg.Relist = DefaultRelist
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Watcher{cfg: cfg}
}

// IsModule reports whether a file of that name can be a module: it ends in
// one of [Extensions] and is neither hidden nor an editor's or a copy tool's temporary file.
func IsModule(name string) bool {
	if extension := filepath.Ext(name); name == extension || !slices.Contains(Extensions, extension) {
		return false
	}
	switch name[0] {
	case '.', '~', '#':
		return false
	}
	return true
}

// List returns the paths of the module files in dir, in the order of their
// names. Symbolic links count when they lead to a regular file.
func List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list modules: %w", err)
	}
	var paths []string
	for _, entry := range entries {
		if !IsModule(entry.Name()) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// Run sends an event for each file that is there, and then for each change, until
// ctx ends; then it returns nil. It makes the folder if it is missing, and fails
// if it cannot. A receiver may be slow: of several events for one file that it
// has not taken yet, the last one counts.
//
// A folder that disappears later is not made again, and its modules are not
// reported as gone: someone is probably replacing it. Run waits for it.
func (w *Watcher) Run(ctx context.Context, events chan<- Event) error {
	if err := os.MkdirAll(w.cfg.Dir, 0o755); err != nil {
		return fmt.Errorf("make the modules' folder: %w", err)
	}
	d := newDir(w.cfg.Dir)
	defer d.close()
	return w.run(ctx, d, events)
}

// A folder is what the loop sees of the file system.
type folder interface {
	// list returns the stamps of the module files by their names.
	list() (map[string]stamp, error)
	// stat returns the stamp of one file, and whether it is there.
	stat(name string) (stamp, bool)
	// attach makes events come from the folder that is there now. It is cheap
	// when they do already.
	attach() error
	// events and errors are nil while there is nothing to receive from.
	events() <-chan fsnotify.Event
	errors() <-chan error
}

// run is Run's loop, over a folder that tests can fake.
func (w *Watcher) run(ctx context.Context, d folder, events chan<- Event) error {
	l := loop{
		cfg: w.cfg, dir: d, log: w.cfg.Log.With(logkey.Path, w.cfg.Dir),
		tracker: newTracker(w.cfg.Settle, w.cfg.Known),
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	l.scan(time.Now())
	for {
		var send chan<- Event
		var next Event
		if len(l.queue) > 0 {
			send, next = events, l.queue[0]
		}
		timer.Reset(max(0, time.Until(l.wake())))
		select {
		case <-ctx.Done():
			return nil
		case send <- next:
			l.queue = l.queue[1:]
		case event, ok := <-d.events():
			if ok {
				l.hint(event, time.Now())
			}
		case err, ok := <-d.errors():
			if ok {
				// Above all a full queue: what it held is lost, so look at everything.
				l.log.Debug("file events lost", logkey.Error, err)
				l.scan(time.Now())
			}
		case <-timer.C:
			now := time.Now()
			if !now.Before(l.rescan) {
				l.scan(now)
			}
			l.settle(now)
		}
	}
}

// loop is the state of one run, used by one goroutine.
type loop struct {
	cfg     Config
	dir     folder
	log     *slog.Logger
	tracker *tracker
	queue   []Event
	// rescan is when the folder is listed next.
	rescan time.Time
	// missing says that the folder could not be listed; deaf that there are no events.
	missing, deaf bool
}

// wake is when the loop has something to do without an event.
func (l *loop) wake() time.Time {
	if at, ok := l.tracker.next(); ok && at.Before(l.rescan) {
		return at
	}
	return l.rescan
}

// hint takes an event of the operating system.
func (l *loop) hint(event fsnotify.Event, now time.Time) {
	name := filepath.Base(event.Name)
	itself := filepath.Clean(event.Name) == filepath.Clean(l.cfg.Dir)
	if itself || !IsModule(name) {
		if !itself && event.Op&(fsnotify.Create|fsnotify.Rename|fsnotify.Remove) == 0 {
			return // someone writes a file that is none of ours
		}
		// The folder itself, or a link like Kubernetes' ..data that others lead
		// through. Events come in bunches, so wait a moment for the rest.
		if soon := now.Add(l.cfg.Settle / 10); soon.Before(l.rescan) {
			l.rescan = soon
		}
		return
	}
	s, ok := l.dir.stat(name)
	// A change of mode alone is no reason to load anything again.
	content := event.Op&(fsnotify.Create|fsnotify.Write|fsnotify.Rename) != 0
	l.tracker.touch(name, s, ok, content, now)
}

// scan lists the folder.
func (l *loop) scan(now time.Time) {
	l.rescan = now.Add(l.cfg.Relist)
	if err := l.dir.attach(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		if !l.deaf {
			l.deaf = true
			l.log.Warn("no file events, modules are looked for from time to time", logkey.Error, err, logkey.Wait, l.cfg.Relist)
		}
	} else {
		l.deaf = false
	}
	files, err := l.dir.list()
	if err != nil {
		l.rescan = now.Add(min(missingPoll, l.cfg.Relist))
		if !l.missing {
			l.missing = true
			l.log.Warn("the modules' folder cannot be read, what was loaded stays", logkey.Error, err)
		}
		return
	}
	if l.missing {
		l.missing = false
		l.log.Info("the modules' folder is back")
		// Its files may still be on their way.
		l.tracker.restart(now)
	}
	l.tracker.observe(files, now)
}

// whole asks Config.Whole about a file, and how long the answer took.
func (l *loop) whole(name string) (ok bool, took time.Duration) {
	if l.cfg.Whole == nil {
		return false, 0
	}
	start := time.Now()
	ok = l.cfg.Whole(filepath.Join(l.cfg.Dir, name))
	return ok, time.Since(start)
}

// settle reports the files that have come to rest.
func (l *loop) settle(now time.Time) {
	loads, unloads := l.tracker.due(now, l.dir.stat, l.whole)
	away := l.missing
	if len(unloads) > 0 {
		// Look whether it is these files that are gone or all of the folder.
		l.scan(now)
		away = away || l.missing
	}
	for _, name := range unloads {
		if away {
			l.tracker.postpone(name, now)
		} else if l.tracker.forget(name) {
			l.push(Event{Path: filepath.Join(l.cfg.Dir, name), Op: Unload})
		}
	}
	for _, name := range loads {
		l.push(Event{Path: filepath.Join(l.cfg.Dir, name), Op: Load})
	}
}

// push queues an event in place of an older one for the same path.
func (l *loop) push(event Event) {
	for i, old := range l.queue {
		if old.Path == event.Path {
			l.queue = append(l.queue[:i:i], l.queue[i+1:]...)
			break
		}
	}
	l.queue = append(l.queue, event)
}
