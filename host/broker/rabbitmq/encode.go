package rabbitmq

import (
	"fmt"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/sparkstalk/sparkstalk/host/broker"
)

// otherProperties is more than all properties but the headers take in a frame.
const otherProperties = 2000

// encode is the message as the library takes it. The broker or the library would
// close the whole connection on what does not fit its frames; here it is an error
// of the one message.
func encode(p broker.Publication) (amqp.Publishing, error) {
	for _, s := range []struct{ what, value string }{
		{"exchange", p.Exchange}, {"routing key", p.RoutingKey}, {"content type", p.ContentType},
		{"content encoding", p.ContentEncoding}, {"correlation id", p.CorrelationID}, {"reply-to", p.ReplyTo},
	} {
		if len(s.value) > maxShort {
			return amqp.Publishing{}, fmt.Errorf("%s %.20q… is longer than %d bytes", s.what, s.value, maxShort)
		}
	}
	headers, err := toTable(p.Headers)
	if err != nil {
		return amqp.Publishing{}, fmt.Errorf("header %w", err)
	}
	if n := tableSize(headers); n > frameMax-otherProperties {
		return amqp.Publishing{}, fmt.Errorf("headers of %d bytes do not fit a frame of %d", n, frameMax)
	}
	out := amqp.Publishing{
		Headers:         headers,
		ContentType:     p.ContentType,
		ContentEncoding: p.ContentEncoding,
		DeliveryMode:    amqp.Transient,
		CorrelationId:   p.CorrelationID,
		ReplyTo:         p.ReplyTo,
		Body:            p.Body,
	}
	if p.Persistent {
		out.DeliveryMode = amqp.Persistent
	}
	if p.Priority != nil {
		out.Priority = *p.Priority
	}
	if p.Expiration > 0 {
		ms := (p.Expiration + time.Millisecond - 1) / time.Millisecond
		out.Expiration = strconv.FormatInt(int64(ms), 10)
	}
	return out, nil
}

// expiration is the inverse of what encode does to an expiration.
func expiration(ms string) time.Duration {
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil || n < 0 || n > int64((1<<63-1)/time.Millisecond) {
		return 0
	}
	return time.Duration(n) * time.Millisecond
}
