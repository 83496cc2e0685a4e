package worker

import (
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/event"
)

// Celery's defaults of what a task leaves open.
const (
	defaultMaxRetries      = 3
	defaultRetryDelay      = 180.0
	defaultRetryBackoffMax = 600.0
)

// settings are the options of one call: the message over what was changed at
// run time, the configuration of the task, the task itself and the worker.
type settings struct {
	abi.TaskOptions
	acksLate, trackStarted bool
	ignoreResult           bool
	limit, softLimit       time.Duration
}

// storesErrors reports whether failures, retries and revocations are stored.
func (s settings) storesErrors() bool {
	return !s.ignoreResult || chosen(s.StoreErrorsEvenIfIgnored, false)
}

// maxRetries is negative where there is no end.
func (s settings) maxRetries() int { return chosen(s.MaxRetries, defaultMaxRetries) }

// options are those of a task without what a message says.
func (w *Worker) options(name string, own abi.TaskOptions) abi.TaskOptions {
	w.overridesMu.Lock()
	defer w.overridesMu.Unlock()
	return w.overrides[name].Over(Annotated(w.Annotations, name, own))
}

// Annotated are a task's own options with those of [Config.Annotations] over them.
func Annotated(annotations map[string]abi.TaskOptions, name string, own abi.TaskOptions) abi.TaskOptions {
	return annotations[name].Over(annotations["*"].Over(own))
}

// override changes options of a task from now on.
func (w *Worker) override(name string, change func(*abi.TaskOptions)) {
	w.overridesMu.Lock()
	defer w.overridesMu.Unlock()
	o := w.overrides[name]
	change(&o)
	w.overrides[name] = o
}

func (w *Worker) settings(own abi.TaskOptions, t *celery.Task) settings {
	o := w.options(t.Name, own)
	s := settings{
		TaskOptions:  o,
		acksLate:     chosen(o.AcksLate, w.AcksLate),
		trackStarted: chosen(o.TrackStarted, w.TrackStarted),
		ignoreResult: chosen(t.IgnoreResult, chosen(o.IgnoreResult, w.IgnoreResult)),
		limit:        w.TimeLimit,
		softLimit:    w.SoftTimeLimit,
	}
	if s.StoreErrorsEvenIfIgnored == nil {
		s.StoreErrorsEvenIfIgnored = &w.StoreErrorsEvenIfIgnored
	}
	for _, l := range []struct {
		to          *time.Duration
		task, mesge *float64
	}{{&s.limit, o.TimeLimit, t.TimeLimit}, {&s.softLimit, o.SoftTimeLimit, t.SoftTimeLimit}} {
		// As in Celery, where zero is one that is not given.
		if own := chosen(l.task, 0); own != 0 {
			*l.to = seconds(own)
		}
		if own := chosen(l.mesge, 0); own != 0 {
			*l.to = seconds(own)
		}
	}
	s.trackStarted = s.trackStarted && !s.ignoreResult
	return s
}

// chosen is what was chosen, or the default where nothing was.
func chosen[T any](own *T, fallback T) T {
	if own != nil {
		return *own
	}
	return fallback
}

// seconds is a duration, within what one can say.
func seconds(s float64) time.Duration {
	const most = 290 * 365 * 24 * 3600
	return time.Duration(min(max(s, 0), most) * float64(time.Second))
}

// tell has those who listen know what happened, and monitors unless the task's
// options keep it from them.
func (w *Worker) tell(e event.Event) {
	if !w.Feed.Wanted() {
		return
	}
	if o, ok := w.TaskOptions(e.Task.Name); ok {
		e.Private = !chosen(o.SendEvents, true)
	}
	w.Feed.Emit(e)
}
