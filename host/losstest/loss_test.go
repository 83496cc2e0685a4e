package losstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/engine"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

func TestMain(m *testing.M) { hosttest.Main(m) }

// A side is a runtime with an engine of its own.
type side struct {
	*host.Runtime
	log *proctest.Output
}

func open(t *testing.T) *side {
	t.Helper()
	plugins, log := t.TempDir(), &proctest.Output{}
	hosttest.Drop(t, hosttest.Build(t, "testdata/loss", "1"), plugins, "loss.wasm")
	yes := true
	r, err := host.OpenRuntime(t.Context(), host.Config{
		Plugins: plugins, Spark: "sail", AllowAll: true, Log: slog.New(slog.NewTextHandler(log, nil)),
		Annotations: map[string]abi.TaskOptions{"loss.read_annotated": {Idempotent: &yes}},
	})
	if err != nil {
		t.Fatal(err)
	}
	hosttest.Serve(t, r)
	return &side{r, log}
}

// kill kills the engine.
func (s *side) kill(t *testing.T) {
	t.Helper()
	status, err := engine.Lookup(engine.Config{Spec: "sail"})
	if err != nil {
		t.Error(err)
	}
	killed := false
	for _, running := range status.Running {
		if running.Host == os.Getpid() {
			killed = syscall.Kill(running.PID, syscall.SIGKILL) == nil
		}
	}
	if !killed {
		t.Errorf("no engine was killed: %+v", status)
	}
}

// A scene is a call in whose middle the engine is killed.
type scene struct {
	t    *testing.T
	side *side
	file string // of one line; of two once the engine was killed
	out  string
	runs int
}

func newScene(t *testing.T, s *side) *scene {
	t.Helper()
	c := &scene{t: t, side: s, file: filepath.Join(t.TempDir(), "lines.txt"), out: filepath.Join(t.TempDir(), "out")}
	c.lines("one\n")
	return c
}

func (c *scene) lines(text string) {
	if err := os.WriteFile(c.file, []byte(text), 0o600); err != nil {
		c.t.Error(err)
	}
}

// running is told that the task is in the middle.
func (c *scene) running(string, json.RawMessage) {
	if c.runs++; c.runs > 1 {
		return
	}
	c.lines("one\ntwo\n")
	if strings.Contains(c.t.Name(), "write") {
		// The write begins after this. What it has begun shows by its folder.
		go func() {
			for range 50 {
				if _, err := os.Stat(c.out); err == nil {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			c.side.kill(c.t)
		}()
		return
	}
	c.side.kill(c.t)
}

// args are those of a task.
func (c *scene) args(task string) []json.RawMessage {
	args := []json.RawMessage{fmt.Appendf(nil, "%q", c.file)}
	if strings.Contains(task, "write") {
		args = append(args, fmt.Appendf(nil, "%q", c.out))
	}
	return args
}

// lost checks that the task ended with the loss.
func (c *scene) lost(err error) {
	c.t.Helper()
	e, ok := errors.AsType[*abi.Error](err)
	if !ok || e.Module != "sparkstalk" || e.Type != "SparkSessionLost" {
		c.t.Errorf("got %v, want sparkstalk.SparkSessionLost", err)
	}
}

// said checks how often the host's log has a text.
func (s *side) said(t *testing.T, text string, want int) {
	t.Helper()
	if got := strings.Count(s.log.String(), text); got != want {
		t.Errorf("the log has %q %d times, want %d", text, got, want)
	}
}

const runsOnce, runsAgain = 1, 2

func TestIdempotentTasksRunOnceMoreWhenTheSessionWasLost(t *testing.T) {
	s := open(t)
	again := 0
	for _, c := range []struct {
		task, want string // want is the answer of one that runs once more
	}{
		{"loss.read", ""}, {"loss.read_again", "1000"}, {"loss.read_annotated", "1000"},
		{"loss.write", ""}, {"loss.write_again", "10"},
	} {
		t.Run(c.task, func(t *testing.T) {
			scene, want := newScene(t, s), runsOnce
			got, err := s.CallTelling(t.Context(), c.task, scene.args(c.task), nil, scene.running)
			switch {
			case c.want == "":
				scene.lost(err)
			case err != nil || string(got.Value) != c.want:
				t.Errorf("got %s, %v; want %s", got.Value, err, c.want)
			}
			if c.want != "" {
				want = runsAgain
				again++
			}
			if scene.runs != want {
				t.Errorf("it ran %d times, want %d", scene.runs, want)
			}
		})
	}
	s.said(t, "runs once more", again)

	// As a worker calls them.
	stopping := make(chan struct{})
	close(stopping)
	for name, c := range map[string]struct {
		task, say string
		change    func(*worker.Call)
	}{
		"sent":     {"loss.send", "has sent messages", func(*worker.Call) {}},
		"draining": {"loss.read_again", "the worker is stopping", func(c *worker.Call) { c.Draining = stopping }},
	} {
		t.Run(name, func(t *testing.T) {
			scene := newScene(t, s)
			task, ok := s.Acquire(c.task)
			if !ok {
				t.Fatal("it is not served")
			}
			defer task.Release()
			message, err := celery.NewTask("id", c.task, scene.args(c.task), nil)
			if err != nil {
				t.Fatal(err)
			}
			call := worker.Call{
				Task: message, Idempotent: true,
				State: func(_ context.Context, state string, meta json.RawMessage) error {
					scene.running(state, meta)
					return nil
				},
				Send: func(context.Context, json.RawMessage) (string, error) { return "other", nil },
			}
			c.change(&call)
			_, err = task.Run(t.Context(), call)
			scene.lost(err)
			if scene.runs != runsOnce {
				t.Errorf("it ran %d times", scene.runs)
			}
			s.said(t, c.say, 1)
		})
	}
	s.said(t, "runs once more", again)
}
