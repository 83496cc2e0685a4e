// Package worker takes one delivery from receipt to acknowledgement: decode,
// route to a task, hold until its time, run within its limits, store the
// result, settle the message.
//
// It knows tasks only through [Tasks] and Spark not at all: what a task's body
// is and reaches is the business of whoever implements [Task].
package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/internal/deathlog"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// Tasks finds tasks by name.
type Tasks interface {
	// Acquire pins the version of the task that is served now; false means
	// that nobody serves the name.
	Acquire(name string) (Task, bool)
}

// A Task is one version of a task, pinned for one call.
type Task interface {
	// Options are the task's own, which its configuration and message override.
	Options() abi.TaskOptions
	// Params are the names of the parameters that the task takes, in their order.
	Params() []string
	// Run executes the body once and returns its result as one JSON value. An
	// [*abi.Error] is the exception that the client gets; those of the module
	// celery.exceptions named Retry, Ignore and Reject say how the task ends, as
	// in Celery. When ctx ends first, the error wraps context.Cause(ctx).
	Run(ctx context.Context, call Call) (json.RawMessage, error)
	// Release ends the pin. It is called once.
	Release()
}

// A Config says what a Worker works with. Broker, Tasks and Store are required.
type Config struct {
	Broker broker.Broker
	Tasks  Tasks
	Store  result.Store
	// Feed receives what happens to each task; nil tells nobody.
	Feed *event.Feed
	// Decoder decodes the messages; its zero value takes JSON alone.
	Decoder celery.Decoder
	// Hostname is the node name, such as "sparkstalk@host".
	Hostname string
	// Concurrency is how many tasks run at once. Zero means one for each CPU.
	Concurrency int
	// PrefetchMultiplier times Concurrency is how many messages the broker may
	// hand over before they are acknowledged. Zero means 1; negative, no limit.
	PrefetchMultiplier int
	// What follows holds for tasks whose own options and message leave it open.
	// A zero limit is none; nil means true.
	AcksLate, TrackStarted, IgnoreResult bool
	TimeLimit, SoftTimeLimit             time.Duration
	AcksOnFailure, AcksOnTimeout         *bool
	RejectOnWorkerLost                   bool
	RetryOnWorkerLost                    bool
	StoreErrorsEvenIfIgnored             bool
	// Annotations change options of tasks by name, "*" those of all: Celery's
	// task_annotations.
	Annotations map[string]abi.TaskOptions
	// ResultExtended adds the task's name, arguments, worker, retries and queue
	// to what is stored.
	ResultExtended bool
	// Deduplicate acknowledges redelivered late-acked tasks that have succeeded
	// before: Celery's worker_deduplicate_successful_tasks. The store must be a
	// [result.Reader].
	Deduplicate bool
	// DefaultRateLimit is that of tasks that give none; NoRateLimits ends all.
	DefaultRateLimit string
	NoRateLimits     bool
	// Park is how long a task that nobody serves waits for its module; zero rejects
	// it at once, as Celery does. ParkLimit is how many wait here, zero means 1000:
	// those above it go round through their queues.
	Park      time.Duration
	ParkLimit int
	// CancelOnLoss ends late-acked tasks when the connection is lost that brought
	// them: Celery's worker_cancel_long_running_tasks_on_connection_loss. Otherwise
	// they go on, and take over their message when it is delivered again.
	CancelOnLoss bool
	// ETALimit is the most that the prefetch count becomes through tasks that wait
	// for their time: Celery's worker_eta_task_limit. Zero is no limit.
	ETALimit int
	// Deaths remember what ran when a worker died; nil remembers nothing. A late-acked
	// task for which workers have died LostLimit times fails, and is rejected. Zero
	// means 3, negative no limit.
	Deaths    *deathlog.Log
	LostLimit int
	// InheritPriority gives tasks that a task sends its priority, DefaultPriority is
	// that of those for which nothing else is said, nil for none.
	InheritPriority bool
	DefaultPriority *uint8
	// HeaderErrbacks links the errbacks of chords to their headers, too.
	HeaderErrbacks bool
	// Style is how messages of tasks are written.
	Style Style
	// Queues are how queues are declared to which tasks send tasks; nil means the
	// zero value. Routes are where tasks go by name or glob: Celery's task_routes.
	Queues *Queues
	Routes map[string]Route
	// ChordRetryInterval is how often celery.chord_unlock looks. Zero means 1 s.
	ChordRetryInterval time.Duration
	// TaskSent is told of each task that a task has sent, as an event; nil is not.
	TaskSent func(context.Context, celery.Event)
	// Revoked are the tasks that must not run; nil begins with none.
	Revoked *Revoked
	// IntakeEnded is called once no more messages are taken, with the broker's
	// error if that is why. Nil does nothing.
	IntakeEnded func(error)
	// LastWords is called when the last result has left and the broker is
	// still connected: the place to say worker-offline. Nil says nothing.
	LastWords func()
	Log       *slog.Logger
}

// A Worker runs the tasks of one broker's deliveries. Run may be called once.
type Worker struct {
	Config
	oid, origin string // what sent messages say of results and sender

	pool       *pool
	scaler     atomic.Pointer[Autoscaler] // nil without autoscaling
	ready      *queue
	held       *held
	parked     *parked
	limits     *limits
	requests   *requests
	leaving    sync.WaitGroup // results on their way
	watchers   sync.WaitGroup // of connections
	outbox     chan struct{}  // a token for each of them
	lateOutbox chan struct{}  // the same, for late-acked tasks
	suspects   chan struct{}  // a token for a task during which a worker has died

	watchedMu sync.Mutex
	watched   map[<-chan struct{}]struct{} // connections, by what ends with them

	alive    atomic.Pointer[context.Context] // of what outlives the work, set by Run
	stopping chan struct{}                   // closed when intake ends

	prefetch sync.Mutex // keeps changes of the prefetch count in order

	overridesMu sync.Mutex
	overrides   map[string]abi.TaskOptions // by remote control

	countsMu sync.Mutex
	counts   map[string]int64 // of tasks that have begun, by shown name

	received, active, begun, ended atomic.Int64
}

// Stats are counts since the start, but for Active and Waiting, which are now.
type Stats struct {
	Received, Active, Waiting, Begun, Done int64
}

// New returns a Worker that has not started anything. Its error names every
// field that is missing.
func New(cfg Config) (*Worker, error) {
	var bad []error
	for name, missing := range map[string]bool{"Broker": cfg.Broker == nil, "Tasks": cfg.Tasks == nil, "Store": cfg.Store == nil} {
		if missing {
			bad = append(bad, fmt.Errorf("worker: Config.%s is required", name))
		}
	}
	if cfg.Concurrency < 0 {
		bad = append(bad, fmt.Errorf("worker: Config.Concurrency is %d", cfg.Concurrency))
	}
	if err := errors.Join(bad...); err != nil {
		return nil, err
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = runtime.GOMAXPROCS(0)
	}
	if cfg.PrefetchMultiplier == 0 {
		cfg.PrefetchMultiplier = 1
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Feed == nil {
		cfg.Feed = event.NewFeed()
	}
	if cfg.Queues == nil {
		cfg.Queues = &Queues{}
	}
	if cfg.ChordRetryInterval == 0 {
		cfg.ChordRetryInterval = time.Second
	}
	if cfg.LostLimit == 0 {
		cfg.LostLimit = defaultLostLimit
	}
	if cfg.ParkLimit == 0 {
		cfg.ParkLimit = 1000
	}
	if cfg.Revoked == nil {
		cfg.Revoked = &Revoked{}
	}
	w := &Worker{
		Config: cfg, oid: uuid.NewString(), origin: Origin(), pool: newPool(cfg.Concurrency), ready: newQueue(), requests: newRequests(),
		outbox: make(chan struct{}, outboxPerSlot*cfg.Concurrency), lateOutbox: make(chan struct{}, lateOutboxPerSlot*cfg.Concurrency), suspects: make(chan struct{}, 1), stopping: make(chan struct{}), overrides: map[string]abi.TaskOptions{}, counts: map[string]int64{},
		watched: map[<-chan struct{}]struct{}{},
	}
	w.held = newHeld(func(r *request) {
		if !w.reserve(r) {
			w.giveBack([]*request{r})
		}
	}, func() { w.leaving.Go(w.adjustPrefetch) })
	w.parked = newParked(cfg.ParkLimit, w.tooLate, func() { w.leaving.Go(w.adjustPrefetch) })
	w.limits = newLimits(func(r *request) bool {
		if w.push(r) {
			return true
		}
		w.giveBack([]*request{r})
		return false
	})
	return w, nil
}

// outboxPerSlot times the concurrency is how many results may be on their way
// to the store while their slots run the next tasks.
const outboxPerSlot = 32

// lateOutboxPerSlot is the same for late-acked tasks. All of them run again when
// this host dies, and while results cannot be stored others may run those that
// have not begun.
const lateOutboxPerSlot = 2

// Prefetch is how many unsettled messages a worker asks for: zero, which is no
// limit, for a negative multiplier.
func Prefetch(concurrency, multiplier int) int {
	return concurrency * max(multiplier, 0)
}

// Stats returns the worker's counts.
func (w *Worker) Stats() Stats {
	return Stats{Received: w.received.Load(), Active: w.active.Load(), Waiting: int64(w.ready.len() + w.held.len() + w.parked.len() + w.limits.len()), Begun: w.begun.Load(), Done: w.ended.Load()}
}

// Run consumes and runs tasks until intake ends. Then it takes no more, gives
// back what has not begun, waits for the tasks that run, and returns. When work
// ends as well, running tasks are interrupted: those acknowledged late go back
// to the queue, the others are stored as failed.
//
// It closes the broker, and returns the broker's error when that cannot go on.
func (w *Worker) Run(intake, work context.Context) error {
	// Results of interrupted tasks still have to leave, so the connection and
	// the store outlive work; but not for ever, should the network be dead.
	alive, die := context.WithCancel(context.WithoutCancel(work))
	defer die()
	defer context.AfterFunc(work, func() { time.AfterFunc(stopTimeout, die) })()
	w.alive.Store(&alive)

	intake, stopIntake := context.WithCancel(intake)
	defer stopIntake()
	var broken error // why the broker ended intake, read once consumed is closed
	consumed := make(chan struct{})
	go func() {
		broken = w.Broker.Run(alive, func(d broker.Delivery) { w.receive(alive, d) })
		close(consumed) // before the end of intake, whose reason it tells
		stopIntake()
	}()
	var slots sync.WaitGroup
	w.pool.start(intake, func(s *slot) {
		slots.Go(func() {
			defer s.leave()
			for r, ok := w.ready.pop(s.ctx); ok; r, ok = w.ready.pop(s.ctx) {
				s.works(true)
				w.execute(alive, work, r)
				s.works(false)
			}
		})
	})
	<-intake.Done()
	close(w.stopping)
	w.pool.stop()
	if w.IntakeEnded != nil {
		select {
		case <-consumed:
			w.IntakeEnded(broken)
		default:
			w.IntakeEnded(nil)
		}
	}
	stop, cancel := context.WithTimeout(alive, stopTimeout)
	defer cancel()
	if err := w.Broker.StopConsuming(stop); err != nil {
		// Closing the connection below gives back what this did not.
		w.Log.Warn("broker did not confirm the end of consuming", logkey.Error, err)
	}
	w.giveBack(w.parked.close())
	w.giveBack(w.held.close())
	w.giveBack(w.limits.close())
	w.giveBack(w.ready.close())
	slots.Wait()
	// All have run: a store that is away does not hold up the end.
	defer time.AfterFunc(leaveTimeout, die).Stop()
	w.leaving.Wait()
	if w.LastWords != nil {
		w.LastWords()
	}
	closeErr := w.Broker.Close()
	<-consumed // no delivery is handled after this
	w.watchers.Wait()
	w.leaving.Wait()
	return errors.Join(broken, closeErr)
}

// stopTimeout bounds the talk with the broker and the result store once work
// has ended, so that a dead network cannot hold up the end of the process.
const stopTimeout = 5 * time.Second

// leaveTimeout is how long the results of tasks that have ended may take to
// leave at a stop, though nothing was interrupted.
const leaveTimeout = 30 * time.Second

// giveBack returns messages whose tasks have not begun to their queues.
func (w *Worker) giveBack(unstarted []*request) {
	for _, r := range unstarted {
		w.requests.remove(r)
		w.settled(r, r.settle(answerRequeue))
	}
}

// adjustPrefetch asks for one message more for each that waits for its time.
func (w *Worker) adjustPrefetch() {
	w.prefetch.Lock()
	defer w.prefetch.Unlock()
	count := w.PrefetchCount()
	if count == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := w.Broker.SetPrefetch(ctx, count); err != nil {
		w.Log.Warn("prefetch not changed: tasks that wait for their time use it up", logkey.Error, err, logkey.Count, count)
	}
}

// count adds a task that has begun.
func (w *Worker) count(t *celery.Task) {
	w.begun.Add(1)
	w.countsMu.Lock()
	defer w.countsMu.Unlock()
	name := t.ShownName()
	if _, known := w.counts[name]; !known && len(w.counts) >= maxCounted {
		name = t.Name // senders choose what is shown, and could choose without end
	}
	w.counts[name]++
}

// maxCounted is how many names of tasks are counted apart.
const maxCounted = 10_000
