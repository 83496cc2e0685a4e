package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host/build"
)

func testCommand(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "test [DIR] [-- ARG…]",
		Short: "Run the tests of a task module's sources",
		Long: `test runs the tests of the Go packages in DIR, or in this folder, with "go test";
in Rust it is "cargo test", and in AssemblyScript "npm test" if package.json has
that script. What stands behind -- is for that. Go's that use the package
sdk/sdktest need neither WASM nor Spark. With --json it writes what "go test -json"
does.`,
		Example: "  sparkstalk test\n  sparkstalk test plugins/demo -- -run WordCount -v",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, rest := ".", args
			if n := cmd.ArgsLenAtDash(); n != 0 && len(args) > 0 {
				dir, rest = args[0], args[1:]
				if n > 1 || n < 0 && len(rest) > 0 {
					return fmt.Errorf("test takes one folder; arguments of go test go behind --")
				}
			}
			first, _, stop := stopSignals(cmd.Context())
			defer stop()
			run, err := build.TestCommand(first, dir, s.json, rest...)
			if err != nil {
				return err
			}
			run.Stdout, run.Stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
			err = run.Run()
			if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.ExitCode() > 0 {
				return exitCode(failed.ExitCode())
			}
			if err != nil {
				return fmt.Errorf("test %s: %w", dir, err)
			}
			return nil
		},
	}
}
