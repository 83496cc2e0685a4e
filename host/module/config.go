package module

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/module/watch"
)

// NoCache is the value of Config.CacheDir that does without a cache on disk.
const NoCache = "none"

// Config is what a [Registry] needs. Only Dir, Bind and Enter have no default.
type Config struct {
	// Dir is the watched folder. Its *.wasm files are the modules. It is made
	// if it is missing.
	Dir string
	// CacheDir is where compiled code is kept for the next start; it gets a
	// folder of its own in there, for this user alone. Trouble with it costs
	// time and never a module. Empty means sparkstalk in the user's cache
	// folder; [NoCache] is none.
	CacheDir string
	// CacheMiB is how much compiled code is kept. Zero means 512.
	CacheMiB int

	// Bind adds the host functions, module sparkstalk_v1, to the runtime.
	Bind func(context.Context, wazero.Runtime) error
	// Enter returns the context in which a guest's host calls reach h.
	Enter func(ctx context.Context, h abi.Host) context.Context
	// Serves reports whether a function of that name can be imported. Nil asks
	// what Bind has bound.
	Serves func(importName string) bool

	// Native loads a Go plugin of that content, whose hash is given; what it has
	// loaded before it returns again. Nil refuses plugins.
	Native func(content []byte, hash string) (Native, error)

	// Limits returns what a module may have, by its name and by what it asks for
	// in its manifest. MemoryMiB, StackMiB, TableEntries, Instances and CPULimit are
	// held here: memory is that of an instance; of stack each call takes 64 bytes,
	// and 8 more for each parameter and local; tables may grow so far, and do not
	// grow if they begin with more; further calls than Instances wait. What is zero
	// is that of [abi.DefaultLimits], and more than it can be is refused. Nil
	// grants what is asked for, within these defaults.
	Limits func(name string, asked abi.Limits) abi.Limits
	// Trusted are modules, by name or glob, that run as they are: faster, but only
	// their host calls can be interrupted, and one that never ends stops the host.
	// Of their limits only that of memory holds. With Keys only those count that one
	// of them signed.
	Trusted []string
	// Isolated reports whether a module, by its name, runs in processes of its own,
	// one for each instance at a time, which cost more and give more: the system's walls
	// around them, and an end that nothing can put off. Nil is none. Process is the command
	// that starts one: it calls [RunProcess].
	Isolated func(name string) bool
	Process  []string
	// MaxCalls is after how many calls an instance is replaced. Zero means 10,000.
	MaxCalls int
	// RecycleMiB is above which linear memory an instance is replaced after its
	// call, because memory never shrinks. Zero means 64.
	RecycleMiB int
	// IdleTimeout is after which time an instance that nobody needed is closed;
	// one is kept. Zero means 5 minutes.
	IdleTimeout time.Duration
	// MaxFileMiB limits a module's file. Zero means 64.
	MaxFileMiB int

	// Settle is how long a file must lie still before it is loaded, unless it is
	// sealed and whole. Zero means 100 ms.
	Settle time.Duration
	// Relist is the time between listings of Dir, for changes that no event
	// told of. Zero means 2 s.
	Relist time.Duration
	// CompileTimeout limits compiling one module. Zero means 1 minute.
	CompileTimeout time.Duration
	// DescribeTimeout limits instantiating a module and asking what it serves.
	// Zero means 10 s.
	DescribeTimeout time.Duration
	// Compiler is a command that runs [RunCompiler]: modules whose compilation is
	// not cached are then compiled in a process of its own, of lower priority,
	// that is ended when it takes longer than CompileTimeout or more memory than
	// CompileMiB. Nil compiles in this process, where neither can be stopped. It
	// needs CacheDir.
	Compiler []string
	// CompileMiB limits the memory of Compiler. Zero means 1024.
	CompileMiB int
	// CompileNice is how far behind this process's the priority of Compiler is, from
	// 0 to 19. Nil means 5.
	CompileNice *int
	// CompileWorkers is how many goroutines compile one module, and how many
	// modules are compiled at once. Zero means one for each CPU, at most 8.
	CompileWorkers int

	// VersionsDir is where the last versions of each module are kept, so that
	// there is a way back; it gets a folder of its own in there, for this user
	// alone. Empty keeps none.
	VersionsDir string
	// Versions is how many of each module are kept. Zero means 5.
	Versions int
	// Trial is how many calls a new version must end without a trap; until then
	// the one before is kept ready, and serves again after a trap. Zero means
	// 10, negative 0.
	Trial int
	// Canary is the share of calls, from 0 to 1, that a new version gets while it
	// is on trial and another is ready; that one gets the others. Zero means 1.
	Canary float64

	// Keys are those whose signatures count. RequireSigned refuses modules
	// without one.
	Keys          []Key
	RequireSigned bool
	// AllowDowngrades takes signed modules that are older than those accepted
	// before. That is known from VersionsDir.
	AllowDowngrades bool

	// OnClose is called with the hash of [Functions] that no version has any more,
	// since the last call of the last one has ended. It must not block. Nil is not
	// called.
	OnClose func(hash string)
	// Check says what else is wrong with a manifest, for which its module is then
	// refused. Nil finds nothing.
	Check func(abi.Manifest) error
	// OnChange is called after a version began to serve, a file was refused or a
	// module was unloaded, one call at a time. It may call the registry's other
	// methods, but must not block.
	OnChange func(Info)
	// Log receives what happens, and what guests print. Nil discards it.
	Log *slog.Logger
}

// withDefaults returns c with what is missing filled in, or all that is wrong with it.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("module: Config.Dir is empty"))
	}
	if c.Bind == nil {
		errs = append(errs, errors.New("module: Config.Bind is nil"))
	}
	if c.Enter == nil {
		errs = append(errs, errors.New("module: Config.Enter is nil"))
	}
	number := func(name string, v *int, most, def int) {
		if *v == 0 {
			*v = def
		}
		if *v < 0 || *v > most {
			errs = append(errs, fmt.Errorf("%s is %d, not between 0 and %d", name, *v, most))
		}
	}
	var err error
	if c.Keys, err = CheckKeys(c.Keys); err != nil {
		errs = append(errs, err)
	}
	if c.RequireSigned && len(c.Keys) == 0 {
		errs = append(errs, errors.New("there are no Keys, and RequireSigned is set: no module could be loaded"))
	}
	if c.Canary == 0 {
		c.Canary = 1
	}
	if c.Canary < 0 || c.Canary > 1 {
		errs = append(errs, fmt.Errorf("a share of %v calls (Canary) is not between 0 and 1", c.Canary))
	}
	if c.Trial == 0 {
		c.Trial = 10
	}
	c.Trial = max(c.Trial, 0)
	const many = 1 << 30
	number("Versions", &c.Versions, many, 5)
	number("CacheMiB", &c.CacheMiB, many, 512)
	number("MaxCalls", &c.MaxCalls, many, 10_000)
	number("RecycleMiB", &c.RecycleMiB, many, 64)
	number("MaxFileMiB", &c.MaxFileMiB, 1024, 64)
	number("CompileMiB", &c.CompileMiB, many, 1024)
	if c.CompileNice == nil {
		c.CompileNice = new(5) // whatever serves comes first
	}
	number("CompileWorkers", &c.CompileWorkers, 1024, min(runtime.GOMAXPROCS(0), 8))
	duration := func(name string, v *time.Duration, def time.Duration) {
		if *v == 0 {
			*v = def
		}
		if *v < 0 {
			errs = append(errs, fmt.Errorf("%s is %v, less than zero", name, *v))
		}
	}
	duration("IdleTimeout", &c.IdleTimeout, 5*time.Minute)
	duration("Settle", &c.Settle, watch.DefaultSettle)
	duration("Relist", &c.Relist, watch.DefaultRelist)
	duration("CompileTimeout", &c.CompileTimeout, time.Minute)
	duration("DescribeTimeout", &c.DescribeTimeout, 10*time.Second)
	for _, pattern := range c.Trusted {
		if _, err := path.Match(pattern, ""); err != nil {
			errs = append(errs, fmt.Errorf("pattern %q of Trusted: %w", pattern, err))
		}
	}
	if len(errs) > 0 {
		return c, fmt.Errorf("module configuration: %w", errors.Join(errs...))
	}
	if c.Limits == nil {
		c.Limits = func(_ string, asked abi.Limits) abi.Limits { return asked.Within(abi.DefaultLimits) }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.CacheDir == "" {
		c.CacheDir = NoCache
		if dir, err := os.UserCacheDir(); err == nil {
			c.CacheDir = filepath.Join(dir, "sparkstalk")
		}
	}
	return c, nil
}
