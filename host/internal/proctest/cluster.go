package proctest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/engine"
	"github.com/sparkstalk/sparkstalk/host/internal/freeport"
	"github.com/sparkstalk/sparkstalk/host/internal/process"
	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

// A Cluster is a Spark standalone cluster on this machine: a master, two
// workers with an executor each, and a Connect server, all of them
// processes of their own.
type Cluster struct {
	remote  string
	cores   int
	workers []*process.Process
	started []*process.Process
	dirs    []*rundir.Dir
}

// StartCluster starts a cluster for this test alone. It takes 5 to 10 s until
// the Connect server listens, and as much again until the executors are there.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	return StartClusterOf(t, 1)
}

// StartClusterOf is [StartCluster] with executors that run so many tasks at once.
func StartClusterOf(t testing.TB, cores int) *Cluster {
	t.Helper()
	c := &Cluster{cores: cores}
	t.Cleanup(func() { c.close(t) })
	if err := c.start(); err != nil {
		t.Fatal(withSetup(err, "spark"))
	}
	return c
}

// Remote is the connection string of the Connect server.
func (c *Cluster) Remote() string { return c.remote }

func (c *Cluster) start() error {
	port, err := freeport.Pick()
	if err != nil {
		return err
	}
	master := "spark://" + freeport.Address(port)
	if _, err = c.program("master", engine.SparkProgram{
		Main: "org.apache.spark.deploy.master.Master",
		Args: []string{"--host", "127.0.0.1", "--port", strconv.Itoa(port), "--webui-port", "0"},
	}, func() bool { return talk(freeport.Address(port), "", "") == nil }); err != nil {
		return err
	}
	for n := range 2 {
		worker, err := c.program(fmt.Sprint("worker", n), engine.SparkProgram{
			Main: "org.apache.spark.deploy.worker.Worker",
			Args: []string{"--host", "127.0.0.1", "--webui-port", "0", "--cores", strconv.Itoa(c.cores), "--memory", "768m", master},
		}, nil)
		if err != nil {
			return err
		}
		c.workers = append(c.workers, worker)
	}
	listens := regexp.MustCompile(`Spark Connect server started at: \S*:(\d+)`)
	address := make(chan string, 1)
	_, err = c.program("connect", engine.SparkProgram{
		Main: "org.apache.spark.sql.connect.service.SparkConnectServer",
		Conf: map[string]string{
			"spark.master":                    master,
			"spark.executor.memory":           "700m",
			"spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData",
		},
		MemoryMiB: 1024,
		Line: func(line string) {
			if m := listens.FindStringSubmatch(line); m != nil {
				address <- "127.0.0.1:" + m[1]
			}
		},
	}, func() bool {
		select {
		case a := <-address:
			c.remote = "sc://" + a
		default:
		}
		return c.remote != ""
	})
	return err
}

// program starts one of the cluster's programs, and waits until it is ready.
func (c *Cluster) program(name string, p engine.SparkProgram, ready func() bool) (*process.Process, error) {
	dir, err := rundir.New(context.Background(), runParent(), name)
	if err != nil {
		return nil, err
	}
	c.dirs = append(c.dirs, dir)
	if name != "connect" && name != "master" {
		p.Args = append([]string{"--work-dir", dir.Join("work")}, p.Args...)
	}
	child, err := p.Start(dir)
	if err != nil {
		return nil, err
	}
	c.started = append(c.started, child)
	for end := time.Now().Add(startLimit); ready != nil && !ready(); {
		select {
		case <-child.Done():
			return nil, fmt.Errorf("the %s of Spark ended during its start (%v); its last lines:\n%s", name, child.Err(), strings.Join(child.Tail(), "\n"))
		case <-time.After(50 * time.Millisecond):
			if time.Now().After(end) {
				return nil, fmt.Errorf("the %s of Spark was not ready within %v; its last lines:\n%s", name, startLimit, strings.Join(child.Tail(), "\n"))
			}
		}
	}
	return child, nil
}

// Executors are the process ids of the executors that live now.
func (c *Cluster) Executors(t testing.TB) []int {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(processes) == 0 {
		t.Fatalf("executors are found in /proc, which this system does not have (%v)", err)
	}
	var pids []int
	for _, path := range processes {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		command, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil || !bytes.Contains(command, []byte("CoarseGrainedExecutorBackend")) {
			continue
		}
		// "12 (java) S 34 …": its id, name, state and parent.
		var pid, parent int
		if _, err := fmt.Sscanf(string(stat), "%d (java) R %d", &pid, &parent); err != nil {
			if _, err = fmt.Sscanf(string(stat), "%d (java) S %d", &pid, &parent); err != nil {
				continue
			}
		}
		if slices.ContainsFunc(c.workers, func(w *process.Process) bool { return w.PID() == parent }) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// KillExecutors kills executors with SIGKILL, as the machine's end would. Their
// workers start others.
func (c *Cluster) KillExecutors(t testing.TB, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Errorf("kill executor %d: %v", pid, err)
		}
	}
}

// close stops what was started, the last first.
func (c *Cluster) close(t testing.TB) {
	if t.Failed() {
		for _, p := range c.started {
			t.Logf("a program of the cluster (pid %d):\n%s", p.PID(), strings.Join(p.Tail(), "\n"))
		}
	}
	for n := len(c.started) - 1; n >= 0; n-- {
		c.started[n].Kill()
	}
	for _, dir := range c.dirs {
		if err := dir.Remove(); err != nil {
			t.Error(err)
		}
	}
}
