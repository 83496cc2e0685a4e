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
	c := &child{wire: pipe.NewWire(conn), lacks: lacks}
	err = c.run(bind, enter)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// A child is a module's process, seen from inside.
type child struct {
	wire  *pipe.Wire
	lacks []string
}

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
	in, ready := c.start(ctx, e, setup.Name, file)
	ready.Lacks = c.lacks
	if err := c.wire.SendJSON(msgReady, ready); err != nil || in == nil {
		return err
	}
	for {
		kind, content, err := c.wire.Receive()
		if err != nil {
			return err
		}
		var end processEnd
		switch kind {
		case msgDescribe:
			end.Manifest, err = in.describe(ctx, enter)
			if refused, ok := errors.AsType[*RefusedError](err); ok {
				end.Refused = refused.Kind
			}
		case msgRun:
			if len(content) != 4 {
				return errors.New("run without an index")
			}
			end.Status, err = in.call(ctx, enter, c.host(), "", binary.LittleEndian.Uint32(content))
		default:
			return fmt.Errorf("message %q is not expected", kind)
		}
		if err != nil {
			end.Error = err.Error()
			if exit, ok := errors.AsType[*sys.ExitError](err); ok {
				end.Exited, end.ExitCode = true, exit.ExitCode()
			}
			end.Stack, end.CPU = errors.Is(err, ErrStack), errors.Is(err, ErrCPU)
		}
		end.Size = in.size()
		if err := c.wire.SendJSON(msgEnd, end); err != nil {
			return err
		}
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
	out := &output{log: newLineLog(slog.New(slog.DiscardHandler)), tee: c.print}
	in, err := e.instantiate(e.cfg.Enter(ctx, abi.Unsupported{Reason: "no task has begun yet"}), compiled, out)
	if err != nil { // there is no process, and so no instance
		return refused(err)
	}
	return in, processReady{Size: in.size()}
}

// print passes on what the guest prints. If the host is gone, the next receive
// tells.
func (c *child) print(level slog.Level, data []byte) {
	kind := byte(msgStdout)
	if level > slog.LevelInfo {
		kind = msgStderr
	}
	_ = c.wire.Send(kind, data)
}

// host is the other process's. Without its answer the guest's call ends.
func (c *child) host() abi.Host {
	return &pipe.Client{Do: pipe.Remote(func(call []byte) ([]byte, error) {
		answer, err := c.wire.Ask(call)
		if err != nil {
			panic(err)
		}
		return answer, nil
	})}
}
