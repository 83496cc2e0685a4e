package module

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/sparkstalk/sparkstalk/abi"
)

// initFunction is exported by a reactor, such as Go's -buildmode=c-shared makes;
// it is called once, before all others.
const initFunction = "_initialize"

// clockStart is where guests' monotonic clocks begin.
var clockStart = time.Now()

// An instance is a module's memory and globals. It runs one call at a time; one
// goroutine uses it at a time.
type instance struct {
	// process is where it lives, nil for one in the host, which has all that
	// comes next.
	process *process

	mod    api.Module
	run    api.Function
	memory memory
	out    *output
	cpu    time.Duration // limit of a call, zero is none
	// stackMiB is what its calls' stack was limited to.
	stackMiB int
	// behind, if there is one, has this thread run behind others until back is called.
	behind func() (back func())
	// ctx is that of the call under way, meter its own.
	ctx   context.Context
	meter *meter
	stack [1]uint64
	calls int
	// weight is what its version's memory has of it.
	weight int64
	// idle is when it was last put back.
	idle time.Time
	// spoilt says that it must not run again.
	spoilt bool
}

// instantiate makes an instance and initialises it. Its error, a trap perhaps, has
// no names in it; out tells what the guest printed. An instance beside an error is
// to be closed.
func (e *engine) instantiate(ctx context.Context, c *code, out *output) (_ *instance, err error) {
	if c.file != nil {
		return e.spawn(ctx, c, out)
	}
	in := &instance{out: out, ctx: ctx}
	in.cpu = time.Duration(c.limits.CPULimit * float64(time.Second))
	in.stackMiB = c.limits.StackMiB
	in.memory.most = uint64(c.limits.MemoryMiB) << 20
	defer func() {
		if r := recover(); r != nil { // wazero's answer if there is no memory to be had
			err = fmt.Errorf("instantiate: %v", r)
		}
		if err != nil {
			in.close()
		}
	}()
	const resolution = sys.ClockResolution(time.Millisecond)
	in.mod, err = e.runtime.InstantiateModule(in.memory.within(ctx), c.compiled, wazero.NewModuleConfig().
		WithName("").         // anonymous: there are many of one module
		WithStartFunctions(). // not _start: that would be a program's main
		WithStdout(out.stdout()).
		WithStderr(out.stderr()).
		WithRandSource(rand.Reader).
		WithWalltime(func() (int64, int32) {
			now := time.Now().Truncate(time.Millisecond)
			return now.Unix(), int32(now.Nanosecond())
		}, resolution).
		WithNanotime(func() int64 {
			return int64(time.Since(clockStart).Truncate(time.Millisecond))
		}, resolution).
		WithNanosleep(in.sleep))
	if err != nil {
		return nil, fmt.Errorf("instantiate: %w", err)
	}
	if init := in.mod.ExportedFunction(initFunction); init != nil {
		if err := in.guard(func() error { _, err := init.Call(ctx); return err }); err != nil {
			return nil, fmt.Errorf("%s: %w", initFunction, err)
		}
	}
	in.run = in.mod.ExportedFunction(abi.ExportRun)
	in.ctx = nil
	return in, nil
}

// guard runs guest code. If that does not end well, the instance is spoilt: its
// memory may be in any state.
func (in *instance) guard(f func() error) error {
	if in.ctx.Err() != nil {
		return context.Cause(in.ctx)
	}
	in.spoilt = true // also if f ends this goroutine
	err := f()
	in.out.end()
	in.spoilt = err != nil || in.mod.IsClosed()
	return err
}

// call runs one task. The error is nil or wazero's.
func (in *instance) call(ctx context.Context, enter func(context.Context, abi.Host) context.Context, h abi.Host, task string, index uint32) (result uint32, err error) {
	in.calls++
	in.out.begin(task)
	if in.process != nil {
		in.spoilt = true
		result, err = in.process.call(ctx, h, in.out, index)
		in.out.end()
		in.spoilt = err != nil || !in.process.runs()
		return result, err
	}
	ctx = enter(ctx, h)
	m := &meter{limit: in.cpu, stackMiB: in.stackMiB, behind: in.behind}
	in.meter = m
	defer m.rest()
	if in.cpu > 0 {
		// The thread's time is the call's, as long as nobody else runs on it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		m.end = threadTime() + int64(in.cpu)
	}
	ctx = context.WithValue(ctx, meterKey{}, m)
	in.ctx = ctx
	in.stack[0] = uint64(index)
	err = in.guard(func() error { return in.run.CallWithStack(ctx, in.stack[:]) })
	in.ctx = nil
	return uint32(in.stack[0]), err
}

// describe asks the module for its manifest.
func (in *instance) describe(ctx context.Context, enter func(context.Context, abi.Host) context.Context) ([]byte, error) {
	if in.process != nil {
		in.out.begin("")
		data, err := in.process.describe(ctx, in.out)
		in.out.end()
		in.spoilt = err != nil || !in.process.runs()
		return data, err
	}
	host := &describer{Unsupported: abi.Unsupported{Reason: "a module only describes itself in " + abi.ExportDescribe}}
	ctx = enter(ctx, host)
	in.ctx = ctx
	in.out.begin("")
	var status uint64
	err := in.guard(func() error {
		results, err := in.mod.ExportedFunction(abi.ExportDescribe).Call(ctx)
		if err == nil {
			status = results[0]
		}
		return err
	})
	in.ctx = nil
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", abi.ExportDescribe, err)
	case host.tooLarge != nil:
		return nil, host.tooLarge
	case status != 0:
		return nil, fmt.Errorf("%s returned %d", abi.ExportDescribe, int32(status))
	case host.manifest == nil:
		return nil, errors.New(abi.ExportDescribe + " handed over no manifest")
	}
	return host.manifest, nil
}

// sleep is what a guest's sleep comes down to. It ends with the call's context.
func (in *instance) sleep(ns int64) {
	timer := time.NewTimer(time.Duration(ns))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-in.ctx.Done():
	}
}

// size is the linear memory's in bytes.
func (in *instance) size() int64 {
	if in.process != nil {
		return in.process.size
	}
	return int64(in.mod.Memory().Size())
}

// stale reports whether it is only a process, which can have a new instance.
func (in *instance) stale() bool { return in.process != nil && in.process.stale }

// reap closes an instance, which may be nil, and calls then. For a process that is
// done behind the caller's back: it runs no more, but may take its time to end.
func (e *engine) reap(in *instance, then func()) {
	switch {
	case in == nil:
		then()
	case in.process == nil:
		in.close()
		then()
	default:
		in.process.kill()
		e.busy.Go(func() {
			in.close()
			then()
		})
	}
}

// close frees the instance. No call may be under way.
func (in *instance) close() {
	if in.process != nil {
		in.process.close()
		return
	}
	if in.mod != nil {
		// The error would be that of closing files, and there are none.
		_ = in.mod.Close(context.Background())
	}
	in.memory.release()
}

// A describer is the host of a module that is asked what it serves: it takes the
// manifest and refuses all else.
type describer struct {
	abi.Unsupported
	manifest []byte
	tooLarge error
}

// maxManifest is how many bytes a manifest may have. The largest real ones have
// some ten thousand.
const maxManifest = 1 << 20

// ResultJSON takes the manifest.
func (d *describer) ResultJSON(value []byte) error {
	if len(value) > maxManifest {
		d.tooLarge = refusal(BadManifest, "its manifest takes %d bytes, the limit is %d", len(value), maxManifest)
		return d.tooLarge
	}
	d.manifest = append([]byte{}, value...)
	return nil
}
