package host

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/hostfn"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// run runs the body, and once more if it may be and Spark's session was lost.
// The time limits are those of both runs together; the others count anew.
func (t *task) run(ctx context.Context, call worker.Call) (Outcome, error) {
	request, err := json.Marshal(abi.Request{
		ID: call.ID, Task: call.Name, RootID: call.RootID, ParentID: call.ParentID, Group: call.Group,
		Retries: call.Retries, Hostname: call.Hostname, TimeLimit: call.Limit.Seconds(), SoftTimeLimit: call.SoftLimit.Seconds(),
		InChord: call.Embed.Chord != nil, Redelivered: call.Redelivered,
		Exchange: call.DeliveryInfo.Exchange, RoutingKey: call.DeliveryInfo.RoutingKey, Priority: call.DeliveryInfo.Priority,
		ETA: guestTime(call.ETA), Expires: guestTime(call.Expires), GroupIndex: call.GroupIndex, ReplacedTaskNesting: call.ReplacedTaskNesting,
		Headers: headersJSON(call.Headers), Stamps: headersJSON(call.Stamps),
	})
	if err != nil {
		return Outcome{}, fmt.Errorf("request of %s: %w", call.Name, err)
	}
	if limit := t.lease.Limits().TimeLimit; limit > 0 {
		name, _ := t.lease.Version()
		over := abi.Errorf("billiard.exceptions.TimeLimitExceeded", "%v seconds, the limit of module %s (setting modules, time_limit)", limit, name)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, seconds(limit), over)
		defer cancel()
	}
	start := time.Now()
	outcome, sent, err := t.once(ctx, call, request, call.SoftLimit)
	if !call.Idempotent || ctx.Err() != nil || !hostfn.SessionLost(err) {
		return outcome, err
	}
	soft := call.SoftLimit
	if soft > 0 {
		soft -= time.Since(start)
	}
	log := t.runtime.log.With(logkey.Task, call.Name, logkey.TaskID, call.ID, logkey.Error, err)
	switch {
	case sent:
		log.Warn("Spark session lost; the task is idempotent, but has sent messages, so it is not run again")
	case call.SoftLimit > 0 && soft <= 0:
		log.Warn("Spark session lost; the task is idempotent, but its soft time limit is over, so it is not run again")
	case draining(call):
		log.Warn("Spark session lost; the task is idempotent, but the worker is stopping, so it is not run again")
	default:
		log.Warn("Spark session lost; the task is idempotent and runs once more")
		outcome, _, err = t.once(ctx, call, request, soft)
	}
	return outcome, err
}

// draining reports whether the worker that the call came to takes no more tasks.
func draining(call worker.Call) bool {
	select {
	case <-call.Draining:
		return true
	default:
		return false
	}
}

// once is one run of the body, on an instance and with host functions of its
// own: nothing that another run made is in it. sent says that it has sent
// messages, or tried to.
func (t *task) once(ctx context.Context, call worker.Call, request []byte, soft time.Duration) (_ Outcome, sent bool, err error) {
	name, version := t.lease.Version()
	inv := t.runtime.binder.Open(ctx, hostfn.Task{
		Rights: t.runtime.cfg.rights(name, t.lease.Capabilities(), t.lease.SignedBy()), Limits: t.lease.Limits(),
		Capabilities: t.lease.Capabilities(), Functions: t.runtime.library(t.lease), Params: t.lease.Spec().Params,
		ID: call.ID, Name: call.Name, Module: name, Version: version, Args: call.Arguments(), Request: request, State: call.State,
		SoftLimit: soft,
		Messages:  hostfn.Messages{Retry: t.retry(call), Send: call.Send, Replace: call.Replace, AddToChord: call.AddToChord},
	})
	defer inv.Close()
	if err := t.lease.Run(ctx, inv); err != nil {
		return Outcome{}, inv.Sent(), exception(err)
	}
	value, err := inv.Result(ctx)
	return Outcome{Value: value, Columns: inv.ResultSchema().Columns}, inv.Sent(), err
}

// retry is the call's, with what Celery keeps of the arguments that a retry is not
// given; nil where there is none.
func (t *task) retry(call worker.Call) func(context.Context, abi.Retry) error {
	if call.Retry == nil {
		return nil
	}
	return func(ctx context.Context, r abi.Retry) error {
		params := make([]string, 0, len(t.lease.Spec().Params))
		for _, p := range t.lease.Spec().Params {
			params = append(params, p.Name)
		}
		r.Args, r.Kwargs = call.RetryArguments(params, r.Args, r.Kwargs)
		return call.Retry(ctx, r)
	}
}

// guestTime is a time as a guest gets it: none beyond the years of RFC 3339,
// which are as good as never.
func guestTime(t *time.Time) *time.Time {
	if t == nil || t.Year() > 9999 {
		return nil
	}
	return t
}

// headersJSON are headers as a guest gets them.
func headersJSON(headers map[string]any) map[string]json.RawMessage {
	if len(headers) == 0 {
		return nil
	}
	out := make(map[string]json.RawMessage, len(headers))
	for name, v := range headers {
		out[name] = celery.HeaderJSON(v)
	}
	return out
}
