package proctest

import (
	"fmt"
	"os/exec"
	"strconv"

	"github.com/sparkstalk/sparkstalk/host/internal/freeport"
	"github.com/sparkstalk/sparkstalk/host/internal/process"
	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

type redis struct {
	port int
	args []string // beyond our own
}

func newRedis(args ...string) func() (server, error) {
	return func() (server, error) {
		port, err := freeport.Pick()
		return &redis{port: port, args: args}, err
	}
}

func (r *redis) address() string { return freeport.Address(r.port) }

func (r *redis) url() string { return "redis://" + r.address() + "/0" }

func (r *redis) ready() error { return talk(r.address(), "PING\r\n", "+PONG") }

func (r *redis) start(dir *rundir.Dir) ([]*process.Process, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("redis-server is not installed: run scripts/setup redis")
	}
	p, err := process.Start(process.Config{Path: path, Dir: dir.Path(), Args: append([]string{
		"--port", strconv.Itoa(r.port), "--bind", "127.0.0.1", "--dir", dir.Path(),
		"--save", "", "--appendonly", "no", "--loglevel", "notice",
	}, r.args...)})
	if err != nil {
		return nil, fmt.Errorf("start Redis: %w", err)
	}
	return []*process.Process{p}, nil
}
