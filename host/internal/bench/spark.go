package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// latency is what the Python scripts print.
type latency struct {
	P50    float64 `json:"p50"`
	P99    float64 `json:"p99"`
	Answer any     `json:"answer"`
}

// cached measures demo.DataFrameWordCount over a cached DataFrame, from Python's
// Celery client to it and back, beside the same query over the same kind of
// checkpoint collected by PySpark's Connect client.
func (o options) cached(ctx context.Context, url, engine, remote string) (err error) {
	plugins, err := o.plugins("demo.wasm", "tasks.wasm")
	if err != nil {
		return err
	}
	queue := "bench-" + uuid.NewString()
	worker, err := o.serve(ctx, nil, url, queue, plugins, remote)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, worker.stop()) }()
	calls := strconv.Itoa(o.calls)
	var ours, theirs, nothing []latency
	env := []string{"CELERY_BROKER_URL=" + url}
	for range o.rounds {
		var l latency
		if err := python(ctx, &l, env, o.celery, "celery_client.py", queue, calls, "demo.DataFrameWordCount", o.input, "a"); err != nil {
			return fmt.Errorf("%w\n%s", err, worker.tail())
		}
		ours = append(ours, l)
		if err := python(ctx, &l, env, o.celery, "celery_client.py", queue, calls, "test.noop"); err != nil {
			return fmt.Errorf("%w\n%s", err, worker.tail())
		}
		nothing = append(nothing, l)
		if err := python(ctx, &l, nil, o.pyspark, "pyspark_client.py", remote, o.input, calls); err != nil {
			return err
		}
		theirs = append(theirs, l)
	}
	if a, b := fmt.Sprint(ours[0].Answer), fmt.Sprint(theirs[0].Answer); a != b {
		return fmt.Errorf("answers differ on %s: %s and %s", engine, a, b)
	}
	fmt.Printf("| cached DataFrameWordCount on %s | p50 ms | p99 ms |\n| --- | ---: | ---: |\n", engine)
	p50 := func(ls []latency) float64 { return median(column(ls, func(l latency) float64 { return l.P50 })) }
	p99 := func(ls []latency) float64 { return median(column(ls, func(l latency) float64 { return l.P99 })) }
	fmt.Printf("| Celery client → sparkstalk → client | %.1f | %.1f |\n", p50(ours), p99(ours))
	fmt.Printf("| of which messages: the same client, a task that does nothing | %.1f | %.1f |\n", p50(nothing), p99(nothing))
	fmt.Printf("| PySpark Connect, collect() | %.1f | %.1f |\n", p50(theirs), p99(theirs))
	fmt.Printf("| ours / theirs | %.2f | %.2f |\n\n", p50(ours)/p50(theirs), p99(ours)/p99(theirs))
	return nil
}

func column(ls []latency, f func(latency) float64) []float64 {
	var out []float64
	for _, l := range ls {
		out = append(out, f(l))
	}
	return out
}

// python runs one of the scripts in testdata and decodes the JSON that it prints.
func python(ctx context.Context, into any, env []string, interpreter, script string, args ...string) error {
	cmd := exec.CommandContext(ctx, interpreter, append([]string{"host/internal/bench/testdata/" + script}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", script, err, stderr.String())
	}
	return json.Unmarshal(out, into)
}

func (c *client) call(ctx context.Context, task string) (string, error) {
	if err := c.send(ctx, task, uuid.NewString()); err != nil {
		return "", err
	}
	result, err := c.result(ctx, task)
	if err != nil {
		return "", err
	}
	var s string
	return s, json.Unmarshal(result, &s)
}

// argument is the body of a call with one number.
func argument(n int) string {
	return fmt.Sprintf(`[[%d], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]`, n)
}

// result waits for the result of the only call under way.
func (c *client) result(ctx context.Context, task string) (json.RawMessage, error) {
	body, err := c.final(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", task, err)
	}
	var r struct{ Result json.RawMessage }
	return r.Result, json.Unmarshal(body, &r)
}

// final waits for the message that says how the only call under way ended, and
// looks no further into it than to its state. Spark's progress comes before it.
func (c *client) final(ctx context.Context) ([]byte, error) {
	limit := time.After(5 * time.Minute)
	for {
		select {
		case d := <-c.replies:
			switch head := string(d.Body[:min(len(d.Body), 30)]); { // it begins with the state
			case strings.Contains(head, `"SUCCESS"`):
				return d.Body, nil
			case strings.Contains(head, `"PROGRESS"`):
			default:
				return nil, fmt.Errorf("it ended as %.2000s", d.Body)
			}
		case <-limit:
			return nil, errors.New("no result for 5 minutes")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
