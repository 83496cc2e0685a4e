package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// A TaskQueue is one of Celery's task_queues, with the names that kombu.Queue has
// for its parts. What is empty is as Celery has it: an exchange, or else a routing
// key, of task_default_exchange and task_default_routing_key.
type TaskQueue struct {
	Exchange     string `json:"exchange,omitempty"`
	ExchangeType string `json:"exchange_type,omitempty"` // direct, topic or fanout
	RoutingKey   string `json:"routing_key,omitempty"`
	// BindingKey is another name of RoutingKey.
	BindingKey string `json:"binding_key,omitempty"`
	// QueueArguments and ConsumerArguments are the broker's own: x-queue-type,
	// x-max-priority, x-message-ttl …; x-priority ….
	QueueArguments    map[string]any `json:"queue_arguments,omitempty"`
	ConsumerArguments map[string]any `json:"consumer_arguments,omitempty"`
	// Bindings are in place of Exchange and RoutingKey, for several of them.
	Bindings []TaskBinding `json:"bindings,omitempty"`
}

// A TaskBinding is one of a queue's bindings.
type TaskBinding struct {
	Exchange     string `json:"exchange"`
	ExchangeType string `json:"exchange_type"` // empty means direct
	RoutingKey   string `json:"routing_key"`
}

var (
	exchangeTypes = []string{"", "direct", "topic", "fanout"}
	queueTypes    = []string{"", "classic", "quorum"}
)

// quorumQueue is what makes a queue a quorum queue.
var quorumQueue = map[string]any{"x-queue-type": "quorum"}

// A routing is what a configuration says of queues.
type routing struct {
	// queues are all that the host knows; delayed holds if the broker is to hold
	// back tasks for them.
	queues *worker.Queues
	// consumed are those of -Q.
	consumed []broker.Queue
	// delayed are the queues and exchanges of native delayed delivery.
	delayedExchanges []broker.Exchange
	delayedQueues    []broker.Queue
}

// checkQueues reports every bad field about queues.
func (c Config) checkQueues() []error {
	var bad []error
	one := func(setting, value string, of []string) {
		if !slices.Contains(of, value) {
			bad = append(bad, fmt.Errorf("setting %s is %q: there are %s", setting, value, strings.Join(of[1:], ", ")))
		}
	}
	one("task_default_exchange_type", c.TaskDefaultExchangeType, exchangeTypes)
	one("task_create_missing_queue_exchange_type", c.TaskCreateMissingQueueExchangeType, exchangeTypes)
	one("task_default_queue_type", c.TaskDefaultQueueType, queueTypes)
	one("task_create_missing_queue_type", c.TaskCreateMissingQueueType, queueTypes)
	one("broker_native_delayed_delivery_queue_type", c.DelayedDeliveryQueueType, queueTypes)
	for name, q := range c.TaskQueues {
		one("task_queues: "+name+": exchange_type", q.ExchangeType, exchangeTypes)
		if len(q.Bindings) > 0 && q.Exchange+q.RoutingKey+q.BindingKey != "" {
			bad = append(bad, fmt.Errorf("setting task_queues: %s: give either bindings or exchange and routing_key", name))
		}
		for _, b := range q.Bindings {
			one("task_queues: "+name+": bindings: exchange_type", b.ExchangeType, exchangeTypes)
			if b.Exchange == "" {
				bad = append(bad, fmt.Errorf("setting task_queues: %s: a binding without exchange", name))
			}
		}
	}
	if n := c.TaskQueueMaxPriority; n < 0 || n > 255 {
		bad = append(bad, fmt.Errorf("setting task_queue_max_priority is %d: it goes from 1 to 255", n))
	}
	return bad
}

// routing works out how queues are declared: those of task_queues, else the
// default queue, and those of -Q that are not among them.
func (c Config) routing() (*routing, error) {
	known := &worker.Queues{
		Default: c.TaskDefaultQueue, MissingArgs: c.arguments(nil, c.TaskCreateMissingQueueType),
		MissingExchangeType: c.TaskCreateMissingQueueExchangeType, OnlyKnown: !isTrue(c.TaskCreateMissingQueues),
	}
	for _, name := range slices.Sorted(maps.Keys(c.TaskQueues)) {
		known.Known = append(known.Known, c.taskQueue(name, c.TaskQueues[name]))
	}
	if len(c.TaskQueues) == 0 {
		known.Known = append(known.Known, c.defaultQueue())
	}
	r := &routing{queues: known}
	var bad []error
	specs := c.Queues
	if len(specs) == 0 {
		for _, q := range known.Known {
			specs = append(specs, q.Name)
		}
	}
	for _, spec := range specs {
		if name, _, _ := strings.Cut(spec, ":"); slices.Contains(c.ExcludeQueues, name) {
			continue
		}
		q, err := known.Get(strings.SplitN(spec, ":", 2)[0])
		if part := strings.Split(spec, ":"); len(part) == 3 {
			q, err = broker.Queue{Name: part[0], Exchange: part[1], RoutingKey: part[2], Args: known.MissingArgs}, nil
		} else if len(part) != 1 {
			err = fmt.Errorf("queue %q: give NAME or NAME:EXCHANGE:ROUTING_KEY", spec)
		} else if err == nil && part[0] == "" {
			err = fmt.Errorf("queue %q has no name", spec)
		}
		if err != nil {
			bad = append(bad, err)
			continue
		}
		r.consumed = append(r.consumed, q)
	}
	if len(specs) > 0 && len(r.consumed)+len(bad) == 0 {
		bad = append(bad, errors.New("setting exclude_queues leaves no queue to consume"))
	}
	if err := errors.Join(bad...); err != nil {
		return nil, err
	}
	if c.WorkerDirect {
		r.consumed = append(r.consumed, broker.Queue{
			Name: c.Hostname + ".dq2", Exchange: "C.dq2", ExchangeType: "direct", RoutingKey: c.Hostname, Args: c.arguments(nil, ""),
		})
	}
	for i, q := range r.consumed {
		if q.ExchangeType == "" {
			r.consumed[i].ExchangeType = "direct"
		}
		if c.ConsumerPriority != nil {
			args := maps.Clone(q.ConsumerArgs)
			if args == nil {
				args = map[string]any{}
			}
			args["x-priority"] = *c.ConsumerPriority
			r.consumed[i].ConsumerArgs = args
		}
		if !slices.ContainsFunc(known.Known, func(k broker.Queue) bool { return k.Name == q.Name }) {
			known.Known = append(known.Known, r.consumed[i])
		}
	}
	if slices.Contains(rabbitSchemes, schemeOf(c.Broker)) && slices.ContainsFunc(known.Known, isQuorum) {
		r.delay(c.DelayedDeliveryQueueType)
	}
	return r, nil
}

func isQuorum(q broker.Queue) bool { return q.Args["x-queue-type"] == "quorum" }

// arguments are those of a queue: its own, over its type, over those of all.
func (c Config) arguments(own map[string]any, kind string) map[string]any {
	out := maps.Clone(c.QueueArgs)
	if out == nil {
		out = map[string]any{}
	}
	if kind == "quorum" {
		maps.Copy(out, quorumQueue)
	}
	maps.Copy(out, own)
	if _, given := out["x-max-priority"]; !given && c.TaskQueueMaxPriority > 0 {
		out["x-max-priority"] = c.TaskQueueMaxPriority
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// defaultExchange is Celery's: named for the default queue unless it has a name.
func (c Config) defaultExchange() (name, kind string) {
	name, kind = c.TaskDefaultExchange, c.TaskDefaultExchangeType
	or(&name, c.TaskDefaultQueue)
	or(&kind, "direct")
	return name, kind
}

func (c Config) defaultKey() string {
	key := c.TaskDefaultRoutingKey
	or(&key, c.TaskDefaultQueue)
	return key
}

func (c Config) defaultQueue() broker.Queue {
	exchange, kind := c.defaultExchange()
	return broker.Queue{
		Name: c.TaskDefaultQueue, Exchange: exchange, ExchangeType: kind, RoutingKey: c.defaultKey(), Args: c.arguments(nil, c.TaskDefaultQueueType),
	}
}

func (c Config) taskQueue(name string, q TaskQueue) broker.Queue {
	out := broker.Queue{Name: name, Args: c.arguments(q.QueueArguments, ""), ConsumerArgs: q.ConsumerArguments}
	for _, b := range q.Bindings {
		or(&b.ExchangeType, "direct")
		out.Bindings = append(out.Bindings, broker.Binding(b))
	}
	if len(q.Bindings) > 0 {
		out.RoutingKey = c.defaultKey() // as Celery tells of it; only bindings bind
		return out
	}
	out.Exchange, out.ExchangeType, out.RoutingKey = q.Exchange, q.ExchangeType, q.RoutingKey
	or(&out.RoutingKey, q.BindingKey)
	if out.Exchange == "" {
		out.Exchange, out.ExchangeType = c.defaultExchange()
	}
	or(&out.ExchangeType, "direct")
	or(&out.RoutingKey, name)
	return out
}

// delay adds what RabbitMQ needs to hold tasks back until their time: the levels,
// and ways from the last of them to all queues whose exchange is not direct. It is
// what Celery's worker declares, in its order.
func (r *routing) delay(kind string) {
	r.queues.Delayed = true
	or(&kind, "quorum")
	const top = celery.DelayedLevels - 1
	zeroes := func(level int) []broker.Binding { // what this level does not hold back
		return []broker.Binding{{Exchange: celery.DelayedLevel(level), RoutingKey: strings.Repeat("*.", top-level) + "0.#"}}
	}
	for level := top; level >= 0; level-- {
		e := broker.Exchange{Name: celery.DelayedLevel(level), Type: "topic"}
		next := celery.DelayedExchange
		if level > 0 {
			next = celery.DelayedLevel(level - 1)
		}
		if level < top {
			e.Sources = zeroes(level + 1)
		}
		r.delayedExchanges = append(r.delayedExchanges, e)
		args := map[string]any{
			"x-queue-type": kind, "x-overflow": "reject-publish", "x-message-ttl": int64(1000) << level, "x-dead-letter-exchange": next,
		}
		if kind == "quorum" {
			args["x-dead-letter-strategy"] = "at-least-once"
		}
		r.delayedQueues = append(r.delayedQueues, broker.Queue{
			Name: celery.DelayedLevel(level), Args: args,
			Bindings: []broker.Binding{{Exchange: celery.DelayedLevel(level), RoutingKey: strings.Repeat("*.", top-level) + "1.#"}},
		})
	}
	r.delayedExchanges = append(r.delayedExchanges, broker.Exchange{Name: celery.DelayedExchange, Type: "topic", Sources: zeroes(0)})
	for i, q := range r.queues.Known {
		r.queues.Known[i].Bindings = r.arrival(q)
	}
	for i, q := range r.consumed {
		r.consumed[i].Bindings = r.arrival(q)
	}
}

// arrival are the bindings by which a queue gets what was held back for it; its
// exchanges get it, too.
func (r *routing) arrival(q broker.Queue) []broker.Binding {
	bindings := slices.Clone(q.Bindings)
	for _, to := range q.Bound() {
		if to.ExchangeType == "direct" {
			continue
		}
		key := to.RoutingKey
		if !strings.HasPrefix(key, "#") {
			key = "#." + key
		}
		e := broker.Exchange{Name: to.Exchange, Type: to.ExchangeType, Sources: []broker.Binding{{Exchange: celery.DelayedExchange, RoutingKey: key}}}
		if !slices.ContainsFunc(r.delayedExchanges, func(o broker.Exchange) bool { return o.Name == e.Name && slices.Equal(o.Sources, e.Sources) }) {
			r.delayedExchanges = append(r.delayedExchanges, e)
		}
		if key != to.RoutingKey {
			bindings = append(bindings, broker.Binding{Exchange: to.Exchange, RoutingKey: key})
		}
	}
	return bindings
}

// purge drops what waits in the queues that are consumed, if that is configured.
func (h *Host) purge(ctx context.Context) error {
	if !h.cfg.Purge {
		return nil
	}
	purger, ok := h.broker.(broker.Purger)
	if !ok {
		return errors.New("setting purge: this broker cannot drop what waits in its queues")
	}
	for _, q := range h.routing.consumed {
		n, err := purger.Purge(ctx, q)
		if ctx.Err() != nil {
			return nil // told to stop before there was a broker
		}
		if err != nil {
			return fmt.Errorf("setting purge: %w", err)
		}
		h.log.Info("purged: tasks that waited were dropped", logkey.Queue, q.Name, logkey.Count, n)
	}
	return nil
}

// exchanges are those of queues that are published to and perhaps not consumed.
func (r *routing) exchanges() []broker.Exchange {
	out := slices.Clone(r.delayedExchanges)
	for _, q := range r.queues.Known {
		for _, to := range q.Bound() {
			if to.ExchangeType == "" || to.ExchangeType == "direct" {
				continue // published to by the queue's name
			}
			if !slices.ContainsFunc(out, func(e broker.Exchange) bool { return e.Name == to.Exchange }) {
				out = append(out, broker.Exchange{Name: to.Exchange, Type: to.ExchangeType})
			}
		}
	}
	return out
}
