// Package engine installs, starts and supervises the Spark Connect servers that
// a host runs for itself.
//
// Two engines can be installed: Sail, the embedded default, and Apache Spark on
// this machine. Both come from the Python package index through the user's own
// pip, live in folders of their own and need nothing of the system's but
// python3, and Java for Spark. A third kind, sc://host:port, is a server that
// somebody else runs.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/internal/process"
	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

// stopGrace is how long a child may take to stop after SIGTERM.
const stopGrace = 10 * time.Second

// Config says which engine to run, and how. The zero value is Sail with its
// defaults.
type Config struct {
	// Spec is the engine: sail, local[N] (Apache Spark with N threads),
	// local[*] (with one for each CPU), or sc://host:port. Empty means sail.
	Spec string

	// Home is the folder that holds installed engines. Empty means DefaultHome.
	Home string

	// Quick makes Spark start fast and take little, as tests and short runs want,
	// at the price of slower code in a long run. Sail is always quick.
	Quick bool

	// MemoryMiB is the limit of Spark's heap, in MiB; Java takes some hundred
	// more for itself. Zero means 1024, as Spark's own default; Spark refuses
	// to start below 512. Of Sail it is what the data of running queries may
	// take together, about; zero means no limit.
	MemoryMiB int

	// Conf are the engine's settings, as spark-submit's --conf has them. Their
	// names begin with spark., or with sail. for options of Sail's own such as
	// sail.execution.batch_size. What Spark has as a session's setting reaches
	// Sail, and a server that somebody else runs, by way of SessionConf.
	Conf map[string]string

	// Jars are files, folders and patterns of jars that Spark has on its class
	// path: table formats, connectors, functions. Only Spark started here takes
	// them.
	Jars []string

	// Warehouse is the folder of managed tables. Empty means one that is
	// removed with the engine. One on a server that somebody else runs is that
	// server's to choose.
	Warehouse string

	// StartLimit is how long a start may take until the engine accepts
	// connections. Zero means 2 minutes.
	StartLimit time.Duration

	// Warm is called by Install with the address (sc://…) of a Spark that
	// records which classes it loads, and should run some queries on it: later
	// starts are the faster for it. Nil means that only the classes of the
	// start itself are recorded. Sail has no use for it.
	Warm func(ctx context.Context, remote string) error

	// Python is the interpreter that makes the engines' environments. Empty
	// means python3.
	Python string

	// Log gets the engine's own lines at debug (its errors at warn) and each
	// restart. Nil means none.
	Log *slog.Logger
}

// DefaultHome is $SPARKSTALK_HOME, or the folder sparkstalk in the user's cache.
func DefaultHome() (string, error) {
	if home := os.Getenv("SPARKSTALK_HOME"); home != "" {
		return home, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a home for the engines (SPARKSTALK_HOME sets it): %w", err)
	}
	return filepath.Join(dir, "sparkstalk"), nil
}

// kind is what the engines that we start differ in.
type kind interface {
	// label names engine and version for people: "Sail 0.7.2".
	label() string
	// folder is the install's name: "sail-0.7.2".
	folder() string
	// target is what `sparkstalk engine install` calls it.
	target() string
	// fetch installs the engine into dir, which is renamed afterwards.
	fetch(ctx context.Context, dir string, in *installer) error
	// finish does what needs the install's final path. Without it the engine
	// works, but worse. It is quick when all is done.
	finish(ctx context.Context, dir string, in *installer) error
	// check says what keeps an installed engine from being started.
	check() error
	// command is how the engine in dir is started on a port; zero lets it choose.
	command(dir string, run *rundir.Dir, port int) (process.Config, error)
	// sessionConf is what each session has to set.
	sessionConf(run *rundir.Dir) map[string]string
	// port finds the port in the line that says that the server listens.
	port(line string) (int, bool)
	// failed says whether a line reports an error.
	failed(line string) bool
}

// An Engine is a Spark Connect server. Its methods may be called from any
// goroutine.
type Engine struct {
	cfg    Config
	kind   kind   // nil for one that somebody else runs
	remote string // for that one

	halted context.Context // ended by Stop and at the end of Run
	halt   context.CancelFunc

	launching sync.Mutex // held while a child is started, and to end the last one
	logFile   *logFile   // nil before the first start, and where none can be written

	mu       sync.Mutex
	child    *process.Process // nil before the first start; may have ended
	run      *rundir.Dir
	address  string
	since    time.Time
	restarts int
	logPath  string
}

var errStopped = errors.New("it was stopped")

// New checks the configuration. It starts nothing and does not look whether the
// engine is installed.
func New(cfg Config) (*Engine, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg}
	e.halted, e.halt = context.WithCancel(context.Background())
	e.kind, e.remote, err = parse(cfg)
	if err != nil {
		return nil, err
	}
	if e.kind == nil {
		e.address = remoteAddress(e.remote)
	}
	return e, nil
}

func (c Config) withDefaults() (Config, error) {
	var bad []error
	if c.Spec == "" {
		c.Spec = "sail"
	}
	if c.Home == "" {
		var err error
		c.Home, err = DefaultHome()
		bad = append(bad, err)
	}
	if home, err := filepath.Abs(c.Home); err != nil {
		bad = append(bad, fmt.Errorf("home: %w", err))
	} else {
		c.Home = home
	}
	bad = append(bad, c.checkSettings())
	switch {
	case c.StartLimit == 0:
		c.StartLimit = 2 * time.Minute
	case c.StartLimit < 0:
		bad = append(bad, fmt.Errorf("start limit %v is negative", c.StartLimit))
	}
	if c.Python == "" {
		c.Python = "python3"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, errors.Join(bad...)
}

// Name names the engine for people: "Sail 0.7.2", "Spark 4.3.0 local[2]",
// "sc://host:15002".
func (e *Engine) Name() string {
	if e.kind == nil {
		return "sc://" + e.address
	}
	return e.kind.label()
}

// Remote is the connection string of the server, sc://host:port. The port of an
// engine that we start is known once Start has returned, and may change at a
// restart: Address tells the one of now.
func (e *Engine) Remote() string {
	if e.kind == nil {
		return e.remote
	}
	return "sc://" + e.Address()
}

// Address is the host and port to dial now. Before Start it is 127.0.0.1:0 for
// an engine that we start.
func (e *Engine) Address() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.address == "" {
		return "127.0.0.1:0"
	}
	return e.address
}

// SessionConf is what each session at the engine has to set before its first
// query, because the engine has no other way to take it. It may change when the
// engine is started again.
func (e *Engine) SessionConf() map[string]string {
	if e.kind == nil {
		return maps.Clone(e.cfg.Conf)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.kind.sessionConf(e.run)
}

// dir is where the engine is installed.
func (e *Engine) dir() string { return installDir(e.cfg.Home, e.kind) }

func installDir(home string, k kind) string { return filepath.Join(home, "engines", k.folder()) }

// runParent is where running engines keep their files.
func runParent(home string) string { return filepath.Join(home, "run") }

// Check says what keeps the engine from being started here, with the way out. It
// starts nothing; of one that somebody else runs it knows nothing.
func (e *Engine) Check() error {
	if e.kind == nil {
		return nil
	}
	if !installed(e.dir()) {
		return &NotInstalledError{Engine: e.Name(), Target: e.kind.target(), Dir: e.dir()}
	}
	return e.kind.check()
}

// Start starts the engine and returns when it accepts connections; ctx bounds
// that and not the engine's life, which ends with Run or Stop. It installs
// nothing: a missing engine is a *NotInstalledError. One that somebody else
// runs is left alone.
func (e *Engine) Start(ctx context.Context) error {
	if e.kind == nil {
		return nil
	}
	e.mu.Lock()
	started := e.child != nil
	e.mu.Unlock()
	switch {
	case e.halted.Err() != nil:
		return fmt.Errorf("start engine %s: %w", e.Name(), errStopped)
	case started:
		return nil
	}
	if !installed(e.dir()) {
		return &NotInstalledError{Engine: e.Name(), Target: e.kind.target(), Dir: e.dir()}
	}
	err := e.launch(ctx, 0)
	if err != nil && ctx.Err() == nil && e.halted.Err() == nil {
		// Somebody may have taken the port between its choice and its use: let
		// the engine choose. Any other reason fails again.
		e.cfg.Log.DebugContext(ctx, "engine did not start, trying once more", logkey.Engine, e.Name(), logkey.Error, err)
		err = e.launch(ctx, 1)
	}
	return err
}

// Run keeps the engine alive until ctx ends: it starts it if Start was not
// called, starts it again when it dies, and stops it in the end. It returns an
// error only when the first start fails.
func (e *Engine) Run(ctx context.Context) error {
	if e.kind == nil {
		<-ctx.Done()
		return nil
	}
	defer e.stop()
	if err := e.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	e.supervise(ctx)
	return nil
}

// Stop stops an engine whose Run was not called, and keeps it from being started
// again. It may be called more than once, and after Run. An engine that does not
// stop by itself is killed after 10 s, or when ctx ends.
func (e *Engine) Stop(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.stop()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		e.mu.Lock()
		child := e.child
		e.mu.Unlock()
		if child != nil {
			child.Kill()
		}
		<-done
	}
	return nil
}

// stop ends the child and removes its files.
func (e *Engine) stop() {
	e.halt() // ends a launch that is under way
	e.launching.Lock()
	defer e.launching.Unlock()
	e.mu.Lock()
	child, run := e.child, e.run
	e.run = nil
	e.mu.Unlock()
	if child != nil {
		child.Stop(stopGrace)
	}
	if e.logFile != nil {
		e.logFile.close()
		e.logFile = nil
	}
	if run == nil {
		return
	}
	if err := run.Remove(); err != nil {
		e.cfg.Log.Warn("engine's files are left", logkey.Engine, e.Name(), logkey.Error, err)
	}
}

// reachable dials the address once.
func reachable(ctx context.Context, address string) error {
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
