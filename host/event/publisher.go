package event

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// Sender is the part of a [broker.Broker] that a Publisher needs.
type Sender interface {
	Publish(ctx context.Context, p broker.Publication) error
	Connected() bool
}

// A PublisherConfig says what to publish. Broker and Hostname are required.
type PublisherConfig struct {
	Broker Sender
	// Wire is how events travel.
	Wire Wire
	// Feed is where task events come from; nil means that there are none.
	Feed *Feed
	// Hostname is the node name that monitors show, such as "sparkstalk@host".
	Hostname string
	// TaskEvents publishes task events from the start. Monitors can turn them on
	// and off later, which calls [Publisher.SetTaskEvents].
	TaskEvents bool
	// Stats returns how many tasks run and how many have ended; nil is none.
	Stats func() (active, processed int)
	// Clock is the Lamport clock that the worker shares with its remote control;
	// nil makes one.
	Clock *celery.Clock
	// Heartbeat is the time between two heartbeats. Zero means 2 s, Celery's: a
	// monitor takes a worker for lost after twice that.
	Heartbeat time.Duration
	// Silent publishes no events of the worker itself but heartbeats that were
	// asked for: Celery's --without-heartbeat.
	Silent bool
	// Version of the worker, for monitors; empty is the module's.
	Version string
	Log     *slog.Logger
}

const (
	defaultHeartbeat = 2 * time.Second
	// gather is how long the first event of a message waits for others.
	gather = 100 * time.Millisecond
	// waiting is how many task events may wait to be read, and how many are kept
	// while the broker is away: Celery keeps all, in a list without bounds.
	waiting = 4096
	// patience is how long one publication may wait for the broker, so that the
	// next heartbeat has its turn.
	patience = time.Second
)

// A Publisher tells Celery's monitors that the worker lives and what its tasks
// do. Events may get lost: no task waits for them.
type Publisher struct {
	cfg     PublisherConfig
	log     *slog.Logger
	enabled atomic.Bool
	changed chan struct{} // a token when enabled has changed
	beat    chan struct{} // a token for a heartbeat that was asked for

	mu      sync.Mutex
	dropped uint64
}

// NewPublisher returns a Publisher that has published nothing. Its error names
// every field that is missing.
func NewPublisher(cfg PublisherConfig) (*Publisher, error) {
	var bad []error
	if cfg.Broker == nil {
		bad = append(bad, errors.New("event: PublisherConfig.Broker is required"))
	}
	if cfg.Hostname == "" {
		bad = append(bad, errors.New("event: PublisherConfig.Hostname is required"))
	}
	if cfg.Heartbeat < 0 {
		bad = append(bad, fmt.Errorf("event: PublisherConfig.Heartbeat is %v", cfg.Heartbeat))
	}
	if err := errors.Join(bad...); err != nil {
		return nil, err
	}
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = defaultHeartbeat
	}
	if cfg.Feed == nil {
		cfg.Feed = NewFeed()
	}
	if cfg.Stats == nil {
		cfg.Stats = func() (active, processed int) { return 0, 0 }
	}
	if cfg.Clock == nil {
		cfg.Clock = &celery.Clock{}
	}
	if cfg.Version == "" {
		cfg.Version = "unknown"
		if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
			cfg.Version = info.Main.Version
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Publisher{cfg: cfg, log: cfg.Log, changed: make(chan struct{}, 1), beat: make(chan struct{}, 1)}
	p.enabled.Store(cfg.TaskEvents)
	return p, nil
}

// Clock is the worker's Lamport clock.
func (p *Publisher) Clock() *celery.Clock { return p.cfg.Clock }

// TaskEvents reports whether task events are published.
func (p *Publisher) TaskEvents() bool { return p.enabled.Load() }

// SetTaskEvents turns the publication of task events on or off and reports
// whether that changed anything.
func (p *Publisher) SetTaskEvents(on bool) bool {
	if p.enabled.Swap(on) == on {
		return false
	}
	select {
	case p.changed <- struct{}{}:
	default:
	}
	return true
}

// Dropped returns how many task events were not published.
func (p *Publisher) Dropped() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropped
}

// Heartbeat has a heartbeat published now, besides those that Run sends.
func (p *Publisher) Heartbeat() {
	select {
	case p.beat <- struct{}{}:
	default: // one is on its way
	}
}

// Publish publishes one event now, by itself, whether or not task events are
// published: Celery's way with task-sent and worker-elect. An event without a
// hostname is the worker's.
func (p *Publisher) Publish(ctx context.Context, e celery.Event) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e = p.stamp(e.At(time.Now()))
	return p.send(ctx, e.Hostname, e.RoutingKey(), e.Append(nil))
}

// Run publishes worker-online, heartbeats and the events of tasks until ctx
// ends; then what is left of those, and worker-offline. It returns nil: the
// loss of events is logged, and ends nothing.
func (p *Publisher) Run(ctx context.Context) error {
	r := &run{Publisher: p, ctx: ctx}
	ticker := time.NewTicker(p.cfg.Heartbeat)
	defer ticker.Stop()
	defer r.subscribe(false)
	r.subscribe(p.enabled.Load())
	r.worker("worker-online")
	for {
		select {
		case <-ctx.Done():
			// The last words go out while the broker is still there.
			r.ctx = context.WithoutCancel(ctx)
			r.drain()
			r.flush()
			r.worker("worker-offline")
			r.count(uint64(len(r.kept)))
			return nil
		case <-ticker.C:
			if r.cfg.Silent {
				r.release()
				continue
			}
			r.worker("worker-heartbeat")
		case <-p.beat:
			r.worker("worker-heartbeat")
		case <-p.changed:
			r.drain()
			r.subscribe(p.enabled.Load())
		case e := <-r.events():
			r.add(e)
		case <-r.due:
			r.flush()
		}
	}
}

// run is the state of one call of Run, used by its goroutine alone.
type run struct {
	*Publisher
	ctx     context.Context
	sub     *Subscription
	batch   []celery.Event
	kept    []celery.Event   // from when the broker was away, oldest first
	due     <-chan time.Time // when the batch must leave
	offline bool             // the broker was away at the last look
	failing bool             // the last publication failed
	lost    uint64           // the subscription's count, as far as it was added
}

func (r *run) subscribe(on bool) {
	switch {
	case on && r.sub == nil:
		r.sub, r.lost = r.cfg.Feed.Subscribe(waiting), 0
	case !on && r.sub != nil:
		r.sub.Close()
		r.drain()
		r.flush()
		r.count(0)
		r.sub = nil
	}
}

func (r *run) events() <-chan Event {
	if r.sub == nil {
		return nil
	}
	return r.sub.Events()
}

// drain takes the events that wait.
func (r *run) drain() {
	for {
		select {
		case e := <-r.events():
			r.add(e)
		default:
			return
		}
	}
}

func (r *run) add(e Event) {
	if e.Private {
		return
	}
	if len(r.batch) == 0 {
		r.due = time.After(gather)
	}
	r.batch = append(r.batch, r.stamp(encode(e).At(e.At)))
	if len(r.batch) >= celery.MaxEvents {
		r.flush()
	}
}

func (p *Publisher) stamp(e celery.Event) celery.Event {
	if e.Hostname == "" {
		e.Hostname = p.cfg.Hostname
	}
	e.PID, e.UTCOffset = os.Getpid(), utcOffset()
	e.Clock = p.cfg.Clock.Forward()
	return e
}

func (r *run) flush() {
	r.due = nil
	if len(r.batch) == 0 {
		return
	}
	// While the broker is away only heartbeats try it: what else there is would
	// stand in their way. It is kept and follows when one has come through.
	if r.failing || len(r.kept) > 0 || !r.publish(celery.MultiRoutingKey, celery.EncodeEvents(r.batch)) {
		r.keep(r.batch)
	}
	r.batch = r.batch[:0]
}

// keep keeps events for when the broker is back; the oldest go when there are
// too many.
func (r *run) keep(events []celery.Event) {
	r.kept = append(r.kept, events...)
	if over := len(r.kept) - waiting; over > 0 {
		r.count(uint64(over))
		r.kept = slices.Clone(r.kept[over:])
	}
}

// release publishes what was kept, as far as the broker takes it.
func (r *run) release() {
	for len(r.kept) > 0 {
		next := r.kept[:min(len(r.kept), celery.MaxEvents)]
		if !r.publish(celery.MultiRoutingKey, celery.EncodeEvents(next)) {
			return
		}
		r.kept = r.kept[len(next):]
	}
	r.kept = nil
}

// count adds lost events, those here and those of the subscription.
func (r *run) count(here uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sub != nil {
		total := r.sub.Dropped()
		here += total - r.lost
		r.lost = total
	}
	r.dropped += here
}

// worker publishes an event of the worker. The first after the broker was away
// says that the worker is online, since monitors have given it up.
func (r *run) worker(typ string) {
	if r.cfg.Silent && typ != "worker-heartbeat" {
		r.release()
		return
	}
	r.offline = r.offline || !r.cfg.Broker.Connected()
	if typ == "worker-heartbeat" && r.offline {
		typ = "worker-online"
	}
	r.count(0)
	active, processed := r.cfg.Stats()
	e := r.stamp(celery.WorkerEvent(typ, celery.WorkerState{
		Frequency: r.cfg.Heartbeat.Seconds(), Active: active, Processed: processed, LoadAverage: loadAverage(), Version: r.cfg.Version,
	}).At(time.Now()))
	if typ == "worker-offline" {
		r.release() // monitors take the last event for the worker's state
	}
	if !r.publish(e.RoutingKey(), e.Append(nil)) {
		r.offline = true
		return
	}
	r.offline = false
	r.release()
}

// send hands one message to the broker.
func (p *Publisher) send(ctx context.Context, hostname, key string, body []byte) error {
	e, err := p.cfg.Wire.Format.Encode(body)
	if err != nil {
		return err
	}
	return p.cfg.Broker.Publish(ctx, broker.Publication{Exchange: p.cfg.Wire.exchange(), RoutingKey: key, NoConfirm: true, Message: broker.Message{
		Headers: map[string]any{"hostname": hostname}, Body: e.Body,
		ContentType: e.ContentType, ContentEncoding: e.ContentEncoding, Priority: new(uint8),
	}})
}

func (r *run) publish(key string, body []byte) bool {
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	err := r.send(ctx, r.cfg.Hostname, key, body)
	if failing := err != nil; failing != r.failing {
		r.failing = failing
		if failing && r.ctx.Err() == nil {
			r.log.Warn("events are not published: monitors see this worker as offline", logkey.Error, err)
		} else if !failing {
			r.log.Info("events are published again")
		}
	}
	return err == nil
}

// encode gives an event Celery's form.
func encode(e Event) celery.Event {
	switch e.Type {
	case TypeReceived:
		return celery.TaskReceived(e.Task)
	case TypeStarted:
		return celery.TaskStarted(e.Task.ID)
	case TypeSucceeded:
		return celery.TaskSucceeded(e.Task.ID, e.Value, e.Runtime)
	case TypeFailed:
		return celery.TaskFailed(e.Task.ID, e.Exception)
	case TypeRetried:
		return celery.TaskRetried(e.Task.ID, e.Exception, e.Traceback)
	case TypeRevoked:
		return celery.TaskRevoked(e.Task.ID, e.Revocation.Terminated, e.Revocation.Signal, e.Revocation.Expired)
	case TypeCancelled:
		return celery.TaskCancelled(e.Task.ID)
	default:
		return celery.TaskRejected(e.Task.ID, e.Requeue)
	}
}

// utcOffset is how many hours this machine's time is west of UTC.
func utcOffset() float64 {
	_, east := time.Now().Zone()
	return float64(-east) / 3600 // in this order zero has no sign
}

// loadAverage reads the machine's load, zeros where there is none to read.
func loadAverage() (load [3]float64) {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return load
	}
	if _, err := fmt.Fscan(strings.NewReader(string(data)), &load[0], &load[1], &load[2]); err != nil {
		return [3]float64{}
	}
	return load
}
