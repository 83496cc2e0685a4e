package worker

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/brokertest"
	"github.com/sparkstalk/sparkstalk/host/canvas"
	"github.com/sparkstalk/sparkstalk/host/celery"
)

// sent notes what is published and declared, and hands it on.
type sent struct {
	broker.Broker
	published []broker.Publication
	declared  []string
}

func (s *sent) Publish(ctx context.Context, p broker.Publication) error {
	s.published = append(s.published, p)
	return s.Broker.Publish(ctx, p)
}

func (s *sent) Declare(ctx context.Context, q broker.Queue) error {
	s.declared = append(s.declared, q.Name)
	return s.Broker.Declare(ctx, q)
}

func TestSenderAddressesAsCelery(t *testing.T) {
	topic := broker.Queue{Name: "reports", Exchange: "all", ExchangeType: "topic", RoutingKey: "report.#"}
	direct := broker.Queue{Name: "celery", Exchange: "celery", ExchangeType: "direct", RoutingKey: "celery"}
	routes := map[string]Route{"feeds.*": {Queue: "reports", RoutingKey: "report.feed"}, "other.*": {Queue: "other"}}
	in := func(d time.Duration) *time.Duration { return &d }
	five := strings.Repeat("0.", 25) + "1.0.1."
	cases := map[string]struct {
		message  canvas.Message
		eta      *time.Duration // from now
		delayed  bool
		task     string
		exchange string
		key      string
		declared int
	}{
		"default queue":                  {exchange: "", key: "celery"},
		"queue of a topic exchange":      {message: canvas.Message{Queue: "reports"}, exchange: "all", key: "report.#"},
		"route with a key":               {task: "feeds.get", exchange: "all", key: "report.feed"},
		"route to a queue that is not":   {task: "other.x", exchange: "", key: "other", declared: 1},
		"exchange and key":               {message: canvas.Message{Exchange: "all", RoutingKey: "report.x"}, exchange: "all", key: "report.x"},
		"key alone, queue of the topic":  {message: canvas.Message{Queue: "reports", RoutingKey: "report.y"}, exchange: "all", key: "report.y"},
		"eta":                            {message: canvas.Message{Queue: "reports"}, eta: in(5 * time.Second), delayed: true, exchange: "celery_delayed_27", key: five + "report.#"},
		"eta of a retry":                 {message: canvas.Message{Exchange: celery.DelayedExchange, RoutingKey: strings.Repeat("1.", 28) + "report.z"}, eta: in(5 * time.Second), delayed: true, exchange: "celery_delayed_27", key: five + "report.z"},
		"eta without delayed delivery":   {message: canvas.Message{Queue: "reports"}, eta: in(5 * time.Second), exchange: "all", key: "report.#"},
		"eta to a direct exchange":       {eta: in(5 * time.Second), delayed: true, exchange: "", key: "celery"},
		"eta in less than a second":      {message: canvas.Message{Queue: "reports"}, eta: in(900 * time.Millisecond), delayed: true, exchange: "all", key: "report.#"},
		"eta that has passed":            {message: canvas.Message{Queue: "reports"}, eta: in(-time.Hour), delayed: true, exchange: "all", key: "report.#"},
		"eta beyond what the bits carry": {message: canvas.Message{Queue: "reports"}, eta: in(1 << 28 * time.Second), delayed: true, exchange: "all", key: "report.#"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := brokertest.NewServer()
			for _, q := range []broker.Queue{topic, direct} {
				if err := server.Declare(q); err != nil {
					t.Fatal(err)
				}
			}
			for _, e := range []string{celery.DelayedLevel(celery.DelayedLevels - 1), celery.DelayedExchange} {
				if err := server.DeclareExchange(broker.Exchange{Name: e, Type: "topic"}); err != nil {
					t.Fatal(err)
				}
			}
			b := &sent{Broker: server.Open(brokertest.Config{})}
			defer func() { _ = b.Close() }()
			if c.task == "" {
				c.task = "t"
			}
			task, err := celery.NewTask("id", c.task, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.message.Task = task
			s := Sender{Broker: b, Queues: &Queues{Known: []broker.Queue{topic, direct}, Delayed: c.delayed}, Routes: routes}
			synctest.Test(t, func(t *testing.T) { // in which no time passes
				if c.eta != nil {
					task.ETA = ptr(time.Now().Add(*c.eta))
				}
				if err := s.Publish(t.Context(), c.message); err != nil {
					t.Fatal(err)
				}
			})
			last := b.published[len(b.published)-1]
			if last.Exchange != c.exchange || last.RoutingKey != c.key {
				t.Errorf("sent to %q with key %q, want %q with %q", last.Exchange, last.RoutingKey, c.exchange, c.key)
			}
			if len(b.declared) != c.declared {
				t.Errorf("declared %q, want %d", b.declared, c.declared)
			}
		})
	}
}

func TestSenderMakesMissingQueues(t *testing.T) {
	server := brokertest.NewServer()
	b := &sent{Broker: server.Open(brokertest.Config{})}
	defer func() { _ = b.Close() }()
	task, err := celery.NewTask("id", "t", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := Sender{Broker: b, Queues: &Queues{MissingExchangeType: "topic"}}
	for range 2 {
		if err := s.Publish(t.Context(), canvas.Message{Task: task, Queue: "new"}); err != nil {
			t.Fatal(err)
		}
	}
	if server.Ready("new") != 2 || len(b.declared) != 1 || b.published[0].Exchange != "new" {
		t.Errorf("%d messages, declared %q, first to %q", server.Ready("new"), b.declared, b.published[0].Exchange)
	}
	s.Queues = &Queues{OnlyKnown: true}
	if err := s.Publish(t.Context(), canvas.Message{Task: task, Queue: "newer"}); err == nil || !strings.Contains(err.Error(), "task_create_missing_queues") {
		t.Errorf("a queue that may not be made: %v", err)
	}
}

// TestSenderPacksWhatItCannotWriteOtherwise sends with gzip what asks for a compression that is
// only read, so that the task before it does not fail after its work.
func TestSenderPacksWhatItCannotWriteOtherwise(t *testing.T) {
	task, err := celery.NewTask("id", "t", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[string]string{"bzip2": "application/x-gzip", "lzma": "application/x-gzip", "zstd": "application/zstd", "": ""} {
		m, err := Sender{}.message(canvas.Message{Task: task, Compression: asked})
		if got, _ := m.Headers["compression"].(string); err != nil || got != want {
			t.Errorf("%q: sent as %q, %v; want %q", asked, got, err, want)
		}
	}
	if _, err := (Sender{}).message(canvas.Message{Task: task, Compression: "nosuch"}); err == nil {
		t.Error("a compression that nobody knows was taken")
	}
}

func TestRouteReadsCelerysForms(t *testing.T) {
	cases := map[string]struct {
		want Route
		bad  string
	}{
		`"feeds"`: {want: Route{Queue: "feeds"}},
		`{"queue": "feeds", "routing_key": "a.b"}`: {want: Route{Queue: "feeds", RoutingKey: "a.b"}},
		`{"exchange": "e", "routing_key": "k"}`:    {want: Route{Exchange: "e", RoutingKey: "k"}},
		`{"queue": 7}`:                             {bad: "queue"},
		`{"serializer": "json"}`:                   {bad: "serializer"},
		`7`:                                        {bad: "name of a queue"},
	}
	for text, c := range cases {
		var got Route
		err := json.Unmarshal([]byte(text), &got)
		if c.bad != "" {
			if err == nil || !strings.Contains(err.Error(), c.bad) {
				t.Errorf("%s: got %+v, %v", text, got, err)
			}
			continue
		}
		back, _ := json.Marshal(got)
		var again Route
		if err != nil || got != c.want || json.Unmarshal(back, &again) != nil || again != got {
			t.Errorf("%s: got %+v, %v, again %s", text, got, err, back)
		}
	}
}
