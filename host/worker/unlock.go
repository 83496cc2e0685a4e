package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/canvas"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// unlockChord starts the body of a chord once the tasks of its header have
// ended: how chords work with backends that cannot count. A worker whose own
// backend cannot be read hands the message on until one comes that can.
func unlockChord(ctx context.Context, w *Worker, c Call, a arguments) (json.RawMessage, error) {
	if err := a.need("unlock_chord", "group_id", "callback"); err != nil {
		return nil, err
	}
	body, err := parse(a.get(1, "callback"))
	if err != nil {
		return nil, err
	}
	interval := w.ChordRetryInterval.Seconds()
	if raw := a.get(2, "interval"); !celery.IsNull(raw) {
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return nil, abi.Errorf("TypeError", "interval: %v", err)
		}
		interval = f
	}
	limit := -1
	if raw := a.get(3, "max_retries"); !celery.IsNull(raw) {
		n, err := strconv.Atoi(string(raw))
		if err != nil {
			return nil, abi.Errorf("TypeError", "max_retries: %v", err)
		}
		limit = n
	}
	u := unlocking{w, c, body, abi.Retry{Countdown: &interval, MaxRetries: &limit}}
	reader, ok := w.Config.Store.(result.Reader)
	if !ok {
		return nil, u.again(ctx, "this worker cannot read results", nil)
	}
	tuples := a.get(4, "result")
	if _, err := celery.Elements(tuples); err != nil {
		return nil, abi.Errorf("TypeError", "result: %v", err)
	}
	values, ready, err := result.Join(ctx, reader, fmt.Appendf(nil, `[["", null], %s]`, tuples))
	if failed, ok := errors.AsType[*result.DependencyError](err); ok {
		// Celery's says which task it was for backends that count alone.
		return json.RawMessage("null"), c.call.send.ChordError(ctx, backend{w}, body, failed.Cause.Repr(), failed.Cause)
	}
	if err != nil {
		return nil, u.again(ctx, "its results cannot be read", abi.Errorf("sparkstalk.HostError", "%v", err))
	}
	if !ready {
		return nil, u.again(ctx, "its header has not ended", nil)
	}
	if err := c.call.send.StartBody(ctx, backend{w}, body, values); err != nil {
		return nil, followError(fmt.Errorf("body of chord: %w", err))
	}
	return json.RawMessage("null"), nil
}

// unlocking is a look at a chord.
type unlocking struct {
	w     *Worker
	c     Call
	body  *canvas.Signature
	retry abi.Retry
}

// again has the chord looked at once more; unread is why it could not be, if it
// could not. Without another look nobody would start the body any more, so it fails.
func (u unlocking) again(ctx context.Context, why string, unread *abi.Error) error {
	u.w.Log.Debug("chord is not ready", logkey.TaskID, u.c.ID, logkey.Reason, why, logkey.Error, unread)
	u.retry.Exception = unread
	err := u.c.Retry(ctx, u.retry)
	if err == nil {
		return controlError("Retry")
	}
	if ctx.Err() != nil {
		return err
	}
	cause := exception(err, settings{})
	if cause.Type == "Reject" && len(cause.Args) > 0 {
		reason, _ := celery.Text(cause.Args[0])
		cause = celery.NewException("kombu.exceptions", "OperationalError", reason)
	}
	reason := "chord_unlock could not be retried: " + cause.Repr()
	if unread != nil && cause.Type != unread.Type {
		reason += " (after deps.ready() raised " + exceptionOf(unread).Repr() + ")"
	}
	if failed := u.c.call.send.ChordError(ctx, backend{u.w}, u.body, reason, cause); failed != nil {
		u.w.follow(u.c.Task, failed)
	}
	return err
}
