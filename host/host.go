// Package host joins the layers into a running sparkstalk: a message broker, the
// worker, the modules, the Spark session and its cache. It decides alone in
// which order they start and stop.
package host

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sparkstalk/sparkstalk/host/admin"
	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/control"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/internal/deathlog"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/result"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// Version is this sparkstalk's version.
const Version = "0.1.0"

// A Host is one sparkstalk worker process: a [Runtime] served over a broker.
type Host struct {
	cfg     Config
	log     *slog.Logger
	runtime *Runtime
	broker  broker.Broker
	store   result.Store
	worker  *worker.Worker
	events  *event.Publisher
	admin   *admin.Server // nil if it could not be opened
	// Set by Run: what happens when intake has ended, and how events end and
	// have said so.
	intakeEnded func(error)
	offline     func()
	shutdown    func() // begins a warm shutdown
	routing     *routing

	revoked    *worker.Revoked
	control    *control.Node // nil where remote control is off
	gossip     *event.Gossip // nil where it is off
	ears       []ear
	heard      broker.Broker      // the connection of ears, nil without any
	autoscaler *worker.Autoscaler // nil without autoscaling
	state      *stateFile
	beat       *scheduler // nil without beat
	deaths     *deathlog.Log
}

// Open builds a Host: the engine is started and the modules are compiled when
// it returns, and the broker is not yet contacted. Close it if Run is not
// called.
func Open(ctx context.Context, cfg Config) (_ *Host, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Host{cfg: cfg, log: cfg.Log, revoked: &worker.Revoked{}}
	if h.routing, err = cfg.routing(); err != nil {
		return nil, err
	}
	if h.broker, err = openSender(cfg, h.routing, h.routing.consumed, cfg.Hostname); err != nil {
		return nil, err
	}
	if h.store, err = openStore(cfg, h.broker); err != nil {
		return nil, err
	}
	if h.runtime, err = openRuntime(ctx, cfg); err != nil {
		return nil, errors.Join(err, h.store.Close())
	}
	h.deaths = openDeaths(cfg)
	feed := event.NewFeed()
	h.worker, err = worker.New(worker.Config{
		Broker: h.broker, Tasks: h.runtime, Store: h.store, Feed: feed, Hostname: cfg.Hostname,
		Decoder:     celery.Decoder{Accept: cfg.AcceptContent},
		Concurrency: cfg.Concurrency, PrefetchMultiplier: unlimited(*cfg.PrefetchMultiplier),
		AcksLate: cfg.AcksLate, TrackStarted: cfg.TrackStarted, IgnoreResult: cfg.IgnoreResult,
		TimeLimit: seconds(cfg.TimeLimit), SoftTimeLimit: seconds(cfg.SoftTimeLimit),
		AcksOnFailure: cfg.AcksOnFailure, AcksOnTimeout: cfg.AcksOnTimeout, RejectOnWorkerLost: cfg.RejectOnWorkerLost, RetryOnWorkerLost: cfg.RetryOnWorkerLost,
		StoreErrorsEvenIfIgnored: cfg.StoreErrorsEvenIfIgnored, Annotations: cfg.Annotations, ResultExtended: cfg.ResultExtended,
		Deduplicate: cfg.DeduplicateSuccessful, InheritPriority: cfg.InheritParentPriority, DefaultPriority: cfg.taskPriority(), HeaderErrbacks: cfg.ErrbacksOnChordHeader, Style: cfg.style(),
		Deaths: h.deaths, LostLimit: cfg.LostLimit, Queues: h.routing.queues, Routes: cfg.TaskRoutes,
		ChordRetryInterval: seconds(cfg.ChordRetryInterval), Revoked: h.revoked,
		DefaultRateLimit: cfg.TaskDefaultRateLimit, NoRateLimits: cfg.DisableRateLimits,
		Park: seconds(cfg.ParkUnknownTasks), ParkLimit: cfg.ParkLimit, CancelOnLoss: cfg.CancelOnLoss, ETALimit: cfg.ETALimit,
		IntakeEnded: func(err error) { h.intakeEnded(err) }, LastWords: func() { h.offline() }, Log: h.log,
		TaskSent: taskSent(cfg, func(ctx context.Context, e celery.Event) error { return h.events.Publish(ctx, e) }),
	})
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	h.runtime.tasksChanged.Store(new(h.worker.TasksChanged))
	h.events, err = event.NewPublisher(event.PublisherConfig{
		Broker: h.broker, Wire: cfg.wire(), Feed: feed, Hostname: cfg.Hostname, TaskEvents: cfg.TaskEvents, Version: Version,
		Heartbeat: seconds(cfg.HeartbeatInterval), Silent: !isTrue(cfg.Heartbeat),
		Stats: func() (active, processed int) {
			s := h.worker.Stats()
			return int(s.Active), int(s.Begun)
		},
		Log: h.log,
	})
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	h.state = &stateFile{path: cfg.StateDB, revoked: h.revoked, clock: h.events.Clock(), log: h.log}
	if err = h.state.load(); err == nil {
		if h.autoscaler, err = autoscaled(h.worker, cfg.Autoscale); err == nil {
			err = h.openEars()
		}
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	if cfg.Beat {
		h.beat, err = newScheduler(cfg, h.routing, h.broker, h.runtime.modules, h.runtime.changed)
		if err != nil {
			return nil, errors.Join(err, h.Close())
		}
	}
	h.listen(ctx)
	return h, nil
}

// openDeaths returns the memory of the tasks for which workers died, nil where there
// is to be none or none can be.
func openDeaths(cfg Config) *deathlog.Log {
	if cfg.LostLimit < 0 {
		return nil
	}
	log, err := deathlog.Open(filepath.Join(cfg.Home, "deaths"))
	if err != nil {
		cfg.Log.Warn("a task that kills its worker will be run again and again: deaths cannot be kept", logkey.Error, err)
		return nil
	}
	return log
}

// taskSent publishes task-sent for tasks that the host sends, nil unless that is
// wanted.
func taskSent(cfg Config, publish func(context.Context, celery.Event) error) func(context.Context, celery.Event) {
	if !cfg.SendSentEvent {
		return nil
	}
	return func(ctx context.Context, e celery.Event) {
		if err := publish(ctx, e); err != nil {
			cfg.Log.Warn("task-sent not published", logkey.Error, err)
		}
	}
}

// A Banner is what a host serves, for people at its start.
type Banner struct {
	Version     string   `json:"version"`
	Hostname    string   `json:"hostname"`
	Broker      string   `json:"broker"` // without its password
	Results     string   `json:"result_backend"`
	Engine      string   `json:"engine"` // its name
	Remote      string   `json:"remote"` // its address, sc://…
	Concurrency int      `json:"concurrency"`
	Prefetch    int      `json:"prefetch"`
	Plugins     string   `json:"plugins"`
	Queues      []Queue  `json:"queues"`
	Tasks       []string `json:"tasks"`
}

// A Queue is a queue that a host consumes, as it is declared.
type Queue struct {
	Name         string `json:"name"`
	Exchange     string `json:"exchange"`
	ExchangeType string `json:"exchange_type"`
	RoutingKey   string `json:"routing_key"`
}

// Banner returns what the host serves now.
func (h *Host) Banner() Banner {
	b := Banner{
		Version: Version, Hostname: h.cfg.Hostname, Broker: mask(h.cfg.Broker), Results: mask(h.cfg.ResultBackend),
		Engine: h.runtime.engine.Name(), Remote: h.runtime.engine.Remote(), Concurrency: h.cfg.Concurrency,
		Prefetch: worker.Prefetch(h.cfg.Concurrency, *h.cfg.PrefetchMultiplier), Plugins: h.cfg.Plugins, Tasks: h.runtime.Tasks(),
	}
	for _, q := range h.routing.consumed {
		b.Queues = append(b.Queues, Queue{q.Name, q.Exchange, q.ExchangeType, q.RoutingKey})
	}
	return b
}

// Run serves until ctx ends, then stops in order: no new messages and what has
// not begun goes back, running tasks go on to their end and are interrupted after
// the setting grace, if there is one, or as soon as now ends; results leave, then
// the engine ends.
func (h *Host) Run(ctx, now context.Context) error {
	// Each layer outlives the one that uses it: intake, work, then the rest.
	base, stopBase := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBase()
	work, interrupt := context.WithCancelCause(base)
	defer interrupt(nil)
	intake, stopIntake := context.WithCancel(ctx)
	defer stopIntake()

	under, underCtx := errgroup.WithContext(base)
	under.Go(func() error { return h.runtime.Run(underCtx) })
	under.Go(func() error { return h.runtime.warmer.run(underCtx) })
	if h.admin != nil {
		under.Go(func() error { return h.admin.Run(underCtx) })
	}
	speak, silence := context.WithCancel(underCtx)
	defer silence()
	spoken := make(chan struct{})
	answer, mute := context.WithCancel(base)
	defer mute()
	muted := make(chan struct{})
	// Remote control is answered while tasks drain, and ends before the
	// connection that its replies leave by.
	h.offline = func() { mute(); <-muted; silence(); <-spoken }
	h.shutdown = stopIntake
	go func() {
		defer close(muted)
		h.answer(answer)
	}()
	under.Go(func() error {
		defer close(spoken)
		return h.events.Run(speak)
	})
	if h.beat != nil {
		under.Go(func() error { return h.beat.run(intake) })
	}
	under.Go(func() error {
		newService(h.log).run(underCtx, intake, h.broker.Connected, func() { h.worker.Stats() })
		return nil
	})
	// Without an engine or modules there is nothing to serve.
	defer context.AfterFunc(underCtx, stopIntake)()
	defer context.AfterFunc(now, func() { interrupt(worker.ErrShutdown) })()
	h.intakeEnded = func(err error) {
		if err != nil {
			h.log.Error("broker ended intake", logkey.Error, err)
		}
		h.log.Info("stopping: running tasks may finish", logkey.Wait, seconds(h.cfg.Grace), logkey.Count, h.worker.Stats().Active)
		if h.cfg.Grace > 0 {
			time.AfterFunc(seconds(h.cfg.Grace), func() { interrupt(worker.ErrShutdown) })
		}
	}

	if isTrue(h.cfg.Mingle) {
		h.mingle(intake)
	}
	workErr := h.purge(intake)
	if workErr == nil {
		workErr = h.worker.Run(intake, work)
	} else {
		stopIntake()
		workErr = errors.Join(workErr, h.worker.Run(intake, work))
	}
	stopBase()
	<-muted
	return errors.Join(workErr, under.Wait(), h.Close())
}

// Runtime is what the host runs tasks with, for calls that come by another way
// than its broker. It serves while Run does.
func (h *Host) Runtime() *Runtime { return h.runtime }

// Close frees a Host. Run does it by itself.
func (h *Host) Close() error {
	var err error
	if h.admin != nil {
		err = h.admin.Close()
	}
	if h.heard != nil {
		err = errors.Join(err, h.heard.Close())
	}
	if h.beat != nil {
		err = errors.Join(err, h.beat.close())
	}
	return errors.Join(err, h.deaths.Close(), h.store.Close(), h.runtime.Close())
}

// unlimited is the worker's word for a multiplier of zero, which is Celery's.
func unlimited(multiplier int) int {
	if multiplier == 0 {
		return -1
	}
	return multiplier
}

// mask hides the passwords of one URL or of several, separated by semicolons.
func mask(raw string) string {
	var out []string
	for part := range strings.SplitSeq(raw, ";") {
		u, err := url.Parse(part)
		switch {
		case err != nil:
			part = "(unreadable URL)"
		case u.User != nil: // others stay as written: "rpc://" would lose its slashes
			part = u.Redacted()
		}
		out = append(out, part)
	}
	return strings.Join(out, ";")
}
