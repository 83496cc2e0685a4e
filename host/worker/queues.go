package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
)

// Queues say how queues are declared and published to, by name: Celery's
// task_queues, and its rules for a name that is not among them. The zero value
// makes any queue, each with a direct exchange of its name. Its methods may be
// called by any goroutine.
type Queues struct {
	// Known are those that are configured.
	Known []broker.Queue
	// Default is where tasks go for which nothing else is said. Empty means celery.
	Default string
	// MissingArgs and MissingExchangeType are the arguments and the type of the
	// exchange of queues that are not configured; OnlyKnown refuses those.
	MissingArgs         map[string]any
	MissingExchangeType string
	OnlyKnown           bool
	// Delayed has the broker hold back tasks with an ETA, where a queue's
	// exchange is not direct: Celery's native delayed delivery.
	Delayed bool

	mu   sync.Mutex
	made map[string]bool // missing queues that were declared from here
}

// DefaultName is the name of the default queue.
func (q *Queues) DefaultName() string {
	if q.Default == "" {
		return "celery"
	}
	return q.Default
}

// Get returns how a queue is declared. Its error is about a name that is not
// configured where only those are used.
func (q *Queues) Get(name string) (broker.Queue, error) {
	if k, ok := q.Lookup(name); ok {
		return k, nil
	}
	if q.OnlyKnown {
		return broker.Queue{}, fmt.Errorf("queue %q is not in task_queues, and task_create_missing_queues is off", name)
	}
	return broker.Queue{Name: name, Exchange: name, ExchangeType: q.MissingExchangeType, RoutingKey: name, Args: maps.Clone(q.MissingArgs)}, nil
}

// Lookup returns how a queue is declared that is configured.
func (q *Queues) Lookup(name string) (broker.Queue, bool) {
	for _, k := range q.Known {
		if k.Name == name {
			return k, true
		}
	}
	return broker.Queue{}, false
}

// exchangeType is the type of an exchange, direct unless a queue says otherwise.
func (q *Queues) exchangeType(exchange string) string {
	if celery.IsDelayed(exchange) {
		return "topic"
	}
	for _, k := range q.Known {
		for _, to := range k.Bound() {
			if to.Exchange == exchange && to.ExchangeType != "" {
				return to.ExchangeType
			}
		}
	}
	return "direct"
}

// ready declares a queue that is not configured and whose exchange may not be
// there, once.
func (q *Queues) ready(ctx context.Context, b broker.Broker, queue broker.Queue) error {
	q.mu.Lock()
	done := q.made[queue.Name]
	q.mu.Unlock()
	if done {
		return nil
	}
	if _, known := q.Lookup(queue.Name); known {
		return nil // who opened the broker had its exchange declared
	}
	if err := b.Declare(ctx, queue); err != nil {
		return fmt.Errorf("queue %q cannot be made: %w", queue.Name, err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.made == nil {
		q.made = map[string]bool{}
	}
	q.made[queue.Name] = true
	return nil
}

// A Route is where tasks go, as Celery's task_routes have it: the name of a
// queue, or an object with queue, exchange and routing_key.
type Route struct {
	Queue      string `json:"queue"`
	Exchange   string `json:"exchange,omitempty"`
	RoutingKey string `json:"routing_key,omitempty"`
}

// UnmarshalJSON implements [json.Unmarshaler]. An option that is not served is an
// error.
func (r *Route) UnmarshalJSON(raw []byte) error {
	if name, ok := celery.Text(raw); ok {
		*r = Route{Queue: name}
		return nil
	}
	var options map[string]json.RawMessage
	if err := json.Unmarshal(raw, &options); err != nil {
		return errors.New("a route is the name of a queue or an object with queue, exchange, routing_key")
	}
	*r = Route{}
	for name, value := range options {
		text, ok := celery.Text(value)
		switch {
		case name == "queue" && ok:
			r.Queue = text
		case name == "exchange" && ok:
			r.Exchange = text
		case name == "routing_key" && ok:
			r.RoutingKey = text
		default:
			return fmt.Errorf("route option %s: %s: there are queue, exchange and routing_key, each a text", name, value)
		}
	}
	return nil
}

// MarshalJSON implements [json.Marshaler]: the name alone where there is no more.
func (r Route) MarshalJSON() ([]byte, error) {
	if r.Exchange == "" && r.RoutingKey == "" {
		return celery.Quote(r.Queue), nil
	}
	type plain Route
	return json.Marshal(plain(r))
}
