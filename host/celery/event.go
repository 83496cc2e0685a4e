package celery

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
)

// EventExchange is the topic exchange, durable, that events are published to.
const EventExchange = "celeryev"

// MultiRoutingKey is the routing key of a message that holds several task events.
const MultiRoutingKey = "task.multi"

// MaxEvents is how many task events one message may hold.
const MaxEvents = 24

// SoftwareIdent and its companions are what worker events say of the program.
const (
	SoftwareIdent = "sparkstalk"
	softwareSys   = "Linux"
)

// A Clock is a Lamport clock: the order of events between workers. It starts
// at zero and may be used by any goroutine.
type Clock struct{ value atomic.Int64 }

// Forward counts one event of this process and returns the new time.
func (c *Clock) Forward() int64 { return c.value.Add(1) }

// Adjust learns of a time seen elsewhere and returns the new time.
func (c *Clock) Adjust(other int64) int64 {
	for {
		now := c.value.Load()
		next := max(now, other) + 1
		if c.value.CompareAndSwap(now, next) {
			return next
		}
	}
}

// Value returns the time.
func (c *Clock) Value() int64 { return c.value.Load() }

// An Event is one message, or a part of one, on the exchange of events.
type Event struct {
	Type string // such as "task-received"
	// The fields that every event has. Hostname is the node's name, UTCOffset
	// hours west of UTC, Timestamp seconds since 1970.
	Hostname  string
	UTCOffset float64
	PID       int
	Clock     int64
	Timestamp float64
	// Fields are the type's own, in order.
	Fields Object
}

// RoutingKey returns the key for an event that is published by itself.
func (e Event) RoutingKey() string { return strings.ReplaceAll(e.Type, "-", ".") }

// At sets the timestamp.
func (e Event) At(t time.Time) Event {
	e.Timestamp = float64(t.UnixMicro()) / 1e6
	return e
}

// Append appends the event as one JSON object.
func (e Event) Append(dst []byte) []byte {
	dst = AppendString(append(dst, `{"hostname": `...), e.Hostname)
	dst = pyfloat.AppendJSON(append(dst, `, "utcoffset": `...), e.UTCOffset)
	dst = strconv.AppendInt(append(dst, `, "pid": `...), int64(e.PID), 10)
	dst = strconv.AppendInt(append(dst, `, "clock": `...), e.Clock, 10)
	for _, m := range e.Fields {
		dst = m.append(append(dst, ", "...))
	}
	dst = append(dst, `, "timestamp": `...)
	dst = pyfloat.AppendJSON(dst, e.Timestamp)
	dst = append(dst, `, "type": `...)
	return append(AppendString(dst, e.Type), '}')
}

// EncodeEvents returns the body of a task.multi message.
func EncodeEvents(events []Event) []byte {
	dst := []byte{'['}
	for i, e := range events {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = e.Append(dst)
	}
	return append(dst, ']')
}

// DecodeEvents reads the body of an event message, one event or an array.
func DecodeEvents(body []byte) ([]Event, error) {
	parts := []json.RawMessage{body}
	if b := trim(body); len(b) > 0 && b[0] == '[' {
		var err error
		if parts, err = Elements(body); err != nil {
			return nil, fmt.Errorf("decode events: %w", err)
		}
	}
	events := make([]Event, len(parts))
	for i, part := range parts {
		fields, err := Members(part)
		if err != nil {
			return nil, fmt.Errorf("decode event: %w", err)
		}
		e := &events[i]
		for _, m := range fields {
			switch m.Key {
			case "hostname":
				e.Hostname, _ = text(m.Value)
			case "utcoffset":
				e.UTCOffset, _ = asFloat(headerValue(m.Value))
			case "pid":
				e.PID, _ = asInt(headerValue(m.Value))
			case "clock":
				clock, _ := asInt(headerValue(m.Value))
				e.Clock = int64(clock)
			case "timestamp":
				e.Timestamp, _ = asFloat(headerValue(m.Value))
			case "type":
				e.Type, _ = text(m.Value)
			default:
				e.Fields = append(e.Fields, m)
			}
		}
		if e.Type == "" {
			return nil, fmt.Errorf("decode event: no type in %s", SafeRepr(part, 128))
		}
	}
	return events, nil
}

// WorkerState is what worker events tell.
type WorkerState struct {
	Frequency         float64 // seconds between heartbeats
	Active, Processed int
	LoadAverage       [3]float64
	Version           string // of this software
}

// WorkerEvent is worker-online, worker-heartbeat or worker-offline.
func WorkerEvent(typ string, s WorkerState) Event {
	load := make([]json.RawMessage, len(s.LoadAverage))
	for i, l := range s.LoadAverage {
		load[i] = float(l)
	}
	return Event{Type: typ, Fields: Object{
		{Key: "freq", Value: float(s.Frequency)}, {Key: "active", Value: integer(int64(s.Active))},
		{Key: "processed", Value: integer(int64(s.Processed))}, {Key: "loadavg", Value: AppendArray(nil, load)},
		{Key: "sw_ident", Value: Quote(SoftwareIdent)}, {Key: "sw_ver", Value: Quote(s.Version)}, {Key: "sw_sys", Value: Quote(softwareSys)},
	}}
}

// TaskReceived is the event of a task that has arrived.
func TaskReceived(t *Task) Event {
	return Event{Type: "task-received", Fields: Object{
		{Key: "uuid", Value: Quote(t.ID)}, {Key: "name", Value: Quote(t.ShownName())},
		{Key: "args", Value: Quote(t.ArgsRepr)}, {Key: "kwargs", Value: Quote(t.KwargsRepr)},
		{Key: "root_id", Value: orNull(t.RootID)}, {Key: "parent_id", Value: orNull(t.ParentID)}, {Key: "retries", Value: integer(int64(t.Retries))},
		{Key: "eta", Value: orNull(formatTimeOrEmpty(t.ETA))}, {Key: "expires", Value: orNull(formatTimeOrEmpty(t.Expires))},
	}}
}

// TaskStarted is the event of a task whose body begins.
func TaskStarted(id string) Event { return taskEvent("task-started", id) }

// TaskSucceeded is the event of a task that returned value, after the given time.
func TaskSucceeded(id string, value json.RawMessage, runtime time.Duration) Event {
	return taskEvent("task-succeeded", id,
		Member{Key: "result", Value: Quote(SafeRepr(value, ReprLimit))}, Member{Key: "runtime", Value: float(runtime.Seconds())})
}

// TaskFailed is the event of a task that ended with e.
func TaskFailed(id string, e *Exception) Event {
	event := taskEvent("task-failed", id, Member{Key: "exception", Value: Quote(e.Repr())})
	if !e.is("celery.exceptions", "NotRegistered") { // Celery leaves it out there
		event.Fields = append(event.Fields, Member{Key: "traceback", Value: orNull(e.Traceback)})
	}
	return event
}

// TaskRetried is the event of a task that will run again. A nil cause is none.
func TaskRetried(id string, cause *Exception, traceback string) Event {
	exception := "None"
	if cause != nil {
		exception = cause.Repr()
	}
	return taskEvent("task-retried", id, Member{Key: "exception", Value: Quote(exception)}, Member{Key: "traceback", Value: orNull(traceback)})
}

// TaskRevoked is the event of a task that does not run, or was ended by a
// signal (zero for none).
func TaskRevoked(id string, terminated bool, signal int, expired bool) Event {
	signum := json.RawMessage("null")
	if signal != 0 {
		signum = integer(int64(signal))
	}
	return taskEvent("task-revoked", id, Member{Key: "terminated", Value: boolean(terminated)},
		Member{Key: "signum", Value: signum}, Member{Key: "expired", Value: boolean(expired)})
}

// TaskCancelled is the event of a task that was ended for want of a connection.
func TaskCancelled(id string) Event { return taskEvent("task-cancelled", id) }

// TaskRejected is the event of a task whose message was rejected after it ran.
func TaskRejected(id string, requeue bool) Event {
	return taskEvent("task-rejected", id, Member{Key: "requeue", Value: boolean(requeue)})
}

// TaskSent is the event of a task that was sent to a queue, which is empty
// where an exchange was named instead.
func TaskSent(t *Task, queue, exchange, routingKey string) Event {
	received := TaskReceived(t).Fields
	received[1].Value = Quote(t.Name) // not what it is shown as
	return Event{Type: "task-sent", Fields: Object{
		received[0], received[4], received[5], received[1], received[2], received[3], received[6], received[7], received[8],
		{Key: "queue", Value: orNull(queue)}, {Key: "exchange", Value: Quote(exchange)}, {Key: "routing_key", Value: Quote(routingKey)},
	}}
}

// WorkerElect is the event by which a worker stands for an election; topic says
// what the winner does with action.
func WorkerElect(id, topic string, action json.RawMessage) Event {
	if len(action) == 0 {
		action = json.RawMessage("null")
	}
	return Event{Type: "worker-elect", Fields: Object{
		{Key: "id", Value: Quote(id)}, {Key: "topic", Value: Quote(topic)}, {Key: "action", Value: action}, {Key: "cver", Value: json.RawMessage("1")},
	}}
}

// WorkerElectAck is the event by which a worker confirms another's worker-elect.
func WorkerElectAck(id string) Event {
	return Event{Type: "worker-elect-ack", Fields: Object{{Key: "id", Value: Quote(id)}}}
}

func taskEvent(typ, id string, fields ...Member) Event {
	return Event{Type: typ, Fields: append(Object{{Key: "uuid", Value: Quote(id)}}, fields...)}
}

func boolean(b bool) json.RawMessage {
	if b {
		return json.RawMessage("true")
	}
	return json.RawMessage("false")
}
