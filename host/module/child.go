package module

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/sys"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pipe"
)

// RunProcess is what a process does that Config.Process starts: it confines
// itself, runs one module, and returns when the host is gone. bind and enter are
// those of [Config].
func RunProcess(bind func(context.Context, wazero.Runtime) error, enter func(context.Context, abi.Host) context.Context) error {
	lacks, err := confine()
	if err != nil {
		return err
	}
	file := os.NewFile(processFD, "host")
	conn, err := net.FileConn(file)
	if err != nil {
		return fmt.Errorf("no host at the other end: %w", err)
	}
	_ = file.Close() // FileConn has made a copy
	c := &child{wire: pipe.NewWire(conn), lacks: lacks, calling: context.Background()}
	go c.interrupts.listen(os.NewFile(interruptFD, "interrupts")) // as long as the process lives
	err = c.run(bind, enter)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// A child is a module's process, seen from inside.
type child struct {
	wire       *pipe.Wire
	interrupts interrupts
	lacks      []string
	code       *code
	in         *instance // nil when it was given up
	out        *output
	// calling is the context of what the host has asked for.
	calling context.Context
}

// run runs the module as the host says, until that is gone.
func (c *child) run(bind func(context.Context, wazero.Runtime) error, enter func(context.Context, abi.Host) context.Context) error {
	var setup processSetup
	kind, content, err := c.wire.Receive()
	if err == nil {
		err = json.Unmarshal(content, &setup)
	}
	if err != nil {
		return fmt.Errorf("setup, message %q: %w", kind, err)
	}
	_, file, err := c.wire.Receive()
	if err != nil {
		return fmt.Errorf("code: %w", err)
	}
	limitMemory(setup.Limits.MemoryMiB)

	ctx := context.Background()
	cfg, err := Config{
		Dir: "none", Bind: bind, Enter: enter, Limits: func(string, abi.Limits) abi.Limits { return setup.Limits },
		CacheDir: setup.CacheDir, CacheMiB: setup.CacheMiB, CompileWorkers: setup.Workers, Log: slog.New(slog.DiscardHandler),
	}.withDefaults()
	if err != nil {
		return err
	}
	e, err := newEngine(ctx, cfg)
	if err != nil {
		return err
	}
	var ready processReady
	c.in, ready = c.start(ctx, e, setup.Name, file)
	ready.Lacks = c.lacks
	if err := c.wire.SendJSON(msgReady, ready); err != nil || c.in == nil {
		return err
	}
	for {
		kind, content, err := c.wire.Receive()
		if err != nil {
			return err
		}
		if kind == msgDrop {
			c.drop()
			continue
		}
		if len(content) < 8 {
			return fmt.Errorf("message %q without a number", kind)
		}
		end := processEnd{Number: binary.LittleEndian.Uint64(content)}
		calling, over := c.interrupts.begin(ctx, end.Number)
		c.calling = calling
		err = c.do(calling, e, kind, content[8:], &end)
		over()
		if unexpected, ok := errors.AsType[*unexpectedError](err); ok {
			return unexpected
		}
		if err != nil {
			end.Error = err.Error()
			if exit, ok := errors.AsType[*sys.ExitError](err); ok {
				end.Exited, end.ExitCode = true, exit.ExitCode()
			}
			end.Stack, end.CPU = errors.Is(err, ErrStack), errors.Is(err, ErrCPU)
		}
		if c.in != nil {
			end.Size = c.in.size()
		}
		if err := c.wire.SendJSON(msgEnd, end); err != nil {
			return err
		}
	}
}

// An unexpectedError says what the host should not have sent.
type unexpectedError struct{ text string }

func (e *unexpectedError) Error() string { return e.text }

// do does what the host asks for, and says in end how it has ended, unless that is
// by an error.
func (c *child) do(ctx context.Context, e *engine, kind byte, content []byte, end *processEnd) (err error) {
	switch {
	case kind == msgRenew:
		c.drop()
		c.in, err = c.instantiate(ctx, e)
	case c.in == nil:
		return &unexpectedError{fmt.Sprintf("message %q without an instance", kind)}
	case kind == msgDescribe:
		end.Manifest, err = c.in.describe(ctx, e.cfg.Enter)
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			end.Refused = refused.Kind
		}
	case kind == msgRun && len(content) == 4:
		end.Status, err = c.in.call(ctx, e.cfg.Enter, c.host(), "", binary.LittleEndian.Uint32(content))
	default:
		return &unexpectedError{fmt.Sprintf("message %q of %d bytes is not expected", kind, len(content))}
	}
	return err
}

// childHeap is how much memory Go may have when an instance is given up. A stack
// that overflowed, and large values, leave more.
const childHeap = 64 << 20

// drop gives up the instance, if there is one.
func (c *child) drop() {
	if c.in == nil {
		return
	}
	c.in.close()
	c.in = nil
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	if memory.HeapSys-memory.HeapReleased > childHeap {
		debug.FreeOSMemory()
	}
}

// start compiles, checks and instantiates the module.
func (c *child) start(ctx context.Context, e *engine, name string, file []byte) (*instance, processReady) {
	refused := func(err error) (*instance, processReady) {
		if r, ok := errors.AsType[*RefusedError](err); ok {
			return nil, processReady{Kind: r.Kind, Reason: r.Error()[len(": "):]}
		}
		return nil, processReady{Start: true, Reason: err.Error()}
	}
	compiled, err := e.compileNow(ctx, file)
	if err == nil {
		compiled.name, compiled.limits = name, e.limits(name, abi.Limits{})
		err = e.check(compiled, file)
	}
	if err != nil {
		return refused(err)
	}
	c.code = compiled
	c.out = &output{log: newLineLog(slog.New(slog.DiscardHandler)), tee: c.print}
	in, err := c.instantiate(ctx, e)
	if err != nil {
		return refused(err)
	}
	return in, processReady{Size: in.size()}
}

// instantiate makes an instance of the module.
func (c *child) instantiate(ctx context.Context, e *engine) (*instance, error) {
	in, err := e.instantiate(e.cfg.Enter(ctx, abi.Unsupported{Reason: "no task has begun yet"}), c.code, c.out)
	if err == nil {
		in.behind = behindOthers
	}
	return in, err
}

// print passes on what the guest prints. If the host is gone, the next receive
// tells. A guest that does nothing else is stopped here.
func (c *child) print(level slog.Level, data []byte) {
	if c.calling.Err() != nil {
		panic(context.Cause(c.calling))
	}
	kind := byte(msgStdout)
	if level > slog.LevelInfo {
		kind = msgStderr
	}
	_ = c.wire.Send(kind, data)
}

// host is the other process's. Without its answer the guest's call ends.
func (c *child) host() abi.Host {
	return &pipe.Client{Do: pipe.Remote(func(call []byte) ([]byte, error) {
		if c.in.meter != nil {
			c.in.meter.rest()
		}
		answer, err := c.wire.Ask(call)
		if err != nil {
			panic(err)
		}
		return answer, nil
	})}
}
