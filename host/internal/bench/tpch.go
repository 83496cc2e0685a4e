package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
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

// A duel is how long a query took on both sides, in milliseconds.
type duel struct{ ours, theirs float64 }

func (d duel) String() string {
	return fmt.Sprintf("%.1f / %.1f | %.2f", d.ours, d.theirs, d.ours/d.theirs)
}

// tpch prints the duels of all queries, a row for each, with columns for each
// engine and scale factor.
func (o options) tpch(ctx context.Context) error {
	fmt.Printf("%s, %d CPUs, %s; median of %d calls each, in ms: sparkstalk / PySpark.\n\n", time.Now().Format("2006-01-02"), runtime.NumCPU(), runtime.Version(), o.rounds)
	head, line := "| TPC-H |", "| --- |"
	var columns [][]duel
	err := o.eachEngine(func(engine, remote string) error {
		for scale := range strings.SplitSeq(o.scales, ",") {
			duels, err := o.duels(ctx, engine, remote, scale)
			if err != nil {
				return fmt.Errorf("TPC-H at scale factor %s on %s: %w", scale, engine, err)
			}
			head, line = head+fmt.Sprintf(" %s, SF %s | ratio |", engine, scale), line+" ---: | ---: |"
			columns = append(columns, duels)
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Printf("%s\n%s\n", head, line)
	for i := 0; i <= len(o.queries); i++ {
		name := "sum"
		if i < len(o.queries) {
			name = fmt.Sprintf("q%d", o.queries[i])
		}
		fmt.Printf("| %s |", name)
		for _, c := range columns {
			fmt.Printf(" %s |", c[i])
		}
		fmt.Println()
	}
	return nil
}

// duels measures TPC-H's queries as tasks of plugins/tpch, called in this process
// through the whole host (message, WASM instance, plan, rows as JSON), beside the
// same plans built and collected by PySpark's Connect client. The two take turns,
// call by call. The last duel is the sum.
func (o options) duels(ctx context.Context, engine, remote, scale string) (duels []duel, err error) {
	data := filepath.Join(o.tables, "sf"+scale)
	if _, err := os.Stat(data); err != nil {
		return nil, fmt.Errorf("%w; run scripts/setup tpch", err)
	}
	plugins, err := o.plugins("tpch.wasm")
	if err != nil {
		return nil, err
	}
	ours, err := host.OpenRuntime(ctx, host.Config{Plugins: plugins, Spark: remote})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ours.Close()) }()
	theirs, err := startPySpark(ctx, o.pyspark, "tpch.py", remote, data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, theirs.close()) }()
	var sum duel
	for _, n := range o.queries {
		d, err := o.duel(ctx, ours, theirs, n, data)
		if err != nil {
			return nil, fmt.Errorf("query %d: %w", n, err)
		}
		fmt.Fprintf(os.Stderr, "%s, SF %s, q%d: %s\n", engine, scale, n, d)
		duels = append(duels, d)
		sum.ours, sum.theirs = sum.ours+d.ours, sum.theirs+d.theirs
	}
	return append(duels, sum), nil
}

// duel has one query answered by both sides, and checks that the answers are equal.
func (o options) duel(ctx context.Context, ours *host.Runtime, theirs *pySpark, n int, data string) (duel, error) {
	folder, err := json.Marshal(data)
	if err != nil {
		return duel{}, err
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
				return duel{}, err
			}
		}
		var answered struct {
			MS   float64         `json:"ms"`
			Rows json.RawMessage `json:"rows"`
		}
		if err = theirs.ask(n, &answered); err != nil {
			return duel{}, err
		}
		y, rows = answered.MS, answered.Rows
		if round%2 != 0 {
			if x, err = call(); err != nil {
				return duel{}, err
			}
		}
		if round < 0 {
			if err := sameRows(answer, rows); err != nil {
				return duel{}, err
			}
			continue
		}
		a, b = append(a, x), append(b, y)
	}
	return duel{median(a), median(b)}, nil
}

// tpchWarmups is how many calls of a query are not counted.
const tpchWarmups = 2

// sameRows compares two answers. Rows that are equal in what a query orders by
// may come in any order, and 0E-8 is 0.00000000.
func sameRows(a, b json.RawMessage) error {
	x, err := canonical(a)
	if err != nil {
		return err
	}
	y, err := canonical(b)
	if err != nil {
		return err
	}
	if !slices.Equal(x, y) {
		return fmt.Errorf("the answers differ: %.300v and PySpark's %.300v", x, y)
	}
	return nil
}

func canonical(answer json.RawMessage) ([]string, error) {
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
