package event

import (
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
)

// A Wire is how events travel: Celery's event_ settings. Whoever is to hear each
// other must have the same exchange. The zero value has Celery's defaults.
type Wire struct {
	// Exchange is where events are published; empty means celeryev.
	Exchange string
	// Format is how they are written. Those of other workers are also read in JSON.
	Format celery.Format
	// QueuePrefix begins the names of the queues on which events are heard; empty
	// means celeryev.
	QueuePrefix string
	// Expires is how long such a queue lasts that nobody reads. Zero means 60 s,
	// negative that it does not end by that.
	Expires time.Duration
	// Durable queues outlive a restart of the broker. Others are this
	// connection's alone unless they are Shared.
	Durable, Shared bool
}

func (w Wire) exchange() string {
	if w.Exchange == "" {
		return celery.EventExchange
	}
	return w.Exchange
}

// Declaration is what the broker must declare for events to arrive anywhere.
func (w Wire) Declaration() broker.Exchange {
	return broker.Exchange{Name: w.exchange(), Type: "topic"}
}

// GossipQueue is a queue on which the events of workers are heard; each has
// another name.
func (w Wire) GossipQueue() broker.Queue {
	prefix, expires := w.QueuePrefix, w.Expires
	if prefix == "" {
		prefix = celery.EventExchange
	}
	if expires == 0 {
		expires = time.Minute
	}
	q := broker.Queue{
		Name: prefix + "." + uuid.NewString(), Exchange: w.exchange(), ExchangeType: "topic", RoutingKey: "worker.#",
		TransientQueue: !w.Durable, Shared: w.Shared, NoAck: true,
		Args: map[string]any{"x-message-ttl": int(defaultHeartbeat.Milliseconds())},
	}
	if expires > 0 {
		q.Args["x-expires"] = int(expires.Milliseconds())
	}
	return q
}

// read returns the body of an event message as JSON.
func (w Wire) read(d broker.Delivery) ([]byte, error) {
	accept, err := celery.Accept([]string{w.Format.Name(), "json"})
	if err != nil {
		return nil, err
	}
	return celery.Decoder{Accept: accept}.Value(celery.Incoming{Headers: d.Headers, Body: d.Body, ContentType: d.ContentType})
}
