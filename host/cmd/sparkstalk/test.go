package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/guesttest"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

// What the package sdk/sdktest reads.
const (
	envTestHost   = "SPARKSTALK_TEST_HOST"
	envTestRecord = "SPARKSTALK_TEST_RECORD"
)

func testCommand(s *settings) *cobra.Command {
	var record bool
	cmd := &cobra.Command{
		Use:   "test [DIR] [-- ARG…]",
		Short: "Run the tests of a task module's source, with or without an engine",
		Long: `test runs the tests of the source in DIR, or in this folder, with its language's own
tool: go test, cargo test, or npm test if package.json has that script. What stands
behind -- is for that. Tests in C (*_test.c) and else in AssemblyScript
(assembly/*.test.ts) are compiled as modules are, and their exports named test_…
are run; behind -- may stand a pattern for their names.

Tests in Go that use the package sdk/sdktest need neither WASM nor Spark: their
frames are given in the test (sdktest.New), or were recorded (sdktest.Recorded).
So are those of the tasks that tests in C (ss_test_call) and AssemblyScript
(callTask) call. With --spark what was recorded asks that engine, which shows
whether it still holds of the task; --record keeps its answers for runs without
one. --json writes what go test -json does.`,
		Example: `  sparkstalk test
  sparkstalk test plugins/demo -- -run WordCount -v
  sparkstalk test --spark sail --record
  sparkstalk test --spark 'local[*]'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, rest := ".", args
			if n := cmd.ArgsLenAtDash(); n != 0 && len(args) > 0 {
				dir, rest = args[0], args[1:]
				if n > 1 || n < 0 && len(rest) > 0 {
					return errors.New("test takes one folder; arguments for the language's tool go behind --")
				}
			}
			first, stop := untilTold(cmd.Context())
			defer stop()
			run := func(socket string) error {
				var env []string
				if socket != "" {
					env = append(env, envTestHost+"="+socket)
					if record {
						env = append(env, envTestRecord+"=1")
					}
					// go test would take an earlier run's result for one with the engine.
					if language, err := build.Detect(dir); err == nil && language == build.Go {
						rest = append([]string{"-count=1"}, rest...)
					}
				}
				if ran, err := guestTests(first, cmd, dir, s.json, rest, socket, record); ran {
					return err
				}
				command, err := build.TestCommand(first, dir, s.json, rest...)
				if err != nil {
					return err
				}
				return runTests(cmd, dir, command, env)
			}
			if !s.flags.Changed("spark") && !record {
				return run("")
			}
			s.quiet = true
			cfg, err := s.config()
			if err != nil {
				return err
			}
			return withEngine(first, cfg, run)
		},
	}
	cmd.Flags().BoolVar(&record, "record", false, "keep the engine's answers in testdata/recorded")
	return cmd
}

// guestTests runs tests that are WebAssembly, of a source that has such.
func guestTests(ctx context.Context, cmd *cobra.Command, dir string, json bool, args []string, socket string, record bool) (ran bool, err error) {
	temp, err := os.MkdirTemp("", "sparkstalk-test-")
	if err != nil {
		return true, fmt.Errorf("test: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	files, ran, err := build.GuestTests(ctx, dir, temp, build.Options{Say: func(line string) { cmd.PrintErrln("sparkstalk:", line) }})
	if err != nil || !ran {
		return ran, err
	}
	if json || len(args) > 1 {
		return true, fmt.Errorf("test %s: tests in this language write no JSON, and take one argument, a pattern for their names", dir)
	}
	match, err := regexp.Compile(strings.Join(args, ""))
	if err != nil {
		return true, fmt.Errorf("test %s: %w", dir, err)
	}
	var total guesttest.Result
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			return true, fmt.Errorf("test %s: %w", dir, err)
		}
		r, err := guesttest.Run(ctx, file, guesttest.Options{
			Match: match, Name: strings.TrimSuffix(filepath.Base(name), ".wasm"),
			Recording: sdktest.Recording{Folder: filepath.Join(dir, "testdata", "recorded"), Socket: socket, Keep: record},
		}, cmd.OutOrStdout())
		if err != nil {
			return true, fmt.Errorf("test %s: %w", dir, err)
		}
		total.Passed, total.Failed = total.Passed+r.Passed, total.Failed+r.Failed
	}
	if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%d passed, %d failed\n", total.Passed, total.Failed); err != nil {
		return true, err
	}
	if total.Failed > 0 {
		return true, exitCode(1)
	}
	return true, nil
}

func runTests(cmd *cobra.Command, dir string, run *exec.Cmd, env []string) error {
	run.Stdout, run.Stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
	if run.Env == nil {
		run.Env = os.Environ()
	}
	run.Env = append(run.Env, env...)
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	err := run.Run()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.ExitCode() > 0 {
		return exitCode(failed.ExitCode())
	}
	if err != nil {
		return fmt.Errorf("test %s: %w", dir, err)
	}
	return nil
}

// withEngine runs f beside a runtime without modules, whose host functions are
// reached by a socket.
func withEngine(ctx context.Context, cfg host.Config, f func(socket string) error) (err error) {
	dir, err := os.MkdirTemp("", "sparkstalk-test-")
	if err != nil {
		return fmt.Errorf("test: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg.Plugins = dir
	r, err := host.OpenRuntime(ctx, cfg)
	if err != nil {
		return err
	}
	socket := filepath.Join(dir, "host")
	l, err := net.Listen("unix", socket)
	if err != nil {
		return errors.Join(fmt.Errorf("test: %w", err), r.Close())
	}
	runCtx, stop := context.WithCancel(ctx)
	g, gctx := errgroup.WithContext(runCtx)
	g.Go(func() error { return r.Run(gctx) })
	g.Go(func() error { return r.ServeCalls(gctx, l) })
	err = f(socket)
	stop()
	return errors.Join(err, g.Wait(), r.Close())
}
