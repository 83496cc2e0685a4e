package main

import (
	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host/module"
)

// compilerName is the command that a host starts to compile a module.
const compilerName = "compile-module"

// compiler is the command line of this program as a compiler. It is nil in tests,
// whose program is another one: the host compiles by itself then.
var compiler []string

func compilerCommand() *cobra.Command {
	return &cobra.Command{
		Use: compilerName, Short: "Compile the module on the input into the cache, for a host", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if status := module.RunCompiler(cmd.InOrStdin(), cmd.OutOrStdout()); status != 0 {
				return exitCode(status)
			}
			return nil
		},
	}
}
