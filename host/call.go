package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/canvas"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// Call sends a task through the broker to whichever worker serves it, waits as
// long as ctx lasts, and returns its result. A [*celery.Exception] is the
// exception that the task ended with. The task goes to the first of cfg.Queues.
func Call(ctx context.Context, cfg Config, name string, args []json.RawMessage, kwargs map[string]json.RawMessage) (json.RawMessage, error) {
	return ApplyAsync(ctx, cfg, name, args, kwargs, nil)
}

// ApplyAsync is [Call] with options of Celery's apply_async by their names, such as
// queue, priority, countdown, eta, expires, task_id, time_limit or headers. With
// ignore_result it returns null once the broker has the message.
func ApplyAsync(ctx context.Context, cfg Config, name string, args []json.RawMessage, kwargs, options map[string]json.RawMessage) (_ json.RawMessage, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	named, err := json.Marshal(kwargs)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", name, err)
	}
	how, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", name, err)
	}
	routing, err := cfg.routing()
	if err != nil {
		return nil, err
	}
	origin, replyTo := fmt.Sprintf("gen%d@%s", os.Getpid(), cfg.Hostname), uuid.NewString()

	// Results of rpc:// arrive on a queue of this call alone; it is also there,
	// and stays empty, when another backend holds the result.
	results := make(chan celery.Result, 1)
	replies := broker.Queue{Name: replyTo, TransientQueue: true, NoAck: true}
	conn, err := openSender(cfg, routing, []broker.Queue{replies}, origin)
	if err != nil {
		return nil, err
	}
	waitCtx, stop := context.WithCancelCause(ctx)
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		stop(conn.Run(waitCtx, func(d broker.Delivery) { offer(results, d, cfg) }))
	}()
	defer func() {
		stop(nil)
		err = errors.Join(err, conn.Close())
		<-ran
	}()
	for !conn.Connected() { // a result must find its queue
		if waitCtx.Err() != nil {
			return nil, fmt.Errorf("call %s: not connected to %s: %w", name, mask(cfg.Broker), context.Cause(waitCtx))
		}
		time.Sleep(5 * time.Millisecond)
	}
	to := worker.Sender{Broker: conn, Queues: routing.queues, Routes: cfg.TaskRoutes, Style: cfg.style()}
	ignored := false
	send := canvas.Dispatcher{ReplyTo: replyTo, Origin: origin, NewID: uuid.NewString, Publish: func(ctx context.Context, m canvas.Message) error {
		if m.Queue == "" && m.Exchange == "" && len(cfg.Queues) > 0 {
			m.Queue = routing.consumed[0].Name
		}
		ignored = m.Task.IgnoreResult != nil && *m.Task.IgnoreResult
		return to.Publish(ctx, m)
	}}
	sent, err := send.Call(waitCtx, name, celery.AppendArray(nil, args), named, how)
	if err != nil {
		return nil, fmt.Errorf("call: %w", err)
	}
	if ignored {
		return json.RawMessage("null"), nil
	}
	if store, ok, err := openWaiter(cfg); ok {
		return await(waitCtx, store, err, sent.ID)
	}
	select {
	case r := <-results:
		return valueOf(r)
	case <-waitCtx.Done():
		return nil, fmt.Errorf("call %s: no result: %w", name, context.Cause(waitCtx))
	}
}

// offer takes the final state of a task; what comes before and after is not waited for.
func offer(results chan<- celery.Result, d broker.Delivery, cfg Config) {
	body, err := celery.Decoder{Accept: celery.Readable()}.Value(celery.Incoming{Headers: d.Headers, Body: d.Body, ContentType: d.ContentType})
	var r celery.Result
	if err == nil {
		r, err = celery.DecodeResult(body)
	}
	if err != nil {
		cfg.Log.Warn("reply is no result", "error", err)
		return
	}
	if r.Ready() {
		select {
		case results <- r:
		default:
		}
	}
}

// A waiter is a result backend that keeps results.
type waiter interface {
	result.Store
	Wait(ctx context.Context, taskID string) (celery.Result, error)
	Ping(ctx context.Context) error
}

// openWaiter opens the result backend if it is one that keeps results.
func openWaiter(cfg Config) (store waiter, ok bool, err error) {
	switch {
	case slices.Contains(redisSchemes, schemeOf(cfg.ResultBackend)):
		store, err = openRedis(cfg)
	case isDatabase(cfg.ResultBackend):
		store, err = openDatabase(cfg)
	default:
		return nil, false, nil
	}
	return store, true, err
}

func await(ctx context.Context, store waiter, err error, id string) (_ json.RawMessage, _ error) {
	if err != nil {
		return nil, err
	}
	r, err := store.Wait(ctx, id)
	if err = errors.Join(err, store.Close()); err != nil {
		return nil, err
	}
	return valueOf(r)
}

func valueOf(r celery.Result) (json.RawMessage, error) {
	if r.Exception != nil {
		return nil, r.Exception
	}
	return r.Value, nil
}
