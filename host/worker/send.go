package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/canvas"
	"github.com/sparkstalk/sparkstalk/host/celery"
)

// A Sender sends tasks to their queues.
type Sender struct {
	Broker broker.Broker
	// Queues are how queues are declared; nil means the zero value.
	Queues *Queues
	// Routes are where tasks go by name or glob.
	Routes map[string]Route
	// TaskSent is told of each task that was sent. Nil tells nobody.
	TaskSent func(context.Context, celery.Event)
	Style
}

// A Style is how messages of tasks are sent whose signatures leave it open: Celery's
// task_serializer, task_compression and task_default_delivery_mode.
type Style struct {
	Format celery.Format
	// Compression is gzip, brotli or zstd; empty is none.
	Compression string
	// Transient messages need not outlive a restart of the broker.
	Transient bool
}

// Publish sends a task to its queue. Like Celery's clients it makes a queue that
// does not exist yet; unlike them, only then. A task with an ETA is held back by
// the broker where that can be; see [Queues].
func (s Sender) Publish(ctx context.Context, m canvas.Message) error {
	if s.Queues == nil {
		s.Queues = &Queues{}
	}
	to, queue, err := s.address(ctx, m)
	if err != nil {
		return err
	}
	if s.hold(&to, m.Task.ETA) {
		queue.Name = ""
	}
	sent := celery.TaskSent(m.Task, queue.Name, to.Exchange, to.RoutingKey)
	if to.Message, err = s.message(m); err != nil {
		return err
	}
	err = s.Broker.Publish(ctx, to)
	if errors.Is(err, broker.ErrUnroutable) {
		if err := s.Broker.Declare(ctx, queue); err != nil {
			return fmt.Errorf("queue %q does not exist and cannot be made: %w", queue.Name, err)
		}
		err = s.Broker.Publish(ctx, to)
	}
	if err == nil && s.TaskSent != nil {
		sent.Hostname = Origin()
		s.TaskSent(ctx, sent)
	}
	return err
}

// message is a task as it is sent.
func (s Sender) message(m canvas.Message) (broker.Message, error) {
	format, compression, transient := s.Format, s.Compression, s.Transient
	if m.Serializer != "" {
		var err error
		if format, err = celery.ParseFormat(m.Serializer); err != nil {
			return broker.Message{}, fmt.Errorf("option serializer: %w", err)
		}
	}
	if m.Compression != "" {
		compression = m.Compression
		if errors.Is(celery.CheckCompression(compression), celery.ErrOnlyRead) {
			compression = "gzip" // which every Celery reads: the task before this one must not fail of it
		}
	}
	if m.Transient != nil {
		transient = *m.Transient
	}
	out, err := celery.EncodeTask(m.Task).Write(format, compression)
	if err != nil {
		return broker.Message{}, err
	}
	out.Persistent = !transient
	return MessageOf(out), nil
}

// address is where a message goes. The queue is the one that it is for, and has no
// name where message or route name an exchange instead.
func (s Sender) address(ctx context.Context, m canvas.Message) (broker.Publication, broker.Queue, error) {
	if m.Queue == "" && m.Exchange == "" {
		r := s.route(m.Task.Name)
		m.Queue, m.Exchange = r.Queue, r.Exchange
		if m.RoutingKey == "" {
			m.RoutingKey = r.RoutingKey
		}
	}
	if m.Exchange != "" && m.RoutingKey != "" {
		return broker.Publication{Exchange: m.Exchange, RoutingKey: m.RoutingKey}, broker.Queue{}, nil
	}
	name := m.Queue
	if name == "" {
		name = s.Queues.DefaultName()
	}
	queue, err := s.Queues.Get(name)
	if err != nil {
		return broker.Publication{}, queue, err
	}
	if queue.ExchangeType == "" || queue.ExchangeType == "direct" {
		return broker.Publication{RoutingKey: name, Mandatory: true}, queue, nil
	}
	if err := s.Queues.ready(ctx, s.Broker, queue); err != nil {
		return broker.Publication{}, queue, err
	}
	to := broker.Publication{Exchange: queue.Exchange, RoutingKey: queue.RoutingKey}
	if m.RoutingKey != "" {
		to.RoutingKey = m.RoutingKey // which of a topic's queues take it
	} else {
		to.Mandatory = queue.ExchangeType == "topic"
	}
	return to, queue, nil
}

// hold has the broker hold a message back until its time, but for the part of a
// second, and reports whether it does. What goes to a direct exchange waits with
// its worker instead.
func (s Sender) hold(to *broker.Publication, eta *time.Time) bool {
	if !s.Queues.Delayed || eta == nil || to.Exchange == "" || s.Queues.exchangeType(to.Exchange) == "direct" {
		return false
	}
	key, ok := celery.DelayedKey(int64((time.Until(*eta)+onItsWay)/time.Second), to.RoutingKey)
	if ok {
		to.Exchange, to.RoutingKey, to.Mandatory = celery.DelayedLevel(celery.DelayedLevels-1), key, false
	}
	return ok
}

// onItsWay is how long it may take from the reckoning of an ETA to here: a wait
// of two seconds is not to become one of one.
const onItsWay = 20 * time.Millisecond

// route is where a task goes whose sender says nothing.
func (s Sender) route(name string) Route {
	if to, ok := s.Routes[name]; ok {
		return to
	}
	best, to := "", Route{Queue: s.Queues.DefaultName()}
	for pattern, r := range s.Routes {
		// The longest pattern is the most precise one, and a map has no order.
		if celery.Glob(pattern, name) && (len(pattern) > len(best) || len(pattern) == len(best) && pattern < best) {
			best, to = pattern, r
		}
	}
	return to
}

// MessageOf is an encoded task in the words of package broker.
func MessageOf(out celery.Outgoing) broker.Message {
	return broker.Message{
		Headers: out.Headers, Body: out.Body, ContentType: out.ContentType, ContentEncoding: out.ContentEncoding,
		CorrelationID: out.CorrelationID, ReplyTo: out.ReplyTo, Priority: out.Priority, Persistent: out.Persistent, Expiration: out.Expiration,
	}
}

// Origin is what messages of this process say of who sent them, in Celery's form.
func Origin() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return fmt.Sprintf("gen%d@%s", os.Getpid(), host)
}
