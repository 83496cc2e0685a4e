package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// select1 measures SELECT 1: as a task from client to client beside PySpark's
// collect(), and within the host beside the bare request, one after the other.
func (o options) select1(ctx context.Context, url, engine, remote string) (err error) {
	plugins, err := o.plugins("columns.wasm", "tasks.wasm")
	if err != nil {
		return err
	}
	queue := "bench-" + uuid.NewString()
	worker, err := o.serve(ctx, nil, url, queue, plugins, remote)
	if err != nil {
		return err
	}
	calls := strconv.Itoa(o.calls)
	env := []string{"CELERY_BROKER_URL=" + url}
	var ours, nothing, theirs []latency
	for range o.rounds {
		var l latency
		for _, r := range []struct {
			into *[]latency
			task string
		}{{&ours, "bench.select1"}, {&nothing, "test.noop"}} {
			if err := python(ctx, &l, env, o.celery, "celery_client.py", queue, calls, r.task); err != nil {
				return errors.Join(fmt.Errorf("%w\n%s", err, worker.tail()), worker.stop())
			}
			*r.into = append(*r.into, l)
		}
		if err := python(ctx, &l, nil, o.pyspark, "pyspark_select1.py", remote, calls); err != nil {
			return errors.Join(err, worker.stop())
		}
		theirs = append(theirs, l)
	}
	if err := worker.stop(); err != nil {
		return err
	}
	task, bare, err := inProcess(ctx, plugins, remote, 3*o.calls)
	if err != nil {
		return err
	}
	p50 := func(ls []latency) float64 { return median(column(ls, func(l latency) float64 { return l.P50 })) }
	p99 := func(ls []latency) float64 { return median(column(ls, func(l latency) float64 { return l.P99 })) }
	fmt.Printf("| SELECT 1 on %s | p50 ms | p99 ms |\n| --- | ---: | ---: |\n", engine)
	fmt.Printf("| Celery client → sparkstalk → client | %.2f | %.2f |\n", p50(ours), p99(ours))
	fmt.Printf("| of which messages: the same client, a task that does nothing | %.2f | %.2f |\n", p50(nothing), p99(nothing))
	fmt.Printf("| PySpark Connect, collect() | %.2f | %.2f |\n", p50(theirs), p99(theirs))
	fmt.Printf("| ours / theirs | %.2f | %.2f |\n", p50(ours)/p50(theirs), p99(ours)/p99(theirs))
	fmt.Printf("| the task within the host, without messages | %.2f | %.2f |\n", percentile(task, 0.5), percentile(task, 0.99))
	fmt.Printf("| the bare request, by the same Go client | %.2f | %.2f |\n", percentile(bare, 0.5), percentile(bare, 0.99))
	fmt.Printf("| the host's share | %.2f | |\n\n", percentile(task, 0.5)-percentile(bare, 0.5))
	return nil
}

// sorted returns the times in order.
func sorted(times []time.Duration) []time.Duration {
	slices.Sort(times)
	return times
}
