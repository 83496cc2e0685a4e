package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/policy"
)

func workerCommand(s *settings) *cobra.Command {
	return withPidfile(&cobra.Command{
		Use:   "worker",
		Short: "Serve the task modules of a folder to Celery clients",
		Long: `worker starts the Spark engine, loads the modules of the watched folder and
consumes tasks until it is told to stop.

SIGTERM or Ctrl-C stops it warmly: no new tasks, running ones may finish within
the grace period. A second one, or SIGQUIT, interrupts them at once.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := s.config()
			if err != nil {
				return err
			}
			if cfg.Modules == nil {
				cfg.Modules = policy.Rules{} // nothing is granted that no setting grants
			}
			first, second, stop := stopSignals(cmd.Context())
			defer stop()
			h, err := host.Open(first, cfg)
			if err != nil {
				return err
			}
			if err := printBanner(cmd.OutOrStdout(), h.Banner(), s.json); err != nil {
				return errors.Join(err, h.Close())
			}
			return h.Run(first, second)
		},
	})
}

func printBanner(w io.Writer, b host.Banner, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(b)
	}
	var queues []string
	for _, q := range b.Queues {
		queues = append(queues, fmt.Sprintf("%s  exchange=%s(%s) key=%s", q.Name, q.Exchange, q.ExchangeType, q.RoutingKey))
	}
	_, err := fmt.Fprintf(w, `
 %s  sparkstalk %s

 broker       %s
 results      %s
 engine       %s at %s
 concurrency  %d (prefetch %s)
 modules      %s
%s%s
`, b.Hostname, b.Version, b.Broker, b.Results, b.Engine, b.Remote, b.Concurrency, prefetch(b.Prefetch), b.Plugins,
		section("[queues]", queues), section("[tasks]", b.Tasks))
	return err
}

func prefetch(n int) string {
	if n == 0 {
		return "without limit"
	}
	return fmt.Sprint(n)
}

func section(title string, lines []string) string {
	out := "\n " + title + "\n"
	if len(lines) == 0 {
		return out + "  . none yet\n"
	}
	for _, l := range lines {
		out += "  . " + l + "\n"
	}
	return out
}
