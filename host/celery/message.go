// Package celery holds Celery's formats: task messages of both protocols,
// results, exceptions, events and remote control. It is pure functions over
// bytes and does no I/O.
//
// JSON that is only passed on, such as arguments and results, keeps its bytes:
// 2.0 stays 2.0, big integers stay exact, and what only Python writes (NaN,
// Infinity) is accepted.
package celery

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ContentType is the type of all bodies that are written, and the only one that
// is read.
const ContentType = "application/json"

// An Incoming is a message as the broker delivered it. Header values are those
// of JSON; integers may be of any Go type.
type Incoming struct {
	Headers         map[string]any
	Body            []byte
	ContentType     string
	ContentEncoding string
	CorrelationID   string
	ReplyTo         string
	DeliveryInfo
}

// DeliveryInfo is how a message came.
type DeliveryInfo struct {
	Exchange, RoutingKey string
	// Priority is nil where the sender gave none.
	Priority    *uint8
	Redelivered bool
}

// An Outgoing is a message to publish. Header values are nil, bool, int64,
// float64, string, []any and map[string]any.
type Outgoing struct {
	Headers         map[string]any
	Body            []byte
	ContentType     string
	ContentEncoding string
	CorrelationID   string
	ReplyTo         string
	Priority        *uint8
	Persistent      bool
	// Expiration is how long the broker may keep the message; zero is for ever.
	Expiration time.Duration
}

// A Task is a request to run a task, whichever protocol it came by.
type Task struct {
	// Protocol is 2 or 1. Messages are always written as 2.
	Protocol int
	ID       string
	// Name is the registered name; Shadow, when not empty, is the name to show.
	Name, Shadow string
	Args         []json.RawMessage
	Kwargs       Object
	// ArgsRepr and KwargsRepr are the arguments as text, as the sender wrote
	// them or, where it did not, as Celery would have.
	ArgsRepr, KwargsRepr string
	// ETA is the time before which the task must not run, Expires the one after
	// which it must not begin.
	ETA, Expires *time.Time
	Group        string
	GroupIndex   *int
	Retries      int
	// TimeLimit and SoftTimeLimit are in seconds.
	TimeLimit, SoftTimeLimit *float64
	// RootID is as sent, empty from senders that know of no trees: see [Task.Root].
	RootID, ParentID string
	// Lang is the sender's language and Origin the sender.
	Lang, Origin string
	// IgnoreResult is nil where the task's own setting decides.
	IgnoreResult        *bool
	ReplacedTaskNesting int
	StampedHeaders      []string
	Stamps              map[string]any
	// Headers are the sender's own, which a retry sends again.
	Headers map[string]any

	ReplyTo, CorrelationID string
	Embed                  Embed
	DeliveryInfo
}

// An Embed is what follows a task, as raw JSON. A field is nil where there is
// nothing; Callbacks, Errbacks and Chain are arrays of signatures.
type Embed struct {
	Callbacks, Errbacks json.RawMessage
	// Chain holds the next step last.
	Chain json.RawMessage
	// Chord is the body of the chord whose header the task is part of.
	Chord json.RawMessage
}

// Composed reports whether anything follows the task.
func (e Embed) Composed() bool {
	for _, part := range []json.RawMessage{e.Callbacks, e.Errbacks, e.Chain, e.Chord} {
		if part = trim(part); len(part) > 2 && len(trim(part[1:len(part)-1])) > 0 {
			return true
		}
	}
	return false
}

func (e Embed) append(dst []byte) []byte {
	dst = appendRaw(append(dst, `{"callbacks": `...), e.Callbacks)
	dst = appendRaw(append(dst, `, "errbacks": `...), e.Errbacks)
	dst = appendRaw(append(dst, `, "chain": `...), e.Chain)
	dst = appendRaw(append(dst, `, "chord": `...), e.Chord)
	return append(dst, '}')
}

// NewTask returns a request to run a task, the root of its own tree. kwargs are
// sent in the order of their names. The error names an argument that is not JSON.
func NewTask(id, name string, args []json.RawMessage, kwargs map[string]json.RawMessage) (*Task, error) {
	if id == "" || name == "" {
		return nil, errors.New("a task needs an id and a name")
	}
	t := &Task{Protocol: 2, ID: id, Name: name, RootID: id, CorrelationID: id, Args: args, Lang: "py"}
	var bad []error
	for i, a := range args {
		if err := Valid(a); err != nil {
			bad = append(bad, fmt.Errorf("argument %d of %s: %w", i, name, err))
		}
	}
	for key, value := range kwargs {
		if err := Valid(value); err != nil {
			bad = append(bad, fmt.Errorf("argument %s of %s: %w", key, name, err))
		}
		t.Kwargs = append(t.Kwargs, Member{Key: key, Value: value})
	}
	if err := errors.Join(bad...); err != nil {
		return nil, err
	}
	slices.SortFunc(t.Kwargs, func(a, b Member) int { return strings.Compare(a.Key, b.Key) })
	t.ArgsRepr, t.KwargsRepr = ArgsRepr(t.Args, ReprLimit), KwargsRepr(t.Kwargs, ReprLimit)
	return t, nil
}

// ShownName is the name for logs, events and inspection.
func (t *Task) ShownName() string {
	if t.Shadow != "" {
		return t.Shadow
	}
	return t.Name
}

// Root is the id of the first task of the tree that t belongs to.
func (t *Task) Root() string {
	if t.RootID != "" {
		return t.RootID
	}
	return t.ID
}

// Arguments returns the arguments as one JSON object, {"args": [...],
// "kwargs": {...}}, in which each value has the bytes that were sent.
func (t *Task) Arguments() []byte {
	size := 32
	for _, a := range t.Args {
		size += len(a) + 2
	}
	for _, m := range t.Kwargs {
		size += len(m.Key) + len(m.Value) + 8
	}
	dst := AppendArray(append(make([]byte, 0, size), `{"args": `...), t.Args)
	return append(t.Kwargs.Append(append(dst, `, "kwargs": `...)), '}')
}

// EncodeTask returns the message that sends t, of protocol 2 and with the
// headers that a Python client writes. A task that expires also does so in the
// broker's queue. DeliveryInfo but for its Priority says nothing here.
func EncodeTask(t *Task) Outgoing {
	body := AppendArray([]byte{'['}, t.Args)
	body = t.Kwargs.Append(append(body, ", "...))
	body = t.Embed.append(append(body, ", "...))
	out := Outgoing{
		Headers: t.header(), Body: append(body, ']'), ContentType: ContentType, ContentEncoding: "utf-8",
		CorrelationID: t.CorrelationID, ReplyTo: t.ReplyTo, Priority: t.Priority, Persistent: true,
	}
	if out.CorrelationID == "" {
		out.CorrelationID = t.ID
	}
	if t.Expires != nil {
		// One that is over already must not look like one that never ends.
		out.Expiration = max(time.Until(*t.Expires).Round(time.Millisecond), time.Millisecond) // what AMQP can say
	}
	return out
}

// strippedHeaders are those with which RabbitMQ marks dead letters: sent again,
// they would make it take the message for one that goes in circles.
var strippedHeaders = []string{
	"x-death", "x-first-death-exchange", "x-first-death-queue", "x-first-death-reason",
	"x-last-death-exchange", "x-last-death-queue", "x-last-death-reason",
}

func (t *Task) header() map[string]any {
	h := make(map[string]any, len(t.Headers)+19)
	for k, v := range t.Headers {
		if !slices.Contains(strippedHeaders, k) {
			h[k] = v
		}
	}
	h["lang"] = t.Lang
	if t.Lang == "" {
		h["lang"] = "py"
	}
	h["task"] = t.Name
	h["id"] = t.ID
	h["shadow"] = nullable(t.Shadow)
	h["eta"] = nullable(formatTimeOrEmpty(t.ETA))
	h["expires"] = nullable(formatTimeOrEmpty(t.Expires))
	h["group"] = nullable(t.Group)
	h["group_index"] = nil
	if t.GroupIndex != nil {
		h["group_index"] = int64(*t.GroupIndex)
	}
	h["retries"] = int64(t.Retries)
	h["timelimit"] = []any{limit(t.TimeLimit), limit(t.SoftTimeLimit)}
	h["root_id"] = nullable(t.RootID)
	h["parent_id"] = nullable(t.ParentID)
	h["argsrepr"] = t.ArgsRepr
	h["kwargsrepr"] = t.KwargsRepr
	h["origin"] = nullable(t.Origin)
	h["ignore_result"] = nil
	if t.IgnoreResult != nil {
		h["ignore_result"] = *t.IgnoreResult
	}
	h["replaced_task_nesting"] = int64(t.ReplacedTaskNesting)
	h["stamped_headers"] = nil
	if t.StampedHeaders != nil {
		names := make([]any, len(t.StampedHeaders))
		for i, s := range t.StampedHeaders {
			names[i] = s
		}
		h["stamped_headers"] = names
	}
	h["stamps"] = map[string]any{}
	if t.Stamps != nil {
		h["stamps"] = t.Stamps
	}
	return h
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// limit is a whole number where it can be: Python sends those as integers.
func limit(seconds *float64) any {
	if seconds == nil {
		return nil
	}
	if n := int64(*seconds); float64(n) == *seconds {
		return n
	}
	return *seconds
}
