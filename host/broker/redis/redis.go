// Package redis is a [broker.Broker] on Redis, in the layout of kombu's Redis
// transport: Celery clients and Python workers share its queues.
//
// A queue is four lists, one for each priority step. Taking a message moves it
// from its list to the hash of unacknowledged ones in one step of Redis, so that
// at no time a message is in a worker's memory alone; Python's own transport
// takes it first and notes it after. Entries of the hash are put back once they
// are older than the visibility timeout, by whoever consumes. A message held or
// run here is renewed, however long that takes; those of a worker that died are
// not, and come back.
//
// What Redis lacks, next to RabbitMQ: priority zero is the highest; messages do
// not expire; queues have no arguments; a message to a queue that nobody
// consumes waits there, so that nothing is unroutable but an exchange without
// bindings.
package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/internal/backoff"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/internal/redisclient"
)

// Config says which Redis to use, and how. URL is required.
type Config struct {
	// URL is redis://user:password@host:port/db, rediss:// (TLS), unix:// or
	// redis+socket://, with Celery's ssl_ parameters, or sentinel://host:port/db.
	// Several are separated by semicolons: sentinels, or servers of which the next
	// is used when one is gone. Redis must be 6.2 or newer.
	URL string
	// MasterName is what the sentinels of a sentinel:// URL call the Redis.
	MasterName string
	// Queues are consumed by Run. Their Args and ConsumerArgs have no meaning here.
	Queues []broker.Queue
	// Exchanges are those that are published to and whose type is fanout. Those
	// of Queues need not be repeated, and others need no declaration.
	Exchanges []broker.Exchange
	// Prefetch is how many deliveries may be unsettled. Zero is no limit.
	Prefetch int
	// VisibilityTimeout is Celery's visibility_timeout: a message that was taken
	// and neither settled nor renewed for so long is put back. It must be the same
	// for all that consume a queue. Zero means an hour.
	VisibilityTimeout time.Duration
	// PrioritySteps and Separator are kombu's transport options priority_steps and
	// sep, by which it names the lists of a queue's priorities. They must be the same
	// for all that use the queues. Empty means 0, 3, 6, 9 and kombu's own separator.
	PrioritySteps []uint8
	Separator     string
	// KeyPrefix begins all keys and channels: kombu's transport option
	// global_keyprefix, which must be the same for all that talk to each other.
	KeyPrefix string
	// Timeout is how long Redis may take for one answer. Zero means 10 s.
	Timeout time.Duration
	// ConnectTimeout is how long connecting may take. Zero means 5 s.
	ConnectTimeout time.Duration
	// Log may be nil.
	Log *slog.Logger
}

const (
	defaultVisibility = time.Hour
	defaultTimeout    = 10 * time.Second
	// closeTimeout is how long Close tries to settle and give back.
	closeTimeout = 2 * time.Second
	// batch is how many messages are taken at once where there is no limit, and
	// how many settlements are sent at once.
	batch = 256
	// moreLists is how many lists of queues that are consumed later can be
	// waited on; those of further ones are looked at every wakeTimeout.
	moreLists = 64
	// wakeTimeout bounds how long one wait for a message blocks in Redis, so
	// that a wait on a dead connection ends.
	wakeTimeout = 2 * time.Second
	// waitBuffer is the size of the buffers of a connection that only waits, of which
	// there is one for each list; go-redis' own are of 32 KiB.
	waitBuffer = 4 << 10
	// restoreEvery is how often lost messages are looked for, as often as kombu
	// does (unacked_restore_interval times unacked_restore_throttle).
	restoreEvery = 100 * time.Second
	// The pauses between tries while Redis is away.
	pausesFirst, pausesMax = 50 * time.Millisecond, 5 * time.Second
)

// Keys of kombu's layout, all in one database.
const (
	unackedKey      = "unacked"
	unackedIndexKey = "unacked_index"
	unackedMutexKey = "unacked_mutex"
	bindingPrefix   = "_kombu.binding."
	permanentPrefix = "_kombu.binding_permanent."
	// undecodableKey is this package's own: messages that are none, newest
	// first, for people to look at.
	undecodableKey  = "sparkstalk.undecodable"
	undecodableKept = 1000
	// takenPrefix begins the keys of what a consumer has taken last.
	takenPrefix = "sparkstalk.taken."
)

// A Broker is one Redis database used as a message broker.
type Broker struct {
	layout
	cfg    Config
	log    *slog.Logger
	client *goredis.Client
	// waiting has a connection for each list to wait on. It is closed to end
	// the waiting, which nothing else does.
	waiting *goredis.Client
	db      int
	fanout  map[string]bool // exchanges of that type
	// takenKey is this consumer's own; see takeScript.
	takenKey string

	closed    chan struct{} // closed by Close
	closeOnce sync.Once
	closeErr  error
	stopped   chan struct{} // closed by StopConsuming and Close
	stopOnce  sync.Once
	idle      chan struct{} // closed when nothing is handed over any more
	ended     chan struct{} // closed when Run has returned
	wake      chan struct{} // a list has got something; holds one
	freed     chan struct{} // a delivery was settled, or the prefetch changed; holds one
	unsent    chan struct{} // there is something in pending for which nobody waits; holds one
	sending   chan struct{} // a token for who sends what is pending

	mu        sync.Mutex
	queues    []broker.Queue               // that are consumed; never changed, only replaced
	waitOn    func(queues ...broker.Queue) // begins to wait for messages in their lists; nil unless consuming
	ran       bool
	connected bool
	prefetch  int
	open      map[string]*delivery // by tag: taken and not settled
	pending   []*settlement        // for the settling goroutine to send
	left      bool                 // Run gave back what was open
	taking    int64                // the number of the next taking; see takeScript
	armed     int                  // how often the lists were found empty
	arming    chan struct{}        // closed, and replaced, when armed grows
}

var (
	_ broker.Broker = (*Broker)(nil)
	_ broker.Purger = (*Broker)(nil)
)

// New checks cfg; it does not connect.
func New(cfg Config) (*Broker, error) {
	address, err := redisclient.Parse(cfg.URL, cfg.MasterName)
	errs := []error{err}
	if cfg.Prefetch < 0 {
		errs = append(errs, fmt.Errorf("prefetch of %d is negative", cfg.Prefetch))
	}
	if cfg.VisibilityTimeout < 0 || cfg.Timeout < 0 {
		errs = append(errs, errors.New("a negative timeout"))
	}
	form := kombus
	if cfg.Separator != "" {
		form.separator = cfg.Separator
	}
	if len(cfg.PrioritySteps) > 0 {
		form.steps = cfg.PrioritySteps
	}
	if !slices.IsSorted(form.steps) {
		errs = append(errs, fmt.Errorf("priority steps %v are not in order", form.steps))
	}
	fanout := map[string]bool{}
	for _, e := range cfg.Exchanges {
		fanout[e.Name] = e.Type == "fanout"
	}
	lists := 0
	for _, q := range cfg.Queues {
		if q.Name == "" {
			errs = append(errs, errors.New("a queue without a name"))
		}
		for _, to := range q.Bound() {
			if to.ExchangeType == "fanout" {
				fanout[to.Exchange] = true
			}
		}
		lists += len(form.steps)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("redis broker: %w", err)
	}
	if cfg.VisibilityTimeout == 0 {
		cfg.VisibilityTimeout = defaultVisibility
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	client := func(connections, buffer int, wait time.Duration) *goredis.Client {
		c := address.Client(func(o *goredis.Options) {
			o.ReadTimeout, o.WriteTimeout, o.PoolSize = cfg.Timeout+wait, cfg.Timeout, connections
			o.ReadBufferSize, o.WriteBufferSize = buffer, buffer
			if cfg.ConnectTimeout > 0 {
				o.DialTimeout = cfg.ConnectTimeout
			}
		})
		redisclient.Prefix(c, cfg.KeyPrefix)
		return c
	}
	return &Broker{
		layout: form, cfg: cfg, log: cfg.Log, client: client(16, 0, 0), waiting: client(lists+1+moreLists, waitBuffer, wakeTimeout), db: address.DB(), fanout: fanout, takenKey: takenPrefix + uuid.NewString(), taking: 1,
		closed: make(chan struct{}), stopped: make(chan struct{}), idle: make(chan struct{}), ended: make(chan struct{}),
		wake: make(chan struct{}, 1), freed: make(chan struct{}, 1), unsent: make(chan struct{}, 1), sending: make(chan struct{}, 1), arming: make(chan struct{}),
		queues: slices.Clone(cfg.Queues), prefetch: cfg.Prefetch, open: make(map[string]*delivery),
	}, nil
}

// Run implements [broker.Broker].
func (b *Broker) Run(ctx context.Context, handle func(broker.Delivery)) error {
	b.mu.Lock()
	again := b.ran
	b.ran = true
	b.mu.Unlock()
	if again {
		return errors.New("redis broker: Run was called before")
	}
	defer close(b.ended)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { // Close ends Run
		select {
		case <-b.closed:
			cancel()
		case <-ctx.Done():
		}
		return nil
	})
	g.Go(func() error { // which ends when there is nothing left to settle either
		defer close(b.idle)
		if err := b.persist(ctx, b.declare); err != nil {
			return err
		}
		return b.takeIn(ctx, handle)
	})
	g.Go(func() error { return b.settle(ctx) })
	g.Go(func() error { return b.maintain(ctx) })
	err := g.Wait()
	b.stopIntake()
	b.setConnected(false)
	b.leave()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// takeIn hands over deliveries until intake is stopped.
func (b *Broker) takeIn(ctx context.Context, handle func(broker.Delivery)) error {
	intake, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, b.stopIntake)()
	var serial sync.Mutex // one call of handle at a time
	oneByOne := func(d broker.Delivery) {
		serial.Lock()
		defer serial.Unlock()
		handle(d)
	}
	g, intake := errgroup.WithContext(intake)
	g.Go(func() error {
		defer cancel() // of those that only wait for something to come
		return b.consume(ctx, oneByOne)
	})
	g.Go(func() error { return b.subscribe(intake, oneByOne) })
	waitOn := func(queues ...broker.Queue) {
		for _, l := range b.listsOf(queues, 0) {
			g.Go(func() error { b.waitFor(intake, l, oneByOne); return nil })
		}
	}
	b.mu.Lock()
	b.waitOn = waitOn
	waitOn(b.queues...)
	b.mu.Unlock()
	g.Go(func() error {
		<-intake.Done()
		b.mu.Lock()
		b.waitOn = nil
		b.mu.Unlock()
		return b.waiting.Close()
	})
	err := g.Wait()
	b.pass(ctx, oneByOne)
	return err
}

// consumed are the queues to consume now.
func (b *Broker) consumed() []broker.Queue {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queues
}

// Declare implements [broker.Broker]. A queue needs no declaration here; its
// binding does.
func (b *Broker) Declare(ctx context.Context, q broker.Queue) error {
	return b.persist(ctx, func(ctx context.Context) error { return b.bind(ctx, []broker.Queue{q}) })
}

// Purge implements [broker.Purger].
func (b *Broker) Purge(ctx context.Context, q broker.Queue) (n int, err error) {
	if err := b.Declare(ctx, q); err != nil {
		return 0, err
	}
	var lists []string
	for _, step := range b.steps {
		lists = append(lists, b.list(q.Name, step))
	}
	err = b.persist(ctx, func(ctx context.Context) error {
		lengths := make([]*goredis.IntCmd, len(lists))
		_, err := b.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
			for i, list := range lists {
				lengths[i] = p.LLen(ctx, list)
			}
			p.Del(ctx, lists...)
			return nil
		})
		n = 0
		for _, l := range lengths {
			n += int(l.Val())
		}
		return err
	})
	return n, err
}

// Consume implements [broker.Broker]. Queues of fanout exchanges must be known
// from the start.
func (b *Broker) Consume(ctx context.Context, q broker.Queue) error {
	if q.Name == "" {
		return errors.New("redis broker: a queue without a name")
	}
	for _, to := range q.Bound() {
		if to.ExchangeType == "fanout" || b.fanout[to.Exchange] {
			return fmt.Errorf("redis broker: queue %q of the fanout exchange %q cannot be consumed later: configure it", q.Name, to.Exchange)
		}
	}
	if err := b.Declare(ctx, q); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.ContainsFunc(b.queues, func(o broker.Queue) bool { return o.Name == q.Name }) {
		return nil
	}
	b.queues = append(slices.Clip(b.queues), q)
	if b.waitOn != nil {
		b.waitOn(q)
	}
	signal(b.wake)
	return nil
}

// Cancel implements [broker.Broker].
func (b *Broker) Cancel(_ context.Context, queue string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queues = slices.DeleteFunc(slices.Clone(b.queues), func(q broker.Queue) bool { return q.Name == queue })
	return nil
}

// persist calls do until it succeeds, ctx ends, or it fails with what a retry
// cannot mend.
func (b *Broker) persist(ctx context.Context, do func(ctx context.Context) error) error {
	wait := backoff.Backoff{First: pausesFirst, Max: pausesMax}
	for try := 1; ; try++ {
		err := do(ctx)
		if err == nil {
			if try > 1 {
				b.log.Info("redis is back", logkey.Attempt, try)
			}
			b.setConnected(true)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !redisclient.Passes(err) {
			return fmt.Errorf("redis broker: %w", err)
		}
		b.setConnected(false)
		if try == 1 {
			b.log.Warn("redis is away: trying until it is back", logkey.Error, err)
		}
		if !wait.Sleep(ctx, b.closed) {
			return context.Canceled
		}
	}
}

// declare binds the queues, and checks that this Redis can do what is needed.
func (b *Broker) declare(ctx context.Context) error {
	none := unackedMutexKey + ".none"
	if err := b.client.LMove(ctx, none, none, "RIGHT", "RIGHT").Err(); err != nil && !errors.Is(err, goredis.Nil) {
		return fmt.Errorf("this needs Redis 6.2 or newer: %w", err)
	}
	return b.bind(ctx, b.consumed())
}

// bind makes the bindings of queues.
func (b *Broker) bind(ctx context.Context, queues []broker.Queue) error {
	_, err := b.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		for _, q := range queues {
			for _, to := range q.Bound() {
				p.SAdd(ctx, bindingPrefix+to.Exchange, b.member(bindingOf(q, to)))
				if !q.TransientQueue {
					p.SAdd(ctx, permanentPrefix+to.Exchange, b.member(bindingOf(q, to)))
				}
			}
		}
		return nil
	})
	return err
}

func bindingOf(q broker.Queue, to broker.Binding) binding {
	bound := binding{key: to.RoutingKey, queue: q.Name}
	if to.ExchangeType == "topic" {
		bound.pattern = topicPattern(to.RoutingKey)
	}
	return bound
}

// Connected implements [broker.Broker].
func (b *Broker) Connected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.connected && !b.isStopped()
}

func (b *Broker) isStopped() bool {
	select {
	case <-b.stopped:
		return true
	default:
		return false
	}
}

func (b *Broker) isClosed() bool {
	select {
	case <-b.closed:
		return true
	default:
		return false
	}
}

func (b *Broker) setConnected(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.connected = on
}

// SetPrefetch implements [broker.Broker].
func (b *Broker) SetPrefetch(_ context.Context, count int) error {
	if count < 0 {
		return fmt.Errorf("prefetch of %d is negative", count)
	}
	b.mu.Lock()
	b.prefetch = count
	b.mu.Unlock()
	signal(b.freed)
	return nil
}

// StopConsuming implements [broker.Broker].
func (b *Broker) StopConsuming(ctx context.Context) error {
	b.stopIntake()
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
		return fmt.Errorf("redis broker: stop consuming: %w", context.Cause(ctx))
	}
}

func (b *Broker) stopIntake() { b.stopOnce.Do(func() { close(b.stopped) }) }

// Close implements [broker.Broker].
func (b *Broker) Close() error {
	b.closeOnce.Do(func() {
		close(b.closed)
		b.stopIntake()
		b.mu.Lock()
		ran := b.ran
		b.mu.Unlock()
		if ran {
			// Run gives back what is open, over connections that must still be there.
			select {
			case <-b.ended:
			case <-time.After(closeTimeout + b.cfg.Timeout):
			}
		}
		b.closeErr = b.client.Close()
		if !ran {
			b.closeErr = errors.Join(b.closeErr, b.waiting.Close())
		}
	})
	return b.closeErr
}

// signal wakes whoever waits for c, or will.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
