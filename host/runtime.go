package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/engine"
	"github.com/sparkstalk/sparkstalk/host/hostfn"
	"github.com/sparkstalk/sparkstalk/host/hostfn/wasm"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/native"
	"github.com/sparkstalk/sparkstalk/host/policy"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// A Runtime is everything that a task's body needs and no broker: the engine,
// the Spark session, the cache of DataFrames and the modules. It implements
// [worker.Tasks].
//
// Open it, then Run it; Close it when Run has returned.
type Runtime struct {
	cfg     Config
	log     *slog.Logger
	engine  *engine.Engine
	session *spark.Session
	cache   *cache.Cache
	binder  *hostfn.Binder
	modules *module.Registry
	warmer  *warmer
	// libraries are the modules' functions for Spark's expressions.
	libraries libraries
	// changed holds one once modules came or went.
	changed chan struct{}
	// tasksChanged is called then, if it is set.
	tasksChanged atomic.Pointer[func()]
}

// OpenRuntime starts the engine and compiles the modules, side by side, and
// returns once both can serve. Its errors name what is missing and the way out.
func OpenRuntime(ctx context.Context, cfg Config) (*Runtime, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := cfg.folderExists(); err != nil {
		return nil, err
	}
	return openRuntime(ctx, cfg)
}

func openRuntime(ctx context.Context, cfg Config) (_ *Runtime, err error) {
	r := &Runtime{cfg: cfg, log: cfg.Log, changed: make(chan struct{}, 1)}
	r.warmer = newWarmer(r)
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		var err error
		mc := moduleConfig(cfg)
		tidy := mc.OnChange
		mc.OnClose = r.forget
		mc.OnChange = func(info module.Info) {
			tidy(info)
			r.warmer.wake()
			signal(r.changed)
			if missing := r.MissingRights(info); len(missing) > 0 && info.State == module.Serving {
				r.log.Info("module asks for rights that nothing grants", logkey.Module, info.Name, logkey.Rights, missing)
			}
			if cfg.OnModule != nil {
				cfg.OnModule(info)
			}
			if tell := r.tasksChanged.Load(); tell != nil {
				(*tell)()
			}
		}
		r.modules, err = module.Open(gctx, mc)
		return err
	})
	g.Go(func() error { return r.openSpark(gctx) })
	if err := g.Wait(); err != nil {
		return r, err
	}
	return r, nil
}

func (r *Runtime) openSpark(ctx context.Context) error {
	var err error
	if r.engine, err = engine.New(engineConfig(r.cfg)); err != nil {
		return err
	}
	if err = r.engine.Start(ctx); err != nil {
		return err
	}
	r.session, err = spark.Open(sessionConfig(r.cfg, r.engine))
	if err != nil {
		return err
	}
	r.cache = cache.New(r.cacheConfig())
	grants, err := hostfn.ParseGrants(r.cfg.Capabilities)
	if err != nil {
		return err
	}
	r.binder = hostfn.New(hostfn.Config{
		Grants:  grants,
		Session: r.session, Cache: r.cache, Limits: r.cfg.limits("", abi.Limits{}), TaskConf: r.cfg.TaskConf,
		ProgressEvery: seconds(r.cfg.SparkProgress), Log: r.log,
	})
	if err := r.awaitEngine(ctx); err != nil {
		return fmt.Errorf("engine %s: %w", r.engine.Name(), err)
	}
	return nil
}

// awaitEngine waits until the engine answers, and says so while it does not.
func (r *Runtime) awaitEngine(ctx context.Context) error {
	said := time.Time{}
	for err := r.session.Ping(ctx); errors.Is(err, spark.ErrUnavailable); err = r.session.Ping(ctx) {
		if time.Since(said) > 30*time.Second {
			said = time.Now()
			r.log.Warn("engine does not answer; waiting for it", logkey.Address, r.engine.Remote(), logkey.Error, err)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
	return r.session.Ready(ctx)
}

func moduleConfig(cfg Config) module.Config {
	trial := 0 // the default
	if cfg.ModuleTrial != nil {
		if trial = *cfg.ModuleTrial; trial == 0 {
			trial = -1
		}
	}
	return module.Config{
		Native:      loadNative(cfg),
		VersionsDir: cfg.moduleVersions(), Versions: max(cfg.ModuleVersions, 0), Trial: trial, Canary: cfg.ModuleCanary,
		Keys: cfg.ModuleKeys, RequireSigned: cfg.RequireSigned, AllowDowngrades: !*cfg.RefuseDowngrades,
		Settle: seconds(cfg.ModuleSettle), Relist: seconds(cfg.ModuleRelist),
		CompileTimeout: seconds(cfg.ModuleCompileTimeout), CompileWorkers: cfg.ModuleCompileWorkers, CompileMiB: cfg.ModuleCompileMiB, CompileNice: cfg.ModuleCompileNice, Compiler: cfg.Compiler,
		Dir: cfg.Plugins, CacheDir: cfg.compilationCache(),
		Limits: cfg.limits, Trusted: cfg.TrustedModules,
		Bind: wasm.Instantiate, Enter: wasm.WithHost, Serves: wasm.Serves, Log: cfg.Log,
		OnChange: tidyMemory(), Check: checkManifest,
		Isolated: cfg.Modules.Isolated, Process: cfg.moduleProcess(),
	}
}

// loadNative is how Go plugins are loaded, nil if the settings say not to.
func loadNative(cfg Config) func(content []byte, hash string) (module.Native, error) {
	if !cfg.PluginsNative {
		return nil
	}
	return func(content []byte, hash string) (module.Native, error) {
		m, err := native.Open(filepath.Join(cfg.Home, "native"), content, hash)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
}

// checkManifest says what a host does not like in a manifest.
func checkManifest(m abi.Manifest) error {
	_, err := policy.ParseAsks(m.Capabilities)
	return errors.Join(checkSchedules(m), err)
}

// limits returns what a module may use that asks for some.
func (c Config) limits(name string, asked abi.Limits) abi.Limits {
	return c.Modules.Limits(name, abi.Limits{
		MemoryMiB: c.MemoryMiB, StackMiB: c.ModuleStackMiB, TableEntries: c.ModuleTableEntries, ResultLimit: c.ResultLimit,
	}.Over(abi.DefaultLimits), asked)
}

// rights returns what a module may do that asks for some capabilities: what the
// rules grant, and the key that signed it may be granted.
func (c Config) rights(name string, capabilities []string, signedBy string) *policy.Rights {
	rights := c.Modules.ForSigned(name, asksOf(capabilities), signedBy)
	for _, k := range c.ModuleKeys {
		if k.Name != signedBy {
			continue
		}
		most, err := policy.ParseKey(k.Capabilities)
		if err != nil { // withDefaults has looked at it
			most = policy.Asks{}
		}
		return rights.Signed(k.Name, most)
	}
	return rights
}

// MissingRights returns what a module asks for and nothing grants it, as the flags
// that would: "--allow 'http=api.example.com'". See [policy.Rights.Missing].
func (r *Runtime) MissingRights(m module.Info) []string {
	return r.cfg.rights(m.Name, m.Capabilities, m.SignedBy).Missing()
}

// asksOf are a manifest's capabilities, which checkManifest has looked at.
func asksOf(capabilities []string) policy.Asks {
	asks, err := policy.ParseAsks(capabilities)
	if err != nil {
		return policy.Asks{}
	}
	return asks
}

// tidyMemory returns a function that gives what compiling left behind back to
// the system, once, when loads have come to rest. Compiling takes several times
// the memory of what it makes, and Go would keep it for a next time.
func tidyMemory() func(module.Info) {
	timer := time.AfterFunc(time.Hour, debug.FreeOSMemory)
	return func(module.Info) { timer.Reset(time.Second) }
}

// Run keeps the engine alive, watches the modules and tends the cache until
// ctx ends. The engine is stopped when it returns.
func (r *Runtime) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.engine.Run(ctx) })
	g.Go(func() error { return r.session.Run(ctx) })
	g.Go(func() error { return r.cache.Run(ctx) })
	g.Go(func() error { return r.modules.Run(ctx) })
	return g.Wait()
}

// Close frees what Run does not: the session, the modules, and an engine whose
// Run was never called.
func (r *Runtime) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	if r.session != nil {
		errs = append(errs, r.session.Close())
	}
	if r.modules != nil {
		errs = append(errs, r.modules.Close(ctx))
	}
	if r.engine != nil {
		errs = append(errs, r.engine.Stop(ctx))
	}
	return errors.Join(errs...)
}

// Engine is the engine's name.
func (r *Runtime) Engine() string { return r.engine.Name() }

// Modules describes the modules that are loaded or were refused.
func (r *Runtime) Modules() []module.Info { return r.modules.Modules() }

// Tasks are the names that are served now, sorted.
func (r *Runtime) Tasks() []string { return r.modules.Tasks() }

// Acquire implements [worker.Tasks].
func (r *Runtime) Acquire(name string) (worker.Task, bool) {
	lease, ok := r.modules.Acquire(name)
	if !ok {
		return nil, false
	}
	return &task{runtime: r, lease: lease}, true
}

// A task joins a leased module version with the host functions that it may call.
type task struct {
	runtime *Runtime
	lease   *module.Lease
}

func (t *task) Options() abi.TaskOptions { return t.lease.Spec().TaskOptions }
func (t *task) Release()                 { t.lease.Release() }

func (t *task) Params() []string {
	var names []string
	for _, p := range t.lease.Spec().Params {
		names = append(names, p.Name)
	}
	return names
}

func (t *task) Run(ctx context.Context, call worker.Call) (json.RawMessage, error) {
	outcome, err := t.run(ctx, call)
	return outcome.Value, err
}

// An Outcome is what a call of a task has come to.
type Outcome struct {
	// Value is the result as its client would get it.
	Value json.RawMessage
	// Columns are those of a DataFrame whose rows are the result, nil of others.
	Columns []abi.ColumnSchema
}

// exception turns a module's end without a result into what the client gets.
func exception(err error) error {
	if trap, ok := errors.AsType[*module.TrapError](err); ok {
		e := abi.Errorf("sparkstalk.WasmTrap", "%s", trap.Error())
		e.Traceback = trap.Traceback
		return e
	}
	return err
}

// Inspect loads one module file as a host would and describes it. It needs no
// engine. The error is the reason why a host would refuse it.
func Inspect(ctx context.Context, cfg Config, path string) (module.Info, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return module.Info{}, err
	}
	return module.Inspect(ctx, moduleConfig(cfg), path)
}

// InspectAll describes the modules of the watched folder as a host that starts
// now would take them.
func InspectAll(ctx context.Context, cfg Config) ([]module.Info, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := cfg.folderExists(); err != nil {
		return nil, err
	}
	registry, err := module.Open(ctx, moduleConfig(cfg))
	if err != nil {
		return nil, err
	}
	return registry.Modules(), registry.Close(ctx)
}

// EngineConfig is the part of a configuration that is the engine's.
func EngineConfig(cfg Config) (engine.Config, error) {
	cfg, err := cfg.withDefaults()
	return engineConfig(cfg), err
}

func engineConfig(cfg Config) engine.Config {
	memory, _ := mebibytes(cfg.SparkMemory) // withDefaults has checked it
	return engine.Config{
		Spec: cfg.Spark, Home: cfg.Home, Log: cfg.Log, Warm: warm,
		MemoryMiB: memory, Conf: cfg.SparkConf, Jars: cfg.SparkJars, Warehouse: cfg.SparkWarehouse,
	}
}

// sessionConfig is how the host reaches its engine. What protects the way is
// for servers that somebody else runs: the host's own listen on this machine
// alone.
func sessionConfig(cfg Config, e *engine.Engine) spark.Config {
	out := spark.Config{Remote: e.Remote(), Address: e.Address, Conf: e.SessionConf, Log: cfg.Log}
	if strings.HasPrefix(cfg.Spark, "sc://") {
		out.TLS = spark.TLS{CA: cfg.SparkTLSCA, Cert: cfg.SparkTLSCert, Key: cfg.SparkTLSKey}
		out.Token, out.PlaintextToken = cfg.SparkToken, cfg.SparkPlaintextToken
	} else {
		out.Patience = enginePatience
	}
	return out
}

// enginePatience is how long tasks wait for an engine of the host's own that has
// ended: it is being started again, for which a JVM on a busy machine may need
// longer than one waits for a server that nobody is known to see to.
const enginePatience = 2 * time.Minute

// warm has an engine do each kind of work once, so that what it loads for that
// is in the archive of classes that later starts map.
func warm(ctx context.Context, remote string) error {
	session, err := spark.Open(spark.Config{Remote: remote})
	if err != nil {
		return err
	}
	err = session.Ready(ctx)
	word := spark.Call("explode", []*spark.Column{spark.Call("split", []*spark.Column{spark.Col("id").Cast("string", false), spark.Lit(" ")}, false)}, false).Alias("word")
	words := spark.Range(0, 1000, 1, 2).Select(word).
		Aggregate(0, []*spark.Column{spark.Col("word")}, []*spark.Column{spark.Call("count", []*spark.Column{spark.Lit(int64(1))}, false).Alias("n")}).
		Sort([]*spark.Column{spark.Col("n").SortOrder(true, true)}, true)
	for range 3 {
		if err == nil {
			_, err = session.Count(ctx, words, spark.Options{})
		}
		if err == nil {
			_, err = session.Checkpoint(ctx, words, spark.Options{})
		}
	}
	return errors.Join(err, session.Close())
}

// Call runs one task by name in this process, as a client's message would. An
// [*abi.Error] is what the client would get.
func (r *Runtime) Call(ctx context.Context, name string, args []json.RawMessage, kwargs map[string]json.RawMessage) (json.RawMessage, error) {
	outcome, err := r.CallTelling(ctx, name, args, kwargs, nil)
	return outcome.Value, err
}

// CallTelling is [Runtime.Call] that tells the states which the client would
// see on the way, and has more of the result. Nil tells nobody.
func (r *Runtime) CallTelling(ctx context.Context, name string, args []json.RawMessage, kwargs map[string]json.RawMessage, state func(state string, meta json.RawMessage)) (Outcome, error) {
	lease, ok := r.modules.Acquire(name)
	if !ok {
		return Outcome{}, fmt.Errorf("no module in %s serves a task %q; it serves: %s", r.cfg.Plugins, name, strings.Join(r.Tasks(), ", "))
	}
	t := &task{runtime: r, lease: lease}
	defer t.Release()
	options := worker.Annotated(r.cfg.Annotations, name, t.Options())
	message, err := celery.NewTask(uuid.NewString(), name, args, kwargs)
	if err != nil {
		return Outcome{}, err
	}
	return t.run(ctx, worker.Call{
		Task: message, Hostname: r.cfg.Hostname, Idempotent: options.Idempotent != nil && *options.Idempotent,
		State: func(_ context.Context, name string, meta json.RawMessage) error {
			if state != nil {
				state(name, meta)
			}
			return nil
		},
	})
}
