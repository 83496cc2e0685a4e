package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestMain(m *testing.M) { hosttest.Main(m) }

// A world is a host under test and what a client of it needs.
type world struct {
	*Host
	t       testing.TB
	cfg     Config
	plugins string
	queue   string
	log     *proctest.Output
	stop    context.CancelFunc // as SIGTERM does
	stopNow context.CancelFunc // as a second SIGTERM does
	ended   chan error
}

// serve starts a host with the demo module and the tests' own, on a queue of
// its own, and stops it when the test ends.
func serve(t testing.TB, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t, plugins: t.TempDir(), queue: proctest.Name(t), log: &proctest.Output{}, ended: make(chan error, 1)}
	hosttest.Drop(t, hosttest.Build(t, "../plugins/demo", "1"), w.plugins, "demo.wasm")
	hosttest.Drop(t, hosttest.Build(t, "testdata/tasks", "1"), w.plugins, "tasks.wasm")
	w.cfg = Config{
		// Other tests' workers are on the same broker.
		Hostname: w.queue[len(w.queue)-8:] + "@here",
		Plugins:  w.plugins, Queues: []string{w.queue}, TaskDefaultQueue: w.queue, Concurrency: 2, Grace: 5, Mingle: new(bool),
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	change(&w.cfg)
	if w.cfg.Broker == "" {
		w.cfg.Broker = proctest.RabbitMQ(t)
	}
	if w.cfg.Spark == "" {
		w.cfg.Spark = proctest.Sail(t)
	}
	w.start()
	t.Cleanup(func() {
		w.stop()
		if err := w.wait(); err != nil {
			t.Errorf("host ended with %v", err)
		}
		if t.Failed() {
			t.Logf("host's log:\n%s", hosttest.Tail(w.log.String(), 8000))
		}
	})
	return w
}

// start opens and runs the host; also again, after a stop.
func (w *world) start() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	var err error
	if w.Host, err = Open(ctx, w.cfg); err != nil {
		w.t.Fatal(err)
	}
	var run, now context.Context
	run, w.stop = context.WithCancel(context.Background())
	now, w.stopNow = context.WithCancel(context.Background())
	go func() { w.ended <- w.Run(run, now) }()
}

// wait returns how the host ended. It may be called again.
func (w *world) wait() error {
	select {
	case err := <-w.ended:
		w.ended <- err
		return err
	case <-time.After(hosttest.Patience):
		return fmt.Errorf("not ended after %v", hosttest.Patience)
	}
}

// A call is a task for the Python client to send.
type call struct {
	name    string
	args    []any
	kwargs  map[string]any
	options map[string]any
}

// An outcome is what the Python client's result.get() gave.
type outcome struct {
	OK        json.RawMessage `json:"ok"`
	Type      string          `json:"type"`
	Module    string          `json:"module"`
	Bases     []string        `json:"bases"`
	Message   string          `json:"message"`
	Traceback string          `json:"traceback"`
}

func (o outcome) String() string {
	if o.OK != nil {
		return string(o.OK)
	}
	return o.Module + "." + o.Type + ": " + o.Message
}

// python sends calls with the stock Celery client and waits for all of them.
func (w *world) python(calls ...call) []outcome {
	w.t.Helper()
	out, err := w.pythonStart(calls...)()
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// pythonStart sends calls and returns at once with what waits for them.
func (w *world) pythonStart(calls ...call) func() ([]outcome, error) {
	w.t.Helper()
	list := make([][]any, 0, len(calls))
	for _, c := range calls {
		list = append(list, []any{c.name, orEmpty(c.args), orEmptyMap(c.kwargs), orEmptyMap(c.options)})
	}
	input, err := json.Marshal(list)
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := w.client("calls")
	cmd.Stdin = bytes.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return func() ([]outcome, error) {
		if err := cmd.Wait(); err != nil {
			return nil, fmt.Errorf("client.py: %w\n%s", err, hosttest.Tail(stderr.String(), 2000))
		}
		var out []outcome
		return out, json.Unmarshal(stdout.Bytes(), &out)
	}
}

func (w *world) client(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.t.Context(), proctest.Python(w.t), append([]string{"testdata/client.py"}, args...)...)
	cmd.Env = append(os.Environ(), "CELERY_BROKER_URL="+w.cfg.Broker, "QUEUE="+w.queue)
	if w.cfg.ResultBackend != "" {
		cmd.Env = append(cmd.Env, "CELERY_RESULT_BACKEND="+w.cfg.ResultBackend)
	}
	return cmd
}

func orEmpty(s []any) []any {
	if s == nil {
		return []any{}
	}
	return s
}

func orEmptyMap(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// answers calls a task without arguments inside the host and returns its text,
// or "" when it cannot be called now.
func (w *world) answers(name string) string {
	value, err := w.runtime.Call(w.t.Context(), name, nil, nil)
	if err != nil {
		return ""
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		w.t.Errorf("%s returned %s", name, value)
	}
	return s
}

// enginePID is the process id of the host's own engine, zero while it restarts.
func (w *world) enginePID() int {
	for _, r := range w.runtime.engine.Status().Running {
		if r.Host == os.Getpid() && r.Address == w.runtime.engine.Address() {
			return r.PID
		}
	}
	return 0
}
