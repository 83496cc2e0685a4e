// Package process runs child processes that cannot outlive the one that
// started them: engines under the host, brokers under the tests.
package process

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// tailLines is how many of a child's last lines are kept to explain its death.
const tailLines = 30

// maxLine is where an overlong line of a child's output is cut, in bytes.
const maxLine = 64 << 10

// Config describes a child process.
type Config struct {
	// Path is the program; a name without a slash is looked up in PATH.
	Path string

	// Args are its arguments, without the program's own name.
	Args []string

	// Env is its whole environment. Nil means this process's own.
	Env []string

	// Dir is its working directory. Empty means this process's own.
	Dir string

	// Line gets each line that the child writes to its standard output or
	// error, without the line's end. It is called from one goroutine, and no
	// longer once Done is closed. Nil means that lines are only kept for Tail.
	Line func(line string)
}

// Process is a running child. Its methods may be called from any goroutine.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; set before done is closed

	mu   sync.Mutex
	tail []string
}

// Start starts a child in a process group of its own, so that Ctrl-C in a
// terminal reaches only its parent, which then stops it in order. On Linux the
// kernel kills the child when this process ends in any way, SIGKILL included;
// elsewhere the child outlives a parent that was killed.
//
// Whoever starts a Process calls Stop, or waits for Done.
func Start(cfg Config) (*Process, error) {
	cmd := exec.Command(cfg.Path, cfg.Args...)
	cmd.Env, cmd.Dir = cfg.Env, cfg.Dir
	confine(cmd)
	// A pipe of our own instead of exec's: its Wait would also wait for
	// descendants that keep the pipe open after the child has gone.
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cfg.Path, err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go p.own(cfg, r, w, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cfg.Path, err)
	}
	return p, nil
}

// own starts the child, waits for its end and closes done.
func (p *Process) own(cfg Config, r, w *os.File, started chan<- error) {
	// The kernel's parent-death signal fires when the thread that forked ends,
	// not the process. This goroutine keeps its thread until the child is gone.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	err := p.cmd.Start()
	_ = w.Close() // the child has its own copy
	if err != nil {
		_ = r.Close()
		started <- err
		return
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read(r, cfg.Line)
	}()
	started <- nil
	p.err = p.cmd.Wait()
	killGroup(p.cmd.Process.Pid) // what the child left behind
	// A descendant in another group may still hold the pipe: take what is in
	// it, but do not wait for more.
	_ = r.SetReadDeadline(time.Now().Add(time.Second))
	<-read
	_ = r.Close()
	close(p.done)
}

// read passes on and keeps the child's lines until the pipe ends.
func (p *Process) read(r io.Reader, line func(string)) {
	in := bufio.NewReaderSize(r, maxLine)
	cut := false // the rest of an overlong line is dropped
	for {
		b, more, err := in.ReadLine()
		if err != nil {
			return
		}
		if !cut {
			s := strings.ToValidUTF8(string(b), "\uFFFD")
			p.keep(s)
			if line != nil {
				line(s)
			}
		}
		cut = more
	}
}

func (p *Process) keep(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.tail) == tailLines {
		p.tail = append(p.tail[:0], p.tail[1:]...)
	}
	p.tail = append(p.tail, line)
}

// Tail returns the last lines that the child wrote, oldest first.
func (p *Process) Tail() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.tail...)
}

// PID returns the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended and its last line was read.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the child ended: nil for exit code 0, otherwise an
// *exec.ExitError. It is nil before Done is closed.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Signal sends sig to the child alone. A child that has ended is no error.
func (p *Process) Signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal process %d: %w", p.PID(), err)
	}
	return nil
}

// Kill ends the child and its process group at once and waits until it is gone.
func (p *Process) Kill() {
	select {
	case <-p.done:
		return
	default:
	}
	killGroup(p.PID())
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Stop asks the child to end with SIGTERM, kills it when it has not after
// grace, and returns once it is gone. It may be called more than once.
func (p *Process) Stop(grace time.Duration) {
	if err := p.Signal(syscall.SIGTERM); err == nil {
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-p.done:
			return
		case <-t.C:
		}
	}
	p.Kill()
}
