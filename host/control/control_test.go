package control

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/brokertest"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/result/resulttest"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served are tasks that only exist.
type served []string

func (s served) Acquire(name string) (worker.Task, bool) {
	return task{}, slices.Contains(s, name)
}

type task struct{}

func (task) Options() abi.TaskOptions { return abi.TaskOptions{} }
func (task) Params() []string         { return nil }
func (task) Release()                 {}
func (task) Run(context.Context, worker.Call) (json.RawMessage, error) {
	return json.RawMessage("null"), nil
}

// node is the node of the recordings, with its broker in memory.
func node(t testing.TB, change func(*Config)) (*Node, *brokertest.Server) {
	t.Helper()
	server := brokertest.NewServer()
	for _, e := range (Mailbox{}).Exchanges() {
		if err := server.DeclareExchange(e); err != nil {
			t.Fatal(err)
		}
	}
	tasks := server.Open(brokertest.Config{})
	names := served{"tasks.add", "tasks.limited"}
	w, err := worker.New(worker.Config{Broker: tasks, Tasks: names, Store: resulttest.NewMemory(), Hostname: "w1@host1", Concurrency: 2})
	if err != nil {
		t.Fatal(err)
	}
	events, err := event.NewPublisher(event.PublisherConfig{Broker: tasks, Hostname: "w1@host1"})
	if err != nil {
		t.Fatal(err)
	}
	ears := server.Open(brokertest.Config{Queues: []broker.Queue{Mailbox{}.Queue("w1@host1")}})
	cfg := Config{
		Replies: tasks, Tasks: tasks,
		Queues: []broker.Queue{{Name: "celery", Exchange: "celery", RoutingKey: "celery"}}, Worker: w, Events: events, Hostname: "w1@host1",
		Served: func() []string { return names }, Broker: BrokerInfo{URL: "amqp://guest:secret@127.0.0.1:15681/wire", ConnectTimeout: 4 * time.Second},
	}
	change(&cfg)
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- ears.Run(ctx, func(d broker.Delivery) { n.Handle(ctx, d) }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		n.Wait()
		if err := errors.Join(ears.Close(), tasks.Close()); err != nil {
			t.Error(err)
		}
	})
	for end := time.Now().Add(time.Minute); !ears.Connected(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not connected")
		}
	}
	return n, server
}

// ask broadcasts a request with a client of its own.
func ask(t *testing.T, server *brokertest.Server, b Broadcast) []celery.Reply {
	t.Helper()
	b.Timeout = 2 * time.Second
	replies, err := b.Send(t.Context(), func(q broker.Queue) (broker.Broker, error) {
		return server.Open(brokertest.Config{Queues: []broker.Queue{q}}), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return replies
}

// recording reads a capture of Celery's client or worker.
func recording(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../celery/testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Body string `json:"body_base64"`
	}
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	body, err := base64.StdEncoding.DecodeString(f.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestRecordedRequestsGetTheRecordedReplies(t *testing.T) {
	_, server := node(t, func(*Config) {})
	for _, name := range []string{
		"ping", "ping-destination", "ping-pattern-glob", "ping-pattern-pcre", "ping-pattern-nomatcher", "unknown-command", "bad-arguments",
		"rate_limit", "rate_limit-off", "rate_limit-unknown", "rate_limit-invalid", "time_limit", "time_limit-unknown", "add_consumer", "cancel_consumer",
		"heartbeat", "autoscale", "pool_restart", "pool_grow", "hello-self", "revoke", "revoke-list", "revoke-terminate-unknown",
		"revoke_by_stamped_headers", "revoke_by_stamped_headers-terminate", "enable_events-worker-only", "enable_events", "disable_events-after-enable",
		"disable_events",
	} {
		request, err := celery.DecodeRequest(celery.Incoming{Body: recording(t, "pidbox-"+name+"-request")})
		if err != nil {
			t.Fatal(err)
		}
		replies := ask(t, server, Broadcast{
			Method: request.Method, Arguments: request.Arguments, Destination: request.Destination, Pattern: request.Pattern, Matcher: request.Matcher, Limit: 1,
		})
		if len(replies) != 1 {
			t.Errorf("%s: %d replies", name, len(replies))
			continue
		}
		if want, got := recording(t, "pidbox-"+name+"-reply"), replies[0].Encode(); string(got) != string(want) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

// TestReplyShapes compares the keys of replies whose values are of the moment.
func TestReplyShapes(t *testing.T) {
	_, server := node(t, func(*Config) {})
	value := func(raw json.RawMessage) (v any) {
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, method := range map[string]string{"stats": "stats", "active_queues": "active_queues", "clock": "clock", "memsample": "memsample", "hello": "hello"} {
		want, err := celery.DecodeReply(recording(t, "pidbox-"+name+"-reply"))
		if err != nil {
			t.Fatal(err)
		}
		b := Broadcast{Method: method, Limit: 1}
		if method == "hello" {
			b.Arguments = celery.Object{{Key: "from_node", Value: celery.Quote("x@y")}, {Key: "revoked", Value: json.RawMessage(`["id"]`)}}
		}
		replies := ask(t, server, b)
		if len(replies) != 1 {
			t.Fatalf("%s: %d replies", name, len(replies))
		}
		if a, b := shape(value(want.Value)), shape(value(replies[0].Value)); a != b {
			t.Errorf("%s: shape\n got %s\nwant %s", name, b, a)
		}
	}
}

// shape is what a value is made of; of lists the first element tells.
func shape(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if k == "total" || k == "queue_arguments" || k == "consumer_arguments" || k == "userid" { // of the moment
				continue
			}
			parts = append(parts, k+": "+shape(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		return "[" + shape(v[0]) + "]"
	case string:
		return "text"
	case float64:
		return "number"
	case bool:
		return "bool"
	}
	return "null"
}

func TestOthersStaySilentAndCastsGetNoReply(t *testing.T) {
	stopped := make(chan struct{}, 1)
	n, server := node(t, func(c *Config) { c.Shutdown = func() { stopped <- struct{}{} } })
	b := Broadcast{Method: "ping", Destination: []string{"nobody@x"}}
	b.Timeout = 200 * time.Millisecond
	replies, err := b.Send(t.Context(), func(q broker.Queue) (broker.Broker, error) {
		return server.Open(brokertest.Config{Queues: []broker.Queue{q}}), nil
	})
	if err != nil || len(replies) != 0 {
		t.Errorf("%v, %v", replies, err)
	}
	b = Broadcast{Method: "shutdown", Timeout: 200 * time.Millisecond, Clock: 1000}
	replies, err = b.Send(t.Context(), func(q broker.Queue) (broker.Broker, error) {
		return server.Open(brokertest.Config{Queues: []broker.Queue{q}}), nil
	})
	if err != nil || len(replies) != 0 {
		t.Errorf("shutdown: %v, %v", replies, err)
	}
	<-stopped
	if n.Clock().Value() < 1001 {
		t.Errorf("clock %d after a request of the time 1000", n.Clock().Value())
	}
}

func TestNonsenseDoesNotEndTheNode(t *testing.T) {
	n, server := node(t, func(*Config) {})
	client := server.Open(brokertest.Config{})
	defer func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, body := range []string{``, `[]`, `{}`, `{"method": 1}`, `{"method": "ping", "arguments": []}`, `{"method": "ping", "destination": 5}`, "\xff"} {
		if err := client.Publish(t.Context(), broker.Publication{Exchange: celery.ControlExchange, Message: broker.Message{Body: []byte(body), ContentType: celery.ContentType}}); err != nil {
			t.Fatal(err)
		}
	}
	for method := range n.commands {
		if method == "shutdown" {
			continue
		}
		for _, arguments := range []string{`{}`, `{"task_id": 5, "ids": {}, "headers": "x", "n": "y", "max": [], "signal": {}, "queue": null, "task_name": {}, "rate_limit": [], "hard": "z", "taskinfoitems": 1, "revoked": {}, "from_node": 1, "foo": 1}`} {
			o, err := celery.Members([]byte(arguments))
			if err != nil {
				t.Fatal(err)
			}
			if value, _ := n.answer(t.Context(), celery.Request{Method: method, Arguments: o}); celery.Valid(value) != nil {
				t.Errorf("%s %s: %s", method, arguments, value)
			} else if strings.Contains(string(value), "host panic") {
				t.Errorf("%s %s panicked: %s", method, arguments, value)
			}
		}
	}
	if replies := ask(t, server, Broadcast{Method: "ping", Limit: 1}); len(replies) != 1 {
		t.Errorf("%d replies", len(replies))
	}
}
