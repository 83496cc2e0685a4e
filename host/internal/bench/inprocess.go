package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// inProcess times bench.select1 as the host runs it, from its arguments to its
// result as JSON, and by turns the same query as a bare request.
func inProcess(ctx context.Context, plugins, remote string, calls int) (task, bare []time.Duration, err error) {
	r, err := host.OpenRuntime(ctx, host.Config{Plugins: plugins, Spark: remote, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, err
	}
	runCtx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(runCtx) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended, r.Close())
	}()
	session, err := spark.Open(spark.Config{Remote: remote})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	for n := range calls + 20 {
		start := time.Now()
		if _, err := r.Call(ctx, "bench.select1", nil, nil); err != nil {
			return nil, nil, err
		}
		between := time.Now()
		if err := request(ctx, session); err != nil {
			return nil, nil, err
		}
		if n >= 20 { // what comes before warms up
			task, bare = append(task, between.Sub(start)), append(bare, time.Since(between))
		}
	}
	return sorted(task), sorted(bare), nil
}

// request runs SELECT 1 and drops its row.
func request(ctx context.Context, s *spark.Session) error {
	stream, err := s.Collect(ctx, spark.SQL("SELECT 1", nil, nil), spark.Options{})
	if err != nil {
		return err
	}
	for stream.Next() {
	}
	return errors.Join(stream.Err(), stream.Close())
}
