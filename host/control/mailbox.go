package control

import (
	"context"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
)

// A Mailbox is how remote control travels: Celery's control_ settings, its
// task_serializer and its accept_content. Whoever is to hear each other must have
// the same exchange. The zero value has Celery's defaults.
type Mailbox struct {
	// Exchange is the name that the exchanges begin with; empty means celery.
	Exchange string
	// TTL is how long a message waits to be read, and Expires how long a queue
	// lasts that nobody reads. Zero means 300 s and 10 s, negative none.
	TTL, Expires time.Duration
	// Durable queues outlive a restart of the broker. Others are this
	// connection's alone unless they are Shared.
	Durable, Shared bool
	// Format is how requests and replies are written, and Decoder reads them.
	Format  celery.Format
	Decoder celery.Decoder
}

// requests is the fanout exchange, not durable, that control requests are broadcast
// on, and replies the direct one for their answers.
func (m Mailbox) requests() string {
	if m.Exchange == "" {
		return celery.ControlExchange
	}
	return m.Exchange + ".pidbox"
}

func (m Mailbox) replies() string { return "reply." + m.requests() }

// Exchanges are those that must be declared where replies and broadcasts are
// published.
func (m Mailbox) Exchanges() []broker.Exchange {
	return []broker.Exchange{
		{Name: m.requests(), Type: "fanout", Transient: true},
		{Name: m.replies(), Type: "direct", Transient: true},
	}
}

// Queue is the queue on which a node hears requests.
func (m Mailbox) Queue(hostname string) broker.Queue {
	return m.queue(hostname, m.requests(), "fanout", "")
}

// replyQueue is where a client of the given id hears replies.
func (m Mailbox) replyQueue(id string) broker.Queue { return m.queue(id, m.replies(), "direct", id) }

func (m Mailbox) queue(owner, exchange, kind, key string) broker.Queue {
	q := broker.Queue{
		Name: owner + "." + exchange, Exchange: exchange, ExchangeType: kind, RoutingKey: key,
		TransientExchange: true, TransientQueue: !m.Durable, Shared: m.Shared, NoAck: true, Args: map[string]any{},
	}
	for name, d := range map[string]time.Duration{"x-expires": orDefault(m.Expires, 10*time.Second), "x-message-ttl": orDefault(m.TTL, 300*time.Second)} {
		if d >= 0 {
			q.Args[name] = int(d.Milliseconds())
		}
	}
	return q
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// read returns the body of a request or reply as JSON.
func (m Mailbox) read(d broker.Delivery) ([]byte, error) {
	return m.Decoder.Value(celery.Incoming{Headers: d.Headers, Body: d.Body, ContentType: d.ContentType})
}

// request reads a message of the [Mailbox.Queue].
func (m Mailbox) request(d broker.Delivery) (celery.Request, error) {
	body, err := m.read(d)
	if err != nil {
		return celery.Request{}, err
	}
	return celery.DecodeRequest(celery.Incoming{Headers: d.Headers, Body: body})
}

// reply sends the answer to a request.
func (m Mailbox) reply(ctx context.Context, by Publisher, r celery.Request, answer celery.Reply, clock int64) error {
	message, err := m.message(answer.Encode(), map[string]any{"ticket": r.Ticket, "clock": clock})
	if err != nil {
		return err
	}
	return by.Publish(ctx, broker.Publication{Exchange: r.ReplyTo.Exchange, RoutingKey: r.ReplyTo.RoutingKey, NoConfirm: true, Message: message})
}

// message is a message with a JSON value.
func (m Mailbox) message(value []byte, headers map[string]any) (broker.Message, error) {
	e, err := m.Format.Encode(value)
	return broker.Message{
		Headers: headers, Body: e.Body, ContentType: e.ContentType, ContentEncoding: e.ContentEncoding, Priority: new(uint8),
	}, err
}
