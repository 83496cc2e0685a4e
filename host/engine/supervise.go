package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/backoff"
	"github.com/sparkstalk/sparkstalk/host/internal/freeport"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/internal/process"
	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

const (
	// A first restart is almost at once, since tasks wait for it; then the wait
	// doubles up to the longest.
	firstWait   = 100 * time.Millisecond
	longestWait = 10 * time.Second

	// An engine that lived this long had no trouble starting.
	settled = 30 * time.Second
)

// supervise starts the engine again whenever it dies, until ctx ends.
func (e *Engine) supervise(ctx context.Context) {
	log := e.cfg.Log.With(logkey.Engine, e.Name())
	attempt, wait := 0, backoff.Backoff{First: firstWait, Max: longestWait}
	for {
		e.mu.Lock()
		child, since := e.child, e.since
		e.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-e.halted.Done():
			return
		case <-child.Done():
		}
		if ctx.Err() != nil || e.halted.Err() != nil {
			return
		}
		down := time.Now()
		if time.Since(since) > settled {
			attempt = 0
			wait.Reset()
		}
		log.ErrorContext(ctx, "engine died", logkey.PID, child.PID(), logkey.Reason, died(child))
		for {
			if !wait.Sleep(ctx, e.halted.Done()) {
				return
			}
			err := e.launch(ctx, attempt)
			attempt++
			if err == nil {
				break
			}
			if ctx.Err() != nil || e.halted.Err() != nil {
				return
			}
			log.ErrorContext(ctx, "engine did not come back", logkey.Attempt, attempt, logkey.Error, err)
		}
		e.mu.Lock()
		e.restarts++
		e.writeState()
		pid, address := e.child.PID(), e.address
		e.mu.Unlock()
		log.InfoContext(ctx, "engine is back", logkey.PID, pid, logkey.Address, address,
			logkey.Duration, time.Since(down).Round(time.Millisecond))
	}
}

// launch starts the child once and waits until it accepts connections. A first
// attempt takes the port that the engine had, so that clients find it again, or
// a free one; further ones let the engine choose.
func (e *Engine) launch(ctx context.Context, attempt int) error {
	e.launching.Lock()
	defer e.launching.Unlock()
	if e.halted.Err() != nil {
		return fmt.Errorf("start engine %s: %w", e.Name(), errStopped)
	}
	port, err := e.choosePort(attempt)
	if err != nil {
		return err
	}
	run, err := e.runDir(ctx)
	if err != nil {
		return fmt.Errorf("start engine %s: %w", e.Name(), err)
	}
	cmd, err := e.kind.command(e.dir(), run, port)
	if err != nil {
		return fmt.Errorf("start engine %s: %w", e.Name(), err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, e.cfg.StartLimit,
		fmt.Errorf("it was not ready within %v", e.cfg.StartLimit))
	defer cancel()
	ctx, cancelCause := context.WithCancelCause(ctx)
	defer cancelCause(nil)
	defer context.AfterFunc(e.halted, func() { cancelCause(errStopped) })()
	log := e.cfg.Log.With(logkey.Engine, e.Name())
	listening := make(chan int, 1)
	keep := e.output()
	cmd.Line = func(line string) {
		keep(line)
		if p, ok := e.kind.port(line); ok {
			select {
			case listening <- p:
			default:
			}
		}
		if e.kind.failed(line) {
			log.Warn(line)
		} else {
			log.Debug(line)
		}
	}
	child, err := process.Start(cmd)
	if err != nil {
		return fmt.Errorf("start engine %s: %w", e.Name(), err)
	}
	address, err := awaitReady(ctx, child, listening)
	if err != nil {
		child.Kill()
		return fmt.Errorf("start engine %s: %w%s", e.Name(), err, lastLines(child))
	}
	e.mu.Lock()
	e.child, e.address, e.since = child, address, time.Now()
	e.writeState()
	e.mu.Unlock()
	log.Debug("engine listens", logkey.PID, child.PID(), logkey.Address, address)
	return nil
}

// awaitReady waits for the line that names the port and then for the port.
func awaitReady(ctx context.Context, child *process.Process, listening <-chan int) (string, error) {
	var address string
	select {
	case port := <-listening:
		address = freeport.Address(port)
	case <-child.Done():
		return "", fmt.Errorf("it exited during start (%s)", died(child))
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	for {
		if reachable(ctx, address) == nil {
			return address, nil
		}
		select {
		case <-child.Done():
			return "", fmt.Errorf("it exited during start (%s)", died(child))
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (e *Engine) choosePort(attempt int) (int, error) {
	if attempt > 0 {
		return 0, nil
	}
	e.mu.Lock()
	address := e.address
	e.mu.Unlock()
	if _, had, err := net.SplitHostPort(address); err == nil {
		if port, err := strconv.Atoi(had); err == nil && freeport.Check(port) == nil {
			return port, nil
		}
	}
	port, err := freeport.Pick()
	if err != nil {
		return 0, fmt.Errorf("start engine %s: %w", e.Name(), err)
	}
	return port, nil
}

// runDir returns an empty private folder for the child, in place of the one that
// the last child had.
func (e *Engine) runDir(ctx context.Context) (*rundir.Dir, error) {
	e.mu.Lock()
	old := e.run
	e.run = nil
	e.mu.Unlock()
	if old != nil {
		if err := old.Remove(); err != nil {
			e.cfg.Log.WarnContext(ctx, "engine's files are left", logkey.Engine, e.Name(), logkey.Error, err)
		}
	}
	run, err := rundir.New(ctx, runParent(e.cfg.Home), e.kind.folder())
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.run = run
	return run, nil
}

// writeState leaves a note for other processes that ask what runs. The caller
// holds the lock.
func (e *Engine) writeState() {
	note, err := json.Marshal(e.running())
	if err == nil {
		err = os.WriteFile(e.run.Join(stateName), note, 0o600)
	}
	if err != nil {
		e.cfg.Log.Warn("engine's state was not noted", logkey.Engine, e.Name(), logkey.Error, err)
	}
}

// died says how a child ended.
func died(child *process.Process) string {
	if err := child.Err(); err != nil {
		return err.Error()
	}
	return "exit status 0"
}

// lastLines is what a failed start has to say for itself.
func lastLines(child *process.Process) string {
	tail := child.Tail()
	if len(tail) == 0 {
		return ""
	}
	return "; its last lines:\n  " + strings.Join(tail, "\n  ")
}
