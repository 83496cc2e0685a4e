package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// A command is one of Celery's.
type command struct {
	name string
	run  func(ctx context.Context, a arguments) (json.RawMessage, error)
	// inspect commands change nothing; silent ones have no reply.
	inspect, silent bool
}

var null = json.RawMessage("null")

// all are the commands by name and alias.
func (n *Node) all() map[string]command {
	inspect := func(name string, run func(context.Context, arguments) (json.RawMessage, error)) command {
		return command{name: name, run: run, inspect: true}
	}
	control := func(name string, run func(context.Context, arguments) (json.RawMessage, error)) command {
		return command{name: name, run: run}
	}
	list := []command{
		inspect("ping", func(context.Context, arguments) (json.RawMessage, error) { return ok("pong"), nil }),
		inspect("clock", n.clock), inspect("active", n.active), inspect("reserved", n.reserved), inspect("scheduled", n.scheduled),
		inspect("query_task", n.queryTask), inspect("revoked", n.revoked), inspect("registered", n.registered),
		inspect("active_queues", n.activeQueues), inspect("stats", n.stats), inspect("conf", n.conf), inspect("report", n.report),
		inspect("memsample", n.memsample), inspect("memdump", n.memdump), inspect("objgraph", n.objgraph), inspect("hello", n.hello),
		control("revoke", n.revoke), control("terminate", n.terminate), control("revoke_by_stamped_headers", n.revokeStamped),
		control("rate_limit", n.rateLimit), control("time_limit", n.timeLimit),
		control("add_consumer", n.addConsumer), control("cancel_consumer", n.cancelConsumer),
		control("enable_events", n.enableEvents), control("disable_events", n.disableEvents), control("heartbeat", n.heartbeat),
		control("pool_grow", n.poolGrow), control("pool_shrink", n.poolShrink), control("autoscale", n.autoscale),
		control("pool_restart", n.poolRestart),
		{name: "shutdown", run: n.shutdown, silent: true},
		{name: "election", run: n.election, silent: true},
	}
	out := make(map[string]command, len(list)+7)
	for _, c := range list {
		out[c.name] = c
	}
	for alias, name := range map[string]string{
		"dump_active": "active", "dump_reserved": "reserved", "dump_schedule": "scheduled", "dump_revoked": "revoked",
		"dump_tasks": "registered", "dump_conf": "conf",
	} {
		out[alias] = out[name]
	}
	return out
}

func (n *Node) clock(context.Context, arguments) (json.RawMessage, error) {
	return fmt.Appendf(nil, `{"clock": %d}`, n.Clock().Value()), nil
}

// hello is what workers tell each other when one starts: the ids that are
// revoked, and the time of the clock.
func (n *Node) hello(_ context.Context, a arguments) (json.RawMessage, error) {
	if err := a.need("from_node"); err != nil {
		return nil, err
	}
	if a.text("from_node") == n.Hostname {
		return null, nil
	}
	n.Log.Info("sync with a worker", logkey.Address, a.text("from_node"))
	ids, err := revokedIDs(a.Get("revoked"))
	if err != nil {
		return nil, err
	}
	n.Worker.Revoked.Add(ids...)
	var list []json.RawMessage
	for _, r := range n.Worker.Revoked.List() {
		list = append(list, celery.Quote(r.ID))
	}
	return celery.Object{
		{Key: "revoked", Value: celery.AppendArray(nil, list)}, {Key: "clock", Value: fmt.Appendf(nil, "%d", n.Clock().Forward())},
	}.Append(nil), nil
}

// revokedIDs reads what workers of any age send: a list, or a map by id.
func revokedIDs(raw json.RawMessage) ([]string, error) {
	if len(raw) > 0 && raw[0] == '{' {
		members, err := celery.Members(raw)
		if err != nil {
			return nil, raise("ValueError", err.Error())
		}
		ids := make([]string, len(members))
		for i, m := range members {
			ids[i] = m.Key
		}
		return ids, nil
	}
	return texts(raw)
}

func (n *Node) rateLimit(_ context.Context, a arguments) (json.RawMessage, error) {
	if err := a.need("task_name", "rate_limit"); err != nil {
		return nil, err
	}
	rate, isText := celery.Text(a.Get("rate_limit"))
	if raw := a.Get("rate_limit"); !isText && !celery.IsNull(raw) && string(raw) != "0" && string(raw) != "false" {
		rate = string(raw)
	}
	name := a.text("task_name")
	served, err := n.Worker.SetRateLimit(name, rate)
	if wrong, is := errors.AsType[*celery.RateError](err); is && wrong.Unit {
		return nil, exception{wrong.Error()}
	} else if err != nil {
		return nok("Invalid rate limit string: " + err.Error()), nil
	}
	switch {
	case !served:
		n.Log.Error("rate limit attempt for unknown task", logkey.Task, name)
		return nok("unknown task"), nil
	case rate == "":
		n.Log.Info("rate limit disabled", logkey.Task, name)
		return ok("rate limit disabled successfully"), nil
	}
	n.Log.Info("new rate limit", logkey.Task, name, logkey.Reason, rate)
	return ok("new rate limit set successfully"), nil
}

func (n *Node) timeLimit(_ context.Context, a arguments) (json.RawMessage, error) {
	hard, err := a.float("hard")
	if err != nil {
		return nil, err
	}
	soft, err := a.float("soft")
	if err != nil {
		return nil, err
	}
	if !n.Worker.SetTimeLimits(a.text("task_name"), hard, soft) {
		return nok("unknown task"), nil
	}
	n.Log.Info("new time limits", logkey.Task, a.text("task_name"))
	return ok("time limits set successfully"), nil
}

func (n *Node) addConsumer(ctx context.Context, a arguments) (json.RawMessage, error) {
	if err := a.need("queue"); err != nil {
		return nil, err
	}
	name := a.text("queue")
	if name == "" {
		return nil, raise("ValueError", "the queue has no name")
	}
	q, known := n.queues.get(name)
	if !known {
		q, known = n.Known.Lookup(name)
	}
	if !known {
		q = broker.Queue{Name: name, Exchange: a.text("exchange"), ExchangeType: a.text("exchange_type"), RoutingKey: a.text("routing_key"), Args: n.Known.MissingArgs}
		q.Exchange, q.ExchangeType, q.RoutingKey = cmp.Or(q.Exchange, name), cmp.Or(q.ExchangeType, "direct"), cmp.Or(q.RoutingKey, name)
	}
	// Celery answers before it declares.
	n.consuming.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), consumeTimeout)
		defer cancel()
		if err := n.Tasks.Consume(ctx, q); err != nil {
			n.Log.Error("queue not consumed", logkey.Queue, q.Name, logkey.Error, err)
			return
		}
		n.queues.add(q)
		n.Log.Info("started consuming", logkey.Queue, q.Name)
	})
	return ok("add consumer " + q.Name), nil
}

// consumeTimeout bounds how long a broker may take to begin with a queue.
const consumeTimeout = 10 * time.Second

func (n *Node) cancelConsumer(ctx context.Context, a arguments) (json.RawMessage, error) {
	if err := a.need("queue"); err != nil {
		return nil, err
	}
	name := a.text("queue")
	n.queues.remove(name)
	if err := n.Tasks.Cancel(ctx, name); err != nil {
		return nil, raise("RuntimeError", err.Error())
	}
	n.Log.Info("stopped consuming", logkey.Queue, name)
	return ok("no longer consuming from " + name), nil
}

func (n *Node) enableEvents(_ context.Context, a arguments) (json.RawMessage, error) {
	if err := a.only(); err != nil {
		return nil, err
	}
	if n.EventsForced || !n.Events.SetTaskEvents(true) {
		return ok("task events already enabled"), nil
	}
	return ok("task events enabled"), nil
}

func (n *Node) disableEvents(_ context.Context, a arguments) (json.RawMessage, error) {
	if err := a.only(); err != nil {
		return nil, err
	}
	if n.EventsForced || !n.Events.SetTaskEvents(false) {
		return ok("task events already disabled"), nil
	}
	return ok("task events disabled"), nil
}

func (n *Node) heartbeat(_ context.Context, a arguments) (json.RawMessage, error) {
	if err := a.only(); err != nil {
		return nil, err
	}
	n.Events.Heartbeat()
	return null, nil
}

func (n *Node) shutdown(_ context.Context, a arguments) (json.RawMessage, error) {
	message := a.text("msg")
	if message == "" {
		message = "Got shutdown from remote"
	}
	n.Log.Warn(message)
	n.Shutdown()
	return null, nil
}

// election has the worker stand for an election, of which all others hear too.
func (n *Node) election(ctx context.Context, a arguments) (json.RawMessage, error) {
	if err := a.need("id", "topic"); err != nil || n.Gossip == nil {
		return nil, err
	}
	return null, n.Gossip.Elect(ctx, a.text("id"), a.text("topic"), a.Get("action"))
}
