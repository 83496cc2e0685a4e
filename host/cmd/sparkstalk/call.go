package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
)

func callCommand(s *settings) *cobra.Command {
	var a arguments
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "call TASK [ARG… NAME=ARG…]",
		Short: "Call a task through the broker and wait for its result",
		Long: `call sends a task to the first queue of --queues, as a Celery client does, and
prints its result. Any worker of that queue may answer, a Python one as well.`,
		Example: "  sparkstalk call demo.WordCount /usr/share/common-licenses first_letter=a",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, words []string) error {
			args, kwargs, err := a.parse(words[1:])
			if err != nil {
				return err
			}
			cfg, err := s.config()
			if err != nil {
				return err
			}
			first, _, stop := stopSignals(cmd.Context())
			defer stop()
			ctx, cancel := context.WithTimeoutCause(first, timeout, fmt.Errorf("gave up after %v (--timeout); is a worker running on the queue?", timeout))
			defer cancel()
			result, err := host.Call(ctx, cfg, words[0], args, kwargs)
			return report(cmd, s.json, result, err)
		},
	}
	a.flags(cmd)
	cmd.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "how long to wait")
	return cmd
}
