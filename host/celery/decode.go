package celery

import (
	"encoding/json"
	"fmt"
)

// An Action is how a message that makes no task is settled.
type Action int

// The actions. Neither puts the message back: it would come again for ever.
const (
	Ack    Action = iota + 1 // as Celery does when it cannot decode
	Reject                   // without requeue, so that a dead-letter exchange gets it
)

// String implements fmt.Stringer.
func (a Action) String() string {
	if a == Ack {
		return "ack"
	}
	return "reject"
}

// A DecodeError says why a message is no task and how Celery settles it.
type DecodeError struct {
	Action Action
	// TaskID and Name are what the message says of itself, if it does.
	TaskID, Name string
	// Answer asks for a FAILURE with [DecodeError.Exception] to be stored under
	// TaskID: the message would have killed a Python worker or got no answer by
	// a fault of it, and its client waits. It is never set without a TaskID.
	Answer bool
	Reason string
}

// Error implements error.
func (e *DecodeError) Error() string {
	if e.TaskID == "" && e.Name == "" {
		return "message is no task: " + e.Reason
	}
	return fmt.Sprintf("message of task %s[%s]: %s", e.Name, e.TaskID, e.Reason)
}

// Exception is what the client gets where Answer is set.
func (e *DecodeError) Exception() *Exception { return InvalidTask(e.Reason) }

// A Decoder decodes task messages. The zero value has the default limits.
type Decoder struct {
	// MaxBody bounds what a compressed body inflates to. Zero means [MaxBody].
	MaxBody int64
	// Accept are the content types that are read, as [Accept] returns them.
	// Empty means JSON alone, which is Celery's default.
	Accept []string
}

// Decode decodes a task message with the default limits. Its errors are
// [*DecodeError]. The task shares memory with the message.
//
// Python's worker looks a task up before it decodes the body, so a caller that
// does not serve an error's Name answers as to an unknown task.
func Decode(m Incoming) (*Task, error) { return Decoder{}.Decode(m) }

// Decode is [Decode] with this decoder's limits.
func (d Decoder) Decode(m Incoming) (*Task, error) {
	t := &Task{ReplyTo: m.ReplyTo, CorrelationID: m.CorrelationID, DeliveryInfo: m.DeliveryInfo}
	if _, ok := m.Headers["task"]; ok {
		t.Protocol = 2
		return t, orNil(d.decode2(t, m))
	}
	t.Protocol = 1
	return t, orNil(d.decode1(t, m))
}

// orNil keeps a nil *DecodeError from becoming an error that is not nil.
func orNil(e *DecodeError) error {
	if e == nil {
		return nil
	}
	return e
}

func (t *Task) refuse(a Action, format string, args ...any) *DecodeError {
	return &DecodeError{Action: a, TaskID: t.ID, Name: t.Name, Reason: fmt.Sprintf(format, args...)}
}

// poison refuses what Python's worker does not survive or answer.
func (t *Task) poison(format string, args ...any) *DecodeError {
	e := t.refuse(Reject, format, args...)
	e.Answer = t.ID != ""
	return e
}

// body returns the body inflated and, if another serializer wrote it, as JSON.
// Whether a JSON body is JSON shows when it is split.
func (d Decoder) body(t *Task, m Incoming, s serializer) (body []byte, _ *DecodeError) {
	body = m.Body
	var err error
	if method, ok := m.Headers["compression"].(string); ok && method != "" {
		limit := d.MaxBody
		if limit == 0 {
			limit = MaxBody
		}
		body, err = decompress(method, body, limit)
	}
	// No body is no value of any serializer; whoever reads it says so.
	if err == nil && s.toJSON != nil && len(body) > 0 {
		body, err = s.toJSON(body)
	}
	if err != nil {
		return nil, t.refuse(Ack, "%v", err)
	}
	return body, nil
}

// undecodable says why Celery could not decode a body, nil if it could.
func (t *Task) undecodable(err error, body []byte) *DecodeError {
	if err == nil {
		err = checkSpecials(body)
	}
	if err != nil {
		return t.refuse(Ack, "body: %v", err)
	}
	return nil
}

// undecoded says of a content type that Celery takes the body for plain bytes,
// which are never a task.
func undecoded(contentType string) bool {
	return contentType == "" || contentType == "application/data" || contentType == "application/text"
}

func (d Decoder) decode2(t *Task, m Incoming) *DecodeError {
	if e := t.readHeaders(m.Headers); e != nil {
		return e
	}
	if undecoded(m.ContentType) {
		return t.poison("content type %q is not decoded", m.ContentType)
	}
	s, ok := d.serializer(m.ContentType)
	if !ok {
		return t.refuse(Reject, "content type %q is refused, only %s is accepted", m.ContentType, d.accepts())
	}
	body, e := d.body(t, m, s)
	if e != nil {
		return e
	}
	if len(body) == 0 {
		return t.poison("body is empty")
	}
	switch start := space(body, 0); {
	case start < len(body) && body[start] == '{':
		return t.hybrid(body, m.Headers)
	case start == len(body) || body[start] != '[':
		if e := t.undecodable(Valid(body), body); e != nil {
			return e
		}
		return t.poison("body is no [args, kwargs, embed]")
	}
	parts, err := Elements(body)
	if e := t.undecodable(err, body); e != nil {
		return e
	}
	if len(parts) != 3 {
		return t.poison("body has %d parts, not args, kwargs and embed", len(parts))
	}
	if e := t.setArguments(parts[0], parts[1]); e != nil {
		return e
	}
	if !isNull(parts[2]) {
		embed, err := Members(parts[2])
		if err != nil {
			return t.poison("embed is no object")
		}
		t.setEmbed(embed)
	}
	return t.complete()
}

// hybrid reads the body of protocol 1 under the headers of protocol 2, which
// go before what the body says.
func (t *Task) hybrid(body []byte, headers map[string]any) *DecodeError {
	fields, err := Members(body)
	if e := t.undecodable(err, body); e != nil {
		return e
	}
	if fields.Get("args") == nil {
		return t.poison("body is an object without args")
	}
	if e := t.readHeaders(headerValues(fields)); e != nil {
		return e
	}
	if e := t.readHeaders(headers); e != nil { // again, since these win
		return e
	}
	if e := t.setBody1(fields); e != nil {
		return e
	}
	return t.complete()
}

func (d Decoder) decode1(t *Task, m Incoming) *DecodeError {
	if undecoded(m.ContentType) {
		return t.refuse(Reject, "no task header, and content type %q is not decoded", m.ContentType)
	}
	s, ok := d.serializer(m.ContentType)
	if !ok {
		return t.refuse(Ack, "content type %q is refused, only %s is accepted", m.ContentType, d.accepts())
	}
	body, e := d.body(t, m, s)
	if e != nil {
		return e
	}
	if start := space(body, 0); start < len(body) && body[start] != '{' {
		if e := t.undecodable(Valid(body), body); e != nil {
			return e
		}
		return t.refuse(Reject, "no task header, and the body is no object")
	}
	fields, err := Members(body)
	if e := t.undecodable(err, body); e != nil {
		return e
	}
	if fields.Get("task") == nil {
		return t.refuse(Reject, "neither headers nor body name a task")
	}
	if e := t.readHeaders(headerValues(fields)); e != nil {
		return e
	}
	for k, v := range m.Headers {
		if k != "compression" {
			t.keep(k, v)
		}
	}
	if e := t.setBody1(fields); e != nil {
		return e
	}
	return t.complete()
}

// setBody1 reads what an object body has besides headers.
func (t *Task) setBody1(fields Object) *DecodeError {
	args, kwargs := fields.Get("args"), fields.Get("kwargs")
	if args == nil {
		args = json.RawMessage("[]")
	}
	if kwargs == nil {
		kwargs = json.RawMessage("{}")
	}
	if trim(kwargs)[0] != '{' {
		return t.refuse(Reject, "task keyword arguments must be a mapping")
	}
	if group, ok := text(fields.Get("taskset")); ok {
		t.Group = group
	}
	t.setEmbed(fields)
	t.Embed.Chain = nil
	return t.setArguments(args, kwargs)
}

func (t *Task) setArguments(args, kwargs json.RawMessage) *DecodeError {
	var err error
	switch args = trim(args); args[0] {
	case '[':
		t.Args, err = Elements(args)
	case '{': // Python takes the keys
		var members Object
		members, err = Members(args)
		for _, m := range members {
			t.Args = append(t.Args, m.raw)
		}
	default:
		return t.poison("args is %s, not a list", SafeRepr(args, 64))
	}
	if err == nil && kwargs[0] != '{' {
		return t.poison("kwargs is %s, not a mapping", SafeRepr(kwargs, 64))
	}
	if err == nil {
		t.Kwargs, err = Members(kwargs)
	}
	if err != nil {
		return t.poison("%v", err)
	}
	return nil
}

func (t *Task) setEmbed(o Object) {
	for _, m := range o {
		if isNull(m.Value) {
			continue
		}
		switch m.Key {
		case "callbacks":
			t.Embed.Callbacks = m.Value
		case "errbacks":
			t.Embed.Errbacks = m.Value
		case "chain":
			t.Embed.Chain = m.Value
		case "chord":
			t.Embed.Chord = m.Value
		}
	}
}

// complete checks what no task can do without and fills in what senders of
// other languages leave out.
func (t *Task) complete() *DecodeError {
	if t.Name == "" {
		return t.poison("task has no name")
	}
	if t.ID == "" {
		return t.poison("task has no id")
	}
	if t.ArgsRepr == "" {
		t.ArgsRepr = ArgsRepr(t.Args, ReprLimit)
	}
	if t.KwargsRepr == "" {
		t.KwargsRepr = KwargsRepr(t.Kwargs, ReprLimit)
	}
	if t.CorrelationID == "" {
		t.CorrelationID = t.ID
	}
	return nil
}
