package module

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero/sys"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pipe"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// A process is an instance of a module that lives in a process of its own, and
// those that come after it there. What it calls of the host comes over a socket; if
// a call does not end in time, the process is told to end it, and killed if it
// does not.
type process struct {
	cmd    *exec.Cmd
	conn   net.Conn
	wire   *pipe.Wire
	stderr *tail // of the process, not the guest
	size   int64
	gone   bool
	// number is that of what it was last asked for, and interrupts takes the number
	// of what it is to end. It may take grace for that.
	number     uint64
	interrupts *os.File
	grace      time.Duration
	// stale says that it has no instance. base is what it had of the system's memory
	// with its first one.
	stale bool
	base  int64
	// killed says that it was: it runs no more, though the system may need long to
	// take it apart.
	killed atomic.Bool
}

// ErrProcess is the cause of a call's end whose module's process ended.
var ErrProcess = errors.New("the module's process ended")

// isolated reports whether a module runs in processes of its own.
func (e *engine) isolated(name string) bool {
	return e.cfg.Isolated != nil && len(e.cfg.Process) > 0 && e.cfg.Isolated(name)
}

// spawn starts a process for an instance. Its error is a refusal if the module
// cannot be one, or says why it does not start; the instance must then be closed
// as well.
func (e *engine) spawn(ctx context.Context, c *code, out *output) (in *instance, err error) {
	begin := time.Now()
	p := &process{stderr: &tail{}, grace: processGrace}
	in = &instance{out: out, process: p}
	ours, theirs, err := socketPair()
	if err != nil {
		return in, fmt.Errorf("start a process: %w", err)
	}
	defer theirs.Close() // the process has its own
	p.conn = ours
	told, interrupts, err := os.Pipe()
	if err != nil {
		return in, fmt.Errorf("start a process: %w", err)
	}
	defer told.Close() // as above
	p.interrupts = interrupts
	p.wire = pipe.NewWire(ours)
	cacheDir := e.processCache(c.hash)
	if !compiledIn(cacheDir) { // it takes a CPU for seconds, as any compiler does
		select {
		case e.slots <- struct{}{}:
			defer func() { <-e.slots }()
		case <-ctx.Done():
			return in, context.Cause(ctx)
		}
	}
	var lacks []string
	p.cmd, lacks, err = startConfined(e.cfg.Process, cacheDir, []*os.File{theirs, told}, p.stderr)
	if err != nil {
		return in, fmt.Errorf("start a process: %w", err)
	}
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	setup := processSetup{
		Name: c.name, Limits: c.limits,
		CacheDir: cacheDir, CacheMiB: e.cfg.CacheMiB, Workers: e.cfg.CompileWorkers,
	}
	if err := p.wire.SendJSON(msgSetup, setup); err != nil {
		return in, p.ended(err)
	}
	if err := p.wire.Send(msgFile, c.file); err != nil {
		return in, p.ended(err)
	}
	var ready processReady
	if err := p.await(out, msgReady, &ready, nil); err != nil {
		if ctx.Err() != nil {
			return in, context.Cause(ctx)
		}
		return in, err
	}
	switch {
	case ready.Start:
		return in, errors.New(ready.Reason)
	case ready.Kind != "":
		return in, refusal(ready.Kind, "%s", ready.Reason)
	}
	p.size, p.base = ready.Size, p.resident()
	if lacks = append(lacks, ready.Lacks...); len(lacks) > 0 {
		e.walls.Do(func() {
			e.log.Warn("this system does not offer all that should confine modules' processes", logkey.Reason, strings.Join(lacks, ", "))
		})
	}
	e.log.Debug("module process started", logkey.Module, c.name, logkey.PID, p.cmd.Process.Pid, logkey.Duration, time.Since(begin))
	return in, nil
}

// processCaches is how many modules' processes keep compiled code.
const processCaches = 32

// processCache makes the folder where the processes of one file keep its
// compiled code. Each file has its own, for foreign code could write to it.
func (e *engine) processCache(hash string) string {
	if e.cfg.CacheDir == NoCache {
		return NoCache
	}
	parent := filepath.Join(e.cfg.CacheDir, "processes")
	dir := filepath.Join(parent, hash)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		e.log.Warn("modules' processes compile anew at each start", logkey.Error, err)
		return NoCache
	}
	now := time.Now()
	_ = os.Chtimes(dir, now, now) // only decides what goes first
	others, err := os.ReadDir(parent)
	if err != nil || len(others) <= processCaches {
		return dir
	}
	oldest, when := "", now
	for _, other := range others {
		if info, err := other.Info(); err == nil && info.ModTime().Before(when) {
			oldest, when = other.Name(), info.ModTime()
		}
	}
	if oldest != "" && oldest != hash {
		if err := os.RemoveAll(filepath.Join(parent, oldest)); err != nil {
			e.log.Debug("old compiled code stays", logkey.Path, oldest, logkey.Error, err)
		}
	}
	return dir
}

// compiledIn reports whether a module's process left compiled code in its folder. A
// module that gets the better of the compiler could pretend so, and gains a CPU.
func compiledIn(dir string) bool {
	if dir == NoCache {
		return false
	}
	entries, err := filepath.Glob(filepath.Join(dir, cacheFolder, "*", "*"))
	return err == nil && len(entries) > 0
}

// call runs one task.
func (p *process) call(ctx context.Context, h abi.Host, out *output, index uint32) (uint32, error) {
	var end processEnd
	err := p.ask(ctx, out, h, msgRun, binary.LittleEndian.AppendUint32(nil, index), &end)
	if err != nil {
		return 0, err
	}
	return end.Status, end.err()
}

// describe asks the module for its manifest.
func (p *process) describe(ctx context.Context, out *output) ([]byte, error) {
	var end processEnd
	host := abi.Unsupported{Reason: "a module only describes itself in " + abi.ExportDescribe}
	if err := p.ask(ctx, out, host, msgDescribe, nil, &end); err != nil {
		return nil, err
	}
	if end.Refused != "" {
		return nil, refusal(end.Refused, "%s", end.Error)
	}
	return end.Manifest, end.err()
}

// err is the error of a call that ended so.
func (end processEnd) err() error {
	switch {
	case end.Exited:
		return sys.NewExitError(end.ExitCode)
	case end.Error == "":
		return nil
	case end.Stack:
		return &endError{end.Error, ErrStack}
	case end.CPU:
		return &endError{end.Error, ErrCPU}
	}
	return errors.New(end.Error)
}

// An endError is a trap's text with its cause.
type endError struct {
	text  string
	cause error
}

func (e *endError) Error() string { return e.text }
func (e *endError) Unwrap() error { return e.cause }

// ask has the process do something, and answers its calls until it is done. When
// ctx ends, what it does is to end, or the process does.
func (p *process) ask(ctx context.Context, out *output, h abi.Host, kind byte, content []byte, end *processEnd) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p.number++
	ended := p.interrupted(ctx)
	err := p.wire.Send(kind, append(binary.LittleEndian.AppendUint64(nil, p.number), content...))
	if err != nil {
		err = p.ended(err)
	} else {
		err = p.await(out, msgEnd, end, func(call []byte) error {
			err := context.Cause(ctx)
			if counter, ok := h.(interface{ HostCall() error }); ok && err == nil {
				err = counter.HostCall()
			}
			if err != nil {
				return p.wire.Send(pipe.MsgAbort, []byte(err.Error()))
			}
			return p.wire.Answer(h, call)
		})
	}
	if err == nil && end.Number != p.number {
		err = p.ended(fmt.Errorf("the end of %d came for %d", end.Number, p.number))
	}
	ended()
	p.size = end.Size
	if ctx.Err() != nil && (err != nil || end.err() != nil) {
		return context.Cause(ctx)
	}
	return err
}

// await waits for a message of a kind. What the guest prints goes to out, what
// it calls to serve.
func (p *process) await(out *output, want byte, into any, serve func([]byte) error) error {
	for {
		kind, content, err := p.wire.Receive()
		if err != nil {
			return p.ended(err)
		}
		switch {
		case kind == want:
			if err := json.Unmarshal(content, into); err != nil {
				return p.ended(fmt.Errorf("message %q: %w", kind, err))
			}
			return nil
		case kind == msgStdout:
			_, _ = out.stdout().Write(content) // which never fails
		case kind == msgStderr:
			_, _ = out.stderr().Write(content)
		case kind == pipe.MsgCall && serve != nil:
			if err := serve(content); err != nil {
				return p.ended(err)
			}
		default:
			return p.ended(fmt.Errorf("message %q is not expected", kind))
		}
	}
}

// ended is what became of the process that err was noticed of.
func (p *process) ended(err error) error {
	if p.killed.Load() { // by the end of the call, which need not wait for it
		return fmt.Errorf("%w: killed", ErrProcess)
	}
	p.close()
	how := err.Error()
	if p.cmd != nil && p.cmd.ProcessState != nil {
		how = p.cmd.ProcessState.String()
	}
	if last := p.stderr.last(); last != "" {
		how += ": " + last
	}
	return fmt.Errorf("%w: %s", ErrProcess, how)
}

func (p *process) kill() {
	p.killed.Store(true)
	if p.cmd != nil {
		_ = p.cmd.Process.Kill() // fails if it has ended
	}
	if p.conn != nil {
		_ = p.conn.SetDeadline(time.Unix(1, 0))
	}
}

// runs reports whether the process can be asked for more.
func (p *process) runs() bool { return !p.gone && !p.killed.Load() }

// close ends the process, and waits until it has.
func (p *process) close() {
	if p.gone {
		return
	}
	p.gone = true
	p.kill()
	if p.conn != nil {
		_ = p.conn.Close()
	}
	if p.interrupts != nil {
		_ = p.interrupts.Close()
	}
	if p.cmd != nil {
		_ = p.cmd.Wait() // its state tells the rest
	}
}

// socketPair returns two ends of a connection, one to keep and one to hand on.
func socketPair() (net.Conn, *os.File, error) {
	fds, err := newSocketPair()
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "module"), os.NewFile(uintptr(fds[1]), "host")
	defer ours.Close() // FileConn has made a copy
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn, theirs, nil
}

// A tail keeps the last line that is written to it.
type tail struct{ line []byte }

func (t *tail) Write(data []byte) (int, error) {
	t.line = append(t.line, data...)
	if len(t.line) > 4096 {
		t.line = t.line[:4096] // the first lines of a crash say what it was
	}
	return len(data), nil
}

// last is what was written, its first line.
func (t *tail) last() string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(t.line)), "\n")
	return line
}
