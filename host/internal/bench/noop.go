package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A way is how no-op tasks and their results travel.
type way struct {
	name            string
	broker, backend string // URLs
	ignore          bool   // nobody wants the results
}

// contender is a worker of no-op tasks.
type contender struct {
	name  string
	start func(ctx context.Context, queue string) (*process, error)
}

// figures of one contender, over the rounds.
type figures struct{ rate, p50, p99, cpu, idle []float64 }

// noop measures a task that does nothing: how many a second from a full queue,
// and the time of calls one after another.
func (o options) noop(ctx context.Context, url string) error {
	ways, err := o.ways(url)
	if err != nil {
		return err
	}
	for _, w := range ways {
		for text := range strings.SplitSeq(o.slots, ",") {
			slots, err := strconv.Atoi(text)
			if err != nil || slots < 1 {
				return fmt.Errorf("-slots %s: not numbers with commas", o.slots)
			}
			if err := o.noopTable(ctx, w, slots); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	return nil
}

// ways are those asked for.
func (o options) ways(rabbit string) ([]way, error) {
	server := strings.TrimSuffix(os.Getenv("SPARKSTALK_TEST_REDIS"), "/0")
	if server == "" {
		return nil, errors.New("SPARKSTALK_TEST_REDIS is not set: run scripts/bench")
	}
	all := map[string]way{
		"rabbitmq+rpc":    {broker: rabbit, backend: "rpc://"},
		"rabbitmq+redis":  {broker: rabbit, backend: server + "/14"},
		"redis+redis":     {broker: server + "/15", backend: server + "/14"},
		"rabbitmq+ignore": {broker: rabbit, backend: "rpc://", ignore: true},
	}
	var out []way
	for name := range strings.SplitSeq(o.through, ",") {
		w, ok := all[name]
		if !ok {
			return nil, fmt.Errorf("-through %s: not one of %s", name, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
		}
		w.name = name
		out = append(out, w)
	}
	return out, nil
}

// contenders are the workers to compare, the raw loop first.
func (o options) contenders(w way, slots int, self, plugins string) []contender {
	n, prefetch := strconv.Itoa(slots), strconv.Itoa(o.prefetch)
	python := func(pool string) contender {
		return contender{"Python Celery, " + pool, func(ctx context.Context, queue string) (*process, error) {
			return o.start(ctx, "ready.", []string{"CELERY_BROKER_URL=" + w.broker, "CELERY_RESULT_BACKEND=" + w.backend, "PYTHONPATH=host/internal/bench/testdata"}, o.celery,
				"-m", "celery", "-A", "celery_app", "worker", "-Q", queue, "-P", pool, "-c", n, "--prefetch-multiplier", prefetch, "-l", "info",
				"--without-gossip", "--without-mingle")
		}}
	}
	out := []contender{
		{"raw loop", func(ctx context.Context, queue string) (*process, error) {
			return o.start(ctx, "ready", nil, self, "raw", w.broker, w.backend, queue, n, prefetch)
		}},
		{"sparkstalk", func(ctx context.Context, queue string) (*process, error) {
			return o.serve(ctx, nil, w.broker, queue, plugins, "sail", "--prefetch-multiplier", prefetch, "--result-backend", w.backend, "-c", n)
		}},
		python("prefork"), python("threads"),
	}
	if slots == 1 {
		out = append(out, python("solo"))
	}
	return out
}

// chosen are those of the contenders that -workers picks.
func (o options) chosen(all []contender) (out []contender) {
	for _, c := range all {
		if o.workers == "" || slices.ContainsFunc(strings.Split(o.workers, ","), func(part string) bool { return strings.Contains(c.name, part) }) {
			out = append(out, c)
		}
	}
	return out
}

// noopTable measures the contenders of one way and prints their table.
func (o options) noopTable(ctx context.Context, w way, slots int) error {
	plugins, err := o.plugins("tasks.wasm")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	contenders := o.chosen(o.contenders(w, slots, self, plugins))
	if len(contenders) == 0 {
		return fmt.Errorf("-workers %s: none is called so", o.workers)
	}
	all := map[string]*figures{}
	for range o.rounds {
		for _, c := range contenders {
			f := all[c.name]
			if f == nil {
				f = &figures{}
				all[c.name] = f
			}
			if err := o.noopRound(ctx, w, c, f); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	for _, c := range contenders {
		if err := o.idle(ctx, w, c, all[c.name]); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	fmt.Printf("| no-op task, %s, %d slots | tasks/s | of the raw loop's | of prefork's | p50 ms | p99 ms | CPU µs a task | resident MB, idle |\n", w.name, slots)
	fmt.Println("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	share := func(of float64, name string) string {
		f := all[name]
		if f == nil {
			return "–"
		}
		return fmt.Sprintf("%.2f", of/median(f.rate))
	}
	for _, c := range contenders {
		f := all[c.name]
		rate := median(f.rate)
		fmt.Printf("| %s | %.0f | %s | %s | %s | %s | %.0f | %.0f |\n", c.name, rate, share(rate, "raw loop"), share(rate, "Python Celery, prefork"),
			millis(f.p50), millis(f.p99), median(f.cpu), median(f.idle))
	}
	fmt.Println()
	return nil
}

// millis is the median of times, or a dash where there are none.
func millis(figures []float64) string {
	if len(figures) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", median(figures))
}

// noopRound takes one round's figures of one contender.
func (o options) noopRound(ctx context.Context, w way, c contender, f *figures) (err error) {
	client, err := w.client(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.close()) }()

	// The queue is full before the worker starts, and the clock starts at a
	// tenth: neither start-up nor the sender's own work counts.
	for range o.tasks {
		if err := client.send(ctx, "test.noop", uuid.NewString()); err != nil {
			return err
		}
	}
	worker, err := c.start(ctx, client.name())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, worker.stop()) }()
	first, err := client.wait(ctx, o.tasks/10)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, worker.tail())
	}
	begin, spent := time.Now(), worker.usage().cpu
	last, err := client.wait(ctx, o.tasks*95/100)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, worker.tail())
	}
	took, counted := time.Since(begin).Seconds(), float64(last-first)
	f.rate = append(f.rate, counted/took)
	f.cpu = append(f.cpu, 1e6*(worker.usage().cpu-spent)/counted)
	if _, err := client.wait(ctx, o.tasks); err != nil || w.ignore {
		return err
	}

	if err := client.listen(ctx); err != nil {
		return err
	}
	times := make([]time.Duration, 0, o.calls)
	for n := range o.calls {
		start := time.Now()
		if err := client.send(ctx, "test.noop", uuid.NewString()); err != nil {
			return err
		}
		if err := client.receive(ctx); err != nil {
			return fmt.Errorf("call %d: %w\n%s", n, err, worker.tail())
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	f.p50, f.p99 = append(f.p50, percentile(times, 0.5)), append(f.p99, percentile(times, 0.99))
	return nil
}

// idle measures the memory of a worker that has nothing to do.
func (o options) idle(ctx context.Context, w way, c contender, f *figures) (err error) {
	client, err := w.client(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.close()) }()
	worker, err := c.start(ctx, client.name())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, worker.stop()) }()
	time.Sleep(5 * time.Second) // what the start has left behind goes
	f.idle = append(f.idle, worker.usage().residentMB)
	return nil
}
