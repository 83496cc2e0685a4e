package celery

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// States of a task. A task may have others of its own, such as PROGRESS.
const (
	StatePending  = "PENDING" // never stored: nothing is known
	StateReceived = "RECEIVED"
	StateStarted  = "STARTED"
	StateRetry    = "RETRY"
	StateSuccess  = "SUCCESS"
	StateFailure  = "FAILURE"
	StateRevoked  = "REVOKED"
)

// A Result is one state of a task as it is stored: the document that clients
// read from every result backend.
type Result struct {
	TaskID string
	State  string
	// Value is the return value of SUCCESS, or what a state of the task's own
	// says, with its own bytes. Empty is null. It counts when Exception is nil.
	Value json.RawMessage
	// Exception is what FAILURE, REVOKED and RETRY tell; its Traceback is the
	// document's.
	Exception *Exception
	// Traceback is the document's where Exception is nil, as of a retry
	// without a cause.
	Traceback string
	// Children are the result tuples of the tasks that this one sent, as a JSON
	// array. Nil is the empty list; null is for a task of which nothing but the
	// id is known.
	Children json.RawMessage
	// DateDone is when a final state was reached; zero is null.
	DateDone time.Time
	// GroupID and ParentID are left out when empty.
	GroupID, ParentID string
	// Extra are the members that Celery's result_extended adds, in order.
	Extra Object
}

// Ready reports whether no other state follows.
func (r Result) Ready() bool {
	return r.State == StateSuccess || r.State == StateFailure || r.State == StateRevoked
}

func resultOf(t *Task, state string) Result {
	return Result{TaskID: t.ID, State: state, GroupID: t.Group, ParentID: t.ParentID}
}

// Started is the state of a task whose body begins now.
func Started(t *Task, pid int, hostname string) Result {
	r := resultOf(t, StateStarted)
	r.Value = Object{{Key: "pid", Value: integer(int64(pid))}, {Key: "hostname", Value: Quote(hostname)}}.Append(nil)
	return r
}

// State is a state of the task's own with any JSON value.
func State(t *Task, state string, meta json.RawMessage) Result {
	r := resultOf(t, state)
	r.Value = meta
	return r
}

// Success is the state of a task that returned value, a JSON value.
func Success(t *Task, value json.RawMessage) Result {
	r := resultOf(t, StateSuccess)
	r.Value = value
	r.DateDone = time.Now()
	return r
}

// Failure is the state of a task that ended with e: REVOKED for [Revoked],
// FAILURE for all else.
func Failure(t *Task, e *Exception) Result {
	r := resultOf(t, StateFailure)
	if e.is("celery.exceptions", "TaskRevokedError") {
		r.State = StateRevoked
	}
	if e.is("celery.exceptions", "NotRegistered") {
		r.GroupID, r.ParentID = "", "" // Celery answers these from the id and name alone
	}
	r.Exception = e
	r.DateDone = time.Now()
	return r
}

// Retrying is the state of a task that will run again; cause may be nil.
func Retrying(t *Task, cause *Exception) Result {
	r := resultOf(t, StateRetry)
	r.Exception = cause
	r.Children = fmt.Appendf(nil, "[[[%s, null], null]]", Quote(t.ID))
	return r
}

// ExtendedMeta is what Celery's result_extended adds to the states of a task.
func ExtendedMeta(t *Task, hostname string) Object {
	meta := Object{
		{Key: "name", Value: Quote(t.Name)}, {Key: "args", Value: AppendArray(nil, t.Args)}, {Key: "kwargs", Value: t.Kwargs.Append(nil)},
		{Key: "worker", Value: orNull(hostname)}, {Key: "retries", Value: integer(int64(t.Retries))}, {Key: "queue", Value: orNull(t.RoutingKey)},
	}
	if len(t.Stamps) == 0 {
		return meta
	}
	names := make([]json.RawMessage, len(t.StampedHeaders))
	for i, name := range t.StampedHeaders {
		names[i] = Quote(name)
	}
	meta = append(meta, Member{Key: "stamped_headers", Value: AppendArray(nil, names)})
	for _, name := range t.StampedHeaders {
		if value, ok := t.Stamps[name]; ok {
			meta = append(meta, Member{Key: name, Value: jsonOf(value)})
		}
	}
	return meta
}

// Encode returns the document with Celery's order of keys and its separators.
func (r Result) Encode() []byte {
	if r.Exception == nil && len(r.Value) >= largeValue {
		head, value := r.appendHead(nil), r.Value
		r.Value = nil
		// Unlike make it clears no memory before it copies.
		return bytes.Join([][]byte{head, value, r.appendTail(nil)}, nil)
	}
	dst := r.appendHead(make([]byte, 0, 256+len(r.Value)))
	if r.Exception != nil {
		dst = r.Exception.append(dst)
	} else {
		dst = appendRaw(dst, r.Value)
	}
	return r.appendTail(dst)
}

// largeValue is from where on it pays to copy a value alone.
const largeValue = 64 << 10

// appendHead appends what is before the value.
func (r Result) appendHead(dst []byte) []byte {
	dst = append(dst, `{"status": `...)
	dst = AppendString(dst, r.State)
	return append(dst, `, "result": `...)
}

// appendTail appends what is after the value.
func (r Result) appendTail(dst []byte) []byte {
	traceback := r.Traceback
	if r.Exception != nil {
		traceback = r.Exception.Traceback
	}
	dst = append(dst, `, "traceback": `...)
	dst = appendOrNull(dst, traceback)
	dst = append(dst, `, "children": `...)
	if r.Children == nil {
		dst = append(dst, "[]"...)
	} else {
		dst = append(dst, r.Children...)
	}
	dst = append(dst, `, "date_done": `...)
	if r.DateDone.IsZero() {
		dst = append(dst, "null"...)
	} else {
		dst = AppendString(dst, FormatTime(r.DateDone.UTC()))
	}
	if r.GroupID != "" {
		dst = AppendString(append(dst, `, "group_id": `...), r.GroupID)
	}
	if r.ParentID != "" {
		dst = AppendString(append(dst, `, "parent_id": `...), r.ParentID)
	}
	for _, m := range r.Extra {
		dst = m.append(append(dst, ", "...))
	}
	dst = append(dst, `, "task_id": `...)
	return append(AppendString(dst, r.TaskID), '}')
}

// DecodeResult reads a document in JSON that this or another worker stored,
// compressed or not. A null result of FAILURE, or one that is no exception, stays in
// Value.
func DecodeResult(data []byte) (Result, error) { return Codec{}.DecodeResult(data) }

func decodeResult(data []byte) (Result, error) {
	members, err := Members(data)
	if err != nil {
		return Result{}, fmt.Errorf("decode result: %w", err)
	}
	var r Result
	for _, m := range members {
		switch m.Key {
		case "status":
			r.State, _ = text(m.Value)
		case "result":
			r.Value = m.Value
		case "traceback":
			r.Traceback, _ = text(m.Value)
		case "children":
			r.Children = m.Value
		case "date_done":
			if s, ok := text(m.Value); ok {
				if r.DateDone, err = ParseTime(s); err != nil {
					return Result{}, fmt.Errorf("decode result: date_done: %w", err)
				}
			}
		case "group_id":
			r.GroupID, _ = text(m.Value)
		case "parent_id":
			r.ParentID, _ = text(m.Value)
		case "task_id":
			r.TaskID, _ = text(m.Value)
		default:
			r.Extra = append(r.Extra, m)
		}
	}
	if r.State == "" {
		return Result{}, fmt.Errorf("decode result: no status in %s", SafeRepr(data, 128))
	}
	if r.State == StateFailure || r.State == StateRevoked || r.State == StateRetry {
		r.Exception = exceptionOf(r.Value)
	}
	if r.Exception != nil {
		r.Exception.Traceback, r.Traceback = r.Traceback, ""
		r.Value = nil
	}
	return r, nil
}
