package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/engine"
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
			first, _, stop := stopSignals(cmd.Context())
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
			first, _, stop := stopSignals(cmd.Context())
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
			if s.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(status)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), status)
			return err
		},
	}
	cmd.AddCommand(install, start, status)
	return cmd
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
