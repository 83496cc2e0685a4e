package module

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// pageSize is the unit of linear memory.
const pageSize = 64 << 10

// An engine is the one wazero runtime that all modules live in.
type engine struct {
	cfg     Config
	log     *slog.Logger
	runtime wazero.Runtime
	// wazero's cache, and the guard of its folder, which is nil without one.
	codes wazero.CompilationCache
	cache *codeCache
	// compiling counts the compilations in this process.
	compiling atomic.Int64
	// slots limits how many modules are compiled at once.
	slots chan struct{}

	mu sync.Mutex
	// late has the hashes of files whose compilation was given up but goes on.
	late map[string]bool
	// walls is for telling once what a module's process is not kept from.
	walls sync.Once
	busy  sync.WaitGroup // compilations, late ones too, and processes that end
}

func newEngine(ctx context.Context, cfg Config) (_ *engine, err error) {
	e := &engine{cfg: cfg, log: cfg.Log, slots: make(chan struct{}, cfg.CompileWorkers), late: make(map[string]bool)}
	if cfg.CacheDir != NoCache {
		if e.cache, err = openCache(cfg.CacheDir, int64(cfg.CacheMiB)<<20, cfg.Log); err == nil {
			e.codes, err = wazero.NewCompilationCacheWithDir(e.cache.dir)
		}
		if err != nil {
			e.log.Warn("modules are compiled anew at each start", logkey.Error, err)
			e.cache = nil
		}
	}
	if e.codes == nil {
		e.codes = wazero.NewCompilationCache()
	}
	if err := probeCompiler(ctx); err != nil {
		// wazero falls back by itself, and says nothing.
		e.log.Warn("modules are interpreted, many times slower: the compiler does not work here", logkey.Error, err)
	}
	// Nothing that an end of ctx should undo: it is for opening only.
	ctx = context.WithoutCancel(ctx)
	e.runtime = wazero.NewRuntimeWithConfig(ctx, runtimeConfig().
		WithCompilationCache(e.codes))
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close(ctx))
		}
	}()
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, e.runtime); err != nil {
		return nil, fmt.Errorf("instantiate WASI: %w", err)
	}
	if err := e.bindGuard(ctx); err != nil {
		return nil, err
	}
	if err := cfg.Bind(ctx, e.runtime); err != nil {
		return nil, fmt.Errorf("bind host functions: %w", err)
	}
	return e, nil
}

// runtimeConfig is what compiled code depends on.
func runtimeConfig() wazero.RuntimeConfig {
	return wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2)
}

// probeCompiler returns why modules cannot be compiled on this machine: it has
// another processor, or its system denies memory that is executable.
func probeCompiler(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		return fmt.Errorf("no compiler for %s", runtime.GOARCH)
	}
	// One function that does nothing.
	const module = "\x00asm\x01\x00\x00\x00" + "\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00" + "\x0a\x04\x01\x02\x00\x0b"
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
	_, err = r.CompileModule(ctx, []byte(module))
	return errors.Join(err, r.Close(ctx))
}

// close frees all. It waits for compilations that were given up until ctx ends;
// then they, and all that they use, are left to themselves.
func (e *engine) close(ctx context.Context) error {
	idle := make(chan struct{})
	go func() {
		e.busy.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
		return fmt.Errorf("close modules: a module is still being compiled: %w", context.Cause(ctx))
	}
	ctx = context.WithoutCancel(ctx)
	return errors.Join(e.runtime.Close(ctx), e.codes.Close(ctx))
}

// limits are those of a module that asks for some.
func (e *engine) limits(name string, asked abi.Limits) abi.Limits {
	return e.cfg.Limits(name, asked).Over(abi.DefaultLimits)
}

// A code is a compiled file.
type code struct {
	name, hash string
	// limits are those that it was compiled for, and that its instances have.
	limits abi.Limits
	// file is what processes compile; nil for what is compiled here.
	file     []byte
	compiled wazero.CompiledModule
	took     time.Duration
	// uses is how often wazero counts its use.
	uses int
}

func (c *code) close(ctx context.Context) error {
	var errs []error
	for range c.uses {
		errs = append(errs, c.compiled.Close(ctx))
	}
	return errors.Join(errs...)
}

// compile compiles a file within the configured time. Its errors are refusals,
// but for the end of ctx.
func (e *engine) compile(ctx context.Context, hash string, file []byte) (*code, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	e.mu.Lock()
	late := e.late[hash]
	e.mu.Unlock()
	if late { // the same file, looked at again, must not occupy one more CPU
		return nil, refusal(CompileTimeout, "it is still being compiled since an earlier attempt, which took longer than %v", e.cfg.CompileTimeout)
	}

	type outcome struct {
		code *code
		err  error
	}
	done, gone := make(chan outcome), make(chan struct{})
	defer close(gone)
	finished := false // guarded by mu
	e.busy.Add(1)
	go func() {
		defer e.busy.Done()
		var o outcome
		o.code, o.err = e.compileNow(ctx, file)
		e.mu.Lock()
		finished = true
		delete(e.late, hash)
		e.mu.Unlock()
		select {
		case done <- o:
		case <-gone:
			if o.code != nil {
				// Closing only counts down; there is no error to be had.
				_ = o.code.close(context.Background())
			}
		}
	}()
	timeout := time.NewTimer(e.cfg.CompileTimeout)
	defer timeout.Stop()
	select {
	case o := <-done:
		return o.code, o.err
	case <-timeout.C:
	case <-ctx.Done():
	}
	e.mu.Lock()
	if !finished {
		e.late[hash] = true
	}
	e.mu.Unlock()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, refusal(CompileTimeout, "compiling takes longer than %v", e.cfg.CompileTimeout)
}

// compileNow takes as long as it takes; the end of ctx only ends a compiler in
// another process. Trouble with the cache only costs time.
func (e *engine) compileNow(ctx context.Context, file []byte) (c *code, err error) {
	defer func() {
		if r := recover(); r != nil {
			e.log.Debug("the compiler panicked", logkey.Reason, r, logkey.Stack, string(debug.Stack()))
			c, err = nil, refusal(Invalid, "the compiler failed: %v", r)
		}
	}()
	start, apart := time.Now(), ctx
	ctx = experimental.WithCompilationWorkers(context.WithoutCancel(ctx), e.cfg.CompileWorkers)
	c = &code{uses: 1}
	if e.cache == nil {
		c.compiled, err = e.runtime.CompileModule(ctx, file)
	} else {
		sum := sha256.Sum256(file)
		hash := hex.EncodeToString(sum[:])
		e.cache.check(hash, false)
		if len(e.cfg.Compiler) > 0 && !e.cache.has(hash) {
			if err := e.compileApart(apart, file); err != nil {
				return nil, err
			}
			e.cache.check(hash, false)
		}
		owner := hash
		if e.compiling.Add(1) > 1 {
			owner = anyModule // an entry that is new may be another's
		}
		c.compiled, err = e.runtime.CompileModule(ctx, file)
		for attempts := 0; err != nil && isCacheError(err) && attempts < 3; attempts++ {
			e.log.Warn("compilation cache out of order", logkey.Error, err)
			if isCorrupt(err) {
				e.cache.wipe()
			} else {
				// It could not be written. wazero has kept the code in memory,
				// where the next attempt finds it, and counts both.
				c.uses++
			}
			c.compiled, err = e.runtime.CompileModule(ctx, file)
		}
		if e.compiling.Load() > 1 {
			owner = anyModule
		}
		e.cache.seal(owner)
		e.compiling.Add(-1)
		e.cache.trim()
	}
	if err != nil {
		return nil, refusal(Invalid, "it does not compile: %w", err)
	}
	c.took = time.Since(start)
	return c, nil
}

// The functions that a module must export, by name: parameters and results.
var wanted = []struct {
	name            string
	params, results []api.ValueType
}{
	{abi.ExportDescribe, nil, []api.ValueType{api.ValueTypeI32}},
	{abi.ExportRun, []api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI32}},
}
