// Package failover holds a whole worker to going on when its broker is gone and
// there is another.
package failover

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestMain(m *testing.M) { hosttest.Main(m) }

// clientScript does with a worker what its users do, over one broker, and prints
// what came of it: a task's result, a ping, and the events of that task.
const clientScript = `
import json, os, sys, threading, time
from celery import Celery
app = Celery("client", broker=sys.argv[1], backend=os.environ["BACKEND"])
node, queue = os.environ["NODE"], os.environ["QUEUE"]

def until(what):
    end = time.time() + 60
    while time.time() < end:
        if value := what():
            return value
        time.sleep(0.1)

pong = until(lambda: app.control.ping([node], timeout=1, limit=1))
app.control.enable_events(destination=[node], reply=True, timeout=10, limit=1)
seen, over, ready = [], threading.Event(), threading.Event()
def receive():
    with app.connection_for_read() as c:
        receiver = app.events.Receiver(c, handlers={"*": seen.append})
        with receiver.consumer_context(wakeup=False) as (connection, _, _):
            ready.set()
            while not over.is_set():
                try:
                    connection.drain_events(timeout=0.2)
                except OSError:
                    pass
thread = threading.Thread(target=receive)
thread.start()
ready.wait(30)
result = app.send_task("conf.add", args=[40, 2], queue=queue)
value = result.get(timeout=60)
mine = lambda: [e["type"] for e in seen if e.get("uuid") == result.id]
until(lambda: "task-succeeded" in mine())
until(lambda: any(e["type"] == "worker-heartbeat" and e["hostname"] == node for e in seen))
over.set()
thread.join()
beats = any(e["type"] == "worker-heartbeat" and e["hostname"] == node for e in seen)
print(json.dumps({"ping": bool(pong), "value": value, "events": mine(), "heartbeats": beats}))
`

func TestAnotherRabbitMQTakesOverFromAKilledOne(t *testing.T) {
	takesOver(t, proctest.StartRabbitMQ(t), proctest.RabbitMQ(t))
}

func TestAnotherRedisTakesOverFromAKilledOne(t *testing.T) {
	takesOver(t, proctest.StartRedis(t), proctest.StartRedis(t).URL())
}

// takesOver has a worker work over a first broker, kills that, and has it work over
// the second.
func takesOver(t *testing.T, first interface {
	URL() string
	Kill()
}, second string) {
	queue, node := proctest.Name(t), proctest.Name(t)+"@here"
	plugins := t.TempDir()
	hosttest.Drop(t, hosttest.Build(t, "../conformance/tasks", "v1"), plugins, "tasks.wasm")
	log := &proctest.Output{}
	cfg := host.Config{
		Broker: first.URL() + ";" + second, ResultBackend: proctest.Redis(t), Spark: proctest.Sail(t), Plugins: plugins, Hostname: node,
		Queues: []string{queue}, TaskDefaultQueue: queue, Concurrency: 2, Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	opening, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	h, err := host.Open(opening, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx, context.Background()) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the worker's log:\n%s", hosttest.Tail(log.String(), 8000))
		}
	})
	served := func(broker string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), proctest.Python(t), "-c", clientScript, broker)
		var stderr bytes.Buffer
		cmd.Env, cmd.Stderr = append(os.Environ(), "BACKEND="+cfg.ResultBackend, "NODE="+node, "QUEUE="+queue), &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, hosttest.Tail(stderr.String(), 3000))
		}
		const want = `{"ping": true, "value": 42, "events": ["task-received", "task-started", "task-succeeded"], "heartbeats": true}`
		if !hosttest.EqualJSON(string(out), want) {
			t.Errorf("over %s:\n got %swant %s", broker, out, want)
		}
	}
	served(first.URL())
	first.Kill()
	served(second)
}
