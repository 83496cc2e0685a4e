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
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
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
	// Run executes the body once and returns its result as one JSON value. An
	// [*abi.Error] is the exception that the client gets; when ctx ends first,
	// the error wraps context.Cause(ctx).
	Run(ctx context.Context, call Call) (json.RawMessage, error)
	// Release ends the pin. It is called once.
	Release()
}

// A Call is what a task's body may know of the message it answers.
type Call struct {
	*celery.Task
	// Hostname is the worker's node name.
	Hostname string
	// Limit is the time that the body may take; zero means no limit.
	Limit time.Duration
	// State stores a state of the task's own, such as PROGRESS, with any JSON
	// value as meta. It does nothing for a task whose result is ignored.
	State func(ctx context.Context, state string, meta json.RawMessage) error
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
	// AcksLate, TrackStarted, IgnoreResult and TimeLimit hold for tasks whose
	// own options and message leave them open. A zero TimeLimit is none.
	AcksLate, TrackStarted, IgnoreResult bool
	TimeLimit                            time.Duration
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
	base    int // prefetch without held tasks
	ready   *queue
	held    *held
	leaving sync.WaitGroup // results on their way
	outbox  chan struct{}  // a token for each of them

	prefetch sync.Mutex // keeps changes of the prefetch count in order

	received, active, done atomic.Int64
}

// Stats are counts since the start, but for Active and Waiting, which are now.
type Stats struct {
	Received, Active, Waiting, Done int64
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
	w := &Worker{Config: cfg, ready: newQueue(), outbox: make(chan struct{}, outboxPerSlot*cfg.Concurrency)}
	w.base = Prefetch(cfg.Concurrency, cfg.PrefetchMultiplier)
	w.held = newHeld(func(r *received) {
		if !w.ready.push(r) {
			w.giveBack([]*received{r})
		}
	}, func() { w.leaving.Go(w.adjustPrefetch) })
	return w, nil
}

// outboxPerSlot times the concurrency is how many results may be on their way
// to the store while their slots run the next tasks.
const outboxPerSlot = 32

// Prefetch is how many unsettled messages a worker asks for: zero, which is no
// limit, for a negative multiplier.
func Prefetch(concurrency, multiplier int) int {
	return concurrency * max(multiplier, 0)
}

// Stats returns the worker's counts.
func (w *Worker) Stats() Stats {
	return Stats{Received: w.received.Load(), Active: w.active.Load(), Waiting: int64(w.ready.len() + w.held.len()), Done: w.done.Load()}
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
	for range w.Concurrency {
		slots.Go(func() {
			for r, ok := w.ready.pop(intake); ok; r, ok = w.ready.pop(intake) {
				w.execute(alive, work, r)
			}
		})
	}
	<-intake.Done()
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
	w.giveBack(w.held.close())
	w.giveBack(w.ready.close())
	slots.Wait()
	w.leaving.Wait()
	if w.LastWords != nil {
		w.LastWords()
	}
	closeErr := w.Broker.Close()
	<-consumed // no delivery is handled after this
	w.leaving.Wait()
	return errors.Join(broken, closeErr)
}

// stopTimeout bounds the talk with the broker and the result store once work
// has ended, so that a dead network cannot hold up the end of the process.
const stopTimeout = 5 * time.Second

// giveBack returns messages whose tasks have not begun to their queues.
func (w *Worker) giveBack(unstarted []*received) {
	for _, r := range unstarted {
		w.settled(r, r.Settler.Reject(true))
	}
}

// adjustPrefetch asks for one message more for each that waits for its time.
func (w *Worker) adjustPrefetch() {
	if w.base == 0 {
		return
	}
	w.prefetch.Lock()
	defer w.prefetch.Unlock()
	held := w.held.len()
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := w.Broker.SetPrefetch(ctx, w.base+held); err != nil {
		w.Log.Warn("prefetch not changed: tasks that wait for their time use it up", logkey.Error, err, logkey.Count, held)
	}
}

// received is a delivery whose message made sense.
type received struct {
	broker.Delivery
	task *celery.Task
}

// receive is the broker's handler: it decides what needs no task body and
// queues the rest.
func (w *Worker) receive(alive context.Context, d broker.Delivery) {
	w.received.Add(1)
	task, err := w.Decoder.Decode(incoming(d))
	if err != nil {
		w.leave(func() { w.refuse(alive, d, err) })
		return
	}
	r := &received{Delivery: d, task: task}
	if expired(task) {
		w.leave(func() { w.expire(alive, r) })
		return
	}
	if !w.serves(task.Name) {
		w.leave(func() { w.unknown(alive, r) })
		return
	}
	w.Feed.Emit(event.Received(task))
	queued := false
	if task.ETA != nil && time.Until(*task.ETA) > 0 {
		queued = w.held.add(r, time.Until(*task.ETA))
	} else {
		queued = w.ready.push(r)
	}
	if !queued {
		w.giveBack([]*received{r})
	}
}

// leave runs what may wait for the network outside the broker's goroutine and
// the task slots. Run waits for it. It blocks while too many are under way, so
// that results that cannot be stored hold up the intake, not the memory.
func (w *Worker) leave(f func()) {
	w.outbox <- struct{}{}
	w.leaving.Go(func() {
		defer func() { <-w.outbox }()
		f()
	})
}

func expired(t *celery.Task) bool {
	return t.Expires != nil && !time.Now().Before(*t.Expires)
}

// execute runs one task and sees its message settled.
func (w *Worker) execute(alive, work context.Context, r *received) {
	task, ok := w.Tasks.Acquire(r.task.Name)
	if !ok { // its module went while the message waited
		w.leave(func() { w.unknown(alive, r) })
		return
	}
	defer task.Release()
	if expired(r.task) {
		w.leave(func() { w.expire(alive, r) })
		return
	}
	w.active.Add(1)
	defer w.active.Add(-1)

	set := w.settings(task.Options(), r.task)
	if !set.acksLate {
		if err := r.Settler.Ack(); err != nil {
			// The broker never saw the ack, so it delivers the message again:
			// running it here too would run it twice.
			w.settled(r, err)
			return
		}
	}
	start := time.Now()
	w.Feed.Emit(event.Started(r.task))
	if set.trackStarted {
		w.store(alive, r.task, celery.Started(r.task, os.Getpid(), w.Hostname))
	}
	value, err := w.run(work, task, r.task, set)
	took := time.Since(start)
	w.leave(func() { w.finish(alive, r, set, value, err, took) })
}

// settings are the options of one call: the message over the task over the worker.
type settings struct {
	acksLate, trackStarted, ignoreResult bool
	limit                                time.Duration
}

func (w *Worker) settings(o abi.TaskOptions, t *celery.Task) settings {
	s := settings{
		acksLate:     choose(w.AcksLate, o.AcksLate),
		trackStarted: choose(w.TrackStarted, o.TrackStarted),
		ignoreResult: choose(choose(w.IgnoreResult, o.IgnoreResult), t.IgnoreResult),
		limit:        w.TimeLimit,
	}
	if o.TimeLimit != nil {
		s.limit = seconds(*o.TimeLimit)
	}
	if t.TimeLimit != nil {
		s.limit = seconds(*t.TimeLimit)
	}
	s.trackStarted = s.trackStarted && !s.ignoreResult
	return s
}

func choose(fallback bool, own *bool) bool {
	if own != nil {
		return *own
	}
	return fallback
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// errTimeLimit is the cause of a context whose task took too long.
var errTimeLimit = errors.New("time limit exceeded")

// ErrShutdown is the cause with which the owner ends the work context of
// [Worker.Run], for tasks that are interrupted by it.
var ErrShutdown = errors.New("worker is shutting down")

func (w *Worker) run(work context.Context, task Task, t *celery.Task, set settings) (value json.RawMessage, err error) {
	if t.Embed.Composed() {
		return nil, abi.Errorf("NotImplementedError",
			"%s: this worker does not serve links, chains and chords yet; call the task by itself", t.Name)
	}
	ctx := work
	if set.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(work, set.limit, errTimeLimit)
		defer cancel()
	}
	defer func() {
		// A bug of ours in one task must not end the others.
		if p := recover(); p != nil {
			value, err = nil, fmt.Errorf("host panic in %s: %v", t.Name, p)
			w.Log.Error("host panic", logkey.Task, t.Name, logkey.TaskID, t.ID, logkey.Error, p, "stack", stack())
		}
	}()
	return task.Run(ctx, Call{Task: t, Hostname: w.Hostname, Limit: set.limit, State: func(ctx context.Context, state string, meta json.RawMessage) error {
		if set.ignoreResult {
			return nil
		}
		return w.Store.Store(ctx, celery.State(t, state, meta), reply(t))
	}})
}

func stack() string {
	buf := make([]byte, 16<<10)
	return string(buf[:runtime.Stack(buf, false)])
}
