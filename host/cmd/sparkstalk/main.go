// Command sparkstalk serves Celery clients with tasks that run against a warm
// Spark session.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
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

// stopSignals returns a context that ends at the first SIGINT or SIGTERM and
// one that ends at the second, or at the first SIGQUIT.
func stopSignals(parent context.Context) (first, second context.Context, stop func()) {
	first, cancelFirst := context.WithCancel(parent)
	second, cancelSecond := context.WithCancel(parent)
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	quit := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case sig := <-ch:
				cancelFirst()
				if n > 0 || sig == syscall.SIGQUIT {
					cancelSecond()
				}
			case <-quit:
				return
			}
		}
	}()
	return first, second, func() {
		signal.Stop(ch)
		close(quit)
		cancelFirst()
		cancelSecond()
	}
}
