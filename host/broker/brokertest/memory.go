package brokertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
)

// Config is what a broker is opened with, in memory or for the suite.
type Config struct {
	// Queues are declared and consumed by Run.
	Queues []broker.Queue
	// Prefetch is how many deliveries may be unsettled; zero is no limit.
	Prefetch int
}

// A Broker is one connection to a [Server]. It implements [broker.Broker].
type Broker struct {
	server *Server
	cfg    Config

	// The rest is guarded by the server's mutex.
	prefetch  int
	handle    func(broker.Delivery)
	running   bool
	stopped   bool // StopConsuming was called
	consumers []*consumer
	cancelled []*consumer // hold open deliveries only
	closed    chan struct{}
	lost      chan struct{} // closed, and replaced, when the connection is lost
	wg        sync.WaitGroup
}

var _ broker.Broker = (*Broker)(nil)

// A consumer passes the deliveries of one queue to handle.
type consumer struct {
	broker *Broker
	queue  *queue
	noAck  bool
	inbox  []*delivery
	open   map[*delivery]struct{} // delivered, perhaps still in the inbox, and unsettled
	gone   bool                   // the connection is lost
	lost   chan struct{}          // closed then
	wake   chan struct{}
}

type delivery struct {
	consumer *consumer
	item     *item
	settled  bool
}

// Run implements [broker.Broker].
func (b *Broker) Run(ctx context.Context, handle func(broker.Delivery)) error {
	s := b.server
	s.mu.Lock()
	if b.handle != nil {
		s.mu.Unlock()
		return errors.New("broker runs already")
	}
	b.handle, b.running = handle, true
	var err error
	if s.isUp() {
		err = b.connect()
	}
	s.mu.Unlock()
	if err == nil {
		select {
		case <-ctx.Done():
		case <-b.closed:
		}
	}
	s.mu.Lock()
	b.running = false
	b.disconnect()
	s.mu.Unlock()
	b.wg.Wait()
	return err
}

// connect declares and consumes, unless it is not the time to. The server's mutex is held.
func (b *Broker) connect() error {
	if !b.running || b.stopped {
		return nil
	}
	for _, spec := range b.cfg.Queues {
		if err := b.consume(spec); err != nil {
			return err
		}
	}
	for _, c := range b.consumers {
		c.queue.dispatch()
	}
	return nil
}

// consume declares and consumes a queue. The server's mutex is held.
func (b *Broker) consume(spec broker.Queue) error {
	q, err := b.server.declare(spec, b)
	if err != nil {
		return err
	}
	c := &consumer{
		broker: b, queue: q, noAck: spec.NoAck,
		open: map[*delivery]struct{}{}, wake: make(chan struct{}, 1), lost: b.lost,
	}
	b.consumers = append(b.consumers, c)
	q.consumers = append(q.consumers, c)
	b.wg.Go(c.run)
	return nil
}

// Declare implements [broker.Broker].
func (b *Broker) Declare(_ context.Context, q broker.Queue) error { return b.server.Declare(q) }

// Consume implements [broker.Broker].
func (b *Broker) Consume(_ context.Context, q broker.Queue) error {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	if slices.ContainsFunc(b.cfg.Queues, func(o broker.Queue) bool { return o.Name == q.Name }) {
		return nil
	}
	b.cfg.Queues = append(slices.Clip(b.cfg.Queues), q)
	if !b.running || b.stopped || !b.server.isUp() {
		return nil
	}
	if err := b.consume(q); err != nil {
		return err
	}
	b.dispatch()
	return nil
}

// Cancel implements [broker.Broker].
func (b *Broker) Cancel(_ context.Context, queue string) error {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	b.cfg.Queues = slices.DeleteFunc(slices.Clone(b.cfg.Queues), func(q broker.Queue) bool { return q.Name == queue })
	for _, c := range slices.Clone(b.consumers) {
		if c.queue.spec.Name != queue {
			continue
		}
		b.consumers = slices.DeleteFunc(b.consumers, func(o *consumer) bool { return o == c })
		b.cancelled = append(b.cancelled, c)
		c.leave()
		for _, d := range c.inbox {
			c.giveBack(d)
		}
		c.inbox = nil
	}
	return nil
}

// disconnect gives every open delivery back. The server's mutex is held.
func (b *Broker) disconnect() {
	all := slices.Concat(b.consumers, b.cancelled)
	b.consumers, b.cancelled = nil, nil
	close(b.lost)
	b.lost = make(chan struct{})
	for _, c := range all {
		c.gone = true
		c.leave()
		for d := range c.open {
			c.giveBack(d)
		}
		if c.queue.owner == b {
			delete(b.server.queues, c.queue.spec.Name)
		}
	}
	for _, c := range all {
		c.queue.dispatch()
	}
}

// StopConsuming implements [broker.Broker].
func (b *Broker) StopConsuming(context.Context) error {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	b.stopped = true
	stopped := b.consumers
	b.consumers = nil
	b.cancelled = append(b.cancelled, stopped...)
	for _, c := range stopped {
		c.leave()
		for _, d := range c.inbox {
			c.giveBack(d)
		}
		c.inbox = nil
	}
	for _, c := range stopped {
		c.queue.dispatch()
	}
	return nil
}

// SetPrefetch implements [broker.Broker].
func (b *Broker) SetPrefetch(_ context.Context, count int) error {
	if count < 0 {
		return fmt.Errorf("prefetch of %d is negative", count)
	}
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	b.prefetch = count
	b.dispatch()
	return nil
}

// Publish implements [broker.Broker].
func (b *Broker) Publish(ctx context.Context, p broker.Publication) error {
	p, err := copyOf(p)
	if err != nil {
		return err
	}
	s := b.server
	for {
		select {
		case <-b.closed:
			return broker.ErrClosed
		default:
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		s.mu.Lock()
		if s.isUp() {
			n, err := s.publish(p)
			s.mu.Unlock()
			switch {
			case p.NoConfirm:
				return nil
			case err != nil:
				return fmt.Errorf("publish: %w", err)
			case n == 0 && p.Mandatory:
				return fmt.Errorf("publish to %q with key %q: %w", p.Exchange, p.RoutingKey, broker.ErrUnroutable)
			}
			return nil
		}
		up := s.up
		s.mu.Unlock()
		select {
		case <-up:
		case <-ctx.Done():
		case <-b.closed:
		}
	}
}

// Connected implements [broker.Broker].
func (b *Broker) Connected() bool {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	return b.running && !b.stopped && b.server.isUp()
}

// Close implements [broker.Broker].
func (b *Broker) Close() error {
	b.server.mu.Lock()
	select {
	case <-b.closed:
	default:
		close(b.closed)
		b.running = false
		b.disconnect()
		delete(b.server.brokers, b)
	}
	b.server.mu.Unlock()
	return nil
}

// Drop breaks the connection and makes a new one: open deliveries become stale
// and go back to their queues.
func (b *Broker) Drop() {
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	b.disconnect()
	if b.server.isUp() {
		_ = b.connect() // the queues stand, so this cannot fail
	}
}

func (b *Broker) dispatch() {
	for _, c := range b.consumers {
		c.queue.dispatch()
	}
}

func (c *consumer) run() {
	s := c.broker.server
	for {
		s.mu.Lock()
		if !slices.Contains(c.queue.consumers, c) {
			s.mu.Unlock()
			return
		}
		if len(c.inbox) == 0 {
			s.mu.Unlock()
			<-c.wake
			continue
		}
		d := c.inbox[0]
		c.inbox = c.inbox[1:]
		handle := c.broker.handle
		s.mu.Unlock()
		handle(d.public())
	}
}

func (c *consumer) hasRoom() bool {
	if c.noAck || c.broker.prefetch == 0 {
		return true
	}
	n := 0
	for _, other := range slices.Concat(c.broker.consumers, c.broker.cancelled) {
		n += len(other.open)
	}
	return n < c.broker.prefetch
}

func (c *consumer) take(it *item) {
	d := &delivery{consumer: c, item: it, settled: c.noAck}
	if !c.noAck {
		c.open[d] = struct{}{}
	}
	c.inbox = append(c.inbox, d)
	c.signal()
}

// leave ends the consumer's deliveries.
func (c *consumer) leave() {
	c.queue.consumers = slices.DeleteFunc(c.queue.consumers, func(o *consumer) bool { return o == c })
	c.signal()
}

func (c *consumer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *consumer) giveBack(d *delivery) {
	if _, ok := c.open[d]; !ok {
		return
	}
	delete(c.open, d)
	d.item.redeliver = true
	c.queue.put(d.item)
}

func (d *delivery) public() broker.Delivery {
	it := d.item
	msg, _ := copyOf(it.msg)
	out := broker.Delivery{
		Message: msg.Message, Queue: it.queue.spec.Name, Exchange: it.msg.Exchange, RoutingKey: it.msg.RoutingKey,
		Redelivered: it.redeliver, Settler: d,
	}
	if !d.consumer.noAck {
		out.Gone = d.consumer.lost
	}
	return out
}

// Ack implements [broker.Settler].
func (d *delivery) Ack() error { return d.settle(false) }

// Reject implements [broker.Settler].
func (d *delivery) Reject(requeue bool) error { return d.settle(requeue) }

func (d *delivery) settle(requeue bool) error {
	c := d.consumer
	s := c.broker.server
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case d.settled:
		return nil
	case c.gone:
		return broker.ErrStale
	}
	d.settled = true
	if requeue {
		c.giveBack(d)
	} else {
		delete(c.open, d)
	}
	c.queue.dispatch()
	c.broker.dispatch()
	return nil
}

// copyOf is what arrives when p is sent: nobody shares its maps and bytes, and
// its header values have the types that a message has.
func copyOf(p broker.Publication) (broker.Publication, error) {
	p.Body = slices.Clone(p.Body)
	if p.Priority != nil {
		v := *p.Priority
		p.Priority = &v
	}
	if p.Headers != nil {
		h, err := plain(p.Headers)
		if err != nil {
			return p, fmt.Errorf("header %w", err)
		}
		p.Headers = h.(map[string]any)
	}
	return p, nil
}

func plain(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v, nil
	case int:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case []byte:
		return slices.Clone(v), nil
	case time.Time:
		return v.Truncate(time.Second), nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = plain(v[i]); err != nil {
				return nil, fmt.Errorf("%d: %w", i, err)
			}
		}
		return out, nil
	case map[string]any:
		out := maps.Clone(v)
		for k := range out {
			var err error
			if out[k], err = plain(out[k]); err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("has type %T, which a message cannot carry", v)
}
