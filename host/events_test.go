package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	neturl "net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// pythonWorker starts Celery's own worker on an app in testdata and ends it with
// the test.
func pythonWorker(t *testing.T, env []string, app, queue, node string, args ...string) *proctest.Output {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-m", "celery", "-A", app, "worker", "-Q", queue, "-n", node}, args...)
	python := exec.Command(proctest.Python(t), args...)
	python.Dir, python.Env = dir, env
	log := &proctest.Output{}
	python.Stdout, python.Stderr = log, log
	if err := python.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- python.Wait() }()
	t.Cleanup(func() {
		_ = python.Process.Signal(syscall.SIGTERM) // it may have ended as it was told
		select {
		case <-ended:
		case <-time.After(hosttest.Patience):
			_ = python.Process.Kill()
			t.Error("Python's worker did not end")
		}
	})
	return log
}

// brokers are those that a test of the whole host runs over.
var brokers = map[string]func(testing.TB) string{"rabbitmq": proctest.RabbitMQ, "redis": proctest.Redis}

// differences turn our events into those of Python's worker where they differ.
var differences = map[string]func(map[string][]string) map[string][]string{
	// The prefork pool tells a hard time limit twice, and hides the exception
	// behind its own wrapper of it.
	"time limit": func(ours map[string][]string) map[string][]string {
		for i, e := range ours["task"] {
			ours["task"][i] = strings.NewReplacer("TimeLimitExceeded(1)", "ExceptionWithTraceback()", "a traceback of TimeLimitExceeded", "a traceback").Replace(e)
		}
		ours["task"] = append(ours["task"], ours["task"][len(ours["task"])-1])
		return ours
	},
}

// TestEventsArePythons has Celery's own receiver see the same calls on this
// worker and on Python's, beside each other.
func TestEventsArePythons(t *testing.T) {
	t.Parallel()
	for name, url := range brokers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, func(c *Config) {
				c.Broker, c.ResultBackend, c.TaskEvents, c.SendSentEvent, c.Concurrency = url(t), proctest.Redis(t), true, true, 4
			})
			pyQueue, pyNode := w.queue+".py", "w@"+w.queue
			env := append(os.Environ(), "CELERY_BROKER_URL="+w.cfg.Broker, "CELERY_RESULT_BACKEND="+w.cfg.ResultBackend,
				"GO_QUEUE="+w.queue, "PY_QUEUE="+pyQueue, "GO_NODE="+w.Host.cfg.Hostname, "PY_NODE="+pyNode)
			log := pythonWorker(t, env, "events", pyQueue, pyNode, "-c", "4", "-E", "-l", "warning")
			if err := untilPing(t, env, pyNode); err != nil {
				t.Fatalf("%v\n%s", err, log.String())
			}
			cmd := exec.CommandContext(t.Context(), proctest.Python(t), "testdata/events.py")
			cmd.Env = env
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			stdout, err := cmd.Output()
			if err != nil {
				t.Fatalf("events.py: %v\n%s", err, hosttest.Tail(stderr.String(), 3000))
			}
			var saw struct {
				Py, Go map[string]map[string][]string
				Wrong  []string
			}
			if err := json.Unmarshal(stdout, &saw); err != nil {
				t.Fatal(err)
			}
			if len(saw.Py) < 20 {
				t.Errorf("%d scenarios", len(saw.Py))
			}
			for scenario, want := range saw.Py {
				got := saw.Go[scenario]
				if d, ok := differences[scenario]; ok {
					got = d(got)
				}
				for kind := range maps.Keys(want) {
					if !slices.Equal(got[kind], want[kind]) {
						t.Errorf("%s, %s:\n got %s\nwant %s", scenario, kind, strings.Join(got[kind], "\n     "), strings.Join(want[kind], "\n     "))
					}
				}
				if len(got) != len(want) {
					t.Errorf("%s: got %v, want %v", scenario, got, want)
				}
			}
			for _, text := range saw.Wrong {
				t.Error(text)
			}
		})
	}
}

// TestEventsOutliveTheBrokersAbsence cuts the worker off while a task runs; a
// monitor that stayed connected gets the rest when the worker is back.
func TestEventsOutliveTheBrokersAbsence(t *testing.T) {
	t.Parallel()
	for name, url := range brokers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			straight, err := neturl.Parse(url(t))
			if err != nil {
				t.Fatal(err)
			}
			relay := proctest.Proxy(t, straight.Host)
			through := *straight
			through.Host = relay.Address()
			w := serve(t, func(c *Config) {
				c.Broker, c.ResultBackend, c.TaskEvents = through.String(), proctest.Redis(t), true
			})
			events := make(chan celery.Event, 1000)
			queue := event.Wire{}.GossipQueue()
			queue.RoutingKey = "#"
			monitor, err := openBroker(Config{Broker: straight.String(), PrefetchMultiplier: new(int), Log: slog.New(slog.DiscardHandler)}, []broker.Queue{queue}, "monitor")
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				ended <- monitor.Run(t.Context(), func(d broker.Delivery) {
					list, err := celery.DecodeEvents(d.Body)
					if err != nil {
						t.Error(err)
					}
					for _, e := range list {
						if e.Hostname == w.Host.cfg.Hostname {
							events <- e
						}
					}
				})
			}()
			defer func() {
				if err := errors.Join(monitor.Close(), <-ended); err != nil {
					t.Error(err)
				}
			}()
			next := func(want string) {
				t.Helper()
				for limit := time.After(hosttest.Patience); ; {
					select {
					case e := <-events:
						if e.Type == want {
							return
						}
					case <-limit:
						t.Fatalf("no %s", want)
					}
				}
			}
			hosttest.Eventually(t, func() bool { return w.broker.Connected() && monitor.Connected() })
			client := *w
			client.cfg.Broker = straight.String()
			wait := client.pythonStart(call{name: "test.spin", args: []any{3}})
			next("task-started")
			relay.Refuse(true)
			relay.Cut()
			hosttest.Eventually(t, func() bool { return w.Host.worker.Stats().Done == 1 })
			time.Sleep(500 * time.Millisecond) // so that its event was tried
			relay.Refuse(false)
			next("worker-online")
			next("task-succeeded")
			if got, err := wait(); err != nil || string(got[0].OK) != `"spun"` {
				t.Errorf("%v, %v", got, err)
			}
			if n := w.events.Dropped(); n != 0 {
				t.Errorf("%d events were dropped", n)
			}
		})
	}
}
