package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/internal/freeport"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/udf"
)

// A workload is a query with a call of one function, CALL, over so many rows, ROWS.
type workload struct {
	name, args string // of the function
	native     string // instead of the call
	query      string
	rows       [2]int
	// another says that Spark has no such function: native is another one, of the
	// same use, and only its time counts.
	another bool
}

const cities = "'Amsterdam Barcelona Copenhagen Dublin Edinburgh Florence Gothenburg Hamburg Istanbul Lisbon " +
	"Marseille Naples Oslo Palermo Rotterdam Stockholm Turin Utrecht Valencia Warsaw'"

// range has two partitions, one for each core of the server.
var workloads = []workload{
	{name: "triple", args: "(id)", native: "3 * id + 7", query: "SELECT sum(CALL) FROM range(0, ROWS, 1, 2)", rows: [2]int{100_000, 10_000_000}},
	{
		name: "vowels", args: "(t)", native: "length(regexp_replace(t, '[^aeiou]', ''))",
		query: "SELECT sum(CALL) FROM (SELECT concat('the quick brown fox ', id) AS t FROM range(0, ROWS, 1, 2))", rows: [2]int{100_000, 10_000_000},
	},
	{
		// text.Matches of plugins/text as SQL.
		name: "similarity", args: "(seen, city)", native: "1 - levenshtein(seen, city) / length(city)", another: true,
		query: "SELECT coalesce(sum(ascii(city)), 0) FROM (SELECT concat(substring(name, 1, place - int(id & 1)), substring(name, place + int(id & 1))) AS seen " +
			"FROM (SELECT id, name, int(2 + id % (length(name) - 1)) AS place " +
			"FROM (SELECT id, element_at(split(" + cities + ", ' '), int(id % 20) + 1) AS name FROM range(0, ROWS, 1, 2)))) " +
			"JOIN (SELECT explode(split(" + cities + ", ' ')) AS city) ON left(seen, 1) = left(city, 1) AND CALL >= 0.95",
		rows: [2]int{100_000, 1_000_000},
	},
}

// with is the query with a call, over so many rows.
func (w workload) with(call string, rows int) string {
	return strings.NewReplacer("CALL", call, "ROWS", strconv.Itoa(rows)).Replace(w.query)
}

// functions measures a module's own functions on the executors beside Spark's
// native expression and functions in Python, all at one server: Apache Spark's
// own distribution with Python, for the engine that the host installs has none.
func (o options) functions(ctx context.Context) (err error) {
	server, remote, err := o.sparkWithPython(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server()) }()
	session, err := spark.Open(spark.Config{Remote: remote, Patience: 2 * time.Minute})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if err := session.Ready(ctx); err != nil {
		return err
	}
	ours, err := o.functionLibraries(ctx)
	if err != nil {
		return err
	}
	plain, err := o.plainJava(ctx)
	if err != nil {
		return err
	}
	theirs, err := startLines(ctx, o.pysparkServer, "functions.py", remote)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, theirs.close()) }()

	ask := func(query string, functions []*spark.Function) (functionRun, error) {
		begin := time.Now()
		df := spark.SQL(query, nil, nil).Using(functions)
		stream, err := session.Collect(ctx, df, spark.Options{})
		if err != nil {
			return functionRun{}, err
		}
		defer func() { _ = stream.Close() }() // WriteJSON reads to the end or fails
		var out strings.Builder
		if err := spark.WriteJSON(&out, stream, spark.RowArrays, 1<<20); err != nil {
			return functionRun{}, err
		}
		sum, err := strconv.ParseInt(strings.Trim(out.String(), "[]"), 10, 64)
		return functionRun{time.Since(begin).Seconds(), sum}, err
	}
	for _, w := range workloads {
		if only := flag.Args()[1:]; len(only) > 0 && !slices.Contains(only, w.name) {
			continue
		}
		type way struct {
			what string
			run  func(rows int) (functionRun, error)
		}
		python := func(kind string) func(rows int) (functionRun, error) {
			return func(rows int) (functionRun, error) { return theirs.ask(w.with(kind+w.name+w.args, rows)) }
		}
		ways := []way{{"Spark's native expression", func(rows int) (functionRun, error) { return ask(w.with(w.native, rows), nil) }}}
		if w.another {
			ways[0].what = "Spark's levenshtein, another measure"
		}
		if f := plain[w.name]; f != nil {
			functions := []*spark.Function{f}
			ways = append(ways, way{"Java UDF, no WASM", func(rows int) (functionRun, error) { return ask(w.with(f.Name+w.args, rows), functions) }})
		}
		for _, l := range []struct{ what, library string }{{"WASM, a module in C", "c"}, {"WASM, a module in Rust", "rust"}, {"WASM, a module in Go", "go"}, {"WASM, plugins/text in Go", "text"}} {
			if text, functions := ours[l.library].SQL(w.with(w.name+w.args, 1)); functions != nil && text != "" {
				ways = append(ways, way{l.what, func(rows int) (functionRun, error) { return ask(ours[l.library].SQL(w.with(w.name+w.args, rows))) }})
			}
		}
		pickled := len(ways)
		ways = append(ways, way{"Python UDF, pickled", python("py_")}, way{"Python UDF, Arrow", python("arrow_")})
		if !w.another {
			ways = append(ways, way{"pandas UDF", python("pandas_")})
		}
		fmt.Printf("| %s | first call, 1 row | rows/s of %d | rows/s of %d | of the native | of Python's |\n| --- | ---: | ---: | ---: | ---: | ---: |\n", w.name, w.rows[0], w.rows[1])
		first := make([]float64, len(ways))
		for i, way := range ways {
			run, err := way.run(1)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", w.name, way.what, err)
			}
			first[i] = run.Seconds
		}
		rates := make([][]float64, len(ways))
		for _, rows := range w.rows {
			seconds := make([][]float64, len(ways))
			for range o.rounds { // by turns, so that all see the same machine
				want := int64(0)
				for i, way := range ways {
					run, err := way.run(rows)
					if err != nil {
						return fmt.Errorf("%s: %s: %w", w.name, way.what, err)
					}
					switch {
					case i == 0 || i == 1 && w.another:
						want = run.Sum
					case run.Sum != want:
						return fmt.Errorf("%s: %s gives %d, and another %d", w.name, way.what, run.Sum, want)
					}
					seconds[i] = append(seconds[i], run.Seconds)
				}
			}
			for i := range ways {
				rates[i] = append(rates[i], float64(rows)/median(seconds[i]))
			}
		}
		for i, way := range ways {
			fmt.Printf("| %s | %.2f s | %.0f | %.0f | %.2f | %.1f |\n", way.what, first[i], rates[i][0], rates[i][1], rates[i][1]/rates[0][1], rates[i][1]/rates[pickled][1])
		}
		fmt.Println()
	}
	return nil
}

// functionLibraries builds the functions in Go, Rust and C, and those of plugins/text.
func (o options) functionLibraries(ctx context.Context) (map[string]*udf.Library, error) {
	const source = "host/internal/bench/testdata/functions"
	out := map[string]*udf.Library{}
	for name, dir := range map[string]string{"c": source, "rust": source + "/rust", "go": source + "/guest", "text": "plugins/text"} {
		path := filepath.Join(o.dir, name+".wasm")
		args := []string{"build", "-buildmode=c-shared", "-tags=sparkstalk_functions", "-ldflags=-s -w", "-o", path, "./" + dir}
		if name == "go" || name == "text" {
			cmd := exec.CommandContext(ctx, "go", args...)
			cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
			if text, err := cmd.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("build %s: %w\n%s", dir, err, text)
			}
		} else if _, err := build.Build(ctx, dir, build.Options{Out: path}); err != nil {
			return nil, err
		}
		file, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		specs := []abi.FunctionSpec{
			{Name: "triple", Params: []abi.FunctionParam{{Type: "bigint"}}, Returns: "bigint"},
			{Name: "vowels", Params: []abi.FunctionParam{{Type: "string"}}, Returns: "bigint"},
		}
		hash := strings.Repeat("60", 16)
		switch name {
		case "c":
			specs[0].Export, specs[1].Export = "triple", "vowels"
			hash = strings.Repeat("c0", 16)
		case "rust":
			hash = strings.Repeat("ab", 16)
		case "text":
			text := abi.FunctionParam{Type: "string"}
			specs = []abi.FunctionSpec{
				{Name: "words", Params: []abi.FunctionParam{text}, Returns: "array<string>"},
				{Name: "similarity", Params: []abi.FunctionParam{text, text}, Returns: "double"},
			}
			hash = strings.Repeat("7e", 16)
		}
		out[name] = udf.New(file, hash, specs, udf.DefaultMemoryMiB)
	}
	return out, nil
}

// functionRun is one query: how long it took, and its answer.
type functionRun struct {
	Seconds float64 `json:"seconds"`
	Sum     int64   `json:"sum"`
}

// lines is a script of testdata that answers a line with JSON.
type lines struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startLines(ctx context.Context, interpreter, script string, args ...string) (*lines, error) {
	l := &lines{cmd: exec.CommandContext(ctx, interpreter, append([]string{"host/internal/bench/testdata/" + script}, args...)...)}
	l.cmd.Stderr = os.Stderr
	var err error
	if l.in, err = l.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	l.out = bufio.NewReader(out)
	return l, l.cmd.Start()
}

func (l *lines) ask(line string) (functionRun, error) {
	var run functionRun
	if _, err := fmt.Fprintln(l.in, line); err != nil {
		return run, err
	}
	answer, err := l.out.ReadBytes('\n')
	if err != nil {
		return run, err
	}
	return run, json.Unmarshal(answer, &run)
}

func (l *lines) close() error { return errors.Join(l.in.Close(), l.cmd.Wait()) }

// sparkWithPython starts a Connect server of the whole of PySpark, whose
// executors have a Python.
func (o options) sparkWithPython(ctx context.Context) (stop func() error, remote string, err error) {
	if o.pysparkServer == "" {
		return nil, "", errors.New("-pyspark-server is not set: run scripts/bench functions")
	}
	port, err := freeport.Pick()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(o.pysparkServer), "spark-submit"),
		"--master", "local[2]", "--driver-memory", "2g",
		"--conf", "spark.connect.grpc.binding.address=127.0.0.1", "--conf", "spark.connect.grpc.binding.port="+strconv.Itoa(port),
		"--conf", "spark.ui.enabled=false", "--conf", "spark.sql.warehouse.dir="+filepath.Join(o.dir, "warehouse"),
		"--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal")
	cmd.Env = append(os.Environ(), "PYSPARK_PYTHON="+o.pysparkServer)
	cmd.Dir = o.dir
	log, err := os.Create(filepath.Join(o.dir, "spark-with-python.log"))
	if err != nil {
		return nil, "", err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, "", errors.Join(err, log.Close())
	}
	return func() error {
		err := cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // it ends by that signal
		return errors.Join(err, log.Close())
	}, fmt.Sprintf("sc://127.0.0.1:%d", port), nil
}
