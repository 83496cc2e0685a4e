package canvas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// A Message is a task to send and where to.
type Message struct {
	Task *celery.Task
	// Queue is the queue's name, empty for the default one. With Exchange and
	// RoutingKey, those are used instead, as Celery's send_task has it.
	Queue, Exchange, RoutingKey, ExchangeType string
	// Transient messages need not outlive a restart of the broker; nil leaves it to
	// the sender's settings, as empty does the following two.
	Transient *bool
	// Serializer and Compression are how the body is written, by kombu's names.
	Serializer, Compression string
}

// A Dispatcher sends what follows one task. It is used by one goroutine.
type Dispatcher struct {
	// Publish sends a message and returns once the broker has it.
	Publish func(ctx context.Context, m Message) error
	// Chords counts the parts of chords; nil means that the result backend
	// cannot, and a chord is an error.
	Chords result.Chords
	// Unlock has chords of a backend without counts started by celery.chord_unlock,
	// which looks at the results of their headers every UnlockEvery: the backend must
	// keep results.
	Unlock      bool
	UnlockEvery time.Duration
	// ReplyTo is where results of tasks go that nobody else asked for, and
	// Origin who sends: Celery's oid and "gen<pid>@<host>".
	ReplyTo, Origin string
	// NewID makes task and group ids.
	NewID func() string
	// Registered reports whether this worker serves a task, and the options that it
	// has here, of which IgnoreResult is always set. Nil serves none.
	Registered func(name string) (options abi.TaskOptions, ok bool)
	// Parent is the task that sends.
	Parent *celery.Task
	// InheritPriority gives what is sent the parent's priority: Celery's
	// task_inherit_parent_priority. Priority is that of registered tasks whose
	// signatures give none, nil for none: task_default_priority.
	InheritPriority bool
	Priority        *uint8
	// HeaderErrbacks links a chord's errbacks to the tasks of its header, too:
	// Celery's task_allow_error_cb_on_chord_header.
	HeaderErrbacks bool
	// Inline calls an errback in this process, as Celery does with those that
	// take (request, exc, traceback), of which failed is the request; false means
	// that it is to be sent as a message. Nil calls none.
	Inline func(ctx context.Context, errback *Signature, failed *celery.Task, exc *celery.Exception) bool

	children []*Result
}

// Children are the results of all that was sent, as the JSON array that a
// result document has.
func (d *Dispatcher) Children() json.RawMessage { return appendResults(nil, d.children) }

// trail remembers a sent task as the parent's child.
func (d *Dispatcher) trail(r *Result) { d.children = append(d.children, r) }

// ErrNoChords says that the result backend cannot count the parts of chords.
var ErrNoChords = errors.New("this result backend does not support chords")

// chords returns the backend's chords, or Celery's own error where it has none.
func (d *Dispatcher) chords() (result.Chords, error) {
	if d.Chords != nil {
		return d.Chords, nil
	}
	if d.Unlock {
		return uncounted{}, nil
	}
	return nil, &UnsupportedError{}
}

// An UnsupportedError says in Celery's words that the result backend has no
// chords.
type UnsupportedError struct{}

// Error implements error.
func (*UnsupportedError) Error() string {
	return `The "rpc" result backend does not support chords!

Note that a group chained with a task is also upgraded to be a chord,
as this pattern requires synchronization.

Result backends that supports chords: Redis, Database, Memcached, and more.`
}

// Unwrap returns [ErrNoChords].
func (*UnsupportedError) Unwrap() error { return ErrNoChords }

// Apply sends a signature with arguments in front of its own. options are those
// of the call; Celery's nulls among them say nothing.
func (d *Dispatcher) Apply(ctx context.Context, s *Signature, args []json.RawMessage) (*Result, error) {
	return d.apply(ctx, s, args, nil, nil)
}

func (d *Dispatcher) apply(ctx context.Context, s *Signature, args []json.RawMessage, kwargs celery.Object, options Options) (*Result, error) {
	switch s.kind {
	case chain:
		return d.applyChain(ctx, s, args, kwargs, options)
	case group:
		return d.applyGroup(ctx, s, args, kwargs, options)
	case chord:
		return d.applyChord(ctx, s, args, kwargs, options)
	}
	options = options.withoutNulls()
	args, listed := s.arguments(args)
	return d.send(ctx, s.Task, args, s.keywordsWith(kwargs), s.Options.merge(options), listed)
}

func (o Options) withoutNulls() Options {
	return slices.DeleteFunc(slices.Clone(o), option.isNull)
}

// Call is a client's apply_async of a task that is registered and send_task of
// one that is not: args is a JSON array, kwargs and options are objects; each
// may be empty.
func (d *Dispatcher) Call(ctx context.Context, name string, args, kwargs, options json.RawMessage) (*Result, error) {
	s, err := Parse(fmt.Appendf(nil, `{"task": %s, "args": %s, "kwargs": %s, "options": %s}`,
		celery.Quote(name), orNull(args), orNull(kwargs), orNull(options)))
	if err != nil {
		return nil, err
	}
	return d.send(ctx, name, s.Args, s.Kwargs, s.Options.withoutNulls(), len(s.Args) > 0)
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// send is Celery's apply_async and send_task of one task.
func (d *Dispatcher) send(ctx context.Context, name string, args []json.RawMessage, kwargs celery.Object, o Options, listed bool) (*Result, error) {
	registered := false
	if d.Registered != nil {
		var own abi.TaskOptions
		var err error
		if own, registered = d.Registered(name); registered {
			if o, err = o.over(own); err != nil {
				return nil, fmt.Errorf("send %s: %w", name, err)
			}
		}
	}
	t := &celery.Task{
		Protocol: 2, Name: name, Args: args, Kwargs: kwargs, ID: o.text("task_id"), Shadow: o.text("shadow"), Lang: "py",
		Group: o.text("group_id"), RootID: o.text("root_id"), ParentID: o.text("parent_id"),
		Origin: o.text("origin"), ReplyTo: o.text("reply_to"),
	}
	if t.ID == "" {
		t.ID = d.NewID()
	}
	t.CorrelationID = t.ID
	if t.RootID == "" && d.Parent != nil {
		t.RootID = d.Parent.Root()
	}
	if t.RootID == "" {
		t.RootID = t.ID
	}
	if t.ParentID == "" && d.Parent != nil {
		t.ParentID = d.Parent.ID
	}
	if t.Origin == "" {
		t.Origin = d.Origin
	}
	if t.ReplyTo == "" {
		t.ReplyTo = d.ReplyTo
	}
	t.ArgsRepr, t.KwargsRepr = celery.ArgsRepr(args, celery.ReprLimit), celery.KwargsRepr(kwargs, celery.ReprLimit)
	if listed && len(args) > 0 {
		t.ArgsRepr = celery.SafeRepr(celery.AppendArray(nil, args), celery.ReprLimit)
	}
	var bad []error
	number := func(key string) *float64 {
		f, err := o.number(key)
		bad = append(bad, err)
		return f
	}
	t.TimeLimit, t.SoftTimeLimit = number("time_limit"), number("soft_time_limit")
	t.GroupIndex = asInt(number("group_index"))
	t.Retries = orZero(asInt(number("retries")))
	t.ReplacedTaskNesting = orZero(asInt(number("replaced_task_nesting")))
	var err error
	if t.ETA, err = o.moment("eta"); err != nil {
		bad = append(bad, err)
	}
	if countdown := number("countdown"); countdown != nil && *countdown != 0 {
		t.ETA = later(*countdown)
	}
	if t.Expires, err = o.moment("expires"); err != nil {
		bad = append(bad, err)
	}
	if raw := o.get("ignore_result"); raw != nil {
		t.IgnoreResult = new(string(raw) == "true")
	}
	if bad = append(bad, o.priority(t, registered, d)); errors.Join(bad...) != nil {
		return nil, fmt.Errorf("send %s: %w", name, errors.Join(bad...))
	}
	if t.StampedHeaders = o.stamps(); len(t.StampedHeaders) > 0 {
		t.Stamps = make(map[string]any, len(t.StampedHeaders))
		for _, stamp := range t.StampedHeaders {
			t.Stamps[stamp] = celery.HeaderValue(o.get(stamp))
		}
	} else if !o.has("stamped_headers") || o.get("stamped_headers") == nil {
		t.StampedHeaders = nil
	}
	if headers, err := celery.Members(o.get("headers")); err == nil {
		for _, h := range headers {
			if t.Headers == nil {
				t.Headers = make(map[string]any, len(headers))
			}
			t.Headers[h.Key] = celery.HeaderValue(h.Value)
		}
	}
	t.Embed = celery.Embed{Callbacks: asList(o.get("link")), Errbacks: asList(o.get("link_error")), Chain: asList(o.get("chain")), Chord: o.get("chord")}
	m := Message{
		Task: t, Queue: o.text("queue"), Exchange: o.text("exchange"), RoutingKey: o.text("routing_key"), ExchangeType: o.text("exchange_type"),
		Serializer: o.text("serializer"), Compression: o.text("compression"),
	}
	if mode := number("delivery_mode"); mode != nil {
		m.Transient = new(*mode == 1)
	} else if mode := o.text("delivery_mode"); mode != "" {
		m.Transient = new(mode == "transient")
	}
	if err := d.Publish(ctx, m); err != nil {
		return nil, fmt.Errorf("send %s[%s]: %w", name, t.ID, err)
	}
	r := &Result{ID: t.ID}
	if string(o.get("add_to_parent")) != "false" {
		d.trail(r)
	}
	return r, nil
}

// priority sets that of the message: zero unless something else is said. A
// registered task that is sent to a queue by name has none, as with Celery.
func (o Options) priority(t *celery.Task, registered bool, d *Dispatcher) error {
	p, err := o.number("priority")
	if err != nil {
		return err
	}
	// Celery looks for the parent only of what does not name it, as errbacks do.
	inherits := d.InheritPriority && (o.get("root_id") == nil || o.get("parent_id") == nil)
	if p == nil && !o.has("priority") && inherits && d.Parent != nil && d.Parent.Priority != nil {
		t.Priority = d.Parent.Priority
		return nil
	}
	if p == nil && !o.has("priority") && registered && d.Priority != nil {
		t.Priority = d.Priority
		return nil
	}
	switch {
	case p != nil:
		if *p < 0 || *p > 255 {
			return fmt.Errorf("priority %v is not between 0 and 255", *p)
		}
		n := uint8(*p)
		t.Priority = &n
	case o.get("queue") == nil || !registered && !o.has("priority"):
		t.Priority = new(uint8)
	}
	return nil
}

func asList(raw json.RawMessage) json.RawMessage {
	if len(raw) > 0 && raw[0] == '{' {
		return celery.AppendArray(nil, []json.RawMessage{raw})
	}
	return raw
}

// number reads an option that is a number; nil means that it is not there.
func (o Options) number(key string) (*float64, error) {
	raw := o.get(key)
	if raw == nil || raw[0] == '"' && key == "delivery_mode" {
		return nil, nil
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return nil, fmt.Errorf("option %s is %s, not a number", key, celery.SafeRepr(raw, 64))
	}
	return &f, nil
}

func asInt(f *float64) *int {
	if f == nil {
		return nil
	}
	n := int(*f)
	return &n
}

func orZero(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// moment reads an option that is a time: seconds from now, ISO 8601 text, or a
// datetime as Celery's JSON has it.
func (o Options) moment(key string) (*time.Time, error) {
	raw := o.get(key)
	if raw == nil {
		return nil, nil
	}
	if raw[0] == '{' {
		members, err := celery.Members(raw)
		if err != nil {
			return nil, fmt.Errorf("option %s: %w", key, err)
		}
		raw = members.Get("__value__")
	}
	if s, ok := celery.Text(raw); ok {
		at, err := celery.ParseTime(s)
		if err != nil {
			return nil, fmt.Errorf("option %s: %w", key, err)
		}
		return &at, nil
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return nil, fmt.Errorf("option %s is %s, not a time", key, celery.SafeRepr(raw, 64))
	}
	return later(f), nil
}

// later is so many seconds from now, within what a time can say.
func later(seconds float64) *time.Time {
	const century = 100 * 365 * 24 * 3600
	seconds = min(max(seconds, -century), century)
	at := time.Now().UTC().Add(time.Duration(seconds * float64(time.Second))).Truncate(time.Microsecond)
	return &at
}
