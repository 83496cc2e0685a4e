// Package rabbitmq is a [broker.Broker] on RabbitMQ, over amqp091-go.
//
// The library's automatic recovery is not used: it gives up after some tries, and
// it lets the acknowledgement of a delivery from an old connection acknowledge
// another message. Here each loss of connection ends in a new connection with new
// channels, for ever, and a delivery knows the session it came by.
package rabbitmq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// Config says which broker to use, and how.
type Config struct {
	// URL is amqp://user:password@host:port/vhost or amqps://…; pyamqp is
	// understood as amqp. Several, separated by semicolons, are tried in turn.
	// RabbitMQ's query parameters cacertfile, certfile, keyfile, verify,
	// server_name_indication and heartbeat (seconds) are respected.
	URL string
	// Queues are declared and consumed by Run.
	Queues []broker.Queue
	// Exchanges are declared before anything is published. Those of Queues need
	// not be repeated unless they have sources.
	Exchanges []broker.Exchange
	// Stores are queues that are declared after Exchanges and not consumed.
	Stores []broker.Queue
	// Prefetch is how many deliveries may be unsettled. Zero is no limit, and so
	// is more than 65535, which AMQP cannot express.
	//
	// RabbitMQ before 4.0 without quorum queues counts it over all queues; else it
	// holds for each queue alone, and a change reaches queues when they are next
	// consumed. This is how Celery's own worker has it.
	Prefetch int
	// Heartbeat is how often either side says that it lives; a dead connection is
	// noticed within one and a half of it. Zero means what the URL says, else 10 s.
	Heartbeat time.Duration
	// ConnectionName is shown in RabbitMQ's lists of connections.
	ConnectionName string
	// TLS is used for amqps and replaces what the URL's parameters say.
	TLS *tls.Config
	// Timeout is how long the broker may take for one answer, and for taking any
	// byte of what is sent, before the connection counts as dead. Zero means 10 s.
	Timeout time.Duration
	// ConnectTimeout is how long connecting to one address may take. Zero means 3 s.
	ConnectTimeout time.Duration
	// Log may be nil.
	Log *slog.Logger
}

const (
	defaultHeartbeat = 10 * time.Second
	defaultTimeout   = 10 * time.Second
	// dialTimeout is short enough that a broker which comes back while packets to
	// it vanished is tried again in time.
	dialTimeout = 3 * time.Second
	// closeTimeout is how long Close waits for the broker to say goodbye.
	closeTimeout = 2 * time.Second
	// maxPrefetch is what basic.qos can carry.
	maxPrefetch = 65535
)

// A Broker is a RabbitMQ server, or several of which one is used. It holds one
// connection for consuming, made by Run, and one for publishing, made by Run or
// the first Publish and kept until Close: RabbitMQ may stop reading from a
// connection that publishes, and acknowledgements must not wait for that.
type Broker struct {
	cfg       Config
	log       *slog.Logger
	addresses []address
	pub       *publisher

	closed    chan struct{} // closed by Close
	refused   chan *refusal // why nothing can be published, for Run; holds one
	closeOnce sync.Once
	stopped   chan struct{} // closed by StopConsuming
	stopOnce  sync.Once

	mu        sync.Mutex
	queues    []broker.Queue // that are consumed; never changed, only replaced
	ran       bool           // Run was called
	idle      chan struct{}  // closed when intake has ended; see markIdle
	idleOnce  sync.Once
	session   *session // nil unless consuming
	prefetch  int
	lastGood  int  // index in addresses
	connected bool // a connection was opened once, so the URL was right
	declared  bool // the queues were declared once, so the permissions were right
}

var (
	_ broker.Broker = (*Broker)(nil)
	_ broker.Purger = (*Broker)(nil)
)

// New checks cfg; it does not connect.
func New(cfg Config) (*Broker, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	addresses, err := parseAddresses(cfg.URL, cfg.TLS)
	errs := []error{err}
	if cfg.Prefetch < 0 {
		errs = append(errs, fmt.Errorf("prefetch of %d is negative", cfg.Prefetch))
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = dialTimeout
	}
	if cfg.Timeout < 0 || cfg.Heartbeat < 0 || cfg.ConnectTimeout < 0 {
		errs = append(errs, errors.New("a negative timeout or heartbeat"))
	}
	for _, q := range slices.Concat(cfg.Queues, cfg.Stores) {
		errs = append(errs, checkQueue(q))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("rabbitmq: %w", err)
	}
	queues := make([]broker.Queue, 0, len(cfg.Queues))
	for _, q := range cfg.Queues {
		queues = append(queues, cloneQueue(q))
	}
	b := &Broker{
		cfg:       cfg,
		queues:    queues,
		log:       cfg.Log,
		addresses: addresses,
		prefetch:  cfg.Prefetch,
		closed:    make(chan struct{}),
		refused:   make(chan *refusal, 1),
		stopped:   make(chan struct{}),
		idle:      make(chan struct{}),
	}
	b.pub = newPublisher(b)
	return b, nil
}

// checkQueue says what is wrong with a queue's name or arguments.
func checkQueue(q broker.Queue) error {
	var errs []error
	if q.Name == "" {
		errs = append(errs, errors.New("a queue without a name"))
	}
	for _, args := range []map[string]any{q.Args, q.ConsumerArgs} {
		if _, err := toTable(args); err != nil {
			errs = append(errs, fmt.Errorf("queue %q: argument %w", q.Name, err))
		}
	}
	return errors.Join(errs...)
}

func cloneQueue(q broker.Queue) broker.Queue {
	q.Args, q.ConsumerArgs = maps.Clone(q.Args), maps.Clone(q.ConsumerArgs)
	return q
}

// consumed are the queues to consume now.
func (b *Broker) consumed() []broker.Queue {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queues
}

// Run implements [broker.Broker].
func (b *Broker) Run(ctx context.Context, handle func(broker.Delivery)) error {
	b.mu.Lock()
	if b.ran {
		b.mu.Unlock()
		return errors.New("rabbitmq: Run was called before")
	}
	b.ran = true
	b.mu.Unlock()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // ends with Run
		select {
		case <-b.closed:
			cancel(nil)
		case r := <-b.refused:
			cancel(r)
		case <-ctx.Done():
		}
	}()
	// The first result should not wait for a connection.
	b.pub.start()

	err := b.consume(ctx, handle)
	b.markIdle()
	if err == nil {
		<-ctx.Done()
		if r, ok := errors.AsType[*refusal](context.Cause(ctx)); ok {
			err = r
		}
	}
	if err != nil {
		return fmt.Errorf("rabbitmq: %w", err)
	}
	return nil
}

// refuse ends Run because the broker will never let this user publish.
func (b *Broker) refuse(r *refusal) {
	select {
	case b.refused <- r:
	default: // told already
	}
}

// consume holds one session after the other until ctx ends or intake is stopped.
func (b *Broker) consume(ctx context.Context, handle func(broker.Delivery)) error {
	var (
		wait = newBackoff()
		say  = complaint{log: b.log, what: "broker cannot be consumed from"}
	)
	for {
		s, err := b.openSession(ctx, handle)
		if err == nil {
			say.over("consuming", logkey.Broker, s.link.address, logkey.Count, len(b.consumed()))
			opened := time.Now()
			err = s.serve(ctx)
			lived(&wait, time.Since(opened))
		}
		if ctx.Err() != nil || b.isStopped() {
			return nil
		}
		if _, fatal := errors.AsType[*refusal](err); fatal {
			return err
		}
		say.failed(ctx, err)
		if !wait.Sleep(ctx, b.stopped) {
			return nil
		}
	}
}

// StopConsuming implements [broker.Broker]. When ctx ends first, intake still
// ends as soon as the broker answers.
func (b *Broker) StopConsuming(ctx context.Context) error {
	b.stopOnce.Do(func() { close(b.stopped) })
	b.mu.Lock()
	ran := b.ran
	b.mu.Unlock()
	if !ran {
		return nil
	}
	select {
	case <-b.idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("rabbitmq: stop consuming: %w", context.Cause(ctx))
	}
}

// SetPrefetch implements [broker.Broker]. See [Config.Prefetch] for what it
// reaches at once.
func (b *Broker) SetPrefetch(ctx context.Context, count int) error {
	if count < 0 {
		return fmt.Errorf("rabbitmq: prefetch of %d is negative", count)
	}
	b.mu.Lock()
	b.prefetch = count
	s := b.session
	b.mu.Unlock()
	if s == nil {
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- s.applyPrefetch() }()
	select {
	case err := <-done:
		if err != nil && !s.isGone() {
			return fmt.Errorf("rabbitmq: set prefetch: %w", err)
		}
		return nil // the next session begins with it
	case <-ctx.Done():
		return fmt.Errorf("rabbitmq: set prefetch: %w", context.Cause(ctx))
	}
}

// Declare implements [broker.Broker].
func (b *Broker) Declare(ctx context.Context, q broker.Queue) error {
	if err := checkQueue(q); err != nil {
		return fmt.Errorf("rabbitmq: %w", err)
	}
	wait := newBackoff()
	for {
		l, err := await(ctx, b.pub, func() *link { return b.pub.link })
		if err == nil {
			err = b.declare(l, nil, []broker.Queue{q})
		}
		if err == nil {
			return nil
		}
		if _, refused := errors.AsType[*refusal](err); refused || l == nil || !l.IsClosed() {
			return fmt.Errorf("rabbitmq: %w", err)
		}
		if !wait.Sleep(ctx, b.closed) {
			return fmt.Errorf("rabbitmq: declare queue %q: %w", q.Name, errors.Join(context.Cause(ctx), err))
		}
	}
}

// Purge implements [broker.Purger].
func (b *Broker) Purge(ctx context.Context, q broker.Queue) (n int, err error) {
	if err := b.Declare(ctx, q); err != nil {
		return 0, err
	}
	l, err := await(ctx, b.pub, func() *link { return b.pub.link })
	if err != nil {
		return 0, fmt.Errorf("rabbitmq: purge queue %q: %w", q.Name, err)
	}
	ch, err := l.channel()
	if err != nil {
		return 0, fmt.Errorf("rabbitmq: purge queue %q: open channel: %w", q.Name, plainly(err))
	}
	defer func() { _ = l.call(ch.Close) }()
	err = l.call(func() (err error) {
		n, err = ch.QueuePurge(q.Name, false)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("rabbitmq: purge queue %q: %w", q.Name, plainly(err))
	}
	return n, nil
}

// Consume implements [broker.Broker].
func (b *Broker) Consume(ctx context.Context, q broker.Queue) error {
	if err := checkQueue(q); err != nil {
		return fmt.Errorf("rabbitmq: %w", err)
	}
	q = cloneQueue(q)
	b.mu.Lock()
	s := b.session
	known := slices.ContainsFunc(b.queues, func(o broker.Queue) bool { return o.Name == q.Name })
	if !known {
		b.queues = append(slices.Clip(b.queues), q)
	}
	b.mu.Unlock()
	if known || s == nil {
		return nil
	}
	err := b.declare(s.link, nil, []broker.Queue{q})
	if err == nil {
		err = s.consume(q)
	}
	if err == nil || s.isGone() || errors.Is(err, errStopped) {
		return nil // the next session begins with it
	}
	b.forget(q.Name)
	return fmt.Errorf("rabbitmq: %w", err)
}

// forget takes a queue from those to consume.
func (b *Broker) forget(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queues = slices.DeleteFunc(slices.Clone(b.queues), func(q broker.Queue) bool { return q.Name == name })
}

// Cancel implements [broker.Broker].
func (b *Broker) Cancel(_ context.Context, queue string) error {
	b.forget(queue)
	b.mu.Lock()
	s := b.session
	b.mu.Unlock()
	if s == nil {
		return nil
	}
	if err := s.cancel(queue); err != nil && !s.isGone() {
		return fmt.Errorf("rabbitmq: cancel queue %q: %w", queue, err)
	}
	return nil
}

// Publish implements [broker.Broker]. A message that the broker refuses, that no
// frame can carry or that was sent to an exchange which does not exist is an
// error at once; everything else is tried again until ctx ends.
func (b *Broker) Publish(ctx context.Context, p broker.Publication) error {
	if err := b.pub.publish(ctx, p); err != nil {
		return fmt.Errorf("rabbitmq: publish to exchange %q with key %q: %w", p.Exchange, p.RoutingKey, err)
	}
	return nil
}

// Connected implements [broker.Broker].
func (b *Broker) Connected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.session != nil && !b.session.isGone() && !b.isStopped()
}

// Close implements [broker.Broker]. It takes a few seconds at most, even when the
// network is dead. Run returns by itself.
func (b *Broker) Close() error {
	b.closeOnce.Do(func() { close(b.closed) })
	b.pub.wait()
	return nil
}

func (b *Broker) markIdle() { b.idleOnce.Do(func() { close(b.idle) }) }

func (b *Broker) isStopped() bool { return isClosed(b.stopped) }

func (b *Broker) wantedPrefetch() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.prefetch > maxPrefetch {
		return 0
	}
	return b.prefetch
}

func (b *Broker) setSession(s *session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.session = s
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
