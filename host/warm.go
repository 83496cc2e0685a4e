package host

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/hostfn"
	"github.com/sparkstalk/sparkstalk/host/internal/backoff"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// A warmer builds what modules want cached ahead of their tasks, a few
// DataFrames at a time, and tells the cache which modules are there.
type warmer struct {
	runtime *Runtime
	woken   chan struct{} // holds one
	builds  chan struct{} // has room for those that run at once
	running sync.WaitGroup

	mu    sync.Mutex
	known map[warmKey]*warmth
}

// warmKey is a DataFrame that a module wants warm.
type warmKey struct {
	version string // hash of the module's file
	place   int    // in its manifest's list
}

// warmth is what is known of it.
type warmth struct {
	hash  string // of its plan; empty until it was built
	busy  bool   // it is being built
	wait  backoff.Backoff
	after time.Time // when a failed build is tried again
}

const (
	// warmEvery is how often the warmer looks whether all is there, and whether
	// the engine still has the session.
	warmEvery = 15 * time.Second
	// warmAtOnce is how many DataFrames are built at once: tasks go first.
	warmAtOnce = 2
	// warmTimeout bounds one build.
	warmTimeout = 30 * time.Minute
)

func newWarmer(r *Runtime) *warmer {
	return &warmer{
		runtime: r, woken: make(chan struct{}, 1), builds: make(chan struct{}, warmAtOnce), known: make(map[warmKey]*warmth),
	}
}

// wake has the warmer look at once. It does not block.
func (w *warmer) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// forgotten is the cache's OnForget.
func (w *warmer) forgotten(e cache.Entry, reason cache.Reason) {
	if e.Warm && reason.Rebuild() {
		w.wake()
	}
}

// run warms until ctx ends, and returns nil.
func (w *warmer) run(ctx context.Context) error {
	defer w.running.Wait()
	tick := time.NewTicker(warmEvery)
	defer tick.Stop()
	for {
		wanted := w.look()
		for _, m := range wanted {
			for place := range m.Warm {
				if state := w.due(m, place); state != nil {
					w.running.Go(func() { w.build(ctx, m, place, state) })
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.woken:
		case <-tick.C:
			if len(wanted) > 0 {
				// Whoever finds that the session is lost opens a new one. What the
				// tasks will want there should not wait for them.
				if err := w.runtime.session.Ping(ctx); err != nil && ctx.Err() == nil {
					w.runtime.log.DebugContext(ctx, "look after the Spark session", logkey.Error, err)
				}
			}
		}
	}
}

// look tells the cache who is there and returns the modules that want
// DataFrames warm.
func (w *warmer) look() []module.Info {
	var live []cache.Owner
	versions := make(map[string]bool)
	wanted := w.runtime.modules.Modules()
	wanted = slices.DeleteFunc(wanted, func(m module.Info) bool { return m.State != module.Serving })
	for _, m := range wanted {
		live = append(live, cache.Owner{Module: m.Name, Version: m.Hash})
		versions[m.Hash] = true
	}
	w.runtime.cache.SetLive(live)
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, state := range w.known {
		if !versions[key.version] && !state.busy {
			delete(w.known, key)
		}
	}
	return slices.DeleteFunc(wanted, func(m module.Info) bool { return len(m.Warm) == 0 })
}

// due returns the state of a DataFrame that is to be built now, marked as busy,
// or nil.
func (w *warmer) due(m module.Info, place int) *warmth {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := warmKey{m.Hash, place}
	state := w.known[key]
	if state == nil {
		state = &warmth{wait: backoff.Backoff{First: time.Second, Max: time.Minute}}
		w.known[key] = state
	}
	if state.busy || time.Now().Before(state.after) || state.hash != "" && !w.runtime.cache.Missing(state.hash) {
		return nil
	}
	state.busy = true
	return state
}

// build builds a DataFrame once it is its turn.
func (w *warmer) build(ctx context.Context, m module.Info, place int, state *warmth) {
	result := w.runtime.warm(ctx, m, place)
	w.mu.Lock()
	defer w.mu.Unlock()
	state.busy = false
	if ctx.Err() != nil {
		return
	}
	attrs := []any{logkey.Module, m.Name, logkey.Cache, result.Cache, logkey.Key, string(result.Key)}
	if result.err == nil {
		state.hash, state.after = result.Hash, time.Time{}
		state.wait.Reset()
		w.runtime.log.DebugContext(ctx, "cached DataFrame is warm", append(attrs, logkey.Hash, result.Hash, logkey.Duration, result.Took)...)
		return
	}
	pause := state.wait.Next()
	state.after = time.Now().Add(pause)
	time.AfterFunc(pause, w.wake)
	w.runtime.log.WarnContext(ctx, "warm cached DataFrame", append(attrs, logkey.Wait, pause, logkey.Error, result.err)...)
}

// A WarmResult is what came of building one DataFrame ahead of the tasks.
type WarmResult struct {
	Module string          `json:"module"`
	Cache  string          `json:"cache"`
	Key    json.RawMessage `json:"key,omitempty"`
	Hash   string          `json:"hash,omitempty"`
	Took   time.Duration   `json:"took"` // in nanoseconds
	Error  string          `json:"error,omitempty"`
	err    error
}

// Warm builds what the modules want warm now, all or what is of one cache, and
// returns what came of each. What is cached already stays.
func (r *Runtime) Warm(ctx context.Context, name string) []WarmResult {
	results := []WarmResult{}
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, m := range r.warmer.look() {
		for place, spec := range m.Warm {
			if name != "" && spec.Cache != name {
				continue
			}
			all.Go(func() {
				result := r.warm(ctx, m, place)
				mu.Lock()
				defer mu.Unlock()
				results = append(results, result)
			})
		}
	}
	all.Wait()
	slices.SortFunc(results, func(a, b WarmResult) int {
		return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.Cache, b.Cache), cmp.Compare(string(a.Key), string(b.Key)))
	})
	return results
}

var errWarmTimeout = fmt.Errorf("it takes longer than %v", warmTimeout)

// warm has a module describe a DataFrame and the cache build it, when it is its
// turn.
func (r *Runtime) warm(ctx context.Context, m module.Info, place int) WarmResult {
	spec := m.Warm[place]
	result := WarmResult{Module: m.Name, Cache: spec.Cache, Key: spec.Key}
	select {
	case r.warmer.builds <- struct{}{}:
		defer func() { <-r.warmer.builds }()
		start := time.Now()
		result.Hash, result.err = r.warmNow(ctx, m, place)
		result.Took = time.Since(start)
	case <-ctx.Done():
		result.err = context.Cause(ctx)
	}
	if result.err != nil {
		result.Error = result.err.Error()
	}
	return result
}

func (r *Runtime) warmNow(ctx context.Context, m module.Info, place int) (hash string, err error) {
	lease, ok := r.modules.AcquireWarm(m.Hash, place)
	if !ok {
		return "", errors.New("the module was replaced meanwhile")
	}
	defer lease.Release()
	ctx, cancel := context.WithTimeoutCause(ctx, warmTimeout, errWarmTimeout)
	defer cancel()
	name := "warm:" + m.Warm[place].Cache
	request, err := json.Marshal(abi.Request{Task: name, Hostname: r.cfg.Hostname})
	if err != nil {
		return "", fmt.Errorf("request of %s: %w", name, err)
	}
	inv := r.binder.Open(ctx, hostfn.Task{
		Rights: r.cfg.rights(m.Name, m.Capabilities, m.SignedBy), Limits: m.Limits,
		Capabilities: m.Capabilities, Functions: r.library(lease),
		Name: name, Module: m.Name, Version: m.Hash, Warm: true,
		Args: []byte(`{"args":[],"kwargs":{}}`), Request: request,
	})
	defer inv.Close()
	if err := lease.Run(ctx, inv); err != nil {
		return "", err
	}
	return inv.Warm()
}

// cacheConfig is what the settings say of the cache.
func (r *Runtime) cacheConfig() cache.Config {
	return cache.Config{
		Session: r.session, TTL: seconds(r.cfg.CacheTTL), Grace: seconds(r.cfg.CacheGrace),
		StorageLevel: r.cfg.CacheStorageLevel, Private: r.cfg.CachePrivate, MaxEntries: r.cfg.CacheEntries, MaxBytes: r.cfg.CacheMiB << 20,
		Released: func(c spark.Checkpoint) error { return r.engine.DropCheckpoint(r.session.ID(), c.RelationID) },
		OnForget: r.warmer.forgotten, Log: r.log,
	}
}
