package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// A Signature is a call of a task to send, of any worker's and any language's,
// or a chain, group or chord of such calls. Its methods change and return it,
// so that they can be chained. What is wrong with it, such as an argument that
// cannot be encoded, is the error of sending it.
type Signature struct {
	task      string
	args      []json.RawMessage
	kwargs    map[string]json.RawMessage
	options   map[string]json.RawMessage
	subtype   string
	immutable bool
	err       error
}

// Call is a signature of the task with the given name and arguments, which are
// encoded as encoding/json does it.
func Call(task string, args ...any) *Signature {
	s := &Signature{task: task}
	for i, a := range args {
		s.args = append(s.args, s.encode(fmt.Sprintf("argument %d", i), a))
	}
	return s
}

// Chain runs signatures one after the other, each with the result of the one
// before in front of its own arguments. A group in it, if something follows,
// hands on the list of its results.
func Chain(steps ...*Signature) *Signature { return composite("chain", steps) }

// Group runs signatures side by side.
func Group(tasks ...*Signature) *Signature { return composite("group", tasks) }

// Chord runs body with the list of results of header's tasks once all of them
// have ended. The worker's result backend must be able to count them: Redis can.
func Chord(header []*Signature, body *Signature) *Signature {
	s := &Signature{task: "celery.chord", subtype: "chord"}
	s.Kwarg("kwargs", map[string]any{}).Kwarg("header", list(header)).Kwarg("body", body)
	return s
}

func composite(kind string, parts []*Signature) *Signature {
	s := &Signature{task: "celery." + kind, subtype: kind}
	return s.Kwarg("tasks", list(parts))
}

// list is never null.
func list(parts []*Signature) []*Signature { return append([]*Signature{}, parts...) }

func (s *Signature) encode(what string, v any) json.RawMessage {
	data, err := pyjson.Marshal(v)
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("signature of %s: encode %s: %w", s.task, what, err)
	}
	return data
}

// Kwarg adds a keyword argument.
func (s *Signature) Kwarg(name string, value any) *Signature {
	if s.kwargs == nil {
		s.kwargs = map[string]json.RawMessage{}
	}
	s.kwargs[name] = s.encode(name, value)
	return s
}

// Option sets one of Celery's options by name: queue, exchange, routing_key,
// priority, countdown, eta, expires, task_id, time_limit, soft_time_limit,
// ignore_result, headers, shadow, link, link_error and so on.
func (s *Signature) Option(name string, value any) *Signature {
	if s.options == nil {
		s.options = map[string]json.RawMessage{}
	}
	s.options[name] = s.encode(name, value)
	return s
}

// Queue names the queue to send to.
func (s *Signature) Queue(name string) *Signature { return s.Option("queue", name) }

// Priority is the message's, from 0 to 9.
func (s *Signature) Priority(n int) *Signature { return s.Option("priority", n) }

// TaskID gives the call its id.
func (s *Signature) TaskID(id string) *Signature { return s.Option("task_id", id) }

// Countdown has the call wait for so long.
func (s *Signature) Countdown(wait time.Duration) *Signature {
	return s.Option("countdown", wait.Seconds())
}

// ETA has the call wait until then.
func (s *Signature) ETA(at time.Time) *Signature { return s.Option("eta", at) }

// Expires revokes the call if it has not begun within that time.
func (s *Signature) Expires(within time.Duration) *Signature {
	return s.Option("expires", within.Seconds())
}

// Link calls a signature with the result, LinkError one with the id of the call
// that failed.
func (s *Signature) Link(callback *Signature) *Signature { return s.Option("link", callback) }

// LinkError calls a signature with the id of the call that failed.
func (s *Signature) LinkError(errback *Signature) *Signature {
	return s.Option("link_error", errback)
}

// Immutable keeps the signature from getting the result of what comes before it.
func (s *Signature) Immutable() *Signature {
	s.immutable = true
	return s
}

// MarshalJSON is the form of Celery's signatures.
func (s *Signature) MarshalJSON() ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	form := struct {
		Task    string                     `json:"task"`
		Args    []json.RawMessage          `json:"args"`
		Kwargs  map[string]json.RawMessage `json:"kwargs"`
		Options map[string]json.RawMessage `json:"options"`
		Subtype *string                    `json:"subtask_type"`
		Fixed   bool                       `json:"immutable"`
	}{s.task, append([]json.RawMessage{}, s.args...), s.kwargs, s.options, nil, s.immutable}
	if form.Kwargs == nil {
		form.Kwargs = map[string]json.RawMessage{}
	}
	if form.Options == nil {
		form.Options = map[string]json.RawMessage{}
	}
	if s.subtype != "" {
		form.Subtype = &s.subtype
	}
	return json.Marshal(form)
}

// UnmarshalJSON reads Celery's form of a signature, so that a task can take one as
// an argument and send it, link it or be replaced by it:
//
//	type args struct {
//		Done *sdk.Signature `arg:"done,default=null"`
//	}
func (s *Signature) UnmarshalJSON(data []byte) error {
	var form struct {
		Task    string                     `json:"task"`
		Args    []json.RawMessage          `json:"args"`
		Kwargs  map[string]json.RawMessage `json:"kwargs"`
		Options map[string]json.RawMessage `json:"options"`
		Subtype string                     `json:"subtask_type"`
		Fixed   bool                       `json:"immutable"`
	}
	if err := json.Unmarshal(data, &form); err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	if form.Task == "" {
		return errors.New("signature: it names no task")
	}
	*s = Signature{task: form.Task, args: form.Args, kwargs: form.Kwargs, options: form.Options, subtype: form.Subtype, immutable: form.Fixed}
	return nil
}

// Send sends a signature and returns the id of its result: of a chain the last
// task's, of a chord the body's, of a group the group's. It waits for nothing;
// a task that waited for another would hold up the worker that is to run it.
func (c *Context) Send(s *Signature) (string, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	return c.host.TaskSend(data)
}

// Replace sends a signature in this call's place: under its id, with its
// callbacks and the rest of its chain behind. Return the error that it returns:
//
//	return nil, ctx.Replace(sdk.Call("texts.count", path))
func (c *Context) Replace(s *Signature) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := c.host.TaskReplace(data); err != nil {
		return err
	}
	return Ignore("Replaced by new task")
}

// AddToChord sends a signature as one more task of the chord whose header this
// call is part of, and returns its id.
func (c *Context) AddToChord(s *Signature) (string, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	return c.host.TaskAddToChord(data)
}

// Err returns nil, or why the task should come to an end: an error of type
// SoftTimeLimitExceeded once its soft time limit is over. Actions on DataFrames
// return that error by themselves, once; a task that computes for long asks.
func (c *Context) Err() error { return c.host.TaskCheck() }

// celeryError is an error that the worker understands.
func celeryError(name string, args ...any) error {
	e := &abi.Error{Type: name, Module: "celery.exceptions", Args: []json.RawMessage{}}
	for _, a := range args {
		data, err := json.Marshal(a)
		if err != nil { // strings and bools
			panic(err)
		}
		e.Args = append(e.Args, data)
	}
	return e
}

// Ignore returns the error with which a task ends without any state: what was
// stored before, such as one of its own, stays.
func Ignore(reason string) error { return celeryError("Ignore", reason) }

// Reject returns the error with which a task rejects its own message: requeue
// returns it to the queue, else it goes to the dead letters and the call fails.
// It needs [AcksLate]: a message that was acknowledged cannot be rejected, and
// the call is lost.
func Reject(reason string, requeue bool) error { return celeryError("Reject", reason, requeue) }
