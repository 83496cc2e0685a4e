// Package dev is the development loop: it builds a module's source, serves it,
// calls a task, and does so again whenever the source is saved.
package dev

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/engine"
	"github.com/sparkstalk/sparkstalk/host/term"
)

// Config is what a loop needs. Host.Plugins, Log and OnModule are the loop's own.
type Config struct {
	// Host says which engine there is and what else a host is to do. With
	// Host.Broker it serves Celery clients of that broker; without one, those of
	// a broker of its own, unless NoBroker is set.
	Host     host.Config
	NoBroker bool
	// Port is where the loop's own broker listens on this machine. Zero means
	// 6390, or any that is free if that is not.
	Port int
	// Dir has the source of a module, or is a folder of such folders. Empty
	// means the working folder.
	Dir string
	// Call is the line of the first call, a task and its arguments; empty calls
	// nothing until a line comes by In.
	Call []string
	// Tests runs the module's tests before each call.
	Tests bool
	// Parse turns the words behind a task's name into arguments.
	Parse func(words []string) (args []json.RawMessage, kwargs map[string]json.RawMessage, err error)
	// Rows is the most rows of a table that are shown. Zero shows all.
	Rows int
	// Out is where all is shown; JSON writes an event a line for programs.
	Out  io.Writer
	JSON bool
	// In has lines to call, an empty one to repeat the last. Nil has none. The
	// loop goes on when it ends.
	In io.Reader
}

// widest is the most characters of a table's value.
const widest = 60

// A module is a folder with a module's source.
type module struct {
	name, dir string
	language  build.Language
	dirty     bool   // not built since it was changed
	hash      string // of what was built last
	broken    bool   // the last build failed
}

// loop is a running loop. One goroutine uses it, but for screen and loads.
type loop struct {
	cfg     Config
	screen  *screen
	plugins string
	modules []*module
	loads   *loads
	server  *server
	call    []string  // the last line called
	saved   time.Time // when what is being built was saved; zero if nothing was
	sources term.Sources
}

// Run serves until ctx ends. It fails if there is no source, or if the engine
// cannot be had; what is wrong with the source is shown, and waits to be mended.
func Run(ctx context.Context, cfg Config) (err error) {
	if cfg.Dir == "" {
		cfg.Dir = "."
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return fmt.Errorf("dev: %w", err)
	}
	modules, err := find(dir)
	if err != nil {
		return err
	}
	plugins, err := os.MkdirTemp("", "sparkstalk-dev-")
	if err != nil {
		return fmt.Errorf("dev: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(plugins)) }()

	l := &loop{
		cfg: cfg, screen: newScreen(cfg.Out, cfg.JSON), plugins: plugins, modules: modules, loads: newLoads(),
		call: cfg.Call, sources: term.Sources{Dir: dir},
	}
	l.cfg.Host.Plugins = plugins
	// A version that traps is the one to work on, nobody goes back to another, and
	// what is not finished is not signed.
	l.cfg.Host.ModuleTrial, l.cfg.Host.ModuleVersions, l.cfg.Host.RequireSigned = new(int), -1, false
	// Somebody waits for the module, and nobody for anything else.
	l.cfg.Host.ModuleCompileNice = new(int)
	if l.cfg.Host.Broker == "" && l.cfg.Host.BeatScheduleFilename == "" {
		// When tasks ran last is for as long as the broker is.
		l.cfg.Host.BeatScheduleFilename = filepath.Join(plugins, "beat.json")
	}
	l.cfg.Host.OnModule = l.loads.note
	l.cfg.Host.Log = slog.New(&handler{screen: l.screen, level: slog.LevelWarn})

	// The first build goes on beside the engine's start.
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return l.serve(gctx) })
	g.Go(func() error {
		l.buildAll(gctx)
		return nil
	})
	if err := g.Wait(); err != nil {
		return errors.Join(err, l.server.close())
	}
	l.screen.intro(l.server.fields(dir), l.introduction(dir))

	g, gctx = errgroup.WithContext(ctx)
	// Not part of the group: a read of a terminal cannot be ended.
	lines := readLines(gctx, cfg.In)
	changes := make(chan change)
	g.Go(func() error { return sources{dir}.run(gctx, changes) })
	g.Go(func() error { return l.server.run(gctx) })
	g.Go(func() error { return l.rounds(gctx, changes, lines) })
	err = g.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, l.screen.err)
}

// find returns the modules of a folder.
func find(dir string) ([]*module, error) {
	language, err := build.Detect(dir)
	if err == nil {
		return []*module{{name: filepath.Base(dir), dir: dir, language: language, dirty: true}}, nil
	}
	entries, readErr := os.ReadDir(dir)
	if readErr != nil {
		return nil, fmt.Errorf("dev: %w", readErr)
	}
	var found []*module
	for _, e := range entries {
		sub := filepath.Join(dir, e.Name())
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if language, err := build.Detect(sub); err == nil {
			found = append(found, &module{name: e.Name(), dir: sub, language: language, dirty: true})
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w; `sparkstalk new NAME` makes a folder that has", err)
	}
	return found, nil
}

// serve opens what serves. An engine of this machine is installed if it is not.
func (l *loop) serve(ctx context.Context) error {
	spec, err := host.EngineConfig(l.cfg.Host)
	if err != nil {
		return err
	}
	l.server, err = openServer(ctx, l.cfg)
	if _, ok := errors.AsType[*engine.NotInstalledError](err); ok {
		l.screen.note(fmt.Sprintf("the engine %s is not installed; that is done now, once", spec.Spec))
		if err := engine.Install(ctx, spec, sayer{l.screen}); err != nil {
			return err
		}
		l.server, err = openServer(ctx, l.cfg)
	}
	return err
}

func (l *loop) introduction(dir string) string {
	var b strings.Builder
	var names []string
	for _, m := range l.modules {
		names = append(names, fmt.Sprintf("%s (%s)", m.name, m.language))
	}
	st := l.screen.style
	fmt.Fprintf(&b, "%s  %s on %s\n", st.Bold("sparkstalk dev"), strings.Join(names, ", "), l.server.engine())
	if url := l.server.broker; url != "" {
		fmt.Fprintf(&b, "Celery clients: %s\n", st.Bold(fmt.Sprintf("Celery(broker=%q, backend=%q)", url, l.server.backend)))
	}
	how := "save a file and the last call runs again"
	if l.cfg.In != nil {
		how += "; TASK ARG… NAME=ARG… calls a task, Enter the last one"
	}
	fmt.Fprintf(&b, "%s\n\n", st.Dim(how+"; Ctrl-C ends"))
	return b.String()
}

// rounds reacts to changes and lines until ctx ends. What comes while a round is
// under way breaks it off.
func (l *loop) rounds(ctx context.Context, changes <-chan change, lines <-chan string) error {
	cancel := func() {}
	ended := make(chan struct{})
	start := func(round func(context.Context)) {
		var rctx context.Context
		rctx, cancel = context.WithCancel(ctx)
		ended = make(chan struct{})
		go func(ended chan struct{}) { defer close(ended); round(rctx) }(ended)
	}
	stop := func() { cancel(); <-ended }
	defer func() { stop() }()
	start(func(ctx context.Context) { l.round(ctx, false) })
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-changes:
			stop()
			l.saved = c.saved
			l.changed(c)
			l.screen.begin(l.screen.style.Dim(time.Now().Format("15:04:05")+" saved "+l.short(c.files)) + "\n")
			start(func(ctx context.Context) { l.round(ctx, true) })
		case line, ok := <-lines:
			if !ok {
				lines = nil
				continue
			}
			words, err := Words(line)
			if err != nil {
				l.screen.trouble(err)
				continue
			}
			stop()
			l.saved = time.Time{}
			if len(words) > 0 {
				l.call = words
			}
			start(l.callLast)
		}
	}
}

func (l *loop) short(files []string) string {
	var names []string
	for _, f := range files {
		if rel, err := filepath.Rel(l.sources.Dir, f); err == nil {
			f = rel
		}
		names = append(names, f)
	}
	if len(names) > 3 {
		names = append(names[:3], fmt.Sprintf("and %d more", len(names)-3))
	}
	return strings.Join(names, ", ")
}

// changed marks what has to be built anew.
func (l *loop) changed(c change) {
	for _, m := range l.modules {
		for _, f := range c.files {
			// A file beside all modules' folders may be part of each, as go.mod is.
			if strings.HasPrefix(f, m.dir+string(filepath.Separator)) || filepath.Dir(f) == l.sources.Dir {
				m.dirty = true
			}
		}
	}
}

// round brings what was saved into service and calls the last call. The first
// one finds all built already.
func (l *loop) round(ctx context.Context, rebuild bool) {
	if rebuild {
		l.buildAll(ctx)
	}
	for _, m := range l.modules {
		if ctx.Err() != nil || m.broken {
			return
		}
		if !l.awaitLoad(ctx, m) {
			return
		}
	}
	if l.cfg.Tests && !l.test(ctx) {
		return
	}
	if len(l.call) > 0 {
		l.callLast(ctx)
	}
}

// readLines sends the lines of in. The goroutine ends with in, or with the
// first line after the end of ctx.
func readLines(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	if in == nil {
		return nil
	}
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(in); scanner.Scan(); {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}
