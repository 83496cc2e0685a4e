package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host/internal/pidfile"
)

// cannotCreate is the exit status of a command whose pidfile another process
// has: EX_CANTCREAT, as Celery's.
const cannotCreate exitCode = 73

// withPidfile gives a command that serves the flag --pidfile.
func withPidfile(cmd *cobra.Command) *cobra.Command {
	path := cmd.Flags().String("pidfile", "", "`file` for the process id; where it exists and its process runs, the command does not start")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, words []string) (err error) {
		if *path == "" {
			return run(cmd, words)
		}
		remove, err := pidfile.Create(*path)
		if running, ok := errors.AsType[*pidfile.RunningError](err); ok {
			if _, err := fmt.Fprintln(cmd.ErrOrStderr(), "ERROR:", running); err != nil {
				return err
			}
			return cannotCreate
		}
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, remove()) }()
		return run(cmd, words)
	}
	return cmd
}
