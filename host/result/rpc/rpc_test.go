package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/brokertest"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/result"
	"github.com/sparkstalk/sparkstalk/host/result/resulttest"
	"github.com/sparkstalk/sparkstalk/host/result/rpc"
)

func TestMain(m *testing.M) { proctest.Main(m) }

func TestContract(t *testing.T) {
	resulttest.Run(t, func(t *testing.T) resulttest.Backend {
		server := brokertest.NewServer()
		inbox := listen(t, server)
		return resulttest.Backend{
			Store: rpc.New(server.Open(brokertest.Config{}), rpc.Config{}), Reply: result.Reply{ReplyTo: "replies"},
			Read: func(t *testing.T, id string) []byte { return inbox.next(t, id).Body },
			Away: func(*testing.T) func() { server.Stop(); return server.Start },
		}
	})
}

// An inbox gathers what arrives on the client's queue.
type inbox struct {
	mu       sync.Mutex
	messages map[string][]broker.Delivery
	more     chan struct{}
}

func listen(t *testing.T, server *brokertest.Server) *inbox {
	t.Helper()
	in := &inbox{messages: make(map[string][]broker.Delivery), more: make(chan struct{}, 1)}
	b := server.Open(brokertest.Config{Queues: []broker.Queue{{Name: "replies"}}})
	if err := server.Declare(broker.Queue{Name: "replies"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- b.Run(ctx, func(d broker.Delivery) {
			_ = d.Settler.Ack() // stale ones come again
			in.mu.Lock()
			in.messages[d.CorrelationID] = append(in.messages[d.CorrelationID], d)
			in.mu.Unlock()
			select {
			case in.more <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return in
}

func (in *inbox) next(t *testing.T, id string) broker.Delivery {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		in.mu.Lock()
		if waiting := in.messages[id]; len(waiting) > 0 {
			in.messages[id] = waiting[1:]
			in.mu.Unlock()
			return waiting[0]
		}
		in.mu.Unlock()
		select {
		case <-in.more:
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("nothing arrived for %s", id)
		}
	}
}

func TestMessageIsCelerys(t *testing.T) {
	var sent []broker.Publication
	s := rpc.New(publisher(func(p broker.Publication) error { sent = append(sent, p); return nil }), rpc.Config{})
	r := celery.Success(&celery.Task{ID: "i"}, json.RawMessage("5"))
	for _, to := range []result.Reply{{}, {CorrelationID: "c"}, {ReplyTo: "q"}, {ReplyTo: "q", CorrelationID: "c"}} {
		if err := s.Store(t.Context(), r, to); err != nil {
			t.Fatal(err)
		}
	}
	if len(sent) != 2 {
		t.Fatalf("%d messages, want none without a reply queue", len(sent))
	}
	p := sent[0]
	if p.Exchange != "" || p.RoutingKey != "q" || p.Mandatory || p.NoConfirm || p.Persistent || p.CorrelationID != "i" || p.ContentType != "application/json" ||
		p.ContentEncoding != "utf-8" || p.Headers == nil || len(p.Headers) != 0 || p.Priority == nil || *p.Priority != 0 || string(p.Body) != string(r.Encode()) {
		t.Errorf("%+v", p)
	}
	if sent[1].CorrelationID != "c" {
		t.Errorf("correlation id %q", sent[1].CorrelationID)
	}
}

func TestErrorNamesTheTask(t *testing.T) {
	s := rpc.New(publisher(func(broker.Publication) error { return broker.ErrClosed }), rpc.Config{})
	err := s.Store(t.Context(), celery.Success(&celery.Task{ID: "the-id"}, nil), result.Reply{ReplyTo: "q"})
	if !errors.Is(err, broker.ErrClosed) || !strings.Contains(err.Error(), "the-id") {
		t.Errorf("got %v", err)
	}
}

type publisher func(broker.Publication) error

func (p publisher) Publish(_ context.Context, m broker.Publication) error { return p(m) }

// TestPythonWaitsForOurResults has Python's Celery send tasks over RabbitMQ and
// raise or return what is answered here.
func TestPythonWaitsForOurResults(t *testing.T) {
	url, queue := proctest.RabbitMQ(t), proctest.Name(t)
	b, err := rabbitmq.New(rabbitmq.Config{URL: url, Queues: []broker.Queue{{Name: queue, Exchange: queue, RoutingKey: queue}}})
	if err != nil {
		t.Fatal(err)
	}
	s := rpc.New(b, rpc.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, func(d broker.Delivery) { answer(t, s, d) }) }()
	out, err := exec.CommandContext(t.Context(), proctest.Python(t), "testdata/client.py", url, queue).CombinedOutput()
	cancel()
	if runErr := <-done; runErr != nil {
		t.Error(runErr)
	}
	if closeErr := b.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	if err != nil {
		t.Fatalf("client.py: %v\n%s", err, out)
	}
	want := strings.Join([]string{
		`echo [1, 2.0, 'é😀', 1180591620717411303424, {'k': None}]`,
		`fail builtins.ValueError("it's",)`,
		`spark celery.exceptions.AnalysisException('[PATH_NOT_FOUND] /nowhere',)`,
		`unknown celery.exceptions.NotRegistered('unknown',)`,
		`states ['STARTED', 'PROGRESS', 'SUCCESS'] {'done': 1}`,
	}, "\n")
	if got := strings.TrimSpace(string(out)); got != want {
		t.Errorf("Python got\n%s\nwant\n%s", got, want)
	}
}

func answer(t *testing.T, s *rpc.Store, d broker.Delivery) {
	task, err := celery.Decode(celery.Incoming{Headers: d.Headers, Body: d.Body, ContentType: d.ContentType, CorrelationID: d.CorrelationID, ReplyTo: d.ReplyTo})
	if err != nil {
		t.Error(err)
		return
	}
	var states []celery.Result
	switch task.Name {
	case "echo":
		states = append(states, celery.Success(task, task.Args[0]))
	case "fail":
		states = append(states, celery.Failure(task, celery.NewException("builtins", "ValueError", "it's")))
	case "spark":
		states = append(states, celery.Failure(task, celery.NewException("pyspark.errors", "AnalysisException", "[PATH_NOT_FOUND] /nowhere")))
	case "states":
		states = append(states, celery.Started(task, 1, "w@host"), celery.State(task, "PROGRESS", json.RawMessage(`{"done": 1}`)), celery.Success(task, nil))
	default:
		states = append(states, celery.Failure(task, celery.NotRegistered(task.Name)))
	}
	for _, r := range states {
		if err := s.Store(t.Context(), r, result.Reply{ReplyTo: task.ReplyTo, CorrelationID: task.CorrelationID}); err != nil {
			t.Error(fmt.Errorf("%s: %w", task.Name, err))
		}
	}
	if err := d.Settler.Ack(); err != nil {
		t.Error(err)
	}
}
