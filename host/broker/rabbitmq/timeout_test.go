package rabbitmq_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	"github.com/sparkstalk/sparkstalk/host/canvas"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/result/resulttest"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// A task runs longer than RabbitMQ waits for an acknowledgement: its channel is
// closed, its message delivered again and again, and the task runs once, beside
// others.
func outlivesConsumerTimeout(t *testing.T, server *proctest.Server) {
	server.Ctl(t, "eval", "application:set_env(rabbit, consumer_timeout, 1000), application:set_env(rabbit, channel_tick_interval, 300).")
	defer server.Ctl(t, "eval", "application:set_env(rabbit, consumer_timeout, 1800000), application:set_env(rabbit, channel_tick_interval, 60000).")
	q, other := durable(t), durable(t)
	b := open(t, rabbitmq.Config{URL: server.URL(), Queues: []broker.Queue{q, other}, Prefetch: 8})
	tasks := &longTasks{open: make(chan struct{})}
	again := &counter{text: "delivered again belongs"}
	store := resulttest.NewMemory()
	w, err := worker.New(worker.Config{Broker: b, Tasks: tasks, Store: store, AcksLate: true, Concurrency: 3, Log: slog.New(again)})
	if err != nil {
		t.Fatal(err)
	}
	intake, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(intake, context.Background()) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	call := func(queue, id, name string) {
		t.Helper()
		task, err := celery.NewTask(id, name, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		to := worker.Sender{Broker: b, Queues: &worker.Queues{Known: []broker.Queue{q, other}}}
		if err := to.Publish(t.Context(), canvas.Message{Task: task, Queue: queue}); err != nil {
			t.Fatal(err)
		}
	}
	state := func(id string) string {
		r, _, _ := store.Get(t.Context(), id) // it has no errors
		return r.State
	}
	call(q.Name, "long", "long")
	call(other.Name, "long too", "long")
	for _, id := range []string{"short 1", "short 2", "short 3"} {
		seen := again.n.Load()
		eventually(t, "messages to be delivered again", func() bool { return again.n.Load() >= seen+2 })
		call(other.Name, id, "short")
		eventually(t, id+" to succeed beside them", func() bool { return state(id) == celery.StateSuccess })
	}
	close(tasks.open)
	eventually(t, "the long ones to succeed", func() bool {
		return state("long") == celery.StateSuccess && state("long too") == celery.StateSuccess
	})
	if n := tasks.runs.Load(); n != 2 {
		t.Errorf("two long tasks ran %d times", n)
	}
	eventually(t, "their messages to be gone", func() bool {
		list := server.Ctl(t, "list_queues", "name", "messages")
		return strings.Contains(list, q.Name+"\t0") && strings.Contains(list, other.Name+"\t0")
	})
}

// longTasks serve "long", which ends when open is closed, and "short".
type longTasks struct {
	runs atomic.Int64
	open chan struct{}
}

func (l *longTasks) Acquire(name string) (worker.Task, bool) { return longTask{l, name}, true }

type longTask struct {
	of   *longTasks
	name string
}

func (l longTask) Options() abi.TaskOptions { return abi.TaskOptions{} }
func (l longTask) Params() []string         { return nil }
func (l longTask) Release()                 {}
func (l longTask) Run(ctx context.Context, _ worker.Call) (json.RawMessage, error) {
	if l.name == "short" {
		return json.RawMessage("1"), nil
	}
	l.of.runs.Add(1)
	select {
	case <-l.of.open:
		return json.RawMessage("2"), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// A counter is a log that counts the records whose message has a text.
type counter struct {
	text string
	n    atomic.Int64
}

func (c *counter) Enabled(context.Context, slog.Level) bool { return true }
func (c *counter) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *counter) WithGroup(string) slog.Handler            { return c }
func (c *counter) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, c.text) {
		c.n.Add(1)
	}
	return nil
}
