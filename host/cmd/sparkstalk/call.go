package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
)

func callCommand(s *settings) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "call TASK [ARG… NAME=ARG…]",
		Short: "Call a task through the broker and wait for its result",
		Long: `call sends a task to the first queue of --queues, as a Celery client does, and
prints its result. Any worker of that queue may answer, a Python one as well.`,
		Example: "  sparkstalk call demo.WordCount /usr/share/common-licenses first_letter=a",
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "how long to wait")
	return taskCommand(cmd, s, func(ctx context.Context, cfg host.Config, name string, args []json.RawMessage, kwargs map[string]json.RawMessage) (answer, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("gave up after %v (--timeout); is a worker running on the queue?", timeout))
		defer cancel()
		began := time.Now()
		value, err := host.Call(ctx, cfg, name, args, kwargs)
		return answer{host.Outcome{Value: value}, time.Since(began)}, err
	})
}
