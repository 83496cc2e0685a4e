package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host"
)

// arrow is what pyspark_columns.py prints.
type arrow struct {
	Seconds  float64 `json:"seconds"`
	Summed   float64 `json:"summed"`
	CPU      float64 `json:"cpu"`
	BeforeMB float64 `json:"before_mb"`
	PeakMB   float64 `json:"peak_mb"`
	Answer   string  `json:"answer"`
}

// A move is many rows fetched once, in one way.
type move struct{ seconds, cpu, beforeMB, peakMB float64 }

// A mover fetches rows. Movers of one table take turns, and the first is what
// the others are compared with.
type mover struct {
	what  string
	fetch func(ctx context.Context, rows int) (move, error)
	moves []move
}

// resultLimit is large enough for the rows of a Frame as JSON.
const resultLimit = 512 << 20

// collect measures how fast many rows of five columns come into a module
// through a cursor, and to a client as a Frame that is a task's result, beside
// PySpark's toArrow() of the same query at the same server, and a worker of
// Python's Celery that does the same.
func (o options) collect(ctx context.Context, url, engine, remote string) (err error) {
	plugins, err := o.plugins("columns.wasm")
	if err != nil {
		return err
	}
	theirs, err := startPySpark(ctx, o.pyspark, "pyspark_columns.py", remote)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, theirs.close()) }()
	ours, err := o.side(ctx, url, func(queue string) (*process, error) {
		return o.serve(ctx, []string{"SPARKSTALK_RESULT_LIMIT=" + strconv.Itoa(resultLimit)}, url, queue, plugins, remote)
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.close()) }()
	python, err := o.side(ctx, url, func(queue string) (*process, error) { return o.servePython(ctx, url, queue, remote) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, python.close()) }()
	inside, err := host.OpenRuntime(ctx, host.Config{Plugins: plugins, Spark: remote, ResultLimit: resultLimit, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, inside.Close()) }()

	sums := map[int]string{} // by the number of rows, as PySpark has them
	toArrow := func(seconds func(arrow) float64) func(context.Context, int) (move, error) {
		return func(_ context.Context, rows int) (move, error) {
			var a arrow
			err := theirs.ask(rows, &a)
			sums[rows] = a.Answer
			return move{seconds(a), a.CPU, a.BeforeMB, a.PeakMB}, err
		}
	}
	cursor := func(task string) func(context.Context, int) (move, error) {
		return func(ctx context.Context, rows int) (move, error) {
			m, body, err := ours.fetch(ctx, task, rows)
			if err != nil {
				return m, err
			}
			var answer struct{ Result string }
			if err := json.Unmarshal(body, &answer); err != nil {
				return m, err
			}
			if answer.Result != sums[rows] {
				return m, fmt.Errorf("got %s, PySpark has %s", answer.Result, sums[rows])
			}
			return m, nil
		}
	}
	frame := func(s *side) func(context.Context, int) (move, error) {
		return func(ctx context.Context, rows int) (move, error) {
			m, body, err := s.fetch(ctx, "bench.frame", rows)
			if err == nil {
				err = checkRows(body, rows)
			}
			return m, err
		}
	}
	err = o.race(ctx, engine, o.rows, []mover{
		{what: "PySpark Connect, toArrow()", fetch: toArrow(func(a arrow) float64 { return a.Seconds })},
		{what: "cursor into a module, by columns, added up", fetch: cursor("bench.batches")},
		{what: "PySpark Connect, toArrow(), added up by pyarrow", fetch: toArrow(func(a arrow) float64 { return a.Summed })},
		{what: "cursor into a module, as structs, added up", fetch: cursor("bench.structs")},
	})
	if err != nil {
		return err
	}
	return o.race(ctx, engine, o.rows/10, []mover{
		{what: "PySpark Connect, toArrow()", fetch: toArrow(func(a arrow) float64 { return a.Seconds })},
		{what: "a Frame as the result: its JSON within the worker", fetch: func(ctx context.Context, rows int) (move, error) {
			start := time.Now()
			body, err := inside.Call(ctx, "bench.frame", []json.RawMessage{json.RawMessage(strconv.Itoa(rows))}, nil)
			m := move{seconds: time.Since(start).Seconds()}
			if err == nil {
				err = checkRows(body, rows)
			}
			return m, err
		}},
		{what: "a Frame as the result, to the client over RabbitMQ", fetch: frame(ours)},
		{what: "Python Celery's worker with toArrow(), to the client over RabbitMQ", fetch: frame(python)},
	})
}

// race has each mover fetch the rows in each round, after one that does not
// count, and prints a row for each. Who begins a round changes.
func (o options) race(ctx context.Context, engine string, rows int, movers []mover) error {
	for round := -1; round < o.rounds; round++ {
		for i := range movers {
			m := &movers[i]
			if round > 0 {
				m = &movers[(i+round)%len(movers)]
			}
			got, err := m.fetch(ctx, rows)
			if err != nil {
				return fmt.Errorf("%s: %w", m.what, err)
			}
			if round >= 0 {
				m.moves = append(m.moves, got)
			}
		}
	}
	middle := func(m mover, of func(move) float64) float64 {
		var all []float64
		for _, one := range m.moves {
			all = append(all, of(one))
		}
		return median(all)
	}
	seconds := func(m move) float64 { return m.seconds }
	fmt.Printf("| rows of five columns on %s | rows | rows/s | seconds | client's CPU s | peak MB | of which before | of toArrow |\n"+
		"| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n", engine)
	for _, m := range movers {
		took := middle(m, seconds)
		figure := func(format string, of func(move) float64) string {
			if v := middle(m, of); v > 0 {
				return fmt.Sprintf(format, v)
			}
			return ""
		}
		fmt.Printf("| %s | %d | %.0f | %.2f | %s | %s | %s | %.2f |\n", m.what, rows, float64(rows)/took, took,
			figure("%.2f", func(m move) float64 { return m.cpu }), figure("%.0f", func(m move) float64 { return m.peakMB }),
			figure("%.0f", func(m move) float64 { return m.beforeMB }), took/middle(movers[0], seconds))
	}
	fmt.Println()
	return nil
}

// A side is a worker and a client of its own.
type side struct {
	worker *process
	client *client
}

func (o options) side(ctx context.Context, url string, start func(queue string) (*process, error)) (*side, error) {
	client, err := newClient(url)
	if err != nil {
		return nil, err
	}
	worker, err := start(client.queue)
	if err != nil {
		return nil, errors.Join(err, client.close())
	}
	s := &side{worker, client}
	if _, _, err := s.fetch(ctx, "bench.frame", 1000); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *side) close() error { return errors.Join(s.worker.stop(), s.client.close()) }

// fetch calls a task with a number of rows. The clock stops when the message
// with the result is there, before anybody has looked into it.
func (s *side) fetch(ctx context.Context, task string, rows int) (move, []byte, error) {
	s.worker.forgetPeak()
	before := s.worker.usage()
	start := time.Now()
	if err := s.client.sendBody(ctx, task, uuid.NewString(), argument(rows)); err != nil {
		return move{}, nil, err
	}
	body, err := s.client.final(ctx)
	if err != nil {
		return move{}, nil, fmt.Errorf("%s: %w\n%s", task, err, s.worker.tail())
	}
	took := time.Since(start).Seconds()
	return move{took, s.worker.usage().cpu - before.cpu, before.residentMB, s.worker.peakMB()}, body, nil
}

// servePython starts Python Celery's worker of bench.frame. Its environment is
// the one with PySpark; Celery is taken from the other.
func (o options) servePython(ctx context.Context, url, queue, remote string) (*process, error) {
	packages, err := filepath.Glob(filepath.Join(filepath.Dir(o.celery), "..", "lib", "python3*", "site-packages"))
	if err != nil || len(packages) != 1 {
		return nil, fmt.Errorf("the packages of %s: %v, %w", o.celery, packages, err)
	}
	path := strings.Join([]string{"host/internal/bench/testdata", packages[0]}, string(os.PathListSeparator))
	return o.start(ctx, "ready.", []string{"CELERY_BROKER_URL=" + url, "SPARK_REMOTE=" + remote, "PYTHONPATH=" + path}, o.pyspark,
		"-m", "celery", "-A", "rows_app", "worker", "-Q", queue, "-c", "1", "-l", "info", "--without-gossip", "--without-mingle")
}

// checkRows makes sure that all rows came. Python writes blanks.
func checkRows(answer []byte, rows int) error {
	last := fmt.Sprintf("[%d,", rows-1)
	n := bytes.Count(answer, []byte("],[")) + bytes.Count(answer, []byte("], ["))
	if n != rows-1 || !bytes.Contains(answer, []byte(last)) {
		return fmt.Errorf("the result has %d rows, not %d", n+1, rows)
	}
	return nil
}
