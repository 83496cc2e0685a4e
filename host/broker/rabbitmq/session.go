package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// A session is one connection that consumes, with one channel, from its opening
// to its loss. Every delivery belongs to a session and is settled on its channel
// or not at all: delivery tags are counted anew in each.
type session struct {
	broker *Broker
	link   *link
	ch     *amqp.Channel
	handle func(broker.Delivery)
	global bool // meaning of the prefetch count

	gone      atomic.Bool   // nothing can be settled any more
	ended     chan struct{} // closed with gone
	cancelled chan struct{} // closed when the broker sends no more deliveries
	closes    chan *amqp.Error
	cancels   chan string // tags of consumers that the broker cancelled
	failed    chan error  // what ends the session from within

	// rpc is held for a method that waits for its answer: the library cannot tell
	// the answers of two apart.
	rpc     sync.Mutex
	applied int                     // prefetch count, guarded by rpc
	queues  map[string]broker.Queue // by consumer tag, guarded by rpc
	tags    int                     // guarded by rpc
	noMore  bool                    // no consumer may begin; guarded by rpc
	workers sync.WaitGroup          // pumps, and consumers being restored
}

var errStopped = errors.New("consuming was stopped")

// openSession connects, declares and consumes.
func (b *Broker) openSession(ctx context.Context, handle func(broker.Delivery)) (*session, error) {
	// A broker that is only looked for need not be found once intake is stopped.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-b.stopped:
			cancel()
		case <-ctx.Done():
		}
	}()
	l, err := b.dial(ctx, "consume")
	if err != nil {
		return nil, err
	}
	version, _ := l.Properties["version"].(string)
	s := &session{
		broker: b, link: l, handle: handle,
		global:    globalQoS(version, b.consumed()),
		ended:     make(chan struct{}),
		cancelled: make(chan struct{}),
		cancels:   make(chan string, len(b.consumed())+16),
		failed:    make(chan error, 1),
		applied:   -1,
		queues:    map[string]broker.Queue{},
	}
	if err := s.begin(); err != nil {
		s.close()
		return nil, err
	}
	b.mu.Lock()
	b.session, b.declared = s, true
	b.mu.Unlock()
	// The count and the queues may have been changed since begin.
	err = s.applyPrefetch()
	for _, q := range b.consumed() {
		if err == nil && !s.consumes(q.Name) {
			if err = b.declare(s.link, nil, []broker.Queue{q}); err == nil {
				err = s.consume(q)
			}
		}
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) begin() error {
	b := s.broker
	queues := b.consumed()
	if err := b.declare(s.link, nil, queues); err != nil {
		return err
	}
	ch, err := s.link.channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", plainly(err))
	}
	s.ch = ch
	s.closes = ch.NotifyClose(make(chan *amqp.Error, 1))
	ch.NotifyCancel(s.cancels)
	if err := s.applyPrefetch(); err != nil {
		return err
	}
	for _, q := range queues {
		if err := s.consume(q); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) consumes(queue string) bool {
	s.rpc.Lock()
	defer s.rpc.Unlock()
	for _, q := range s.queues {
		if q.Name == queue {
			return true
		}
	}
	return false
}

// consume begins to consume a queue.
func (s *session) consume(q broker.Queue) error {
	args, err := toArguments(q.ConsumerArgs)
	if err != nil {
		return err // New has checked it
	}
	s.rpc.Lock()
	defer s.rpc.Unlock()
	if s.noMore {
		return errStopped
	}
	s.tags++
	tag := "sparkstalk-" + strconv.Itoa(s.tags)
	s.queues[tag] = q
	var deliveries <-chan amqp.Delivery
	err = s.link.call(func() (err error) {
		deliveries, err = s.ch.Consume(q.Name, tag, q.NoAck, q.TransientQueue && !q.Shared, false, false, args)
		return err
	})
	if err != nil {
		return fmt.Errorf("consume queue %q: %w", q.Name, plainly(err))
	}
	s.workers.Go(func() { s.pump(q, deliveries) })
	return nil
}

// pump hands on the deliveries of one queue until its consumer or the channel
// ends; the library closes the channel then.
func (s *session) pump(q broker.Queue, deliveries <-chan amqp.Delivery) {
	for d := range deliveries {
		if s.isGone() {
			continue
		}
		if !s.broker.isStopped() {
			s.handle(s.delivery(q, &d))
			continue
		}
		if q.NoAck {
			continue
		}
		// What is given back while the broker still sends would come again.
		select {
		case <-s.cancelled:
			_ = s.ch.Reject(d.DeliveryTag, true)
		case <-s.ended:
		}
	}
}

func (s *session) delivery(q broker.Queue, d *amqp.Delivery) broker.Delivery {
	out := broker.Delivery{
		Message: broker.Message{
			Headers:         fromTable(d.Headers),
			Body:            d.Body,
			ContentType:     d.ContentType,
			ContentEncoding: d.ContentEncoding,
			CorrelationID:   d.CorrelationId,
			ReplyTo:         d.ReplyTo,
			Priority:        priorityOf(d.Priority),
			Persistent:      d.DeliveryMode == amqp.Persistent,
			Expiration:      expiration(d.Expiration),
		},
		Queue:       q.Name,
		Exchange:    d.Exchange,
		RoutingKey:  d.RoutingKey,
		Redelivered: d.Redelivered,
		Settler:     settledAlready{},
	}
	if !q.NoAck {
		out.Settler, out.Gone = &settler{session: s, tag: d.DeliveryTag}, s.ended
	}
	return out
}

// serve waits until the session is over and says why; nil when it was ended from
// here. It has closed everything when it returns.
func (s *session) serve(ctx context.Context) error {
	defer s.close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.broker.stopped:
			s.stop(ctx)
			return nil
		case err := <-s.failed:
			return err
		case <-s.link.done:
			return s.link.err
		case e := <-s.closes:
			return s.channelError(e)
		case tag, ok := <-s.cancels:
			if !ok { // with the channel
				return s.channelError(<-s.closes)
			}
			s.restore(ctx, tag)
		}
	}
}

func (s *session) channelError(e *amqp.Error) error {
	if s.link.IsClosed() {
		<-s.link.done
		return s.link.err
	}
	if e == nil {
		return errors.New("channel was closed")
	}
	return fmt.Errorf("broker closed the channel: %w", plainly(e))
}

// stop cancels the consumers, gives back what was not handled, and keeps the
// session until ctx ends or it is lost, so that open deliveries can be settled.
func (s *session) stop(ctx context.Context) {
	s.rpc.Lock()
	s.noMore = true
	for tag := range s.queues {
		err := s.link.call(func() error { return s.ch.Cancel(tag, false) })
		if err != nil { // the channel is lost, and what is open returns by itself
			break
		}
	}
	s.rpc.Unlock()
	close(s.cancelled)
	s.workers.Wait()
	s.broker.markIdle()
	select {
	case <-ctx.Done():
	case <-s.link.done:
	case <-s.closes:
	}
}

// cancel ends the consumers of a queue; what they have delivered stays open.
func (s *session) cancel(queue string) error {
	s.rpc.Lock()
	defer s.rpc.Unlock()
	for tag, q := range s.queues {
		if q.Name != queue {
			continue
		}
		delete(s.queues, tag)
		if err := s.link.call(func() error { return s.ch.Cancel(tag, false) }); err != nil {
			return plainly(err)
		}
	}
	return nil
}

// restore consumes a queue again whose consumer the broker cancelled, as it does
// when the queue is deleted or moves to another node. Other queues go on.
func (s *session) restore(ctx context.Context, tag string) {
	s.rpc.Lock()
	q, ok := s.queues[tag]
	delete(s.queues, tag)
	s.rpc.Unlock()
	if !ok {
		return
	}
	b := s.broker
	b.log.WarnContext(ctx, "broker ended consuming; declaring the queue again", logkey.Queue, q.Name)
	s.workers.Go(func() {
		wait := newBackoff()
		say := complaint{log: b.log, what: "queue " + strconv.Quote(q.Name) + " cannot be consumed"}
		for !b.isStopped() {
			err := b.declare(s.link, nil, []broker.Queue{q})
			if err == nil {
				if err = s.consume(q); err == nil {
					say.over("consuming again", logkey.Queue, q.Name)
					return
				}
			}
			if s.isGone() {
				return
			}
			if _, fatal := errors.AsType[*refusal](err); fatal {
				select {
				case s.failed <- err:
				default:
				}
				return
			}
			say.failed(ctx, err)
			if !wait.Sleep(ctx, s.ended) {
				return
			}
		}
	})
}

// applyPrefetch tells the broker the count that is wanted now.
func (s *session) applyPrefetch() error {
	s.rpc.Lock()
	defer s.rpc.Unlock()
	count := s.broker.wantedPrefetch()
	if count == s.applied {
		return nil
	}
	if err := s.link.call(func() error { return s.ch.Qos(count, 0, s.global) }); err != nil {
		return fmt.Errorf("set prefetch: %w", plainly(err))
	}
	s.applied = count
	return nil
}

// close ends the session; it waits for calls of handle that are under way.
func (s *session) close() {
	s.broker.setSession(nil)
	// What was settled before still goes out; after this nothing is.
	s.gone.Store(true)
	close(s.ended)
	s.link.close()
	s.workers.Wait()
}

func (s *session) isGone() bool {
	return s.gone.Load() || s.link.IsClosed() || (s.ch != nil && s.ch.IsClosed())
}

// A settler settles one delivery on the session that it came by.
type settler struct {
	session *session
	tag     uint64
	done    atomic.Bool
}

// Ack implements [broker.Settler].
func (x *settler) Ack() error {
	return x.settle(func(ch *amqp.Channel) error { return ch.Ack(x.tag, false) })
}

// Reject implements [broker.Settler].
func (x *settler) Reject(requeue bool) error {
	return x.settle(func(ch *amqp.Channel) error { return ch.Reject(x.tag, requeue) })
}

func (x *settler) settle(send func(*amqp.Channel) error) error {
	if x.done.Swap(true) {
		// A tag settled twice would cost the channel, and all other deliveries with it.
		return nil
	}
	if x.session.isGone() {
		return broker.ErrStale
	}
	err := send(x.session.ch)
	if err == nil {
		// Until then it is in this process alone: a task that was acknowledged
		// early would be run again after a kill.
		err = x.session.link.conn.flush()
	}
	if err != nil {
		return fmt.Errorf("%w (%w)", broker.ErrStale, err)
	}
	return nil
}

// settledAlready is for deliveries of a queue without acknowledgement.
type settledAlready struct{}

// Ack implements [broker.Settler].
func (settledAlready) Ack() error { return nil }

// Reject implements [broker.Settler].
func (settledAlready) Reject(bool) error { return nil }
