package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/internal/heapfloor"
	"github.com/sparkstalk/sparkstalk/host/policy"
)

func workerCommand(s *settings) *cobra.Command {
	return withCelerysFlags(withLogfile(s, withPidfile(&cobra.Command{
		Use:   "worker",
		Short: "Serve the task modules of a folder to Celery clients",
		Long: `worker starts the Spark engine, loads the modules of the watched folder and
consumes tasks until it is told to stop.

SIGTERM or Ctrl-C stops it warmly: no new tasks, running ones finish, within
--grace if that is given. SIGQUIT, or Ctrl-C once more, interrupts them, after
the setting worker_soft_shutdown_timeout; one more does so at once. SIGHUP stops
it warmly and starts it anew, SIGUSR1 writes what it is doing to standard error.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := s.config()
			if err != nil {
				return err
			}
			if cfg.Modules == nil {
				cfg.Modules = policy.Rules{} // nothing is granted that no setting grants
			}
			defer heapfloor.Raise()()
			told, release := listen(cmd.Context(), cfg.Log, time.Duration(cfg.SoftShutdownTimeout*float64(time.Second)))
			defer release()
			h, err := host.Open(told.warm, cfg)
			if err != nil {
				return err
			}
			if err := printBanner(cmd.OutOrStdout(), h.Banner(), s.json); err != nil {
				return errors.Join(err, h.Close())
			}
			if err := h.Run(told.warm, told.cold); err != nil {
				return err
			}
			return told.again()
		},
	})))
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
