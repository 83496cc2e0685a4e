// Package event tells what happens to tasks: inside the process over a [Feed],
// and to Celery's monitors over the broker by a [Publisher].
package event

import (
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// A Type says what happened to a task. The names are Celery's.
type Type string

// The types of events.
const (
	TypeReceived  Type = "task-received"
	TypeStarted   Type = "task-started"
	TypeSucceeded Type = "task-succeeded"
	TypeFailed    Type = "task-failed"
	TypeRetried   Type = "task-retried"
	TypeRevoked   Type = "task-revoked"
	TypeRejected  Type = "task-rejected"
	TypeCancelled Type = "task-cancelled"
)

// An Event is one thing that happened to a task. It is shared by all who
// subscribe: nobody may change what it points to.
type Event struct {
	Type Type
	At   time.Time
	Task *celery.Task
	// Value and Runtime are those of TypeSucceeded.
	Value   json.RawMessage
	Runtime time.Duration
	// Exception is that of TypeFailed, or the cause of TypeRetried, if any.
	Exception *celery.Exception
	// Traceback is that of TypeRetried.
	Traceback string
	// Revocation is that of TypeRevoked.
	Revocation Revocation
	// Requeue says of TypeRejected that the message went back to its queue.
	Requeue bool
	// Private says that monitors are not told: Celery's send_events=False.
	Private bool
}

// A Revocation says why a task was revoked.
type Revocation struct {
	Terminated bool // while it ran
	Signal     int  // that ended it, zero for none
	Expired    bool
}

// Received is the event of a task that has arrived and will run.
func Received(t *celery.Task) Event { return Event{Type: TypeReceived, At: time.Now(), Task: t} }

// Started is the event of a task whose body begins.
func Started(t *celery.Task) Event { return Event{Type: TypeStarted, At: time.Now(), Task: t} }

// Succeeded is the event of a task that returned value after the given time.
func Succeeded(t *celery.Task, value json.RawMessage, runtime time.Duration) Event {
	return Event{Type: TypeSucceeded, At: time.Now(), Task: t, Value: value, Runtime: runtime}
}

// Failed is the event of a task that ended with e.
func Failed(t *celery.Task, e *celery.Exception) Event {
	return Event{Type: TypeFailed, At: time.Now(), Task: t, Exception: e}
}

// Retried is the event of a task that will run again; cause may be nil.
func Retried(t *celery.Task, cause *celery.Exception, traceback string) Event {
	return Event{Type: TypeRetried, At: time.Now(), Task: t, Exception: cause, Traceback: traceback}
}

// Revoked is the event of a task that does not run, or not to its end.
func Revoked(t *celery.Task, why Revocation) Event {
	return Event{Type: TypeRevoked, At: time.Now(), Task: t, Revocation: why}
}

// Rejected is the event of a task whose message was given back or dropped.
func Rejected(t *celery.Task, requeue bool) Event {
	return Event{Type: TypeRejected, At: time.Now(), Task: t, Requeue: requeue}
}

// Cancelled is the event of a task that was ended because its connection to the
// broker was lost: its message is delivered again.
func Cancelled(t *celery.Task) Event { return Event{Type: TypeCancelled, At: time.Now(), Task: t} }

// A Feed hands events to those who subscribed. Its methods may be called by any
// goroutine.
type Feed struct {
	mu sync.Mutex // for changes of subs
	// subs is never changed, only replaced: Emit reads it without a lock.
	subs atomic.Pointer[[]*Subscription]
}

// NewFeed returns a feed that nobody has subscribed to.
func NewFeed() *Feed { return &Feed{} }

// Wanted reports whether anybody has subscribed.
func (f *Feed) Wanted() bool {
	subs := f.subs.Load()
	return subs != nil && len(*subs) > 0
}

// Emit hands e to every subscription that has room, and never waits: one
// without room loses e and counts it.
func (f *Feed) Emit(e Event) {
	subs := f.subs.Load()
	if subs == nil {
		return
	}
	for _, s := range *subs {
		select {
		case s.events <- e:
		default:
			s.dropped.Add(1)
		}
	}
}

// Subscribe returns a subscription to all events from now on, of which as many
// as room may wait to be read. It must be closed.
func (f *Feed) Subscribe(room int) *Subscription {
	s := &Subscription{feed: f, events: make(chan Event, room)}
	f.change(func(subs []*Subscription) []*Subscription { return append(subs, s) })
	return s
}

func (f *Feed) change(edit func([]*Subscription) []*Subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var subs []*Subscription
	if old := f.subs.Load(); old != nil {
		subs = slices.Clone(*old)
	}
	subs = edit(subs)
	f.subs.Store(&subs)
}

// A Subscription receives events.
type Subscription struct {
	feed    *Feed
	events  chan Event
	dropped atomic.Uint64
}

// Events is the channel of events. It is never closed: who reads it knows when
// to stop.
func (s *Subscription) Events() <-chan Event { return s.events }

// Dropped returns how many events were lost because too many waited to be read.
func (s *Subscription) Dropped() uint64 { return s.dropped.Load() }

// Close ends the subscription. Events that wait can still be read.
func (s *Subscription) Close() {
	s.feed.change(func(subs []*Subscription) []*Subscription {
		return slices.DeleteFunc(subs, func(other *Subscription) bool { return other == s })
	})
}
