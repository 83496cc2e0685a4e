package beat

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// DefaultMaxInterval is the longest that a Beat sleeps: Celery's default.
const DefaultMaxInterval = 300 * time.Second

// SendTimeout is how long one entry may take to be sent, so that a broker that
// is away does not hold up what else is due.
const SendTimeout = 30 * time.Second

// stopGrace is how long what is being sent may take once this beat is to stop.
const stopGrace = time.Second

// A Config says what a Beat works with. Send and Elector are required.
type Config struct {
	// Send sends an entry's task and returns the id of its message. The context
	// ends soon after this Beat leads no longer: nothing must be sent then.
	Send func(ctx context.Context, name string, e Entry) (id string, err error)
	// Elector decides whether this Beat is the one that sends.
	Elector Elector
	// File keeps the last runs over a restart; its empty path keeps none.
	File File
	// Zone is the time zone of crontabs. Nil means UTC.
	Zone *time.Location
	// MaxInterval is the longest sleep: Celery's beat_max_loop_interval. Zero
	// means [DefaultMaxInterval].
	MaxInterval time.Duration
	// StartingDeadline is how old a crontab's missed run may be to be made up
	// for: Celery's beat_cron_starting_deadline. Nil means however old.
	StartingDeadline *time.Duration
	Log              *slog.Logger
}

// A Beat sends the tasks of its entries at their times while it leads. Set may
// be called at any time, Run once.
type Beat struct {
	Config
	changed chan struct{} // holds one: the entries were replaced

	mu      sync.Mutex
	entries map[string]*entry // replaced as a whole, never changed
	looked  time.Time         // when the entries were last looked at, in a term
}

// An entry is one of a Beat's with what was read from it.
type entry struct {
	Entry
	name     string
	schedule Schedule
}

// New returns a Beat without entries. Its error names every field that is
// missing.
func New(cfg Config) (*Beat, error) {
	var bad []error
	if cfg.Send == nil {
		bad = append(bad, errors.New("beat: Config.Send is required"))
	}
	if cfg.Elector == nil {
		bad = append(bad, errors.New("beat: Config.Elector is required"))
	}
	if cfg.MaxInterval < 0 {
		bad = append(bad, fmt.Errorf("beat: Config.MaxInterval is %v", cfg.MaxInterval))
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.MaxInterval == 0 {
		cfg.MaxInterval = DefaultMaxInterval
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Beat{Config: cfg, changed: make(chan struct{}, 1), entries: map[string]*entry{}}, errors.Join(bad...)
}

// Set replaces the entries, by name. What ran when is kept for those whose name
// stays; one that is new begins now. An entry that cannot be is left out and
// named in the error.
func (b *Beat) Set(entries map[string]Entry) error {
	var bad []error
	parsed := make(map[string]*entry, len(entries))
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		e := entries[name]
		s, err := e.parse(b.StartingDeadline)
		if err != nil {
			bad = append(bad, fmt.Errorf("entry %q: %w", name, err))
			continue
		}
		parsed[name] = &entry{Entry: e, name: name, schedule: s}
	}
	b.mu.Lock()
	b.entries = parsed
	b.mu.Unlock()
	select {
	case b.changed <- struct{}{}:
	default:
	}
	return errors.Join(bad...)
}

func (b *Beat) current() map[string]*entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.entries
}

// Stalled reports whether this Beat leads and has not looked at its entries for
// longer than limit, zero for Celery's: twice the longest sleep, but at least a
// minute.
func (b *Beat) Stalled(limit time.Duration) bool {
	if limit == 0 {
		limit = max(2*b.MaxInterval, time.Minute)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.looked.IsZero() && time.Since(b.looked) > limit
}

func (b *Beat) look(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looked = at
}

// Run waits until this Beat leads, sends what is due, and goes on so until ctx
// ends. It returns an error only for what cannot mend.
func (b *Beat) Run(ctx context.Context) error {
	return b.Elector.Run(ctx, func(ctx context.Context, shared Shared) error {
		t, err := b.term(ctx, shared)
		if err != nil {
			return err
		}
		b.Log.Info("beat leads", logkey.Count, len(t.queue))
		defer b.Log.Info("beat leads no longer")
		err = t.run(ctx)
		b.look(time.Time{})
		if t.dirty {
			err = errors.Join(err, b.File.Save(t.state))
		}
		return err
	})
}

// A term is the time from when a Beat begins to lead until it does not. It is
// used by one goroutine.
type term struct {
	*Beat
	shared Shared
	state  State
	queue  queue
	known  map[string]*entry // what the queue was made of
	dirty  bool              // the file does not have the state
}

// term begins one with what is known of the last runs.
func (b *Beat) term(ctx context.Context, shared Shared) (*term, error) {
	t := &term{Beat: b, shared: shared, state: State{Zone: b.Zone.String(), Entries: map[string]Run{}}}
	stored, err := b.File.Load()
	if err != nil {
		return nil, err
	}
	others, err := shared.Load(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range []State{stored, others} {
		if s.Zone != "" && s.Zone != t.state.Zone {
			b.Log.Warn("time zone changed: all entries begin anew", "was", s.Zone, "is", t.state.Zone)
		}
		t.state.merge(s)
	}
	return t, t.rebuild(ctx, time.Now())
}

// rebuild makes the queue of the entries that there are now.
func (t *term) rebuild(ctx context.Context, now time.Time) error {
	now = now.Round(0) // by the wall's clock, which may be set
	t.known = t.current()
	for name := range t.state.Entries {
		if _, ok := t.known[name]; !ok {
			delete(t.state.Entries, name)
			t.dirty = true
		}
	}
	t.queue = t.queue[:0]
	for name, e := range t.known {
		run, ok := t.state.Entries[name]
		if !ok {
			run = Run{LastRunAt: micro(now)}
			t.state.Entries[name] = run
			t.dirty = true
		}
		due, next := t.due(e, run, now)
		if due {
			next = 0
		}
		t.queue = append(t.queue, event{at: now.Add(next), entry: e})
	}
	heap.Init(&t.queue)
	return t.shared.Keep(ctx, t.state)
}

// due is the schedule's; a schedule that has no next run is looked at again
// later, so that it does not stop the others.
func (t *term) due(e *entry, run Run, now time.Time) (bool, time.Duration) {
	due, next, err := e.schedule.Due(run.LastRunAt, micro(now), t.Zone)
	if err != nil {
		t.Log.Error("next run cannot be calculated; trying again later", logkey.Entry, e.name, logkey.Error, err)
		return false, t.MaxInterval
	}
	return due, next
}

func micro(at time.Time) time.Time { return at.Round(0).UTC().Truncate(time.Microsecond) }

// run sends what is due until ctx ends or another leads.
func (t *term) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		t.look(time.Now())
		wait, err := t.tick(ctx)
		if err != nil || ctx.Err() != nil {
			return err
		}
		if wait <= 0 {
			continue
		}
		if t.dirty {
			if err := t.File.Save(t.state); err != nil {
				t.Log.Error("last runs not saved: they may run again after a restart", logkey.Path, t.File.Path, logkey.Error, err)
			}
			t.dirty = false
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-t.changed:
			if err := t.rebuild(ctx, time.Now()); err != nil {
				return err
			}
		}
	}
}

// tick sends one entry if one is due, and returns how long to wait for the
// next look.
func (t *term) tick(ctx context.Context) (time.Duration, error) {
	if len(t.queue) == 0 {
		return t.MaxInterval, nil
	}
	now := time.Now().Round(0)
	top := t.queue[0]
	if wait := top.at.Sub(now); wait > 0 {
		return min(wait, t.MaxInterval), nil
	}
	run := t.state.Entries[top.entry.name]
	due, next := t.due(top.entry, run, now)
	t.queue[0].at = now.Add(next)
	heap.Fix(&t.queue, 0)
	if !due {
		return 0, nil // another may be, now that this one has left the top
	}
	// The run counts before it is sent, so that one which cannot be sent is not
	// sent for ever; and whoever leads next does not send it again.
	run = Run{LastRunAt: micro(now), Count: run.Count + 1}
	ok, err := t.shared.Claim(ctx, t.state.Zone, top.entry.name, run)
	if err != nil || !ok {
		return 0, err
	}
	t.state.Entries[top.entry.name], t.dirty = run, true
	t.send(ctx, top.entry)
	return 0, nil
}

func (t *term) send(ctx context.Context, e *entry) {
	t.Log.Info("sending due task", logkey.Entry, e.name, logkey.Task, e.Task)
	led := ctx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), SendTimeout)
	defer cancel()
	// What is on its way when this beat is told to stop should arrive: it is
	// claimed, so that nobody else sends it.
	defer context.AfterFunc(led, func() { time.AfterFunc(stopGrace, cancel) })()
	id, err := t.Send(ctx, e.name, e.Entry)
	if err != nil {
		t.Log.Error("due task not sent; its next run is at its next time", logkey.Entry, e.name, logkey.Task, e.Task, logkey.Error, err)
		return
	}
	t.Log.Debug("due task sent", logkey.Entry, e.name, logkey.Task, e.Task, logkey.TaskID, id)
}

// A queue is the entries by when they are to be looked at: a heap.
type queue []event

type event struct {
	at    time.Time
	entry *entry
}

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q queue) Less(i, j int) bool {
	if c := q[i].at.Compare(q[j].at); c != 0 {
		return c < 0
	}
	return q[i].entry.name < q[j].entry.name
}

// Push implements [heap.Interface].
func (q *queue) Push(x any) { *q = append(*q, x.(event)) }

// Pop implements [heap.Interface].
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
