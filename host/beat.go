package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/beat"
	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/canvas"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/control"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/internal/redisclient"
	"github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// Beat sends scheduled tasks until ctx ends, and runs none: it needs the message
// broker, the modules' folder and the configuration, and no engine.
func Beat(ctx context.Context, cfg Config) (err error) {
	if cfg.Hostname == "" {
		cfg.Hostname = "%h"
	}
	if !strings.Contains(cfg.Hostname, "@") {
		cfg.Hostname = "celerybeat@" + cfg.Hostname
	}
	cfg, err = cfg.withDefaults()
	if err != nil {
		return err
	}
	if err := cfg.folderExists(); err != nil {
		return err
	}
	changed := make(chan struct{}, 1)
	mc := moduleConfig(cfg)
	tidy := mc.OnChange
	mc.OnChange = func(info module.Info) { tidy(info); signal(changed) }
	modules, err := module.Open(ctx, mc)
	if err != nil {
		return err
	}
	routing, err := cfg.routing()
	if err != nil {
		return errors.Join(err, modules.Close(ctx))
	}
	conn, err := openSender(cfg, routing, nil, "beat-"+cfg.Hostname)
	if err != nil {
		return errors.Join(err, modules.Close(ctx))
	}
	s, err := newScheduler(cfg, routing, conn, modules, changed)
	if err == nil {
		g, gctx := errgroup.WithContext(ctx)
		g.Go(func() error { return modules.Run(gctx) })
		g.Go(func() error { return s.run(gctx) })
		if cfg.BeatEnableRemoteControl {
			g.Go(func() error {
				// The beat goes on without it: its tasks matter more.
				if err := s.answer(gctx, conn); err != nil {
					cfg.Log.Error("remote control is not answered", logkey.Error, err)
				}
				return nil
			})
		}
		told := make(chan struct{})
		alive, end := context.WithCancel(context.WithoutCancel(ctx))
		go func() {
			defer close(told)
			newService(cfg.Log).run(alive, gctx, func() bool { return true }, func() { s.entries() })
		}()
		err = errors.Join(g.Wait(), s.close())
		end()
		<-told
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, conn.Close(), modules.Close(late))
}

// A scheduler is a beat with the schedules of configuration and modules.
type scheduler struct {
	cfg     Config
	log     *slog.Logger
	beat    *beat.Beat
	modules *module.Registry
	changed <-chan struct{}
	redis   *goredis.Client // nil where RabbitMQ elects
}

func newScheduler(cfg Config, r *routing, conn broker.Broker, modules *module.Registry, changed <-chan struct{}) (*scheduler, error) {
	s := &scheduler{cfg: cfg, log: cfg.Log, modules: modules, changed: changed}
	zone, err := cfg.zone()
	if err != nil {
		return nil, err // withDefaults has checked it
	}
	// A client's events, with a clock of its own, as celery beat's are.
	events, err := event.NewPublisher(event.PublisherConfig{Broker: conn, Wire: cfg.wire(), Hostname: worker.Origin(), Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	bc := beat.Config{
		Zone: zone, File: beat.File{Path: cfg.BeatScheduleFilename}, MaxInterval: seconds(cfg.BeatMaxLoopInterval), Log: cfg.Log,
		Send: sender(cfg, s.registered, worker.Sender{
			Broker: conn, Queues: r.queues, Routes: cfg.TaskRoutes,
			TaskSent: taskSent(cfg, events.Publish), Style: cfg.style(),
		}),
	}
	if bc.File.Path == "" {
		bc.File.Path = filepath.Join(cfg.Home, "beat", cfg.BeatGroup+".json")
	}
	if cfg.BeatCronStartingDeadline != nil {
		bc.StartingDeadline = new(seconds(*cfg.BeatCronStartingDeadline))
	}
	if bc.Elector, err = s.elector(); err != nil {
		return nil, err
	}
	s.beat, err = beat.New(bc)
	return s, err
}

// elector is how the beats of several hosts agree: by Redis where there is one,
// since it can also keep what ran, else by RabbitMQ.
func (s *scheduler) elector() (beat.Elector, error) {
	for _, at := range []struct {
		url     string
		tls     UseSSL
		options TransportOptions
	}{{s.cfg.Broker, s.cfg.BrokerUseSSL, s.cfg.BrokerTransportOptions}, {s.cfg.ResultBackend, s.cfg.RedisBackendUseSSL, s.cfg.ResultBackendTransportOptions}} {
		if !slices.Contains(redisSchemes, schemeOf(at.url)) {
			continue
		}
		url, err := at.tls.apply(at.url)
		if err != nil {
			return nil, err
		}
		address, err := redisclient.Parse(url, at.options.MasterName)
		if err != nil {
			return nil, err
		}
		s.redis = address.Client(nil)
		return &beat.Redis{Client: s.redis, Group: s.cfg.BeatGroup, Log: s.log}, nil
	}
	return &beat.Peers{Group: s.cfg.BeatGroup, Log: s.log, Open: func(queues []broker.Queue) (broker.Broker, error) {
		return openBroker(s.cfg, queues, "beat-election-"+s.cfg.Hostname)
	}}, nil
}

// run sends until ctx ends.
func (s *scheduler) run(ctx context.Context) error {
	s.refresh()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := s.beat.Run(ctx); err != nil {
			return fmt.Errorf("beat: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-s.changed:
				s.refresh()
			}
		}
	})
	return g.Wait()
}

// answer hears remote control until ctx ends, and answers over replies.
func (s *scheduler) answer(ctx context.Context, replies control.Publisher) error {
	node := &control.BeatNode{
		Mailbox: s.cfg.mailbox(), Replies: replies, Hostname: s.cfg.Hostname, Stalled: s.stalled, Clock: new(celery.Clock), Log: s.log,
	}
	heard, err := openBroker(s.cfg, []broker.Queue{s.cfg.mailbox().Queue(s.cfg.Hostname)}, s.cfg.Hostname+" control")
	if err != nil {
		return err
	}
	return errors.Join(heard.Run(ctx, func(d broker.Delivery) { node.Handle(ctx, d) }), heard.Close())
}

// stalled is beat_remote_control_max_tick_age.
func (s *scheduler) stalled() bool {
	switch age := s.cfg.BeatRemoteControlMaxTickAge; {
	case age == nil:
		return s.beat.Stalled(0)
	case *age == 0:
		return false
	default:
		return s.beat.Stalled(seconds(*age))
	}
}

func (s *scheduler) close() error {
	if s.redis == nil {
		return nil
	}
	return s.redis.Close()
}

// refresh takes over the schedules that there are now.
func (s *scheduler) refresh() {
	if err := s.beat.Set(s.entries()); err != nil {
		s.log.Error("schedules left out", logkey.Error, err)
	}
}

// entries are those of the configuration and of the modules that serve. A
// module's schedule is named for its task, further ones of the task with a
// number behind; an entry of the configuration with that name replaces it.
func (s *scheduler) entries() map[string]beat.Entry {
	all := map[string]beat.Entry{}
	if isDatabase(s.cfg.ResultBackend) && s.cfg.ResultExpires >= 0 {
		// Celery's own, for backends whose results do not expire by themselves.
		all["celery.backend_cleanup"] = beat.Entry{
			Task: "celery.backend_cleanup", Schedule: json.RawMessage(`{"crontab": {"minute": 0, "hour": 4}}`), Options: json.RawMessage(`{"expires": 43200}`),
		}
	}
	for _, m := range s.modules.Modules() {
		if m.State != module.Serving {
			continue
		}
		for _, t := range m.Tasks {
			for i, declared := range t.Schedule {
				name := t.Name
				if i > 0 {
					name = fmt.Sprintf("%s/%d", t.Name, i+1)
				}
				e, err := entryOf(t.Name, declared)
				if err != nil {
					s.log.Error("module's schedule left out", logkey.Module, m.Name, logkey.Task, t.Name, logkey.Error, err)
					continue
				}
				all[name] = e
			}
		}
	}
	for name, e := range s.cfg.BeatSchedule {
		all[name] = e
	}
	return all
}

// checkSchedules says which schedules of a module cannot be.
func checkSchedules(m abi.Manifest) error {
	var bad []error
	for _, t := range m.Tasks {
		for _, declared := range t.Schedule {
			e, err := entryOf(t.Name, declared)
			if err == nil {
				err = e.Check()
			}
			if err != nil {
				bad = append(bad, fmt.Errorf("schedule of task %s: %w", t.Name, err))
			}
		}
	}
	return errors.Join(bad...)
}

// entryOf is a module's schedule as configuration has it.
func entryOf(task string, s abi.Schedule) (beat.Entry, error) {
	if (s.Every == 0) == (s.Crontab == "") {
		return beat.Entry{}, fmt.Errorf("%w: one of every and crontab must be given", beat.ErrSchedule)
	}
	e := beat.Entry{Task: task, Relative: s.Relative}
	var what any = s.Every
	if s.Crontab != "" {
		what = s.Crontab
	}
	for _, part := range []struct {
		to   *json.RawMessage
		from any
		none bool
	}{{&e.Schedule, what, false}, {&e.Args, s.Args, len(s.Args) == 0}, {&e.Kwargs, s.Kwargs, len(s.Kwargs) == 0}, {&e.Options, s.Options, len(s.Options) == 0}} {
		if part.none {
			continue
		}
		data, err := json.Marshal(part.from)
		if err != nil {
			return beat.Entry{}, err
		}
		*part.to = data
	}
	return e, nil
}

// sender sends entries as celery beat does: as a client, with a header that
// says where the task comes from. Results of rpc:// go nowhere, since nobody
// waits for them.
func sender(cfg Config, registered func(string) (abi.TaskOptions, bool), to worker.Sender) func(context.Context, string, beat.Entry) (string, error) {
	replies := uuid.NewString()
	return func(ctx context.Context, _ string, e beat.Entry) (string, error) {
		options, err := withBeatHeader(e.Options)
		if err != nil {
			return "", err
		}
		d := &canvas.Dispatcher{
			Publish: to.Publish, ReplyTo: replies, Origin: worker.Origin(), NewID: uuid.NewString, Registered: registered, Priority: cfg.taskPriority(), HeaderErrbacks: cfg.ErrbacksOnChordHeader,
		}
		r, err := d.Call(ctx, e.Task, e.Args, e.Kwargs, options)
		if err != nil {
			return "", err
		}
		return r.ID, nil
	}
}

// registered reports whether a module serves a task, and its options, with
// whether it ignores its result.
func (s *scheduler) registered(name string) (abi.TaskOptions, bool) {
	lease, ok := s.modules.Acquire(name)
	if !ok {
		return abi.TaskOptions{}, false
	}
	defer lease.Release()
	o := worker.Annotated(s.cfg.Annotations, name, lease.Spec().TaskOptions)
	if o.IgnoreResult == nil {
		o.IgnoreResult = &s.cfg.IgnoreResult
	}
	return o, true
}

// withBeatHeader adds celery beat's header to an entry's options.
func withBeatHeader(options json.RawMessage) (json.RawMessage, error) {
	all, headers := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if len(options) > 0 {
		if err := json.Unmarshal(options, &all); err != nil {
			return nil, fmt.Errorf("options: %w", err)
		}
	}
	if len(all["headers"]) > 0 {
		if err := json.Unmarshal(all["headers"], &headers); err != nil {
			return nil, fmt.Errorf("option headers: %w", err)
		}
	}
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	if headers == nil {
		headers = map[string]json.RawMessage{}
	}
	headers["celery_beat_task"] = json.RawMessage("true")
	var err error
	if all["headers"], err = json.Marshal(headers); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

// signal tells a channel that holds one.
func signal(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}
