package proctest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/process"
	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

const (
	startLimit = 2 * time.Minute  // a cold start beside other work
	stopGrace  = 15 * time.Second // then SIGKILL
)

// A Server is a broker or store of our own, on a loopback port. It may be
// killed and started again with the data it had.
//
// Its methods may be called from any goroutine, but not at once.
type Server struct {
	kind server
	dir  *rundir.Dir
	url  string

	mu    sync.Mutex
	procs []*process.Process // the server first, then what helps it
}

// server is what RabbitMQ and Redis differ in.
type server interface {
	// start starts the server's processes in order, the server last.
	start(dir *rundir.Dir) ([]*process.Process, error)
	// ready returns nil once the server answers.
	ready() error
	// address is where it listens, and url how a client names that.
	address() string
	url() string
}

// launch makes a server from what makes its settings, and starts it. Another
// process may take a port between its choice and its use, so it tries again
// with others.
func launch(name string, newServer func() (server, error)) (*Server, error) {
	var errs []error
	for range 3 {
		dir, err := rundir.New(context.Background(), runParent(), name)
		if err != nil {
			return nil, err
		}
		kind, err := newServer()
		if err != nil {
			_ = dir.Remove()
			return nil, err
		}
		s := &Server{kind: kind, dir: dir, url: kind.url()}
		if err = s.start(); err == nil {
			return s, nil
		}
		_ = dir.Remove()
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// URL returns what a client connects to. It stays the same for the server's life.
func (s *Server) URL() string { return s.url }

// Address returns the host and port it listens on.
func (s *Server) Address() string { return s.kind.address() }

// PID returns the id of the server's process, or of the last one it had.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.procs[0].PID()
}

func (s *Server) start() error {
	procs, err := s.kind.start(s.dir)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.procs = procs
	s.mu.Unlock()
	deadline := time.Now().Add(startLimit)
	for {
		err := s.kind.ready()
		if err == nil {
			return nil
		}
		select {
		case <-procs[0].Done():
			err = fmt.Errorf("it ended (%v)", procs[0].Err())
		case <-time.After(20 * time.Millisecond):
			if time.Now().Before(deadline) {
				continue
			}
		}
		tail := strings.Join(procs[0].Tail(), "\n")
		s.Kill()
		return fmt.Errorf("%s did not start: %w; its last lines:\n%s", s.url, err, tail)
	}
}

// Kill ends the server with SIGKILL and returns when it is gone.
func (s *Server) Kill() { s.end((*process.Process).Kill) }

// Stop ends the server in order and returns when it is gone.
func (s *Server) Stop() { s.end(func(p *process.Process) { p.Stop(stopGrace) }) }

func (s *Server) end(how func(*process.Process)) {
	s.mu.Lock()
	procs := s.procs
	s.mu.Unlock()
	for i, p := range procs {
		if i > 0 {
			p.Kill() // helpers hold nothing
			continue
		}
		how(p)
	}
}

// Restart starts the server again on the same port with the data it had, after
// Kill or Stop. It returns when the server answers.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

// Close stops the server for good and removes its data.
func (s *Server) Close() {
	s.end((*process.Process).Kill) // nobody will read its data again
	_ = s.dir.Remove()
}

// withSetup adds to err what installs the thing that is missing.
func withSetup(err error, target string) error {
	return fmt.Errorf("%w; run scripts/setup %s", err, target)
}

// talk dials the address, sends a greeting and returns an error unless the
// answer begins as wanted.
func talk(address, say, want string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write([]byte(say)); err != nil {
		return err
	}
	got := make([]byte, len(want))
	if _, err := conn.Read(got); err != nil {
		return err
	}
	if string(got) != want {
		return fmt.Errorf("answered %q", got)
	}
	return nil
}
