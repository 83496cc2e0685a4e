// Command sparkstalk serves Celery clients with tasks that run against a warm
// Spark session.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	_ "time/tzdata" // for machines without

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
)

func main() {
	if program, err := os.Executable(); err == nil {
		compiler = []string{program, compilerName}
	}
	if len(os.Args) == 2 && os.Args[1] == host.ModuleProcessCommand { // a host starts it, nobody else
		if err := host.RunModuleProcess(); err != nil {
			fmt.Fprintln(os.Stderr, "sparkstalk:", err)
			os.Exit(1)
		}
		return
	}
	if err := root().ExecuteContext(context.Background()); err != nil {
		if errors.Is(err, errRestart) {
			err = runAnew() // returns only where it cannot
		}
		var quiet exitCode
		if errors.As(err, &quiet) {
			os.Exit(int(quiet))
		}
		fmt.Fprintln(os.Stderr, "sparkstalk:", err)
		os.Exit(1)
	}
}

// exitCode ends the process with a status and no further word.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sparkstalk",
		Short: "A Celery worker whose tasks run against a warm Spark session",
		Long: `sparkstalk serves ordinary Celery clients by task name. Tasks are WASM modules
dropped into a watched folder; they share one Spark session that stays alive and
a cache of DataFrames.

Settings come from flags, then the environment (CELERY_BROKER_URL,
CELERY_RESULT_BACKEND, SPARK_REMOTE, CONSUMER_PRIORITY, SPARKSTALK_<SETTING>),
then the file sparkstalk.yaml.`,
		Version:       host.Version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	s := newSettings(cmd.PersistentFlags())
	cmd.AddCommand(
		workerCommand(s), beatCommand(s), runCommand(s), callCommand(s), modulesCommand(s), cacheCommand(s), engineCommand(s),
		newCommand(s), devCommand(s), testCommand(s), describeCommand(s), stubsCommand(s),
		buildCommand(s), sealCommand(s), signCommand(s), keygenCommand(s), verifyCommand(s),
		compilerCommand(), doctorCommand(s), inspectCommand(s), controlCommand(s), statusCommand(s),
	)
	return cmd
}
