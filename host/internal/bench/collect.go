package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// arrow is what pyspark_columns.py prints.
type arrow struct {
	Seconds  float64 `json:"seconds"`
	BeforeMB float64 `json:"before_mb"`
	PeakMB   float64 `json:"peak_mb"`
	Answer   string  `json:"answer"`
}

// collect measures how fast many rows of five columns come into a module
// through a cursor, and to a client as a Frame that is a task's result, beside
// PySpark's toArrow() of the same query at the same server.
func (o options) collect(ctx context.Context, url, engine, remote string) (err error) {
	plugins, err := o.plugins("columns.wasm")
	if err != nil {
		return err
	}
	client, err := newClient(url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.close()) }()
	limit := "SPARKSTALK_RESULT_LIMIT=" + strconv.Itoa(512<<20)
	worker, err := o.serve(ctx, []string{limit}, url, client.queue, plugins, remote)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, worker.stop()) }()

	fmt.Printf("| rows of five columns on %s | rows | rows/s | seconds | peak MB | of which before | of toArrow |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n", engine)
	for _, c := range []collected{
		{"cursor into a module, by columns", "bench.batches", o.rows},
		{"cursor into a module, as structs", "bench.structs", o.rows},
		{"a Frame as the result, to the client as JSON", "bench.frame", o.rows / 10},
	} {
		var theirs arrow
		if err := python(ctx, &theirs, nil, o.pyspark, "pyspark_columns.py", remote, strconv.Itoa(c.rows), strconv.Itoa(o.rounds)); err != nil {
			return err
		}
		var seconds []float64
		if _, err := client.callWith(ctx, c.task, 1000); err != nil {
			return fmt.Errorf("%s: %w\n%s", c.task, err, worker.tail())
		}
		worker.forgetPeak()
		before := worker.usage().residentMB
		for range o.rounds {
			start := time.Now()
			answer, err := client.callWith(ctx, c.task, c.rows)
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", c.task, err, worker.tail())
			}
			seconds = append(seconds, time.Since(start).Seconds())
			if err := c.check(answer, theirs.Answer); err != nil {
				return fmt.Errorf("%s on %s: %w", c.task, engine, err)
			}
		}
		ours := median(seconds)
		fmt.Printf("| %s | %d | %.0f | %.2f | %.0f | %.0f | %.2f |\n", c.what, c.rows, float64(c.rows)/ours, ours, worker.peakMB(), before, ours/theirs.Seconds)
		fmt.Printf("| PySpark Connect, toArrow() | %d | %.0f | %.2f | %.0f | %.0f | 1 |\n", c.rows, float64(c.rows)/theirs.Seconds, theirs.Seconds, theirs.PeakMB, theirs.BeforeMB)
	}
	fmt.Println()
	return nil
}

// collected is one kind of task of collect.
type collected struct {
	what, task string
	rows       int
}

// check makes sure that all rows came.
func (c collected) check(answer json.RawMessage, sums string) error {
	if c.task != "bench.frame" {
		var got string
		if err := json.Unmarshal(answer, &got); err != nil {
			return err
		}
		if got != sums {
			return fmt.Errorf("got %s, PySpark has %s", got, sums)
		}
		return nil
	}
	last := fmt.Sprintf("[%d,", c.rows-1)
	if n := strings.Count(string(answer), "],["); n != c.rows-1 || !strings.Contains(string(answer), last) {
		return fmt.Errorf("the result has %d rows, not %d", n+1, c.rows)
	}
	return nil
}

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

// forgetPeak makes peakMB count from now on.
func (p *process) forgetPeak() {
	// Without the right to do so, peaks count from the start.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.Process.Pid), []byte("5"), 0)
}

// peakMB is the most memory that the process had in use.
func (p *process) peakMB() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return number(strings.Fields(value)[0]) * 1024 / 1e6
		}
	}
	return 0
}

// sorted returns the times in order.
func sorted(times []time.Duration) []time.Duration {
	slices.Sort(times)
	return times
}
