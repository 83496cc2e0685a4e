package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/filelock"
)

// markerName is the file that says that a folder holds a whole install.
const markerName = "installed.json"

// A NotInstalledError says that an engine has to be installed before it starts.
type NotInstalledError struct {
	Engine string // its name
	Target string // what installs it: sparkstalk engine install Target
	Dir    string // where it was looked for
}

func (e *NotInstalledError) Error() string {
	return fmt.Sprintf("engine %s is not installed in %s: run `sparkstalk engine install %s`", e.Engine, e.Dir, e.Target)
}

// marker is what markerName holds.
type marker struct {
	Engine  string    `json:"engine"`
	Version string    `json:"sparkstalk"` // of the layout
	Time    time.Time `json:"time"`
}

// layout changes when an install of the same engine version gets other files.
const layout = "1"

func installed(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, markerName))
	if err != nil {
		return false
	}
	var m marker
	return json.Unmarshal(b, &m) == nil && m.Version == layout
}

// Install installs the engine that cfg names, and says on progress, line by
// line, what it does and how far it is. It returns at once when the engine is
// there. The engine appears whole or not at all, whenever Install is
// interrupted; of several at once, one works and the others wait for it.
//
// Packages come through pip with the user's own settings.
func Install(ctx context.Context, cfg Config, progress io.Writer) error {
	e, err := New(cfg)
	if err != nil {
		return err
	}
	in := &installer{cfg: e.cfg, out: progress}
	if e.kind == nil {
		in.say("%s is run by somebody else: nothing to install", e.Name())
		return nil
	}
	in.name = e.kind.target()
	if err := in.install(ctx, e.kind); err != nil {
		return fmt.Errorf("install engine %s: %w", e.kind.label(), err)
	}
	return nil
}

// An installer is one run of Install.
type installer struct {
	cfg  Config
	name string // begins each line

	mu  sync.Mutex
	out io.Writer
}

// say writes one line of progress.
func (in *installer) say(format string, args ...any) {
	in.mu.Lock()
	defer in.mu.Unlock()
	line := fmt.Sprintf(format, args...)
	if in.name != "" {
		line = in.name + ": " + line
	}
	_, _ = fmt.Fprintln(in.out, line) // an install does not fail for want of a reader
}

func (in *installer) install(ctx context.Context, k kind) error {
	dir := installDir(in.cfg.Home, k)
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	lock, err := filelock.Wait(ctx, filepath.Join(parent, "."+k.folder()+".lock"), func() {
		in.say("another process installs it; waiting")
	})
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if !installed(dir) {
		if err := in.fetch(ctx, k, dir); err != nil {
			return err
		}
	}
	if err := k.finish(ctx, dir, in); err != nil {
		return err
	}
	in.say("%s is installed in %s", k.label(), dir)
	return nil
}

// fetch puts a whole install into place. The caller holds the install's lock.
func (in *installer) fetch(ctx context.Context, k kind, dir string) error {
	begin := time.Now()
	pattern := filepath.Join(filepath.Dir(dir), "."+k.folder()+".tmp-*")
	left, _ := filepath.Glob(pattern)
	for _, path := range append(left, dir) { // of installs that were interrupted
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), strings.TrimSuffix(filepath.Base(pattern), "*"))
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := k.fetch(ctx, tmp, in); err != nil {
		return err
	}
	note, err := json.Marshal(marker{Engine: k.label(), Version: layout, Time: time.Now().UTC()})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, markerName), append(note, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return err
	}
	in.say("in place after %v", time.Since(begin).Round(time.Second))
	return nil
}
