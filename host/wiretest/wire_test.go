// Package wiretest holds a whole host to Celery's settings of how messages,
// results, events and remote control are written and queued: with each set of
// them, Python's client and Python's worker have to understand it.
package wiretest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestMain(m *testing.M) { hosttest.Main(m) }

type settings = map[string]any

// saw is what the client saw.
type saw struct {
	Ping    []string `json:"ping"`
	Value   bool     `json:"value"`
	Failure string   `json:"failure"`
	Chords  []int    `json:"chords"`
	Raw     struct {
		ContentType  string `json:"content_type"`
		Compression  string `json:"compression"`
		Args         bool   `json:"args"`
		DeliveryMode int    `json:"delivery_mode"`
		Priority     int    `json:"priority"`
	} `json:"raw"`
	Events   map[string][]string `json:"events"`
	Declared bool                `json:"declared"`
}

func TestSettingsOfTheWire(t *testing.T) {
	for name, c := range map[string]struct {
		broker, backend func(testing.TB) string
		set             settings
		// How a task is written that a task sends.
		contentType, compression string
		mode                     int
	}{
		"RabbitMQ+Redis": {proctest.RabbitMQ, proctest.Redis, settings{
			"control_queue_ttl": 60.0, "control_queue_expires": 20.0, "control_queue_exclusive": false,
			"event_serializer": "msgpack", "event_queue_expires": 30.0, "event_queue_exclusive": false,
			"task_serializer": "msgpack", "result_serializer": "yaml", "result_compression": "gzip", "result_chord_expires": 600, "result_chord_join_timeout": 4.0,
		}, "application/x-msgpack", "", 2},
		"RabbitMQ+rpc": {proctest.RabbitMQ, func(testing.TB) string { return "rpc://" }, settings{
			"control_queue_durable": true, "control_queue_exclusive": false, "control_queue_expires": 30.0,
			"event_queue_durable": true, "event_queue_exclusive": false, "event_queue_expires": 30.0,
			"result_serializer": "msgpack", "result_persistent": true, "task_serializer": "yaml", "task_default_delivery_mode": 1, "task_compression": "gzip",
		}, "application/x-yaml", "application/x-gzip", 1},
		"Redis+Redis": {proctest.Redis, proctest.Redis, settings{
			"event_serializer": "yaml", "task_serializer": "msgpack", "task_compression": "zstd", "result_serializer": "msgpack", "result_compression": "zstd",
			"result_backend_transport_options": settings{"global_keyprefix": "wiretest."},
		}, "application/x-msgpack", "application/zstd", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			queue := proctest.Name(t)
			c.set["control_exchange"], c.set["event_exchange"], c.set["event_queue_prefix"] = queue, queue+".events", queue+".heard"
			c.set["accept_content"], c.set["task_default_priority"] = []string{"json", "msgpack", "yaml"}, 3
			w := serve(t, c.broker(t), c.backend(t), queue, c.set)
			w.worker(t)
			var got saw
			if out := w.client(t); json.Unmarshal(out, &got) != nil {
				t.Fatalf("%s", out)
			}
			nodes := []string{w.node, w.pythons}
			if fmt.Sprint(got.Ping) != fmt.Sprint(nodes) {
				t.Errorf("ping answered by %v", got.Ping)
			}
			if !got.Value || got.Failure != "ValueError('boom')" {
				t.Errorf("results: %v, %s", got.Value, got.Failure)
			}
			if c.backend(t) != "rpc://" && fmt.Sprint(got.Chords) != "[7 3]" {
				t.Errorf("chords of both workers: %v", got.Chords)
			}
			if r := got.Raw; r.ContentType != c.contentType || r.Compression != c.compression || !r.Args || r.DeliveryMode != c.mode {
				t.Errorf("a task of a task: %+v", r)
			}
			if fmt.Sprint(got.Events[w.node]) != "[task-succeeded worker-heartbeat]" || fmt.Sprint(got.Events[w.pythons]) != "[worker-heartbeat]" {
				t.Errorf("events: %v", got.Events)
			}
			if !got.Declared && c.broker(t) == proctest.RabbitMQ(t) {
				t.Error("the queue of remote control is not as Celery declares it")
			}
			hosttest.Eventually(t, func() bool {
				return strings.Contains(w.pythonLog.String(), w.node+" joined the party") && containsLine(w.log.String(), "joined the party", w.pythons)
			})
		})
	}
}

// containsLine reports whether a line of the log has both words.
func containsLine(log, one, other string) bool {
	for line := range strings.Lines(log) {
		if strings.Contains(line, one) && strings.Contains(line, other) {
			return true
		}
	}
	return false
}

// A world is a host, and perhaps a worker of Python's with the same settings.
type world struct {
	node, pythons, queue string
	log, pythonLog       *proctest.Output
	env                  []string
}

func serve(t *testing.T, broker, backend, queue string, set settings) *world {
	t.Helper()
	w := &world{node: "a-" + queue + "@here", pythons: "b-" + queue + "@here", queue: queue, log: &proctest.Output{}, pythonLog: &proctest.Output{}}
	conf, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	cfg := host.Config{
		Broker: broker, ResultBackend: backend, Plugins: t.TempDir(), Spark: proctest.Sail(t), Queues: []string{queue}, Hostname: w.node, Concurrency: 2, Grace: 5,
		TaskEvents: true, Mingle: new(bool), Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if err := json.Unmarshal(conf, &cfg); err != nil {
		t.Fatal(err)
	}
	hosttest.Drop(t, hosttest.Build(t, "../conformance/tasks", "1"), cfg.Plugins, "tasks.wasm")
	opening, cancel := context.WithTimeout(t.Context(), hosttest.Patience)
	defer cancel()
	h, err := host.Open(opening, cfg)
	if err != nil {
		t.Fatal(err)
	}
	run, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(run, context.Background()) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("host ended with %v", err)
			}
		case <-time.After(hosttest.Patience):
			t.Error("the host did not end")
		}
		if t.Failed() {
			t.Logf("host's log:\n%s\nPython's:\n%s", hosttest.Tail(w.log.String(), 4000), hosttest.Tail(w.pythonLog.String(), 4000))
		}
	})
	w.env = append(os.Environ(), "CELERY_BROKER_URL="+broker, "CELERY_RESULT_BACKEND="+backend, "CONF="+string(conf), "OUR_QUEUE="+queue, "PY_QUEUE="+queue+".py")
	return w
}

// worker starts Python's worker.
func (w *world) worker(t *testing.T) {
	t.Helper()
	cmd := exec.Command(proctest.Python(t), "-m", "celery", "-A", "wire", "worker", "-P", "solo", "-Q", w.queue+".py", "-n", w.pythons, "-l", "debug")
	cmd.Env, cmd.Stdout, cmd.Stderr = w.env, w.pythonLog, w.pythonLog
	var err error
	if cmd.Dir, err = filepath.Abs("testdata"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		killed := time.AfterFunc(hosttest.Patience, func() { _ = cmd.Process.Kill() })
		defer killed.Stop()
		_ = cmd.Wait() // its log says how it ended
	})
	hosttest.Eventually(t, func() bool { return strings.Contains(w.pythonLog.String(), w.pythons+" ready.") })
}

// client runs Python's client and returns what it prints.
func (w *world) client(t *testing.T) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), "testdata/wire.py", w.node, w.pythons, w.queue+".raw")
	var stderr bytes.Buffer
	cmd.Env, cmd.Stderr = w.env, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("wire.py: %v\n%s", err, hosttest.Tail(stderr.String(), 3000))
	}
	return out
}
