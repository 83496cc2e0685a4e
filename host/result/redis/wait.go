package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/redisclient"
)

// pollEvery is how often [Store.Wait] looks by itself, for states whose news a
// lost connection swallowed.
const pollEvery = time.Second

// Wait returns the final state of a task, waiting for it as long as ctx lasts.
// A task that nobody knows looks like one that has not ended. Its errors wrap
// context.Cause(ctx), or are Redis' refusal.
func (s *Store) Wait(ctx context.Context, taskID string) (_ celery.Result, err error) {
	key := s.prefix + taskID
	// Subscribed before the first look, so that hardly a state falls between.
	news := s.client.Subscribe(ctx, key)
	defer func() { err = errors.Join(err, news.Close()) }()
	channel := news.Channel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		document, err := s.client.Get(ctx, key).Bytes()
		switch {
		case err == nil:
			if r, err := s.codec.DecodeResult(document); err != nil || r.Ready() {
				return r, err
			}
		case ctx.Err() != nil:
			return celery.Result{}, fmt.Errorf("result of task %s: %w", taskID, context.Cause(ctx))
		case !errors.Is(err, goredis.Nil) && !redisclient.Passes(err):
			return celery.Result{}, fmt.Errorf("result of task %s: %w", taskID, err)
		}
		select {
		case <-ctx.Done():
			return celery.Result{}, fmt.Errorf("result of task %s: %w", taskID, context.Cause(ctx))
		case <-channel:
		case <-poll.C:
		}
	}
}
