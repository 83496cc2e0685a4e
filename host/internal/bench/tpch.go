package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/host"
)

// chooseQueries reads what follows "tpch" on the command line.
func (o *options) chooseQueries(numbers []string) error {
	for _, text := range numbers {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 22 {
			return fmt.Errorf("query %q: TPC-H's are 1 to 22", text)
		}
		o.queries = append(o.queries, n)
	}
	for n := 1; len(numbers) == 0 && n <= 22; n++ {
		o.queries = append(o.queries, n)
	}
	return nil
}

// tpch measures TPC-H's queries as tasks of plugins/tpch, called in this process
// through the whole host (message, WASM instance, plan, rows as JSON), beside the
// same plans built and collected by PySpark's Connect client. The two take turns,
// call by call.
func (o options) tpch(ctx context.Context, engine, remote, scale string) (err error) {
	data := filepath.Join(o.tables, "sf"+scale)
	if _, err := os.Stat(data); err != nil {
		return fmt.Errorf("%w; run scripts/setup tpch", err)
	}
	plugins, err := o.plugins("tpch.wasm")
	if err != nil {
		return err
	}
	ours, err := host.OpenRuntime(ctx, host.Config{Plugins: plugins, Spark: remote})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.Close()) }()
	theirs, err := startPySpark(ctx, o.pyspark, remote, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, theirs.close()) }()

	fmt.Printf("| TPC-H at scale factor %s on %s | sparkstalk ms | PySpark ms | ratio |\n| --- | ---: | ---: | ---: |\n", scale, engine)
	var sumOurs, sumTheirs float64
	for _, n := range o.queries {
		a, b, err := o.tpchQuery(ctx, ours, theirs, n, data)
		if err != nil {
			return fmt.Errorf("query %d on %s: %w", n, engine, err)
		}
		fmt.Printf("| q%d | %.1f | %.1f | %.2f |\n", n, a, b, a/b)
		sumOurs, sumTheirs = sumOurs+a, sumTheirs+b
	}
	fmt.Printf("| sum | %.0f | %.0f | %.2f |\n\n", sumOurs, sumTheirs, sumOurs/sumTheirs)
	return nil
}

// tpchQuery returns the medians of both sides in milliseconds.
func (o options) tpchQuery(ctx context.Context, ours *host.Runtime, theirs *pySpark, n int, data string) (float64, float64, error) {
	folder, err := json.Marshal(data)
	if err != nil {
		return 0, 0, err
	}
	var a, b []float64
	for round := -tpchWarmups; round < o.rounds; round++ {
		var answer json.RawMessage
		call := func() (float64, error) {
			start := time.Now()
			answer, err = ours.Call(ctx, fmt.Sprintf("tpch.q%d", n), []json.RawMessage{folder}, nil)
			return float64(time.Since(start).Microseconds()) / 1000, err
		}
		var x, y float64
		var rows json.RawMessage
		// Who goes first finds the engine colder.
		if round%2 == 0 {
			if x, err = call(); err != nil {
				return 0, 0, err
			}
		}
		if y, rows, err = theirs.ask(n); err != nil {
			return 0, 0, err
		}
		if round%2 != 0 {
			if x, err = call(); err != nil {
				return 0, 0, err
			}
		}
		if round < 0 {
			if err := sameRows(answer, rows); err != nil {
				return 0, 0, err
			}
			continue
		}
		a, b = append(a, x), append(b, y)
	}
	return median(a), median(b), nil
}

// tpchWarmups is how many calls of a query are not counted.
const tpchWarmups = 2

// pySpark is a Python that answers queries by their number.
type pySpark struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

func startPySpark(ctx context.Context, interpreter, remote, data string) (*pySpark, error) {
	p := &pySpark{cmd: exec.CommandContext(ctx, interpreter, "host/internal/bench/testdata/tpch.py", remote, data)}
	p.cmd.Stderr = &p.stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReaderSize(out, 1<<20)
	return p, p.cmd.Start()
}

func (p *pySpark) ask(n int) (float64, json.RawMessage, error) {
	if _, err := fmt.Fprintln(p.in, n); err != nil {
		return 0, nil, err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return 0, nil, fmt.Errorf("tpch.py: %w\n%s", err, p.stderr.String())
	}
	var answer struct {
		MS   float64         `json:"ms"`
		Rows json.RawMessage `json:"rows"`
	}
	err = json.Unmarshal(line, &answer)
	return answer.MS, answer.Rows, err
}

func (p *pySpark) close() error { return errors.Join(p.in.Close(), p.cmd.Wait()) }

// sameRows compares two answers. Rows that are equal in what a query orders by
// may come in any order, and 0E-8 is 0.00000000.
func sameRows(a, b json.RawMessage) error {
	x, err := comparable(a)
	if err != nil {
		return err
	}
	y, err := comparable(b)
	if err != nil {
		return err
	}
	if !slices.Equal(x, y) {
		return fmt.Errorf("the answers differ: %.300v and PySpark's %.300v", x, y)
	}
	return nil
}

func comparable(answer json.RawMessage) ([]string, error) {
	var rows [][]any
	d := json.NewDecoder(bytes.NewReader(answer))
	d.UseNumber()
	if err := d.Decode(&rows); err != nil {
		return nil, err
	}
	texts := make([]string, len(rows))
	for i, row := range rows {
		values := make([]string, len(row))
		for c, v := range row {
			values[c] = fmt.Sprint(v)
			if special, ok := v.(map[string]any); ok && special["__type__"] == "decimal" {
				if exact, ok := new(big.Rat).SetString(fmt.Sprint(special["__value__"])); ok {
					values[c] = exact.RatString()
				}
			}
		}
		texts[i] = strings.Join(values, "|")
	}
	slices.Sort(texts)
	return texts, nil
}
