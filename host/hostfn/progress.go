package hostfn

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// StateProgress is the state that a call has while Spark works for it, as in
// Celery's documentation. Its meta is a [SparkProgress].
const StateProgress = "PROGRESS"

// SparkProgress is the meta of the states that Spark's own reports become.
type SparkProgress struct {
	// Current and Total are Spark's tasks: done, and known so far. The total
	// grows while Spark finds out what there is to do.
	Current int64 `json:"current"`
	Total   int64 `json:"total"`
	// Running are the tasks under way, Stages the stages known so far.
	Running int64 `json:"running"`
	Stages  int   `json:"stages"`
	// BytesRead counts what was read from the inputs.
	BytesRead int64 `json:"bytes_read"`
	// Fraction of the tasks of one query: it never falls, and stays below 1.
	Fraction float64 `json:"fraction"`
}

// progress turns Spark's reports on the queries of one call into states of the
// call, at most one in a while and from a goroutine of its own: a slow result
// backend must not slow down a query. The latest report wins.
type progress struct {
	parent context.Context
	task   *Task
	every  time.Duration
	log    *slog.Logger

	mu      sync.Mutex
	ctx     context.Context // of what is stored, made when there is something
	cancel  context.CancelFunc
	latest  *spark.Progress // not stored yet
	next    time.Time       // before it nothing is stored
	timer   *time.Timer     // that will store latest; nil if there is none
	over    bool
	storing sync.WaitGroup
}

// newProgress returns nil if nobody is to be told. A call that ends within every
// is not worth a state.
func newProgress(ctx context.Context, t *Task, every time.Duration, log *slog.Logger) *progress {
	if t.State == nil || every < 0 {
		return nil
	}
	return &progress{parent: ctx, task: t, every: every, next: time.Now().Add(every), log: log}
}

// report takes what Spark says. It may be called from any goroutine.
func (p *progress) report(r spark.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.latest = &r
	if p.cancel == nil {
		p.ctx, p.cancel = context.WithCancel(p.parent)
	}
	if p.timer == nil {
		p.schedule()
	}
}

// schedule has the latest report stored when it is time. p.mu is held.
func (p *progress) schedule() {
	p.storing.Add(1)
	p.timer = time.AfterFunc(time.Until(p.next), p.send)
}

func (p *progress) send() {
	defer p.storing.Done()
	p.mu.Lock()
	r, over := *p.latest, p.over
	p.latest = nil
	p.mu.Unlock()
	if over {
		return
	}
	meta, err := json.Marshal(SparkProgress{
		Current: r.Done, Total: r.Tasks, Running: r.Running, Stages: r.Stages, BytesRead: r.BytesRead, Fraction: r.Fraction,
	})
	if err == nil {
		err = p.task.State(p.ctx, StateProgress, meta)
	}
	if err != nil && p.ctx.Err() == nil {
		// The result, which matters, goes the same way and says so.
		p.log.DebugContext(p.ctx, "progress not stored", logkey.Task, p.task.Name, logkey.TaskID, p.task.ID, logkey.Error, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer, p.next = nil, time.Now().Add(p.every)
	if p.latest != nil && !p.over {
		p.schedule()
	}
}

// stop ends the reports. When it returns none is under way, so that a state
// stored from now on is the last one.
func (p *progress) stop() {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.over = true
	if p.timer != nil && p.timer.Stop() {
		p.storing.Done()
	}
	p.timer = nil
	cancel := p.cancel
	p.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	p.storing.Wait()
}
