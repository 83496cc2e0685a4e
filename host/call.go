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
func Call(ctx context.Context, cfg Config, name string, args []json.RawMessage, kwargs map[string]json.RawMessage) (_ json.RawMessage, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	task, err := celery.NewTask(uuid.NewString(), name, args, kwargs)
	if err != nil {
		return nil, err
	}
	routing, err := cfg.routing()
	if err != nil {
		return nil, err
	}
	task.Origin = fmt.Sprintf("gen%d@%s", os.Getpid(), cfg.Hostname)
	task.ReplyTo = uuid.NewString()

	// Results of rpc:// arrive on a queue of this call alone; it is also there,
	// and stays empty, when another backend holds the result.
	results := make(chan celery.Result, 1)
	replies := broker.Queue{Name: task.ReplyTo, TransientQueue: true, NoAck: true}
	conn, err := openSender(cfg, routing, []broker.Queue{replies}, task.Origin)
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
	message := canvas.Message{Task: task}
	if len(cfg.Queues) > 0 {
		message.Queue = routing.consumed[0].Name
	}
	if err := (worker.Sender{Broker: conn, Queues: routing.queues, Routes: cfg.TaskRoutes, Style: cfg.style()}).Publish(waitCtx, message); err != nil {
		return nil, fmt.Errorf("call %s: %w", name, err)
	}
	if store, ok, err := openWaiter(cfg); ok {
		return await(waitCtx, store, err, task.ID)
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
