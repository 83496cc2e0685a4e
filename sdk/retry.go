package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// A Retry says how [Context.Retry] tries a call again. The zero value waits for
// the task's default_retry_delay.
type Retry struct {
	// Countdown is the wait. Zero means the task's default_retry_delay, and
	// negative none. ETA, if not zero, is the time to run instead.
	Countdown time.Duration
	ETA       time.Time
	// Cause is why: the client sees it as the call's result while it waits, and
	// gets it once no retries are left. Nil is MaxRetriesExceededError then.
	Cause error
	// MaxRetries replaces the task's own for this time. Zero means the task's,
	// negative that there is no end.
	MaxRetries int
	// Args and Kwargs replace the call's arguments; nil keeps them.
	Args   []any
	Kwargs map[string]any
	// Options are more of Celery's for the message: queue, priority and so on.
	Options map[string]any
}

// Retry sends the call again, with one retry more. Return the error that it
// returns, which makes the call's state RETRY, or, when no retries are left, is
// what the call fails with:
//
//	return nil, ctx.Retry(sdk.Retry{Countdown: time.Minute, Cause: err})
func (c *Context) Retry(r Retry) error {
	request := abi.Retry{}
	switch {
	case !r.ETA.IsZero():
		request.ETA = r.ETA.Format(time.RFC3339Nano)
	case r.Countdown != 0:
		request.Countdown = new(max(r.Countdown, 0).Seconds())
	}
	if r.MaxRetries != 0 {
		request.MaxRetries = &r.MaxRetries
	}
	if r.Cause != nil {
		request.Exception = exception(r.Cause)
	}
	var errs []error
	encode := func(what string, v any) json.RawMessage {
		data, err := pyjson.Marshal(v)
		if err != nil {
			errs = append(errs, fmt.Errorf("retry: encode %s: %w", what, err))
		}
		return data
	}
	for i, a := range r.Args {
		request.Args = append(request.Args, encode(fmt.Sprintf("argument %d", i), a))
	}
	if r.Args != nil && request.Args == nil {
		request.Args = []json.RawMessage{}
	}
	encodeAll := func(values map[string]any) map[string]json.RawMessage {
		if values == nil {
			return nil
		}
		out := make(map[string]json.RawMessage, len(values))
		for name, v := range values {
			out[name] = encode(name, v)
		}
		return out
	}
	request.Kwargs, request.Options = encodeAll(r.Kwargs), encodeAll(r.Options)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	data, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if err := c.host.TaskRetry(data); err != nil {
		return err
	}
	return celeryError("Retry", "Task can be retried")
}
