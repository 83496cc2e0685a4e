package control

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// info describes a request as Celery's Request.info does. safe gives the
// arguments as text.
func (n *Node) info(r worker.RequestInfo, safe bool) json.RawMessage {
	args, kwargs := json.RawMessage(celery.AppendArray(nil, r.Args)), json.RawMessage(r.Kwargs.Append(nil))
	if safe {
		args, kwargs = celery.Quote(r.ArgsRepr), celery.Quote(r.KwargsRepr)
	}
	started, pid := null, null
	if !r.Started.IsZero() {
		started = pyfloat.AppendJSON(nil, float64(r.Started.UnixMicro())/1e6)
		pid = fmt.Appendf(nil, "%d", os.Getpid())
	}
	priority := null
	if r.Priority != nil {
		priority = fmt.Appendf(nil, "%d", *r.Priority)
	}
	return celery.Object{
		{Key: "id", Value: celery.Quote(r.ID)}, {Key: "name", Value: celery.Quote(r.ShownName())},
		{Key: "args", Value: args}, {Key: "kwargs", Value: kwargs}, {Key: "type", Value: celery.Quote(r.Name)},
		{Key: "hostname", Value: celery.Quote(n.Hostname)}, {Key: "time_start", Value: started},
		{Key: "acknowledged", Value: boolean(r.Acknowledged)},
		{Key: "delivery_info", Value: celery.Object{
			{Key: "exchange", Value: celery.Quote(r.Exchange)}, {Key: "routing_key", Value: celery.Quote(r.RoutingKey)},
			{Key: "priority", Value: priority}, {Key: "redelivered", Value: boolean(r.Redelivered)},
		}.Append(nil)},
		{Key: "worker_pid", Value: pid},
	}.Append(nil)
}

func boolean(b bool) json.RawMessage { return strconv.AppendBool(nil, b) }

func (n *Node) list(stage worker.Stage, safe bool) json.RawMessage {
	var out []json.RawMessage
	for _, r := range n.Worker.Requests(stage) {
		out = append(out, n.info(r, safe))
	}
	return celery.AppendArray(nil, out)
}

func (n *Node) active(_ context.Context, a arguments) (json.RawMessage, error) {
	return n.list(worker.StageActive, a.bool("safe")), nil
}

func (n *Node) reserved(context.Context, arguments) (json.RawMessage, error) {
	return n.list(worker.StageReserved, false), nil
}

func (n *Node) scheduled(context.Context, arguments) (json.RawMessage, error) {
	requests := n.Worker.Requests(worker.StageScheduled)
	slices.SortStableFunc(requests, func(a, b worker.RequestInfo) int { return a.ETA.Compare(*b.ETA) })
	var out []json.RawMessage
	for _, r := range requests {
		out = append(out, celery.Object{
			{Key: "eta", Value: celery.Quote(celery.FormatTime(*r.ETA))}, {Key: "priority", Value: json.RawMessage("6")},
			{Key: "request", Value: n.info(r, false)},
		}.Append(nil))
	}
	return celery.AppendArray(nil, out), nil
}

func (n *Node) queryTask(_ context.Context, a arguments) (json.RawMessage, error) {
	if err := a.need("ids"); err != nil {
		return nil, err
	}
	ids, err := a.texts("ids")
	if err != nil {
		return nil, err
	}
	var out celery.Object
	for _, id := range unique(ids) {
		if r, ok := n.Worker.Request(id); ok && r.Stage != worker.StageLimited {
			out = append(out, celery.Member{Key: id, Value: celery.AppendArray(nil, []json.RawMessage{celery.Quote(string(r.Stage)), n.info(r, false)})})
		}
	}
	return out.Append(nil), nil
}

func (n *Node) revoked(context.Context, arguments) (json.RawMessage, error) {
	var out []json.RawMessage
	for _, r := range n.Worker.Revoked.List() {
		out = append(out, celery.Quote(r.ID))
	}
	return celery.AppendArray(nil, out), nil
}

func (n *Node) registered(_ context.Context, a arguments) (json.RawMessage, error) {
	items, err := a.texts("taskinfoitems")
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		items = []string{"exchange", "routing_key", "rate_limit"}
	}
	names := slices.Clone(n.Served())
	if a.bool("builtins") {
		names = append(names, worker.BuiltinTasks...)
	}
	slices.Sort(names)
	var out []json.RawMessage
	for _, name := range slices.Compact(names) {
		options, ok := n.Worker.TaskOptions(name)
		if !ok {
			continue
		}
		attributes := attributesOf(name, options)
		var shown []string
		for _, item := range items {
			if value, ok := attributes[item]; ok && !strings.HasPrefix(item, "_") {
				shown = append(shown, item+"="+value)
			}
		}
		if len(shown) > 0 {
			name += " [" + strings.Join(shown, " ") + "]"
		}
		out = append(out, celery.Quote(name))
	}
	return celery.AppendArray(nil, out), nil
}

// attributesOf are the attributes of a task as Python prints them, with
// Celery's defaults.
func attributesOf(name string, o abi.TaskOptions) map[string]string {
	out := map[string]string{
		"name": name, "serializer": "json", "max_retries": "3", "default_retry_delay": "180", "acks_late": "False",
		"ignore_result": "False", "track_started": "False", "acks_on_failure": "True", "acks_on_timeout": "True",
		"send_events": "True",
	}
	data, err := json.Marshal(o)
	if err != nil {
		return out
	}
	members, err := celery.Members(data)
	if err != nil {
		return out
	}
	for _, m := range members {
		if s, ok := celery.Text(m.Value); ok {
			if s == "" {
				delete(out, m.Key)
			} else {
				out[m.Key] = s
			}
			continue
		}
		out[m.Key] = celery.Repr(m.Value)
	}
	if o.MaxRetries != nil && *o.MaxRetries < 0 {
		delete(out, "max_retries") // None
	}
	return out
}

// queues are the task queues that are consumed now.
type queues struct {
	mu   sync.Mutex
	list []broker.Queue
	all  map[string]broker.Queue // also those consumed once
}

func newQueues(list []broker.Queue) *queues {
	q := &queues{all: map[string]broker.Queue{}}
	for _, one := range list {
		q.add(one)
	}
	return q
}

func (q *queues) add(one broker.Queue) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all[one.Name] = one
	if !slices.ContainsFunc(q.list, func(o broker.Queue) bool { return o.Name == one.Name }) {
		q.list = append(q.list, one)
	}
}

func (q *queues) remove(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = slices.DeleteFunc(slices.Clone(q.list), func(o broker.Queue) bool { return o.Name == name })
}

func (q *queues) get(name string) (broker.Queue, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	one, ok := q.all[name]
	return one, ok
}

func (q *queues) consumed() []broker.Queue {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.list
}

func (n *Node) activeQueues(_ context.Context, a arguments) (json.RawMessage, error) {
	if err := a.only(); err != nil {
		return nil, err
	}
	var out []json.RawMessage
	for _, q := range n.queues.consumed() {
		exchange, bindings := null, json.RawMessage("[]")
		if q.Exchange != "" {
			exchange = exchangeOf(q.Exchange, q.ExchangeType, q.TransientExchange)
		} else {
			bindings = bindingsOf(q)
		}
		out = append(out, celery.Object{
			{Key: "name", Value: celery.Quote(q.Name)}, {Key: "exchange", Value: exchange},
			{Key: "routing_key", Value: celery.Quote(q.RoutingKey)}, {Key: "queue_arguments", Value: table(q.Args)},
			{Key: "binding_arguments", Value: null}, {Key: "consumer_arguments", Value: table(q.ConsumerArgs)},
			{Key: "durable", Value: boolean(!q.TransientQueue)}, {Key: "exclusive", Value: boolean(q.TransientQueue)},
			{Key: "auto_delete", Value: boolean(q.TransientQueue)}, {Key: "no_ack", Value: boolean(q.NoAck)}, {Key: "alias", Value: null},
			{Key: "bindings", Value: bindings}, {Key: "no_declare", Value: null}, {Key: "expires", Value: null},
			{Key: "message_ttl", Value: null}, {Key: "max_length", Value: null}, {Key: "max_length_bytes", Value: null}, {Key: "max_priority", Value: null},
		}.Append(nil))
	}
	return celery.AppendArray(nil, out), nil
}

// exchangeOf and bindingsOf describe what a queue is bound to, as kombu does. A queue
// with an exchange of its own has no bindings there.
func exchangeOf(name, kind string, transient bool) json.RawMessage {
	if kind == "" {
		kind = "direct"
	}
	return celery.Object{
		{Key: "name", Value: celery.Quote(name)}, {Key: "type", Value: celery.Quote(kind)}, {Key: "arguments", Value: null},
		{Key: "durable", Value: boolean(!transient)}, {Key: "passive", Value: boolean(false)},
		{Key: "auto_delete", Value: boolean(false)}, {Key: "delivery_mode", Value: null}, {Key: "no_declare", Value: boolean(false)},
	}.Append(nil)
}

func bindingsOf(q broker.Queue) json.RawMessage {
	var out []json.RawMessage
	for _, b := range q.Bindings {
		out = append(out, celery.Object{
			{Key: "exchange", Value: exchangeOf(b.Exchange, b.ExchangeType, q.TransientExchange)}, {Key: "routing_key", Value: celery.Quote(b.RoutingKey)},
			{Key: "arguments", Value: null}, {Key: "unbind_arguments", Value: null},
		}.Append(nil))
	}
	return celery.AppendArray(nil, out)
}

// table is a queue's arguments, null for none.
func table(args map[string]any) json.RawMessage {
	if args == nil {
		return null
	}
	data, err := json.Marshal(args)
	if err != nil {
		return null
	}
	return data
}

func (n *Node) stats(context.Context, arguments) (json.RawMessage, error) {
	totals := n.Worker.Totals()
	var total celery.Object
	for _, name := range slices.Sorted(maps.Keys(totals)) {
		total = append(total, celery.Member{Key: name, Value: fmt.Appendf(nil, "%d", totals[name])})
	}
	out := celery.Object{
		{Key: "total", Value: total.Append(nil)}, {Key: "pid", Value: fmt.Appendf(nil, "%d", os.Getpid())},
		{Key: "clock", Value: celery.Quote(fmt.Sprint(n.Clock().Value()))},
		{Key: "uptime", Value: fmt.Appendf(nil, "%d", int(time.Since(n.started).Seconds()))},
		{Key: "pool", Value: n.pool()},
	}
	if n.Autoscaler != nil {
		b := n.Autoscaler.Bounds()
		out = append(out, celery.Member{Key: "autoscaler", Value: fmt.Appendf(nil, `{"max": %d, "min": %d, "current": %d, "qty": %d}`, b.Max, b.Min, b.Current, b.Wanted)})
	}
	out = append(out, celery.Object{
		{Key: "broker", Value: n.Broker.encode()},
		{Key: "prefetch_count", Value: fmt.Appendf(nil, "%d", n.Worker.PrefetchCount())}, {Key: "rusage", Value: rusage()},
	}...)
	return out.Append(nil), nil
}

func (n *Node) pool() json.RawMessage {
	slots := n.Worker.Slots()
	begun := n.Worker.Stats().Begun
	return celery.Object{
		{Key: "implementation", Value: celery.Quote("sparkstalk.module:Registry")},
		{Key: "max-concurrency", Value: fmt.Appendf(nil, "%d", slots)},
		// One process runs all: clients count these, and show them.
		{Key: "processes", Value: fmt.Appendf(nil, "[%d]", os.Getpid())},
		{Key: "max-tasks-per-child", Value: celery.Quote("N/A")}, {Key: "put-guarded-by-semaphore", Value: boolean(false)},
		{Key: "timeouts", Value: celery.AppendArray(nil, []json.RawMessage{secondsOf(n.Worker.SoftTimeLimit), secondsOf(n.Worker.TimeLimit)})},
		{Key: "writes", Value: celery.Object{
			{Key: "total", Value: fmt.Appendf(nil, "%d", begun)}, {Key: "avg", Value: celery.Quote("1.00")},
			{Key: "all", Value: celery.Quote("1.00")}, {Key: "raw", Value: celery.Quote(fmt.Sprint(begun))}, {Key: "strategy", Value: celery.Quote("fair")},
			{Key: "inqueues", Value: json.RawMessage(`{"total": 0, "active": 0}`)},
		}.Append(nil)},
	}.Append(nil)
}

func secondsOf(d time.Duration) json.RawMessage {
	return strconv.AppendFloat(nil, d.Seconds(), 'f', -1, 64)
}

func (n *Node) conf(_ context.Context, a arguments) (json.RawMessage, error) {
	return n.Settings(a.bool("with_defaults")).Append(nil), nil
}

func (n *Node) report(_ context.Context, a arguments) (json.RawMessage, error) {
	if err := a.only(); err != nil {
		return nil, err
	}
	return ok(n.Report()), nil
}

func (n *Node) memsample(context.Context, arguments) (json.RawMessage, error) {
	rss := residentMemory()
	if rss == 0 {
		return null, nil
	}
	return celery.Quote(megabytes(rss)), nil
}

func (n *Node) memdump(context.Context, arguments) (json.RawMessage, error) {
	rss := megabytes(residentMemory())
	return celery.Quote("- rss (sample):\n-    > " + rss + ",\n- rss (end): " + rss + ".\n"), nil
}

// megabytes prints as Celery's humanbytes does.
func megabytes(n int64) string {
	return strconv.FormatFloat(float64(n)/(1<<20), 'f', 3, 64) + "MB"
}

// objgraph draws Python's objects, of which there are none here.
func (n *Node) objgraph(_ context.Context, a arguments) (json.RawMessage, error) {
	if err := a.only("num", "max_depth", "type"); err != nil {
		return nil, err
	}
	return nil, raise("ImportError", "Requires the objgraph library")
}
