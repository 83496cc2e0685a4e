package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/term"
)

// untilTold returns a context that ends when somebody asks the process to stop.
func untilTold(parent context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
}

// remapped is the environment variable with which Celery, too, has SIGTERM mean
// what SIGQUIT means, if it says SIGQUIT.
const remapped = "REMAP_SIGTERM"

// commands are what signals tell a worker, as they do Celery's:
//
//   - SIGTERM: a warm shutdown, in which running tasks go on to their end.
//   - SIGINT: the same; another one is as SIGQUIT.
//   - SIGQUIT: a soft shutdown if soft is not zero, in which they may go on for
//     that long, then a cold one, in which they are interrupted. Another one begins
//     the cold one at once, one more ends the process.
//   - SIGHUP, where nobody sits at a terminal: a warm shutdown, then the program
//     is run anew in this process, from its file as that is by then.
//   - SIGUSR1: what each goroutine does is written to standard error.
type commands struct {
	// warm ends when no more tasks are to be taken, cold when running ones are to
	// be interrupted.
	warm, cold context.Context

	log             *slog.Logger
	soft            time.Duration
	stop, interrupt context.CancelFunc
	exit            func(status int)

	mu       sync.Mutex
	soon     *time.Timer // has the soft shutdown become a cold one
	asked    int         // for a cold one
	ints     int         // SIGINT so far
	restarts bool
}

// listen makes signals commands, until release is called.
func listen(parent context.Context, log *slog.Logger, soft time.Duration) (c *commands, release func()) {
	c = &commands{log: log, soft: soft, exit: os.Exit}
	c.warm, c.stop = context.WithCancel(parent)
	c.cold, c.interrupt = context.WithCancel(parent)
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGUSR1}
	if !term.IsTerminal(os.Stdout) {
		signals = append(signals, syscall.SIGHUP)
	}
	ch := make(chan os.Signal, 8)
	signal.Notify(ch, signals...)
	quit := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-ch:
				c.obey(s)
			case <-quit:
				return
			}
		}
	}()
	return c, func() {
		signal.Stop(ch)
		close(quit)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.soon != nil {
			c.soon.Stop()
		}
		c.stop()
		c.interrupt()
	}
}

func (c *commands) obey(s os.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s == syscall.SIGTERM && os.Getenv(remapped) == "SIGQUIT" {
		s = syscall.SIGQUIT
	}
	if s == os.Interrupt {
		if c.ints++; c.ints > 1 {
			s = syscall.SIGQUIT
		}
	}
	switch s {
	case syscall.SIGQUIT:
		c.quit()
	case syscall.SIGUSR1:
		if err := writeStacks(os.Stderr); err != nil {
			c.log.Error("the stacks that SIGUSR1 asked for were not written", logkey.Error, err)
		}
	case syscall.SIGHUP:
		c.restarts = true
		c.stop()
	case os.Interrupt:
		c.log.Warn("stopping: another Ctrl-C interrupts the running tasks")
		c.stop()
	default:
		c.stop()
	}
}

// quit begins a soft or cold shutdown, or what comes after it.
func (c *commands) quit() {
	c.stop()
	c.asked++
	switch {
	case c.asked == 1 && c.soft > 0:
		c.log.Warn("soft shutdown: running tasks are interrupted after a while", logkey.Wait, c.soft)
		c.soon = time.AfterFunc(c.soft, c.interrupt)
	case c.asked == 1, c.asked == 2 && c.soft > 0:
		c.log.Warn("cold shutdown: running tasks are interrupted")
		c.interrupt()
	default:
		c.exit(1)
	}
}

// again is an error that has the program run anew if a signal asked for it.
func (c *commands) again() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.restarts {
		return errRestart
	}
	return nil
}

// errRestart has main run the program anew, once all has ended.
var errRestart = errors.New("to be run anew")

// runAnew replaces this process by what is in the program's file now.
func runAnew() error {
	program, err := os.Executable()
	if err == nil {
		err = syscall.Exec(program, os.Args, os.Environ())
	}
	return fmt.Errorf("not run anew, as SIGHUP asked: %w", err)
}

// writeStacks writes what each goroutine does.
func writeStacks(w io.Writer) error {
	for size := 1 << 20; ; size *= 2 {
		text := make([]byte, size)
		if n := runtime.Stack(text, true); n < size {
			_, err := w.Write(text[:n])
			return err
		}
	}
}
