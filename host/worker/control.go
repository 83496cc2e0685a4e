package worker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// Requests describes the requests that the worker holds, in the order in which
// they came to their stage. Stage "" is all.
func (w *Worker) Requests(stage Stage) []RequestInfo {
	var out []RequestInfo
	for _, r := range w.requests.list() {
		if info := r.info(); stage == "" || info.Stage == stage {
			out = append(out, info)
		}
	}
	slices.SortFunc(out, func(a, b RequestInfo) int {
		if c := a.Started.Compare(b.Started); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// Request describes a request by its task's id.
func (w *Worker) Request(id string) (RequestInfo, bool) {
	r := w.requests.get(id)
	if r == nil {
		return RequestInfo{}, false
	}
	return r.info(), true
}

// Totals are how many tasks have begun since the start, by their shown name.
func (w *Worker) Totals() map[string]int64 {
	w.countsMu.Lock()
	defer w.countsMu.Unlock()
	return maps.Clone(w.counts)
}

// Slots is how many tasks may run at once now.
func (w *Worker) Slots() int { return w.pool.len() }

// PrefetchCount is how many unsettled messages the broker may send now, zero
// for any number.
func (w *Worker) PrefetchCount() int {
	slots := w.pool.len()
	if a := w.scaler.Load(); a != nil {
		slots = a.most() // with less in advance it would not be seen that more slots are wanted
	}
	base := Prefetch(slots, w.PrefetchMultiplier)
	if base == 0 {
		return 0
	}
	count := base + w.held.len() + w.parked.len()
	if w.ETALimit > 0 {
		count = min(count, max(w.ETALimit, base))
	}
	return count
}

// Grow lets so many tasks more run at once.
func (w *Worker) Grow(n int) {
	w.pool.grow(n)
	w.adjustPrefetch()
}

// Shrink lets so many tasks fewer run at once. It ends what is idle: [ErrBusy]
// says that too little is. The last slot stays.
func (w *Worker) Shrink(n int) error {
	err := w.pool.shrink(n, 1)
	w.adjustPrefetch()
	return err
}

// Revoke keeps tasks from running. Those that have not begun anywhere are
// REVOKED at once, where the result backend can tell.
func (w *Worker) Revoke(ctx context.Context, ids ...string) {
	w.Revoked.Add(ids...)
	reader, ok := w.Config.Store.(result.Reader)
	if !ok {
		return
	}
	for _, id := range ids {
		if info, ok := w.Request(id); ok && info.Stage == StageActive {
			continue
		}
		if err := w.revokeStored(ctx, reader, id); err != nil {
			w.Log.Warn("task not marked as revoked in the result backend", logkey.TaskID, id, logkey.Error, err)
		}
	}
}

// revokeStored stores REVOKED for a task unless it has begun somewhere.
func (w *Worker) revokeStored(ctx context.Context, reader result.Reader, id string) error {
	r, found, err := reader.Get(ctx, id)
	if err != nil {
		return err
	}
	if found && !slices.Contains([]string{celery.StatePending, celery.StateReceived, celery.StateRetry, "REJECTED"}, r.State) {
		return nil
	}
	document := celery.Failure(&celery.Task{ID: id}, celery.Revoked("revoked"))
	document.Children = []byte("null")
	return w.Config.Store.Store(ctx, document, result.Reply{})
}

// Terminate ends tasks that this worker holds, and returns their ids. As in Celery
// those that wait under a rate limit are not among them: revoked, they are dropped
// when their turn comes.
func (w *Worker) Terminate(s Signal, ids ...string) []string {
	var ended []string
	for _, id := range ids {
		if r := w.requests.get(id); r != nil && r.info().Stage != StageLimited {
			w.Log.Info("terminating task", logkey.TaskID, id, logkey.Signal, s.Name)
			r.terminate(s)
			ended = append(ended, id)
		}
	}
	return ended
}

// TerminateStamped ends running tasks that have one of the values under a
// stamp's name, and returns which values were found.
func (w *Worker) TerminateStamped(s Signal, stamps map[string][]string) map[string][]string {
	found := map[string][]string{}
	for _, r := range w.requests.list() {
		if r.info().Stage != StageActive {
			continue
		}
		for name, values := range matching(r.task, stamps) {
			for _, v := range values {
				if !slices.Contains(found[name], v) {
					found[name] = append(found[name], v)
				}
			}
			r.terminate(s)
		}
	}
	return found
}

// SetRateLimit changes a task's rate limit from now on; empty is none. False
// means that the task is not served.
func (w *Worker) SetRateLimit(name, rate string) (bool, error) {
	perSecond, err := celery.ParseRate(rate)
	if err != nil {
		return true, err
	}
	if !w.serves(name) {
		return false, nil
	}
	w.override(name, func(o *abi.TaskOptions) { o.RateLimit = &rate })
	w.limits.reset(name, perSecond)
	return true, nil
}

// SetTimeLimits changes a task's time limits from now on, in seconds; nil and zero
// are the worker's own. False means that the task is not served.
func (w *Worker) SetTimeLimits(name string, hard, soft *float64) bool {
	if !w.serves(name) {
		return false
	}
	workers := 0.0 // which hides the task's
	w.override(name, func(o *abi.TaskOptions) {
		o.TimeLimit, o.SoftTimeLimit = hard, soft
		if hard == nil {
			o.TimeLimit = &workers
		}
		if soft == nil {
			o.SoftTimeLimit = &workers
		}
	})
	return true
}

// TaskOptions are the options of a served task, as they hold now.
func (w *Worker) TaskOptions(name string) (abi.TaskOptions, bool) {
	task, ok := w.acquire(name)
	if !ok {
		return abi.TaskOptions{}, false
	}
	defer task.Release()
	return w.options(name, task.Options()), true
}

// signals are those that Celery's clients name.
var signals = map[string]int{
	"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "BUS": 7, "FPE": 8, "KILL": 9, "USR1": 10, "SEGV": 11,
	"USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "CHLD": 17, "CONT": 18, "STOP": 19, "TSTP": 20, "TTIN": 21, "TTOU": 22,
}

// ParseSignal reads a signal by name, with or without SIG, or number. Empty is
// SIGTERM.
func ParseSignal(text string) (Signal, error) {
	if text == "" {
		text = "TERM"
	}
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	if n, ok := signals[name]; ok {
		return Signal{"SIG" + name, n}, nil
	}
	for name, n := range signals {
		if fmt.Sprint(n) == text {
			return Signal{"SIG" + name, n}, nil
		}
	}
	return Signal{}, fmt.Errorf("signal %q is unknown", text)
}
