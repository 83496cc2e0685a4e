package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/build"
)

// native measures the same tasks as WASM modules and as Go plugins, within one
// process and by turns: one that does nothing, one that computes, and one that
// collects rows.
func (o options) native(ctx context.Context, remote string) (err error) {
	plugins := filepath.Join(o.dir, "native")
	if err := os.Mkdir(plugins, 0o755); err != nil {
		return err
	}
	for name, dir := range map[string]string{"columns": "host/internal/bench/testdata/columns", "tasks": "host/testdata/tasks"} {
		if _, err := build.Build(ctx, dir, build.Options{Out: filepath.Join(plugins, name+".so"), Native: true}); err != nil {
			return err
		}
	}
	modules, err := o.plugins("columns.wasm", "tasks.wasm")
	if err != nil {
		return err
	}
	open := func(folder string) (*host.Runtime, error) {
		return host.OpenRuntime(ctx, host.Config{Plugins: folder, Spark: remote, PluginsNative: true, Log: slog.New(slog.DiscardHandler)})
	}
	wasm, err := open(modules)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wasm.Close()) }()
	plugin, err := open(plugins)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plugin.Close()) }()
	fmt.Println("| a task within the host | WASM, p50 ms | Go plugin, p50 ms | ratio |\n| --- | ---: | ---: | ---: |")
	for _, c := range []struct {
		what, task string
		args       []int64
		calls      int
	}{
		{"does nothing", "test.noop", nil, 20 * o.calls},
		{"finds the primes below 1,000,000", "bench.primes", []int64{1_000_000}, o.calls / 10},
		{"collects 100,000 rows of 5 columns in structs", "bench.structs", []int64{100_000}, o.calls / 10},
	} {
		var args []json.RawMessage
		for _, a := range c.args {
			args = append(args, json.RawMessage(strconv.FormatInt(a, 10)))
		}
		var times [2][]time.Duration
		for n := range c.calls + 5 {
			for i, r := range []*host.Runtime{wasm, plugin} {
				start := time.Now()
				if _, err := r.Call(ctx, c.task, args, nil); err != nil {
					return err
				}
				if n >= 5 { // what comes before warms up
					times[i] = append(times[i], time.Since(start))
				}
			}
		}
		one, other := percentile(sorted(times[0]), 0.5), percentile(sorted(times[1]), 0.5)
		fmt.Printf("| %s | %.3f | %.3f | %.1f |\n", c.what, one, other, one/other)
	}
	fmt.Println()
	return nil
}
