// Command bench measures sparkstalk beside what its users would run instead, in
// one run on one machine: Python Celery's worker, the raw amqp091-go loop, and
// PySpark's own Connect client. It prints Markdown.
//
// Run it by scripts/bench, which starts the services that it names:
// SPARKSTALK_TEST_AMQP, SPARKSTALK_TEST_SAIL, SPARKSTALK_TEST_SPARK.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are what a run is asked for.
type options struct {
	binary, celery, pyspark string // the sparkstalk binary and two Python interpreters
	pysparkServer           string // a Python with the whole of PySpark
	tasks, calls            int
	concurrency             int
	slots, through, workers string // of no-op tasks
	prefetch                int    // messages that they have at hand for each slot
	eta                     int
	rounds                  int
	input                   string
	engines                 string
	tables, scales          string // TPC-H's tables
	rows                    int
	queries                 []int // of TPC-H
	swaps                   int
	saves                   int // of a source, in each language
	distinct                bool
	pause                   time.Duration // between two swaps of reload
	dir                     string        // for modules and logs
	next                    string        // version of reload2.wasm, new in each run
}

func main() {
	var o options
	if len(os.Args) > 6 && os.Args[1] == "raw" {
		slots, err := strconv.Atoi(os.Args[5])
		prefetch, err2 := strconv.Atoi(os.Args[6])
		if err = errors.Join(err, err2); err == nil {
			err = rawLoop(os.Args[2], os.Args[3], os.Args[4], slots, prefetch)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench raw:", err)
			os.Exit(1)
		}
		return
	}
	flag.StringVar(&o.binary, "sparkstalk", "bin/sparkstalk", "the binary")
	flag.StringVar(&o.celery, "celery-python", "", "Python with Celery")
	flag.StringVar(&o.pyspark, "pyspark-python", "", "Python with PySpark's Connect client")
	flag.StringVar(&o.pysparkServer, "pyspark-server", "", "Python with the whole of PySpark, for functions")
	flag.IntVar(&o.tasks, "tasks", 20000, "no-op tasks for each throughput figure")
	flag.IntVar(&o.calls, "calls", 300, "calls one after another for each latency figure")
	flag.IntVar(&o.concurrency, "concurrency", runtime.NumCPU(), "task slots of every worker but those of no-op tasks")
	flag.IntVar(&o.eta, "eta", 100_000, "tasks that wait for their time")
	flag.StringVar(&o.slots, "slots", "1,2", "task slots of the workers of no-op tasks, with commas")
	flag.IntVar(&o.prefetch, "prefetch", 16, "messages that workers of no-op tasks have at hand for each slot")
	flag.StringVar(&o.workers, "workers", "", "only workers of no-op tasks with one of these in their names, with commas")
	flag.StringVar(&o.through, "through", "rabbitmq+rpc,rabbitmq+redis,redis+redis,rabbitmq+ignore", "brokers and results of no-op tasks, with commas")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of each figure, of which the middle one is shown")
	flag.StringVar(&o.input, "input", "/usr/share/common-licenses", "texts to count the words of")
	flag.StringVar(&o.engines, "engines", "sail,spark", "engines of the Spark figures")
	flag.StringVar(&o.tables, "tpch", "", "folder of TPC-H's tables, with a folder sf0.1 for scale factor 0.1")
	flag.StringVar(&o.scales, "scales", "0.01,0.1", "TPC-H's scale factors")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: bench [flags] [noop] [scheduled] [cached] [select1] [collect] [native] [reload] | dev | swaps | functions [triple] [vowels] [similarity] | tpch [QUERY...]   (none: all but dev, swaps, functions and tpch, which are measured alone)")
		flag.PrintDefaults()
	}
	flag.IntVar(&o.rows, "rows", 10_000_000, "rows to collect into a module, and ten times the rows of a Frame as a result")
	flag.IntVar(&o.swaps, "swaps", 1000, "how often swaps replaces a module")
	flag.BoolVar(&o.distinct, "distinct", false, "swaps: code in each version that no cache knows, instead of two builds under ever new seals")
	flag.IntVar(&o.saves, "saves", 11, "how often dev saves a source, in each language")
	flag.DurationVar(&o.pause, "pause", 500*time.Millisecond, "pause between two swaps of reload")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	amqp := os.Getenv("SPARKSTALK_TEST_AMQP")
	if amqp == "" {
		return errors.New("SPARKSTALK_TEST_AMQP is not set: run scripts/bench")
	}
	if o.dir, err = os.MkdirTemp("", "sparkstalk-bench"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	o.next = time.Now().Format("20060102150405")
	if err := o.buildModules(ctx); err != nil {
		return err
	}
	if flag.Arg(0) == "tpch" {
		if err := o.chooseQueries(flag.Args()[1:]); err != nil {
			return err
		}
		return o.tpch(ctx)
	}
	if flag.Arg(0) == "swaps" {
		return o.swap(ctx, amqp)
	}
	if flag.Arg(0) == "dev" {
		return o.eachEngine(func(engine, remote string) error {
			fmt.Printf("On %s:\n\n", engine)
			return o.dev(ctx, remote)
		})
	}
	if flag.Arg(0) == "functions" {
		return o.functions(ctx)
	}
	fmt.Printf("%s, %d CPUs, %s; %d slots a worker; median of %d rounds.\n\n", time.Now().Format("2006-01-02"), runtime.NumCPU(), runtime.Version(), o.concurrency, o.rounds)
	wanted := func(what string) bool { return flag.NArg() == 0 || slices.Contains(flag.Args(), what) }
	if wanted("noop") {
		if err := o.noop(ctx, amqp); err != nil {
			return err
		}
	}
	if wanted("scheduled") {
		if err := o.scheduled(ctx, amqp); err != nil {
			return err
		}
	}
	for _, m := range []struct {
		what string
		take func(ctx context.Context, url, engine, remote string) error
	}{{"cached", o.cached}, {"select1", o.select1}, {"collect", o.collect}} {
		if !wanted(m.what) {
			continue
		}
		err := o.eachEngine(func(engine, remote string) error { return m.take(ctx, amqp, engine, remote) })
		if err != nil {
			return fmt.Errorf("%s: %w", m.what, err)
		}
	}
	if wanted("native") {
		if err := o.eachEngine(func(engine, remote string) error {
			fmt.Printf("On %s:\n\n", engine)
			return o.native(ctx, remote)
		}); err != nil {
			return fmt.Errorf("native: %w", err)
		}
	}
	if wanted("reload") {
		return o.reload(ctx, amqp)
	}
	return nil
}

// eachEngine measures something on each engine asked for.
func (o options) eachEngine(measure func(engine, remote string) error) error {
	for engine := range strings.SplitSeq(o.engines, ",") {
		remote := os.Getenv("SPARKSTALK_TEST_" + strings.ToUpper(engine))
		if remote == "" {
			return fmt.Errorf("SPARKSTALK_TEST_%s is not set: run scripts/bench", strings.ToUpper(engine))
		}
		if err := measure(engine, remote); err != nil {
			return err
		}
	}
	return nil
}

// buildModules builds the modules that are measured, one of them in two versions.
func (o options) buildModules(ctx context.Context) error {
	for _, b := range [][]string{
		{"demo.wasm", "plugins/demo", ""},
		{"tpch.wasm", "plugins/tpch", ""},
		{"columns.wasm", "host/internal/bench/testdata/columns", ""},
		{"tasks.wasm", "host/testdata/tasks", "-X main.version=1"},
		{"reload.wasm", "host/internal/bench/testdata/reload", "-X main.version=1"},
		// No compilation cache of an earlier run may know this one.
		{"reload2.wasm", "host/internal/bench/testdata/reload", "-X main.version=" + o.next},
	} {
		cmd := exec.CommandContext(ctx, "go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w "+b[2], "-o", filepath.Join(o.dir, b[0]), "./"+b[1])
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", b[1], err, out)
		}
	}
	return nil
}

// plugins makes a watched folder with the named modules.
func (o options) plugins(names ...string) (string, error) {
	dir, err := os.MkdirTemp(o.dir, "plugins")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if err := os.Link(filepath.Join(o.dir, name), filepath.Join(dir, name)); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// process is a worker under measurement.
type process struct {
	*exec.Cmd
	log string
}

// serve starts sparkstalk's worker on a queue; more are flags beyond the usual.
func (o options) serve(ctx context.Context, env []string, url, queue, plugins, remote string, more ...string) (*process, error) {
	return o.start(ctx, "[tasks]", env, o.binary, append([]string{"worker", "--allow-all", "--broker", url, "-Q", queue,
		"-c", strconv.Itoa(o.concurrency), "--plugins", plugins, "--spark", remote, "-l", "warning"}, more...)...)
}

// start runs a worker and waits until ready appears in its output.
func (o options) start(ctx context.Context, ready string, env []string, name string, args ...string) (*process, error) {
	log, err := os.CreateTemp(o.dir, "log")
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has a descriptor of its own
	p := &process{exec.CommandContext(ctx, name, args...), log.Name()}
	p.Env = append(os.Environ(), env...)
	p.Stdout, p.Stderr = log, log
	p.Cancel = func() error { return p.Process.Signal(os.Interrupt) }
	p.WaitDelay = 15 * time.Second
	if err := p.Start(); err != nil {
		return nil, err
	}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if text, err := os.ReadFile(p.log); err == nil && strings.Contains(string(text), ready) {
			return p, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("%s said no %q within 2 minutes: %s", name, ready, p.tail()), p.stop())
}

func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// stop ends a worker in an orderly way. How it exits does not matter here.
func (p *process) stop() error {
	if err := p.Process.Signal(os.Interrupt); err != nil {
		return nil // it ended by itself
	}
	timer := time.AfterFunc(15*time.Second, func() { _ = p.Process.Kill() })
	defer timer.Stop()
	var exit *exec.ExitError
	if err := p.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}

// median is the middle one of an odd number of figures.
func median(figures []float64) float64 {
	slices.Sort(figures)
	return figures[len(figures)/2]
}

// percentile of sorted durations, in milliseconds.
func percentile(sorted []time.Duration, p float64) float64 {
	return float64(sorted[int(p*float64(len(sorted)-1))].Microseconds()) / 1000
}
