package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/engine"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

func engineCommand(s *settings) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "engine",
		Short: "Install, start and look at the Spark engines of this machine",
	}
	install := &cobra.Command{
		Use:     "install [ENGINE]",
		Short:   "Install an engine: sail (the default) or local, which is Apache Spark",
		Example: "  sparkstalk engine install sail\n  sparkstalk engine install 'local[*]'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := s.engine(args)
			if err != nil {
				return err
			}
			first, stop := untilTold(cmd.Context())
			defer stop()
			return engine.Install(first, cfg, cmd.ErrOrStderr())
		},
	}
	start := &cobra.Command{
		Use:   "start [ENGINE]",
		Short: "Run an engine until Ctrl-C and print its address",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := s.engine(args)
			if err != nil {
				return err
			}
			first, stop := untilTold(cmd.Context())
			defer stop()
			e, err := engine.New(cfg)
			if err != nil {
				return err
			}
			if err := e.Start(first); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), e.Remote()); err != nil {
				return errors.Join(err, e.Stop(first))
			}
			return e.Run(first)
		},
	}
	status := &cobra.Command{
		Use:   "status [ENGINE]",
		Short: "Say whether an engine is installed and which of them run",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := s.engine(args)
			if err != nil {
				return err
			}
			status, err := engine.Lookup(cfg)
			if err != nil {
				return err
			}
			if !s.json {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), status); err != nil {
					return err
				}
			}
			can, err := s.capabilities(cmd.Context(), cfg, status)
			switch {
			case err != nil:
				return err
			case s.json:
				return json.NewEncoder(cmd.OutOrStdout()).Encode(struct {
					engine.Status
					Capabilities *spark.Capabilities `json:"capabilities,omitempty"` // of one that runs
				}{status, can})
			case can == nil:
				return nil
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "  %s %s has %v\n  lacks %v\n  catalogs %v\n", can.Engine, can.Version, can.Has, can.Lacks, can.Catalogs)
			return err
		},
	}
	cmd.AddCommand(install, start, status, engineLogs(s))
	return cmd
}

func engineLogs(s *settings) *cobra.Command {
	var lines int
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs [ENGINE]",
		Short: "Show what an engine of this machine has written, also after its end",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := s.engine(args)
			if err != nil {
				return err
			}
			paths, err := engine.LogPaths(cfg)
			if err != nil {
				return err
			}
			if s.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"logs": paths})
			}
			if len(paths) == 0 {
				return fmt.Errorf("engine %s has not run yet with this home (--home): %s", cfg.Spec, cfg.Home)
			}
			if _, err := fmt.Fprintln(cmd.ErrOrStderr(), paths[0]); err != nil {
				return err
			}
			if err := engine.WriteLastLines(cmd.OutOrStdout(), paths[0], lines); err != nil || !follow {
				return err
			}
			first, stop := untilTold(cmd.Context())
			defer stop()
			return engine.FollowLog(first, cmd.OutOrStdout(), paths[0])
		},
	}
	cmd.Flags().IntVar(&lines, "lines", 50, "how many of the last `lines`")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is written from now on")
	return cmd
}

// capabilities asks a running engine what it has; nil if none runs.
func (s *settings) capabilities(ctx context.Context, cfg engine.Config, status engine.Status) (*spark.Capabilities, error) {
	remote := cfg.Spec
	if !strings.HasPrefix(remote, "sc://") {
		if len(status.Running) == 0 {
			return nil, nil
		}
		remote = "sc://" + status.Running[0].Address
	}
	hostConfig, err := s.config()
	if err != nil {
		return nil, err
	}
	can, err := host.Capabilities(ctx, hostConfig, remote)
	return &can, err
}

// engine is the configuration of the engine named on the line, or else of the
// one that the settings choose.
func (s *settings) engine(args []string) (engine.Config, error) {
	cfg, err := s.config()
	if err != nil {
		return engine.Config{}, err
	}
	if len(args) > 0 {
		cfg.Spark = args[0]
		if cfg.Spark == "local" || cfg.Spark == "spark" {
			cfg.Spark = "local[*]"
		}
	}
	return host.EngineConfig(cfg)
}
