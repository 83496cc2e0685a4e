package worker

import (
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/canvas"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// retried is a retry that was sent.
type retried struct {
	// cause may be nil; when is how Celery's text names the wait.
	cause *celery.Exception
	when  string
}

// traceback ends as Python's does.
func (r *retried) traceback() string {
	text := "celery.exceptions.Retry: Retry " + r.when
	if r.cause != nil {
		text = r.cause.Traceback + text + ": " + r.cause.Repr()
	}
	return text + "\n"
}

// retry sends the call again as Celery's Task.retry does: under its id, with one
// retry more and all else as it was, at the time that r says. When no retries
// are left its error is r's exception, or MaxRetriesExceededError. The body
// should end with celery.exceptions.Retry.
func (c *call) retry(ctx context.Context, r abi.Retry) error {
	t := c.r.task
	var cause *celery.Exception
	if r.Exception != nil {
		cause = exceptionOf(r.Exception)
	}
	limit := c.set.maxRetries()
	if r.MaxRetries != nil {
		limit = *r.MaxRetries
	}
	if r.ETA == "" && r.Countdown == nil {
		r.Countdown = new(float64)
		*r.Countdown = chosen(c.set.DefaultRetryDelay, defaultRetryDelay)
	}
	again, err := c.retryOf(r)
	if err != nil {
		return err
	}
	if limit >= 0 && t.Retries+1 > limit {
		if cause != nil {
			return &raised{cause}
		}
		return &raised{celery.MaxRetriesExceeded(again.Task)}
	}
	c.r.follow()
	if err := c.w.publish(ctx, again); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &raised{celery.Rejected(err.Error(), false)}
	}
	c.retried = &retried{cause: cause, when: when(r, again.Task.ETA)}
	return nil
}

// when is how Celery puts a wait into words: "in 1s", "at 2026-…".
func when(r abi.Retry, eta *time.Time) string {
	if r.ETA != "" && eta != nil {
		return "at " + strings.Replace(celery.FormatTime(*eta), "T", " ", 1)
	}
	return "in " + strconv.FormatFloat(*r.Countdown, 'f', -1, 64) + "s"
}

// retryOf is the message of a retry.
func (c *call) retryOf(r abi.Retry) (canvas.Message, error) {
	t := *c.r.task
	m := canvas.Message{Task: &t}
	t.Protocol = 2
	t.Retries++
	if t.ParentID == "" {
		t.ParentID = t.ID
	}
	t.RootID = t.Root()
	if t.Lang = "py"; t.Origin == "" {
		t.Origin = c.w.origin
	}
	t.CorrelationID = t.ID
	t.IgnoreResult = &c.set.ignoreResult
	t.ETA = nil
	switch {
	case r.ETA != "":
		at, err := celery.ParseTime(r.ETA)
		if err != nil {
			return m, abi.Errorf("ValueError", "retry: eta: %v", err)
		}
		t.ETA = &at
	case math.IsNaN(*r.Countdown):
		return m, abi.Errorf("ValueError", "retry: countdown is not a number")
	case *r.Countdown != 0:
		at := time.Now().UTC().Add(seconds(*r.Countdown)).Truncate(time.Microsecond)
		t.ETA = &at
	}
	c.rebind(&t, r)
	t.ArgsRepr, t.KwargsRepr = celery.ArgsRepr(t.Args, celery.ReprLimit), celery.KwargsRepr(t.Kwargs, celery.ReprLimit)
	if t.Exchange == "" {
		m.Queue = t.RoutingKey
	} else {
		m.Exchange, m.RoutingKey = t.Exchange, t.RoutingKey
	}
	if len(r.Options) > 0 {
		if err := canvas.Override(&m, r.Options); err != nil {
			return m, abi.Errorf("ValueError", "retry: %v", err)
		}
	}
	return m, nil
}

// rebind gives a call the arguments of its retry. Of positional or keyword arguments
// alone those of the other kind stay, but for parameters that would be given twice:
// the retry's value is theirs.
func (c *call) rebind(t *celery.Task, r abi.Retry) {
	args, kwargs := r.Args, r.Kwargs
	var params []string
	if c.task != nil {
		params = c.task.Params()
	}
	switch {
	case args != nil && kwargs == nil:
		given := params[:min(len(args), len(params))]
		t.Args, t.Kwargs = args, slices.DeleteFunc(slices.Clone(t.Kwargs), func(k celery.Member) bool { return slices.Contains(given, k.Key) })
		return
	case args != nil:
		t.Args = args
	case kwargs == nil:
		return
	case len(t.Args) <= len(params): // else they are wrong already, which the call will say
		t.Args, kwargs = slices.Clone(t.Args), maps.Clone(kwargs)
		for i, name := range params[:len(t.Args)] {
			if value, ok := kwargs[name]; ok {
				t.Args[i] = value
				delete(kwargs, name)
			}
		}
	}
	t.Kwargs = nil
	for _, name := range slices.Sorted(maps.Keys(kwargs)) {
		t.Kwargs = append(t.Kwargs, celery.Member{Key: name, Value: kwargs[name]})
	}
}

// raised is an exception as an error of the worker's own making.
type raised struct{ *celery.Exception }

// Unwrap returns the exception, also in the words of the ABI.
func (r *raised) Unwrap() []error {
	return []error{r.Exception, &abi.Error{Type: r.Type, Module: r.Module, Args: r.Args, Traceback: r.Traceback}}
}

// autoRetry sends a call again whose body failed with an exception after which
// the task wants that. The error is what the call has now come to.
func (c *call) autoRetry(ctx context.Context, err error) error {
	if c.retried != nil || len(c.set.AutoretryFor) == 0 || ctx.Err() != nil {
		return err
	}
	e, ok := errors.AsType[*abi.Error](err)
	if !ok || isControl(e) || matches(c.set.DontAutoretryFor, e) || !matches(c.set.AutoretryFor, e) {
		return err
	}
	r := abi.Retry{Exception: e}
	if factor := chosen(c.set.RetryBackoff, 0); factor > 0 {
		r.Countdown = new(float64)
		*r.Countdown = backoffSeconds(factor, c.r.task.Retries, chosen(c.set.RetryBackoffMax, defaultRetryBackoffMax), chosen(c.set.RetryJitter, true))
	}
	if failed := c.retry(ctx, r); failed != nil {
		if given, ok := errors.AsType[*abi.Error](failed); ok && given.Type == e.Type && given.Module == e.Module {
			return err // with all that led to it
		}
		return failed
	}
	return controlError("Retry")
}

// retryLost sends a call again for which what ran it has died, where the task wants
// that. The error is what the call has now come to.
func (c *call) retryLost(ctx context.Context, err error) error {
	if c.retried != nil || !errors.Is(err, ErrLost) || !chosen(c.set.RetryOnWorkerLost, c.w.RetryOnWorkerLost) {
		return err
	}
	if limit := c.set.maxRetries(); limit >= 0 && c.r.task.Retries >= limit {
		c.noRetries = true
		return err
	}
	lost := celery.WorkerLost(err.Error())
	if failed := c.retry(ctx, abi.Retry{Exception: &abi.Error{Type: lost.Type, Module: lost.Module, Args: lost.Args}}); failed != nil {
		c.w.Log.Warn("a task whose process died is not tried again: sending it failed", logkey.TaskID, c.r.task.ID, logkey.Error, failed)
		return err
	}
	return controlError("Retry")
}

// backoffSeconds is Celery's get_exponential_backoff_interval: whole seconds.
func backoffSeconds(factor float64, retries int, most float64, jitter bool) float64 {
	wait := math.Min(math.Floor(most), math.Floor(math.Max(1, factor))*math.Pow(2, float64(retries)))
	if jitter {
		wait = float64(rand.Int64N(int64(wait) + 1))
	}
	return math.Max(wait, 0)
}

// The exceptions by which a body tells the worker how to go on.
const controlModule = "celery.exceptions"

func isControl(e *abi.Error) bool {
	return e.Module == controlModule && slices.Contains([]string{"Retry", "Ignore", "Reject"}, e.Type)
}

func controlError(name string) *abi.Error { return &abi.Error{Type: name, Module: controlModule} }

func exceptionOf(e *abi.Error) *celery.Exception {
	return &celery.Exception{Type: e.Type, Module: e.Module, Args: e.Args, Traceback: e.Traceback}
}
