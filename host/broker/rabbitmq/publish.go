package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// A publisher keeps the connection for publishing, with two channels: on one the
// broker confirms each message, on the other none.
type publisher struct {
	broker *Broker
	once   sync.Once
	loops  sync.WaitGroup
	ids    atomic.Uint64 // of mandatory messages

	// alone has room for the messages that have a channel to themselves; see publishAlone.
	alone chan struct{}

	mu               sync.Mutex
	link             *link // nil while there is none
	confirmed, plain *lane // nil while there is none
	err              error // why there never will be one again
	changed          chan struct{}
}

func newPublisher(b *Broker) *publisher {
	return &publisher{broker: b, alone: make(chan struct{}, 4), changed: make(chan struct{})}
}

// start connects, unless that was done before. wait ends it.
func (p *publisher) start() {
	p.once.Do(func() {
		if isClosed(p.broker.closed) {
			p.fail(broker.ErrClosed)
			return
		}
		p.loops.Go(p.run)
	})
}

// wait returns once the broker's Close has ended everything that start began.
func (p *publisher) wait() {
	p.once.Do(func() { p.fail(broker.ErrClosed) }) // else a Publish might start it still
	p.loops.Wait()
}

// run holds one connection after the other.
func (p *publisher) run() {
	b := p.broker
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p.loops.Go(func() {
		select {
		case <-b.closed:
			cancel()
		case <-ctx.Done():
		}
	})
	var (
		wait = newBackoff()
		say  = complaint{log: b.log, what: "broker cannot be published to"}
	)
	for {
		l, err := b.dial(ctx, "publish")
		if err == nil {
			err = b.declare(l, b.cfg.Exchanges, b.cfg.Stores)
			if err != nil {
				l.close()
			}
		}
		if err == nil {
			say.over("publishing", logkey.Broker, l.address)
			opened := time.Now()
			err = p.hold(ctx, l)
			lived(&wait, time.Since(opened))
		}
		if ctx.Err() != nil {
			p.fail(broker.ErrClosed)
			return
		}
		if r, fatal := errors.AsType[*refusal](err); fatal {
			p.fail(r)
			b.refuse(r) // consuming what nobody can answer would lose results
			return
		}
		say.failed(ctx, err)
		wait.Sleep(ctx, nil)
	}
}

// hold keeps channels open on a connection until it is lost or ctx ends.
func (p *publisher) hold(ctx context.Context, l *link) error {
	p.set(func() { p.link = l })
	var lanes sync.WaitGroup
	lanes.Go(func() { p.keep(ctx, l, true, &p.confirmed) })
	lanes.Go(func() { p.keep(ctx, l, false, &p.plain) })
	select {
	case <-l.done:
	case <-ctx.Done():
	}
	p.set(func() { p.link = nil })
	l.close()
	lanes.Wait()
	return l.err
}

// keep opens one channel after the other, since the broker closes one on a
// message that it refuses.
func (p *publisher) keep(ctx context.Context, l *link, confirm bool, at **lane) {
	wait := newBackoff()
	var said time.Time
	for !l.IsClosed() {
		c, err := openLane(l, confirm)
		if err == nil {
			wait = newBackoff()
			p.set(func() { *at = c })
			<-c.done
			p.set(func() { *at = nil })
			// Who waits for a confirm gets it as an error.
			if !confirm && !l.IsClosed() && time.Since(said) > repeatComplaint {
				said = time.Now()
				p.broker.log.Warn("broker refuses an unconfirmed message, which is lost", logkey.Error, plainly(c.err))
			}
		}
		if !wait.Sleep(ctx, l.done) {
			return
		}
	}
}

func (p *publisher) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *publisher) fail(err error) { p.set(func() { p.err = err }) }

// await waits until get returns something, which it is asked with p.mu held.
func await[T any](ctx context.Context, p *publisher, get func() *T) (*T, error) {
	p.start()
	for {
		p.mu.Lock()
		v, err, changed := get(), p.err, p.changed
		p.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if v != nil {
			return v, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("no connection: %w", context.Cause(ctx))
		}
	}
}

// publish sends a message as [broker.Broker] has it.
func (p *publisher) publish(ctx context.Context, pub broker.Publication) error {
	if isClosed(p.broker.closed) {
		return broker.ErrClosed
	}
	msg, err := encode(pub)
	if err != nil {
		return err
	}
	if pub.NoConfirm {
		return p.unconfirmed(ctx, pub, msg)
	}
	if pub.Mandatory {
		msg.MessageId = "sparkstalk-" + strconv.FormatUint(p.ids.Add(1), 10)
	}
	wait := newBackoff()
	for {
		c, err := await(ctx, p, func() *lane { return p.confirmed })
		if err != nil {
			return err
		}
		sent, err := c.send(ctx, pub, msg)
		if err != nil || sent {
			return err
		}
		if c.refused() {
			// One of the messages that were under way, not known which, made the
			// broker close their channel. Each tells by itself.
			sent, err = p.publishAlone(ctx, pub, msg)
			if err != nil || sent {
				return err
			}
		}
		if !wait.Sleep(ctx, p.broker.closed) && ctx.Err() != nil {
			return fmt.Errorf("not confirmed: %w", context.Cause(ctx))
		}
	}
}

// publishAlone sends a message on a channel of its own: when the broker closes
// that, it was for this message. It reports false when it should be tried again.
func (p *publisher) publishAlone(ctx context.Context, pub broker.Publication, msg amqp.Publishing) (bool, error) {
	select {
	case p.alone <- struct{}{}:
	case <-ctx.Done():
		return false, fmt.Errorf("not confirmed: %w", context.Cause(ctx))
	}
	defer func() { <-p.alone }()
	l, err := await(ctx, p, func() *link { return p.link })
	if err != nil {
		return false, err
	}
	c, err := openLane(l, true)
	if err != nil {
		return false, nil
	}
	defer func() { _ = l.call(c.ch.Close) }()
	sent, err := c.send(ctx, pub, msg)
	if err == nil && !sent && c.refused() {
		return false, fmt.Errorf("the broker refuses the message: %w", plainly(c.err))
	}
	return sent, err
}

func (p *publisher) unconfirmed(ctx context.Context, pub broker.Publication, msg amqp.Publishing) error {
	for {
		c, err := await(ctx, p, func() *lane { return p.plain })
		if err != nil {
			return err
		}
		if err := c.link.waitRoom(ctx); err != nil {
			return err
		}
		if err := c.ch.Publish(pub.Exchange, pub.RoutingKey, false, false, msg); err == nil {
			return nil
		}
		// The channel is closed, and gone from the publisher in a moment.
		select {
		case <-c.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// A lane is a channel for publishing.
type lane struct {
	link *link
	ch   *amqp.Channel
	done chan struct{} // closed with the channel
	err  *amqp.Error   // why, once done

	sync     chan struct{} // passes once the returns before it are noted
	mu       sync.Mutex
	returned map[string]string // reasons by message id, of those waited for
}

func openLane(l *link, confirm bool) (*lane, error) {
	ch, err := l.channel()
	if err != nil {
		return nil, err
	}
	if confirm {
		if err := l.call(func() error { return ch.Confirm(false) }); err != nil {
			return nil, err
		}
	}
	c := &lane{link: l, ch: ch, done: make(chan struct{}), sync: make(chan struct{}), returned: map[string]string{}}
	closes := ch.NotifyClose(make(chan *amqp.Error, 1))
	// Without a buffer, so that the library is past a return only when it was taken.
	returns := ch.NotifyReturn(make(chan amqp.Return))
	go func() {
		defer close(c.done)
		for {
			select {
			case r, ok := <-returns:
				if !ok {
					c.err = <-closes
					return
				}
				c.note(r)
			case c.sync <- struct{}{}:
			}
		}
	}()
	return c, nil
}

func (c *lane) note(r amqp.Return) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, waited := c.returned[r.MessageId]; waited {
		c.returned[r.MessageId] = r.ReplyText
	}
}

// send publishes and waits for the confirm. It reports false when the message
// should be sent again.
func (c *lane) send(ctx context.Context, pub broker.Publication, msg amqp.Publishing) (bool, error) {
	if limit := c.link.Config.FrameSize; limit > 0 && limit < frameMax && tableSize(msg.Headers) > limit-otherProperties {
		return false, fmt.Errorf("headers do not fit the broker's frames of %d bytes", limit)
	}
	if err := c.link.waitRoom(ctx); err != nil {
		return false, fmt.Errorf("the broker takes no messages: %w", err)
	}
	if pub.Mandatory {
		c.mu.Lock()
		c.returned[msg.MessageId] = ""
		c.mu.Unlock()
		defer func() {
			c.mu.Lock()
			delete(c.returned, msg.MessageId)
			c.mu.Unlock()
		}()
	}
	confirm, err := c.ch.PublishWithDeferredConfirm(pub.Exchange, pub.RoutingKey, pub.Mandatory, false, msg)
	if err != nil {
		// encode let nothing pass, so it is the channel that ends.
		select {
		case <-c.done:
			return false, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
	select {
	case <-confirm.Done():
	case <-ctx.Done():
		return false, fmt.Errorf("not confirmed: %w", context.Cause(ctx))
	}
	if !confirm.Acked() {
		if c.ch.IsClosed() {
			<-c.done
		}
		return false, nil
	}
	if pub.Mandatory {
		if why := c.returnOf(msg.MessageId); why != "" {
			return false, fmt.Errorf("%w (%s)", broker.ErrUnroutable, why)
		}
	}
	return true, nil
}

// returnOf is why the broker returned a message that it has confirmed, or "". A
// return comes before its confirm, but is noted by another goroutine.
func (c *lane) returnOf(id string) string {
	select {
	case <-c.sync:
	case <-c.done:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.returned[id]
}

// refused reports whether the channel, being closed, was closed by the broker for
// a message on it.
func (c *lane) refused() bool {
	return isClosed(c.done) && c.err != nil && c.err.Server && !c.link.IsClosed()
}
