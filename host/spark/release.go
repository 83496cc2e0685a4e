package spark

import (
	"context"
	"sync"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// releases tells the engine what it need not keep any longer, behind the back
// of the callers, who would otherwise wait a round trip for nothing.
type releases struct {
	mu      sync.Mutex
	queue   []func(context.Context)
	workers int
	closing bool
	stop    context.CancelFunc // of the jobs, when closing
	ended   chan struct{}      // closed when closing and no worker is left
	ctx     context.Context
}

const (
	maxReleaseWorkers = 4
	// maxReleases bounds the queue. What is not told, the engine finds out:
	// Spark forgets an execution 5 minutes after its last reader has gone.
	maxReleases = 1000
)

// add has job done soon. It reports false if it will not be.
func (r *releases) add(job func(context.Context)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing || len(r.queue) >= maxReleases {
		return false
	}
	if r.ctx == nil {
		r.ctx, r.stop = context.WithCancel(context.Background())
	}
	r.queue = append(r.queue, job)
	if r.workers < maxReleaseWorkers {
		r.workers++
		go r.work(r.ctx)
	}
	return true
}

// work does jobs until there are none.
func (r *releases) work(ctx context.Context) {
	for {
		r.mu.Lock()
		if len(r.queue) == 0 {
			r.workers--
			if r.workers == 0 && r.closing {
				close(r.ended)
			}
			r.mu.Unlock()
			return
		}
		job := r.queue[0]
		r.queue[0] = nil
		r.queue = r.queue[1:]
		r.mu.Unlock()
		ctx, cancel := context.WithTimeout(ctx, controlTimeout)
		job(ctx)
		cancel()
	}
}

// close waits for the jobs, and cuts them short when ctx ends.
func (r *releases) close(ctx context.Context) {
	r.mu.Lock()
	r.closing = true
	if r.workers == 0 {
		if r.stop != nil {
			r.stop()
		}
		r.mu.Unlock()
		return
	}
	r.ended = make(chan struct{})
	r.mu.Unlock()
	select {
	case <-r.ended:
	case <-ctx.Done():
		r.stop()
		<-r.ended
	}
	r.stop()
}

// releaseUntil lets the engine forget the responses up to the given one.
func (x *execution) releaseUntil(response string) {
	x.session.releases.add(func(ctx context.Context) {
		x.release(ctx, &sparkpb.ReleaseExecuteRequest{Release: &sparkpb.ReleaseExecuteRequest_ReleaseUntil_{
			ReleaseUntil: &sparkpb.ReleaseExecuteRequest_ReleaseUntil{ResponseId: response},
		}})
	})
}

// releaseAll lets the engine forget an execution that has ended.
func (x *execution) releaseAll() {
	queued := x.session.releases.add(func(ctx context.Context) {
		defer x.cancel()
		x.forget(ctx)
	})
	if !queued {
		x.cancel()
	}
}

// forget lets the engine forget the execution.
func (x *execution) forget(ctx context.Context) {
	x.release(ctx, &sparkpb.ReleaseExecuteRequest{Release: &sparkpb.ReleaseExecuteRequest_ReleaseAll_{
		ReleaseAll: &sparkpb.ReleaseExecuteRequest_ReleaseAll{},
	}})
}

func (x *execution) release(ctx context.Context, request *sparkpb.ReleaseExecuteRequest) {
	request.SessionId, request.UserContext, request.ClientType = x.request.GetSessionId(), x.request.GetUserContext(), x.request.ClientType
	request.ClientObservedServerSideSessionId = x.gen.observed()
	request.OperationId = x.request.GetOperationId()
	if _, err := x.session.client.ReleaseExecute(ctx, request); err != nil {
		x.session.cfg.Log.Debug("release Spark execution", logkey.Operation, request.GetOperationId(), logkey.Error, err)
	}
}
