package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
)

// A Broadcast is a request to workers of every kind.
type Broadcast struct {
	// Mailbox is that of the workers.
	Mailbox   Mailbox
	Method    string
	Arguments celery.Object
	// Destination names nodes; nil is all. Pattern picks them instead, by
	// Matcher: glob or pcre.
	Destination      []string
	Pattern, Matcher string
	// Timeout is how long replies are waited for, Limit after how many that
	// ends; zero is no limit. With Destination, so many nodes end it.
	Timeout time.Duration
	Limit   int
	// Clock is the sender's Lamport time.
	Clock int64
}

// Send broadcasts a request and returns the replies that come in time. open
// makes a broker that consumes the given queue and declares [Mailbox.Exchanges].
func (b Broadcast) Send(ctx context.Context, open func(broker.Queue) (broker.Broker, error)) (_ []celery.Reply, err error) {
	id := uuid.NewString()
	conn, err := open(b.Mailbox.replyQueue(id))
	if err != nil {
		return nil, err
	}
	run, stop := context.WithCancelCause(ctx)
	replies := make(chan celery.Reply, 64)
	ticket := uuid.NewString()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		stop(conn.Run(run, func(d broker.Delivery) {
			if d.Headers["ticket"] != ticket {
				return
			}
			body, err := b.Mailbox.read(d)
			var r celery.Reply
			if err == nil {
				r, err = celery.DecodeReply(body)
			}
			if err != nil {
				return // a node that answers nonsense did not answer
			}
			select {
			case replies <- r:
			case <-run.Done():
			}
		}))
	}()
	defer func() {
		stop(nil)
		err = errors.Join(err, conn.Close())
		<-ended
	}()
	for !conn.Connected() { // a reply must find its queue
		if run.Err() != nil {
			return nil, fmt.Errorf("%s: not connected to the broker: %w", b.Method, context.Cause(run))
		}
		time.Sleep(5 * time.Millisecond)
	}
	request := celery.Request{
		Method: b.Method, Arguments: b.Arguments, Destination: b.Destination, Pattern: b.Pattern, Matcher: b.Matcher,
		Ticket: ticket, ReplyTo: celery.ReplyTo{Exchange: b.Mailbox.replies(), RoutingKey: id},
	}
	expires := 0.0
	if b.Timeout > 0 {
		expires = float64(time.Now().Add(b.Timeout).UnixMicro()) / 1e6
	}
	message, err := b.Mailbox.message(request.Encode(), map[string]any{"clock": b.Clock, "expires": expires})
	if err == nil {
		message.Persistent = true
		err = conn.Publish(run, broker.Publication{Exchange: b.Mailbox.requests(), Message: message})
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Method, err)
	}
	limit := b.Limit
	if limit == 0 {
		limit = len(b.Destination)
	}
	var got []celery.Reply
	timer := time.NewTimer(b.Timeout)
	defer timer.Stop()
	for limit == 0 || len(got) < limit {
		select {
		case r := <-replies:
			got = append(got, r)
		case <-timer.C:
			return got, nil
		case <-run.Done():
			return got, context.Cause(run)
		}
	}
	return got, nil
}
