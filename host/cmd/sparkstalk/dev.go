package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sparkstalk/sparkstalk/host/dev"
	"github.com/sparkstalk/sparkstalk/host/term"
)

func devCommand(s *settings) *cobra.Command {
	var cfg dev.Config
	var a arguments // of lines
	var first taskFlag
	cmd := &cobra.Command{
		Use:   "dev [DIR] [--task TASK [ARG… NAME=ARG…]]",
		Short: "Build, serve and call a module again whenever its source is saved",
		Long: `dev needs no set-up: it starts the engine (and installs it, should it be absent),
builds the module in DIR, or this folder, and serves it. Whenever a file is saved
the module is built and loaded anew and the last call is run again: its result, the
task's log and the time are shown, and what the compiler or the task complains of,
with the source. On a terminal the last round alone is shown.

What stands behind --task is the first call. Lines on standard input are further
ones; an empty line repeats the last.

Celery clients are served too, by a broker inside of this process whose address is
shown (a Redis for development, which ends with dev), or by that of --broker.
--no-broker does without.`,
		Example: `  sparkstalk dev --task words.top 'to be or not to be' n=2
  sparkstalk dev plugins/demo --test --task demo.simple_sum 1000
  sparkstalk dev -B                  # sends scheduled tasks as well
  sparkstalk dev --broker amqp:// --spark 'local[*]'`,
		RunE: func(cmd *cobra.Command, words []string) error {
			dir, rest := words, []string{}
			if first.given {
				dir, rest = words[:first.before], words[first.before:]
			}
			if err := cobra.MaximumNArgs(1)(cmd, dir); err != nil {
				return err
			}
			var err error
			if cfg.Host, err = s.config(); err != nil {
				return err
			}
			if len(dir) > 0 {
				cfg.Dir = dir[0]
			}
			if first.given {
				cfg.Call = append([]string{first.task}, rest...)
			}
			cfg.Parse, cfg.JSON = a.parse, s.json
			cfg.Out, cfg.In = cmd.OutOrStdout(), input(cmd.InOrStdin())
			ctx, stop := untilTold(cmd.Context())
			defer stop()
			return dev.Run(ctx, cfg)
		},
	}
	first.flags = cmd.Flags()
	cmd.Flags().Var(&first, "task", "`task` to call first, with the arguments behind it")
	cmd.Flags().BoolVar(&cfg.Tests, "test", false, "run the tests of Go modules before each call")
	cmd.Flags().BoolVar(&cfg.NoBroker, "no-broker", false, "serve no Celery clients")
	cmd.Flags().IntVar(&cfg.Port, "port", 0, "`port` of the broker inside of this process, default 6390 if it is free")
	cmd.Flags().IntVar(&cfg.Rows, "rows", defaultRows, "how many rows of a table to show (`number`); 0 is all")
	return cmd
}

// input is standard input unless it is the null device, which has no lines.
func input(in io.Reader) io.Reader {
	if f, ok := in.(*os.File); ok && !term.IsTerminal(f) {
		info, err := f.Stat()
		if err != nil || info.Mode()&os.ModeCharDevice != 0 {
			return nil
		}
	}
	return in
}

// A taskFlag is a flag with a task's name that remembers how many words came
// before it: those behind are the task's arguments.
type taskFlag struct {
	flags  *pflag.FlagSet
	task   string
	given  bool
	before int
}

// Set implements [pflag.Value].
func (f *taskFlag) Set(task string) error {
	f.task, f.given, f.before = task, true, f.flags.NArg()
	return nil
}

// String implements [pflag.Value].
func (f *taskFlag) String() string { return f.task }

// Type implements [pflag.Value].
func (f *taskFlag) Type() string { return "task" }
