package worker

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/canvas"
	"github.com/sparkstalk/sparkstalk/host/celery"
)

// A Sender sends tasks to their queues.
type Sender struct {
	Broker broker.Broker
	// DefaultQueue is where tasks go for which Routes and message say nothing.
	DefaultQueue string
	// Routes are the queues of tasks by name or glob.
	Routes map[string]string
	// QueueArgs are the arguments of queues that have to be made.
	QueueArgs map[string]any
	// TaskSent is told of each task that was sent. Nil tells nobody.
	TaskSent func(context.Context, celery.Event)
}

// Publish sends a task to its queue. Like Celery's clients it makes a queue that
// does not exist yet; unlike them, only then.
func (s Sender) Publish(ctx context.Context, m canvas.Message) error {
	queue := m.Queue
	if queue == "" {
		queue = s.route(m.Task.Name)
	}
	p := broker.Publication{RoutingKey: queue, Mandatory: true}
	if m.Exchange != "" && m.RoutingKey != "" {
		p.Exchange, p.RoutingKey, p.Mandatory = m.Exchange, m.RoutingKey, false
	}
	p.Message = MessageOf(celery.EncodeTask(m.Task))
	p.Persistent = !m.Transient
	err := s.Broker.Publish(ctx, p)
	if errors.Is(err, broker.ErrUnroutable) {
		q := broker.Queue{Name: queue, Exchange: queue, RoutingKey: queue, Args: s.QueueArgs}
		if err := s.Broker.Declare(ctx, q); err != nil {
			return fmt.Errorf("queue %q does not exist and cannot be made: %w", queue, err)
		}
		err = s.Broker.Publish(ctx, p)
	}
	if err == nil && s.TaskSent != nil {
		if p.Exchange != "" {
			queue = "" // Celery names the one or the other
		}
		sent := celery.TaskSent(m.Task, queue, p.Exchange, p.RoutingKey)
		sent.Hostname = Origin()
		s.TaskSent(ctx, sent)
	}
	return err
}

// route is the queue of a task for which its sender names none.
func (s Sender) route(name string) string {
	if queue, ok := s.Routes[name]; ok {
		return queue
	}
	best, queue := "", s.DefaultQueue
	for pattern, to := range s.Routes {
		// The longest pattern is the most precise one, and a map has no order.
		if celery.Glob(pattern, name) && (len(pattern) > len(best) || len(pattern) == len(best) && pattern < best) {
			best, queue = pattern, to
		}
	}
	return queue
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
