package host

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/engine"
	"github.com/sparkstalk/sparkstalk/host/hostfn"
	"github.com/sparkstalk/sparkstalk/host/hostfn/wasm"
	"github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/policy"
)

// Defaults of Config.
const (
	DefaultBroker   = "amqp://guest:guest@localhost:5672//"
	DefaultBackend  = "rpc://"
	DefaultPlugins  = "plugins"
	DefaultSpark    = "sail"
	DefaultQueue    = "celery"
	DefaultHostname = "sparkstalk-%i@%h"
	DefaultBeat     = "sparkstalk.beat"
)

// withDefaults fills in what is empty and reports every bad field at once.
func (c Config) withDefaults() (Config, error) {
	var bad []error
	var err error
	bad = append(bad, c.takeCelerysNames()...)
	or(&c.Broker, DefaultBroker)
	or(&c.ResultBackend, DefaultBackend)
	or(&c.Plugins, DefaultPlugins)
	or(&c.Spark, DefaultSpark)
	or(&c.Hostname, DefaultHostname)
	or(&c.Concurrency, runtime.GOMAXPROCS(0))
	if c.PrefetchMultiplier == nil {
		c.PrefetchMultiplier = new(int)
		*c.PrefetchMultiplier = 1
	}
	or(&c.BrokerConnectionTimeout, 4)
	or(&c.BeatGroup, DefaultBeat)
	or(&c.TaskDefaultQueue, DefaultQueue)
	if _, err := c.zone(); err != nil {
		bad = append(bad, fmt.Errorf("setting timezone: %w", err))
	}
	for name, e := range c.BeatSchedule {
		if err := e.Check(); err != nil {
			bad = append(bad, fmt.Errorf("setting beat_schedule: entry %q: %w", name, err))
		}
	}
	if d := c.BeatCronStartingDeadline; d != nil && *d < 0 {
		bad = append(bad, fmt.Errorf("setting beat_cron_starting_deadline is %v: it cannot be negative", *d))
	}
	if c.AcceptContent, err = celery.Accept(c.AcceptContent); err != nil {
		bad = append(bad, fmt.Errorf("setting %w", err))
	}
	bad = append(bad, c.checkQueues()...)
	bad = append(bad, c.checkWire()...)
	if c.Home == "" {
		home, err := engine.DefaultHome()
		if err != nil {
			bad = append(bad, err)
		}
		c.Home = home
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	for name, v := range map[string]float64{
		"concurrency": float64(c.Concurrency), "task_time_limit": c.TimeLimit, "task_soft_time_limit": c.SoftTimeLimit, "result_chord_retry_interval": c.ChordRetryInterval, "grace": c.Grace, "worker_soft_shutdown_timeout": c.SoftShutdownTimeout,
		"worker_heartbeat_interval": c.HeartbeatInterval, "broker_heartbeat": c.BrokerHeartbeat, "broker_connection_timeout": c.BrokerConnectionTimeout, "worker_park_unknown_tasks": c.ParkUnknownTasks, "worker_park_limit": float64(c.ParkLimit),
		"worker_eta_task_limit": float64(c.ETALimit), "result_chord_join_timeout": c.ResultChordJoinTimeout,
		"result_limit": float64(c.ResultLimit), "memory_mib": float64(c.MemoryMiB), "function_memory_mib": float64(c.FunctionMemoryMiB), "module_stack_mib": float64(c.ModuleStackMiB), "module_table_entries": float64(c.ModuleTableEntries), "cache_ttl": c.CacheTTL,
		"module_canary": c.ModuleCanary, "module_settle": c.ModuleSettle, "module_relist": c.ModuleRelist,
		"module_compile_timeout": c.ModuleCompileTimeout, "module_compile_workers": float64(c.ModuleCompileWorkers), "module_compile_mib": float64(c.ModuleCompileMiB),
		"beat_max_loop_interval": c.BeatMaxLoopInterval, "cache_entries": float64(c.CacheEntries), "broker_transport_options.visibility_timeout": c.BrokerTransportOptions.VisibilityTimeout, "cache_mib": float64(c.CacheMiB), "cache_grace": c.CacheGrace,
	} {
		if v < 0 {
			bad = append(bad, fmt.Errorf("setting %s is %v: it cannot be negative", name, v))
		}
	}
	if _, err := module.CheckKeys(c.ModuleKeys); err != nil {
		bad = append(bad, fmt.Errorf("setting module_keys: %w", err))
	}
	for _, k := range c.ModuleKeys {
		if _, err := policy.ParseKey(k.Capabilities); err != nil {
			bad = append(bad, fmt.Errorf("setting module_keys: key %s: %w", k.Name, err))
		}
	}
	for pattern, rule := range c.Modules {
		for _, key := range rule.SignedBy {
			if !slices.ContainsFunc(c.ModuleKeys, func(k module.Key) bool { return k.Name == key }) {
				bad = append(bad, fmt.Errorf("setting modules: %s: signed_by names the key %s, which is none of module_keys", pattern, key))
			}
		}
	}
	if c.RequireSigned && len(c.ModuleKeys) == 0 {
		bad = append(bad, errors.New("setting require_signed: there are no module_keys, so that no module could be served; `sparkstalk keygen` makes one"))
	}
	if n := c.ModuleCompileNice; n != nil && (*n < 0 || *n > 19) {
		bad = append(bad, fmt.Errorf("setting module_compile_nice is %d, not between 0 and 19", *n))
	}
	if c.ModuleCanary > 1 {
		bad = append(bad, fmt.Errorf("setting module_canary is %v: it is a share, at most 1", c.ModuleCanary))
	}
	signed := c.RequireSigned
	or(&c.RefuseDowngrades, &signed)
	if *c.RefuseDowngrades && c.ModuleVersions < 0 {
		bad = append(bad, errors.New("setting module_versions is negative, so that nothing is kept of modules, and older signed ones could not be told (refuse_downgrades, on with require_signed): set it to 1 or more, or refuse_downgrades to false"))
	}
	if err := c.Modules.Check(); err != nil {
		bad = append(bad, fmt.Errorf("setting %w", err))
	}
	if err := (abi.Limits{MemoryMiB: c.MemoryMiB, StackMiB: c.ModuleStackMiB, TableEntries: c.ModuleTableEntries}).Check(); err != nil {
		bad = append(bad, fmt.Errorf("settings memory_mib, module_stack_mib and module_table_entries: %w", err))
	}
	if allowed, err := c.Modules.Allow(c.Allow); err != nil {
		bad = append(bad, fmt.Errorf("setting %w", err))
	} else {
		c.Modules = allowed
	}
	if c.AllowAll {
		c.Modules = c.Modules.AllowAll()
	}
	if _, err := hostfn.ParseGrants(c.Capabilities); err != nil {
		bad = append(bad, err)
	}
	if _, err := mebibytes(c.SparkMemory); err != nil {
		bad = append(bad, fmt.Errorf("setting spark_memory: %w", err))
	}
	if err := cache.CheckStorageLevel(c.CacheStorageLevel); err != nil {
		bad = append(bad, fmt.Errorf("setting cache_storage_level: %w", err))
	}
	if c.Autoscale != "" {
		most, _, err := parseAutoscale(c.Autoscale)
		if err != nil {
			bad = append(bad, err)
		}
		c.Concurrency = most // for which the broker's prefetch must suffice
	}
	if _, err := celery.ParseRate(c.TaskDefaultRateLimit); err != nil {
		bad = append(bad, fmt.Errorf("setting task_default_rate_limit %q: %w", c.TaskDefaultRateLimit, err))
	}
	or(&c.AcksOnFailure, c.AcksOnFailureOrTimeout)
	or(&c.AcksOnTimeout, c.AcksOnFailureOrTimeout)
	for name, o := range c.Annotations {
		if o.RateLimit == nil {
			continue
		}
		if _, err := celery.ParseRate(*o.RateLimit); err != nil {
			bad = append(bad, fmt.Errorf("setting task_annotations: %s: rate_limit %q: %w", name, *o.RateLimit, err))
		}
	}
	name, err := Nodename(c.Hostname)
	if err != nil {
		bad = append(bad, err)
	}
	c.Hostname = name
	return c, errors.Join(bad...)
}

// zone is that of crontabs.
func (c Config) zone() (*time.Location, error) {
	if c.Timezone == "" && !isTrue(c.EnableUTC) {
		return time.Local, nil
	}
	return time.LoadLocation(c.Timezone)
}

// takeCelerysNames moves what was given under Celery's name to its field.
func (c *Config) takeCelerysNames() (bad []error) {
	or(&c.BrokerURL, c.BrokerReadURL)
	or(&c.BrokerURL, c.BrokerWriteURL)
	or(&c.Broker, c.BrokerURL)
	or(&c.Concurrency, c.WorkerConcurrency)
	or(&c.PrefetchMultiplier, c.WorkerPrefetchMultiplier)
	or(&c.StateDB, c.WorkerStateDB)
	c.TaskEvents = c.TaskEvents || c.WorkerSendTaskEvents
	for name, url := range map[string]string{"broker_read_url": c.BrokerReadURL, "broker_write_url": c.BrokerWriteURL} {
		if url != "" && url != c.Broker {
			bad = append(bad, fmt.Errorf("setting %s is another broker than %s: a host has one broker; give broker_url alone, or several URLs in it for failover", name, mask(c.Broker)))
		}
	}
	c.BrokerReadURL, c.BrokerWriteURL = "", ""
	c.BrokerURL, c.WorkerConcurrency, c.WorkerPrefetchMultiplier, c.WorkerSendTaskEvents, c.WorkerStateDB = "", 0, nil, false, ""
	return bad
}

func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// mebibytes reads a size as Spark's settings have it: 512m, 2g, 1t. Zero is for
// an empty text.
func mebibytes(size string) (int, error) {
	if size == "" {
		return 0, nil
	}
	text := strings.TrimSuffix(strings.ToLower(size), "b")
	for unit, factor := range map[string]int{"m": 1, "g": 1 << 10, "t": 1 << 20} {
		number, ok := strings.CutSuffix(text, unit)
		if n, err := strconv.Atoi(number); ok && err == nil && n > 0 && n <= 1<<20 {
			return n * factor, nil
		}
	}
	return 0, fmt.Errorf("%q is no size such as 512m or 2g", size)
}

// Nodename expands Celery's abbreviations in a node name: %h is the host's full
// name, %n its first part, %d the rest, %i the process id, %% a percent sign.
// A pattern without @ is the host's part, as it is for Celery.
func Nodename(pattern string) (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("node name %q: %w", pattern, err)
	}
	short, domain, _ := strings.Cut(host, ".")
	if !strings.Contains(pattern, "@") {
		pattern = "sparkstalk@" + pattern
	}
	return strings.NewReplacer("%%", "%", "%h", host, "%n", short, "%d", domain, "%i", fmt.Sprint(os.Getpid())).Replace(pattern), nil
}

// ModuleProcessCommand is the argument with which a program that embeds a host
// is to call [RunModuleProcess], if it has modules in processes of their own.
const ModuleProcessCommand = "module-process"

// moduleProcess is the command that starts the process of an isolated module.
func (c Config) moduleProcess() []string {
	if len(c.ModuleProcess) > 0 {
		return c.ModuleProcess
	}
	return []string{"/proc/self/exe", ModuleProcessCommand}
}

// RunModuleProcess is what a process does that a host starts for an isolated
// module: see [module.RunProcess].
func RunModuleProcess() error { return module.RunProcess(wasm.Instantiate, wasm.WithHost) }

// compilationCache is where compiled modules are kept between starts.
func (c Config) compilationCache() string { return filepath.Join(c.Home, "wasm") }

// moduleVersions is where versions of modules are kept to go back to.
// Empty is nowhere.
func (c Config) moduleVersions() string {
	if c.ModuleVersions < 0 {
		return ""
	}
	return filepath.Join(c.Home, "versions")
}

// folderExists keeps commands that only look at the watched folder from making
// it, as the worker does.
func (c Config) folderExists() error {
	if _, err := os.Stat(c.Plugins); err != nil {
		return fmt.Errorf("folder of modules: %w (--plugins or SPARKSTALK_PLUGINS names it)", err)
	}
	return nil
}
