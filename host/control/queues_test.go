package control

import (
	"encoding/json"
	"os/exec"
	"reflect"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// kombusQueues has kombu describe queues as Celery's worker does.
const kombusQueues = `
import json
from kombu import Exchange, Queue, binding
queues = [
    Queue("plain", Exchange("plain"), routing_key="plain"),
    Queue("topic", Exchange("e1", type="topic"), routing_key="a.#", queue_arguments={"x-queue-mode": "lazy"}, consumer_arguments={"x-priority": 3}),
    Queue("bound", [binding(Exchange("e2"), "x")], routing_key="celery"),
    Queue("twice", [binding(Exchange("e2"), "x"), binding(Exchange("e3", type="topic"), "y.*")], routing_key="celery"),
]
def told(q):
    d = q.as_dict(recurse=True)
    d["bindings"] = sorted(d["bindings"] or [], key=lambda b: b["routing_key"]) # of a set
    return d
print(json.dumps([told(q) for q in queues]))
`

func TestActiveQueuesAreKombus(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), proctest.Python(t), "-c", kombusQueues).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, err.(*exec.ExitError).Stderr)
	}
	direct := broker.Binding{Exchange: "e2", ExchangeType: "direct", RoutingKey: "x"}
	n, _ := node(t, func(c *Config) {
		c.Queues = []broker.Queue{
			{Name: "plain", Exchange: "plain", RoutingKey: "plain"},
			{
				Name: "topic", Exchange: "e1", ExchangeType: "topic", RoutingKey: "a.#",
				Args: map[string]any{"x-queue-mode": "lazy"}, ConsumerArgs: map[string]any{"x-priority": 3},
			},
			{Name: "bound", RoutingKey: "celery", Bindings: []broker.Binding{direct}},
			{Name: "twice", RoutingKey: "celery", Bindings: []broker.Binding{direct, {Exchange: "e3", ExchangeType: "topic", RoutingKey: "y.*"}}},
		}
	})
	told, err := n.activeQueues(t.Context(), arguments{})
	if err != nil {
		t.Fatal(err)
	}
	var got, want []map[string]any
	if err := json.Unmarshal(told, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("got %v\nwant %v", got[i], want[i])
		}
	}
}
