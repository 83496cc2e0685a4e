package main

import (
	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
)

func beatCommand(s *settings) *cobra.Command {
	return withLogfile(s, withPidfile(&cobra.Command{
		Use:   "beat",
		Short: "Send scheduled tasks at their times",
		Long: `beat sends the tasks of beat_schedule in the settings and of the schedules that
modules in the watched folder declare, and runs none. It needs no engine.

Of several hosts with beat or worker -B at one message broker, one sends and the
others stand by.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := s.config()
			if err != nil {
				return err
			}
			first, stop := untilTold(cmd.Context())
			defer stop()
			return host.Beat(first, cfg)
		},
	}))
}
