package module

import (
	"bytes"
	"encoding/json"
	"strings"

	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A version is one content of a module's file, compiled, with its instances.
type version struct {
	engine *engine
	code   *code  // nil for a Go plugin
	native Native // nil for WASM
	log    *lineLog
	// info has what never changes; Info adds the rest.
	info Info
	// functions are for the executors.
	functions Functions
	// closed is called once the version is.
	closed func(*version)
	// judged is called when the version's trial ends: with the trap, or with nil.
	// Nil is for versions that are not on trial.
	judged func(*version, error)

	// refs counts the leases, and one for being served or about to be. At zero
	// the version is closed, and it stays at zero.
	refs atomic.Int64
	// began is when the version began to serve, in Unix nanoseconds.
	began  atomic.Int64
	served atomic.Bool // ever
	// left is how many calls of the trial are left; failed says that it was not
	// passed; late counts the last calls in a row that ran out of time.
	left   atomic.Int64
	failed atomic.Bool
	late   atomic.Int64

	calls, errors, traps atomic.Uint64
	instances, memory    atomic.Int64

	// slots has room for each instance that a call may hold.
	slots chan struct{}
	mu    sync.Mutex
	idle  []*instance // the one used last is at the end
}

// Info describes the version as it is now.
func (v *version) Info(state State) Info {
	info := v.info.clone()
	info.State = state
	info.LoadedAt = time.Unix(0, v.began.Load())
	info.Calls, info.Errors, info.Traps = v.calls.Load(), v.errors.Load(), v.traps.Load()
	info.Instances, info.MemoryBytes = int(v.instances.Load()), v.memory.Load()
	return info
}

// acquire adds a reference, unless the version is closed or about to be.
func (v *version) acquire() bool {
	for {
		n := v.refs.Load()
		if n == 0 {
			return false
		}
		if v.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release drops a reference. The last one closes the version.
func (v *version) release() {
	if v.refs.Add(-1) > 0 {
		return
	}
	v.drop()
	if v.code != nil {
		// Closing only counts down; there is no error to be had.
		_ = v.code.close(context.Background())
	}
	v.closed(v)
}

// drop closes all idle instances.
func (v *version) drop() {
	v.mu.Lock()
	idle := v.idle
	v.idle = nil
	v.mu.Unlock()
	for _, in := range idle {
		v.discard(in)
	}
}

// tried takes the end of a call into account for the trial. The last call of it,
// and the first trap, end it.
func (v *version) tried(trap error) {
	switch {
	case v.judged == nil || v.left.Load() <= 0:
	case trap != nil:
		v.failed.Store(true)
		if v.left.Swap(0) > 0 {
			v.judged(v, trap)
		}
	default:
		v.late.Store(0)
		if v.left.Add(-1) == 0 {
			v.judged(v, nil)
		}
	}
}

// maxLate is how many calls in a row may run out of time before a trial has
// failed. One alone may have waited for a busy engine.
const maxLate = 3

// interrupted is the end of a call with ctx. One that ran out of time counts in
// the trial, others, which were revoked or end with the host, do not.
func (v *version) interrupted(ctx context.Context, task string) error {
	err := interrupted(ctx, v.info.Name, task)
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) && v.late.Add(1) >= maxLate {
		v.tried(fmt.Errorf("%d calls in a row ran out of time: %w", maxLate, err))
	}
	return err
}

// take returns an idle instance, or a new one; it waits while as many as may be
// are busy. The caller gives it back with put.
func (v *version) take(ctx context.Context, task string) (*instance, error) {
	select {
	case v.slots <- struct{}{}:
	default:
		select {
		case v.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("module %s: task %s: wait for an instance: %w", v.info.Name, task, context.Cause(ctx))
		}
	}
	in := v.pop()
	if in != nil && !in.stale() {
		return in, nil
	}
	if in != nil {
		in.out.begin(task)
		err := in.process.renew(ctx, in.out, int64(v.engine.cfg.RecycleMiB)<<20)
		switch {
		case err == nil:
			v.weigh(in, in.size())
			return in, nil
		case !errors.Is(err, errOutworn):
			in.spoilt = true
			defer v.put(in)
			return nil, v.unstarted(ctx, task, err, in.out)
		}
		v.weigh(in, 0)
		v.instances.Add(-1)
		v.engine.reap(in, func() {})
	}
	out := newOutput(v.log)
	out.begin(task)
	host := v.engine.cfg.Enter(ctx, abi.Unsupported{Reason: "no task has begun yet"})
	in, err := v.engine.instantiate(host, v.code, out)
	if err != nil {
		v.engine.reap(in, func() { <-v.slots })
		return nil, v.unstarted(ctx, task, err, out)
	}
	v.adopt(in)
	return in, nil
}

// pop returns the idle instance that was used last, or nil.
func (v *version) pop() *instance {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := len(v.idle)
	if n == 0 {
		return nil
	}
	in := v.idle[n-1]
	v.idle[n-1] = nil
	v.idle = v.idle[:n-1]
	return in
}

// unstarted is the end of a call for which there is no instance because of err.
func (v *version) unstarted(ctx context.Context, task string, err error, out *output) error {
	v.traps.Add(1)
	if ctx.Err() != nil {
		return v.interrupted(ctx, task)
	}
	trap := newTrap(v.info.Name, task, err, out)
	v.tried(trap)
	return trap
}

// put takes an instance back and keeps it if it is fit for more calls, or its
// process if another instance can live there.
func (v *version) put(in *instance) {
	cfg := v.engine.cfg
	fit := !in.spoilt && in.calls < cfg.MaxCalls && in.size() <= int64(cfg.RecycleMiB)<<20
	if !fit && in.process != nil && in.process.forget() {
		fit, in.spoilt, in.calls = true, false, 0
	}
	if fit {
		v.weigh(in, in.size())
		in.idle = time.Now()
		v.mu.Lock()
		v.idle = append(v.idle, in)
		v.mu.Unlock()
		<-v.slots
		return
	}
	v.weigh(in, 0)
	v.instances.Add(-1)
	// What comes after it waits for its room.
	v.engine.reap(in, func() { <-v.slots })
}

// adopt counts a new instance.
func (v *version) adopt(in *instance) {
	v.instances.Add(1)
	v.weigh(in, in.size())
}

// weigh counts an instance's memory as size.
func (v *version) weigh(in *instance, size int64) {
	v.memory.Add(size - in.weight)
	in.weight = size
}

func (v *version) discard(in *instance) {
	v.weigh(in, 0)
	in.close()
	v.instances.Add(-1)
}

// trim closes instances that were idle since before then, except for the one
// that was used last.
func (v *version) trim(then time.Time) {
	v.mu.Lock()
	keep := 0
	for keep < len(v.idle)-1 && v.idle[keep].idle.Before(then) {
		keep++
	}
	old := slices.Clone(v.idle[:keep])
	v.idle = slices.Delete(v.idle, 0, keep)
	v.mu.Unlock()
	for _, in := range old {
		v.discard(in)
	}
}

// run runs one call of a task.
func (v *version) run(ctx context.Context, index int, h abi.Host) error {
	if v.native != nil {
		return v.runNative(ctx, index, h)
	}
	name := v.callName(index)
	in, err := v.take(ctx, name)
	if err != nil {
		return err
	}
	defer v.put(in)
	host := &listener{Host: h}
	status, err := in.call(ctx, v.engine.cfg.Enter, host, name, uint32(index))
	v.calls.Add(1)
	if err == nil && (status == 0 || host.failed) {
		if host.failed {
			v.errors.Add(1)
		}
		if in.spoilt {
			v.traps.Add(1)
		} else {
			v.tried(nil)
		}
		return nil
	}
	in.spoilt = true
	v.traps.Add(1)
	if err != nil && ctx.Err() != nil {
		return v.interrupted(ctx, name)
	}
	if host.failed {
		// It said why before it trapped, as languages without exceptions do.
		v.errors.Add(1)
		trap := newTrap(v.info.Name, name, err, in.out)
		host.place(trap)
		v.tried(trap)
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%s returned %d without an error", abi.ExportRun, int32(status))
	}
	trap := newTrap(v.info.Name, name, err, in.out)
	v.tried(trap)
	return trap
}

// callName is a task's name, or for what comes behind the tasks that of the
// cache whose DataFrame is described.
func (v *version) callName(index int) string {
	if n := len(v.info.Tasks); index >= n {
		return "cache " + v.info.Warm[index-n].Cache
	}
	return v.info.Tasks[index].Name
}

// A listener notes whether the guest told of a failure, and which.
type listener struct {
	abi.Host
	failed  bool
	failure []byte
}

// place adds to a failure where the trap behind it was, if lines of the source are
// known of that.
func (l *listener) place(trap *TrapError) {
	if !trap.lines {
		return
	}
	e := new(abi.Error)
	if err := json.Unmarshal(l.failure, e); err != nil {
		return // the host has told the guest
	}
	e.Traceback = strings.TrimPrefix(strings.TrimRight(e.Traceback, "\n")+"\n"+trap.stack, "\n")
	if text, err := json.Marshal(e); err == nil {
		_ = l.Host.ResultError(text) // else the failure stays as it was
	}
}

// HostCall counts a call of the host, where it is counted.
func (l *listener) HostCall() error {
	if c, ok := l.Host.(interface{ HostCall() error }); ok {
		return c.HostCall()
	}
	return nil
}

// ResultJSON is the host's; a result replaces a failure given before.
func (l *listener) ResultJSON(value []byte) error {
	err := l.Host.ResultJSON(value)
	l.failed = l.failed && err != nil
	return err
}

// ResultFrame is the host's; a result replaces a failure given before.
func (l *listener) ResultFrame(frame abi.Frame, form abi.RowForm) error {
	err := l.Host.ResultFrame(frame, form)
	l.failed = l.failed && err != nil
	return err
}

// ResultError is the host's.
func (l *listener) ResultError(failure []byte) error {
	err := l.Host.ResultError(failure)
	if err == nil {
		l.failed, l.failure = true, bytes.Clone(failure)
	}
	return err
}
