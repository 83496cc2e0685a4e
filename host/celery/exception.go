package celery

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// An Exception is what a client's result.get() raises.
type Exception struct {
	// Type is the class's name, such as "ValueError".
	Type string
	// Module is the Python module of the class: "builtins" for Python's own. A
	// client that cannot import the class makes one of that name. Empty is null.
	Module string
	// Args are the exception's arguments, the first of them usually the message.
	Args []json.RawMessage
	// Traceback is text for people; empty is null.
	Traceback string
}

// NewException returns an exception with texts as its arguments.
func NewException(module, name string, args ...string) *Exception {
	e := &Exception{Type: name, Module: module}
	for _, a := range args {
		e.Args = append(e.Args, Quote(a))
	}
	return e
}

// NotRegistered is the exception for a task name that no module serves.
func NotRegistered(name string) *Exception {
	return NewException("celery.exceptions", "NotRegistered", name)
}

// Revoked is the exception of a task that does not run or ended early by
// request. Celery's reasons are "revoked", "expired" and "terminated".
func Revoked(reason string) *Exception {
	return NewException("celery.exceptions", "TaskRevokedError", reason)
}

// TimeLimitExceeded is the exception of a task interrupted by its hard limit.
func TimeLimitExceeded(seconds float64) *Exception {
	e := &Exception{Type: "TimeLimitExceeded", Module: "billiard.exceptions"}
	if seconds == float64(int64(seconds)) {
		e.Args = []json.RawMessage{integer(int64(seconds))}
	} else {
		e.Args = []json.RawMessage{float(seconds)}
	}
	return e
}

// SoftTimeLimitExceeded is the exception of a task that its soft limit ended.
func SoftTimeLimitExceeded() *Exception {
	return &Exception{Type: "SoftTimeLimitExceeded", Module: "billiard.exceptions"}
}

// WorkerLost is the exception of a task whose worker went away under it.
func WorkerLost(reason string) *Exception {
	return NewException("billiard.exceptions", "WorkerLostError", reason)
}

// MaxRetriesExceeded is the exception of a task whose retries are used up and
// that gave no exception of its own.
func MaxRetriesExceeded(t *Task) *Exception {
	return NewException("celery.exceptions", "MaxRetriesExceededError", fmt.Sprintf("Can't retry %s[%s] args:%s kwargs:%s",
		t.Name, t.ID, ArgsRepr(t.Args, ReprLimit), KwargsRepr(t.Kwargs, ReprLimit)))
}

// Rejected is the exception of a task that rejected its own message.
func Rejected(reason string, requeue bool) *Exception {
	e := NewException("celery.exceptions", "Reject", reason)
	e.Args = append(e.Args, json.RawMessage(strconv.FormatBool(requeue)))
	return e
}

// ChordError is the exception of a chord's body whose header failed.
func ChordError(reason string) *Exception {
	return NewException("celery.exceptions", "ChordError", reason)
}

// InvalidTask is the exception for a message that cannot be run.
func InvalidTask(reason string) *Exception {
	return NewException("celery.exceptions", "InvalidTaskError", reason)
}

// Repr returns the exception as Python prints it in events and logs.
func (e *Exception) Repr() string {
	if e.is("celery.exceptions", "Reject") && len(e.Args) > 0 { // the one class with a repr of its own
		requeue := "False"
		if len(e.Args) > 1 {
			requeue = Repr(e.Args[1])
		}
		reason, ok := text(e.Args[0])
		if !ok {
			reason = Repr(e.Args[0])
		}
		return "reject requeue=" + requeue + ": " + reason
	}
	out := append([]byte(e.Type), '(')
	for i, a := range e.Args {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = append(out, Repr(a)...)
	}
	return string(append(out, ')'))
}

// Error implements error, in the form of a traceback's last line.
func (e *Exception) Error() string {
	switch len(e.Args) {
	case 0:
		return e.Type
	case 1:
		if s, ok := text(e.Args[0]); ok {
			return e.Type + ": " + s
		}
		return e.Type + ": " + Repr(e.Args[0])
	default:
		return e.Type + ": " + ArgsRepr(e.Args, 0)
	}
}

// Document returns the exception as it is stored in results.
func (e *Exception) Document() json.RawMessage { return e.append(nil) }

// ExceptionOf reads an exception as it is stored, or returns nil when raw is
// something else.
func ExceptionOf(raw json.RawMessage) *Exception { return exceptionOf(raw) }

func (e *Exception) is(module, name string) bool { return e.Module == module && e.Type == name }

func (e *Exception) append(dst []byte) []byte {
	dst = append(dst, `{"exc_type": `...)
	dst = AppendString(dst, e.Type)
	dst = append(dst, `, "exc_message": `...)
	dst = AppendArray(dst, e.Args)
	dst = append(dst, `, "exc_module": `...)
	return append(appendOrNull(dst, e.Module), '}')
}

// exceptionOf reads an exception as it is stored, or returns nil when raw is
// something else.
func exceptionOf(raw json.RawMessage) *Exception {
	members, err := Members(raw)
	if err != nil {
		return nil
	}
	e := &Exception{}
	var ok bool
	if e.Type, ok = text(members.Get("exc_type")); !ok {
		return nil
	}
	e.Module, _ = text(members.Get("exc_module"))
	switch message := members.Get("exc_message"); {
	case message == nil:
	case trim(message)[0] == '[':
		if e.Args, err = Elements(message); err != nil {
			return nil
		}
	default: // a text alone, as other clients store it
		e.Args = []json.RawMessage{message}
	}
	return e
}
