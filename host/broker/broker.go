// Package broker is how the host receives and sends messages. It knows nothing
// of Celery: a [Message] is properties, headers and bytes.
package broker

import (
	"context"
	"errors"
	"time"
)

// A Message is what travels. Header values are those of JSON plus []byte and
// time.Time: nil, bool, int64, float64, string, []any, map[string]any.
type Message struct {
	Headers         map[string]any
	Body            []byte
	ContentType     string
	ContentEncoding string
	CorrelationID   string
	ReplyTo         string
	// Priority is nil where the sender gave none.
	Priority *uint8
	// Persistent asks the broker to keep the message over a restart.
	Persistent bool
	// Expiration is how long the broker keeps the message; zero is for ever.
	Expiration time.Duration
}

// A Publication is a message and where it goes.
type Publication struct {
	// Exchange is empty for the default exchange, which routes by queue name.
	Exchange   string
	RoutingKey string
	// Mandatory makes Publish fail with [ErrUnroutable] when no queue takes the message.
	Mandatory bool
	// NoConfirm is for what may get lost, such as events: Publish returns once
	// the message is on its way and learns nothing of what became of it. It
	// leaves Mandatory without effect.
	NoConfirm bool
	Message
}

// An Exchange is an exchange that is published to, with how it is declared.
type Exchange struct {
	Name string
	Type string // direct, topic or fanout; empty means direct
	// Transient exchanges are not kept over a restart of the broker.
	Transient bool
	// Sources are exchanges that pass on to this one what fits the binding. Only
	// RabbitMQ has such bindings.
	Sources []Binding
}

// A Binding joins a queue, or an exchange, to the exchange that it gets messages
// of.
type Binding struct {
	Exchange string
	// ExchangeType is how the exchange is declared. Empty means that it is there
	// already.
	ExchangeType string
	RoutingKey   string
}

// A Delivery is a message received. It must be settled once, by one of its
// methods, unless its queue is consumed without acknowledgement; more calls
// change nothing.
type Delivery struct {
	Message
	// Queue is the queue it was consumed from; Exchange and RoutingKey are
	// those it was published with.
	Queue, Exchange, RoutingKey string
	Redelivered                 bool
	// Gone is closed once the connection that brought the delivery is lost: the
	// broker has put back what was not settled and delivers it again, perhaps to
	// this consumer. It is the same for all deliveries of a connection, and nil
	// where deliveries outlive their connection.
	Gone <-chan struct{}
	// Settler answers the broker. It is set by the broker's implementation.
	Settler Settler
}

// A Settler tells the broker what became of one delivery. Its methods do not
// block on the network for long. They return [ErrStale] when the connection that
// brought the delivery is gone: the broker has then put the message back by
// itself, and nothing was sent.
type Settler interface {
	Ack() error
	// Reject gives the message back to the queue, or drops (dead-letters) it.
	Reject(requeue bool) error
}

// Errors that callers branch on.
var (
	// ErrStale says that a delivery's connection is gone.
	ErrStale = errors.New("delivery's connection is gone")
	// ErrUnroutable says that no queue takes a mandatory message.
	ErrUnroutable = errors.New("no queue takes the message")
	// ErrClosed says that the broker was closed.
	ErrClosed = errors.New("broker is closed")
)

// A Queue is a queue to consume from, with how it is declared.
type Queue struct {
	Name string
	// Exchange and RoutingKey bind the queue. An empty Exchange binds nothing.
	Exchange     string
	ExchangeType string // direct, topic or fanout; empty means direct
	RoutingKey   string
	// Bindings are more of them.
	Bindings []Binding
	// TransientExchange and TransientQueue are not kept over a restart of the
	// broker; the queue is deleted when nobody consumes it any more, and exclusive to
	// this connection unless it is Shared.
	TransientExchange, TransientQueue, Shared bool
	// Args are the queue's arguments (x-max-priority, x-queue-type, x-expires …).
	Args map[string]any
	// ConsumerArgs are the consumer's arguments (x-priority …).
	ConsumerArgs map[string]any
	// NoAck has the broker forget messages as it sends them.
	NoAck bool
}

// Bound are all bindings of the queue.
func (q Queue) Bound() []Binding {
	if q.Exchange == "" {
		return q.Bindings
	}
	kind := q.ExchangeType
	if kind == "" {
		kind = "direct"
	}
	return append([]Binding{{Exchange: q.Exchange, ExchangeType: kind, RoutingKey: q.RoutingKey}}, q.Bindings...)
}

// A Purger is a [Broker] that can drop what waits in a queue.
type Purger interface {
	// Purge declares a queue, drops the messages in it that no consumer holds, and
	// returns how many they were. It waits for a connection as long as ctx lasts.
	Purge(ctx context.Context, q Queue) (int, error)
}

// A Broker receives and publishes. Its methods may be called by any goroutine.
type Broker interface {
	// Run connects, declares and consumes the queues, and hands each delivery
	// to handle, which must not block for long; it goes on through every loss of
	// connection until ctx ends or Close is called. It returns nil then, and an
	// error only for what a retry cannot mend (bad credentials, a queue that
	// exists with other arguments). Deliveries of one queue come in order, one
	// call of handle at a time; those of different queues may come at once.
	// When Run has returned, deliveries still open are stale and no call of
	// handle is under way. A Broker runs once.
	Run(ctx context.Context, handle func(Delivery)) error
	// StopConsuming ends intake for good and gives back what was delivered and
	// not handled; deliveries handled before stay open and can be settled, since
	// the connection stays until Run's context ends or Close is called.
	StopConsuming(ctx context.Context) error
	// SetPrefetch changes how many unsettled deliveries the broker may send; zero
	// is no limit. It also holds for connections to come, so that being
	// disconnected is no error.
	SetPrefetch(ctx context.Context, count int) error
	// Declare makes a queue, with its exchange and binding, unless it is there. It
	// waits for a connection as long as ctx lasts and works whether or not Run
	// does. Its error is the broker's refusal.
	Declare(ctx context.Context, q Queue) error
	// Consume declares and consumes one queue more, now and over every
	// connection to come, so that being disconnected is no error. A queue that
	// is consumed already stays as it is.
	Consume(ctx context.Context, q Queue) error
	// Cancel ends the consuming of a queue for good. What was delivered from it
	// stays open and can be settled. A queue that is not consumed is no error.
	Cancel(ctx context.Context, queue string) error
	// Publish sends a message and returns once the broker has it (publisher
	// confirm), waiting for a connection as long as ctx lasts. What the broker
	// did not confirm is sent again, so that a message may arrive twice. It works
	// whether or not Run does.
	Publish(ctx context.Context, p Publication) error
	// Connected reports whether deliveries can arrive now.
	Connected() bool
	// Close closes the connections. Open deliveries return to their queues.
	Close() error
}
