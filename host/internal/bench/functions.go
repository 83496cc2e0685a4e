package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/internal/freeport"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/udf"
)

// A workload is a query of one function; %s is its name and %d the rows.
type workload struct{ name, native, query string }

// range has two partitions, one for each core of the server.
var workloads = []workload{
	{"triple", "3 * id + 7", "SELECT sum(%s(id)) FROM range(0, %d, 1, 2)"},
	{"vowels", "length(regexp_replace(t, '[^aeiou]', ''))", "SELECT sum(%s(t)) FROM (SELECT concat('the quick brown fox ', id) AS t FROM range(0, %d, 1, 2))"},
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
		native := strings.Replace(w.query, w.name, w.name, 1)
		native = strings.NewReplacer("%s(id)", w.native, "%s(t)", w.native).Replace(native)
		ways := []struct {
			what string
			run  func(rows int) (functionRun, error)
		}{
			{"Spark's native expression", func(rows int) (functionRun, error) { return ask(fmt.Sprintf(native, rows), nil) }},
			{"WASM, a module in C", func(rows int) (functionRun, error) { return ask(ours["c"].SQL(fmt.Sprintf(w.query, w.name, rows))) }},
			{"WASM, a module in Go", func(rows int) (functionRun, error) { return ask(ours["go"].SQL(fmt.Sprintf(w.query, w.name, rows))) }},
			{"Python UDF, pickled", func(rows int) (functionRun, error) { return theirs.ask(fmt.Sprintf(w.query, "py_"+w.name, rows)) }},
			{"Python UDF, Arrow", func(rows int) (functionRun, error) { return theirs.ask(fmt.Sprintf(w.query, "arrow_"+w.name, rows)) }},
			{"pandas UDF", func(rows int) (functionRun, error) { return theirs.ask(fmt.Sprintf(w.query, "pandas_"+w.name, rows)) }},
		}
		fmt.Printf("| %s | first call, 1 row | rows/s of 10⁵ | rows/s of 10⁷ | of the native | of Python's |\n| --- | ---: | ---: | ---: | ---: | ---: |\n", w.name)
		first := make([]float64, len(ways))
		for i, way := range ways {
			run, err := way.run(1)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", w.name, way.what, err)
			}
			first[i] = run.Seconds
		}
		rates := make([][]float64, len(ways))
		for _, rows := range []int{100_000, 10_000_000} {
			seconds := make([][]float64, len(ways))
			for range o.rounds { // by turns, so that all see the same machine
				want := int64(0)
				for i, way := range ways {
					run, err := way.run(rows)
					if err != nil {
						return fmt.Errorf("%s: %s: %w", w.name, way.what, err)
					}
					if i == 0 {
						want = run.Sum
					} else if run.Sum != want {
						return fmt.Errorf("%s: %s gives %d and Spark %d", w.name, way.what, run.Sum, want)
					}
					seconds[i] = append(seconds[i], run.Seconds)
				}
			}
			for i := range ways {
				rates[i] = append(rates[i], float64(rows)/median(seconds[i]))
			}
		}
		for i, way := range ways {
			fmt.Printf("| %s | %.2f s | %.0f | %.0f | %.2f | %.1f |\n", way.what, first[i], rates[i][0], rates[i][1], rates[i][1]/rates[0][1], rates[i][1]/rates[3][1])
		}
		fmt.Println()
	}
	return nil
}

// functionLibraries builds the functions in Go and in C.
func (o options) functionLibraries(ctx context.Context) (map[string]*udf.Library, error) {
	const source = "host/internal/bench/testdata/functions"
	out := map[string]*udf.Library{}
	for name, dir := range map[string]string{"c": source, "go": source + "/guest"} {
		path := filepath.Join(o.dir, name+".wasm")
		args := []string{"build", "-buildmode=c-shared", "-tags=sparkstalk_functions", "-ldflags=-s -w", "-o", path, "./" + dir}
		if name == "go" {
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
		if name == "c" {
			specs[0].Export, specs[1].Export = "triple", "vowels"
			hash = strings.Repeat("c0", 16)
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
