package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
)

func doctorCommand(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check all that a worker needs, and say how to mend what is wrong",
		Long: `doctor connects to the broker and the result backend, loads the modules, starts
the engine (and stops it again) and asks it what it has. It changes nothing. Its
exit status is 1 if a worker could not serve.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.quiet = true
			cfg, err := s.config()
			checks := []host.Check{{Name: "settings", Status: host.CheckFailed, Way: "mend these first; --help has the flags"}}
			if err == nil {
				first, stop := untilTold(cmd.Context())
				defer stop()
				checks = host.Doctor(first, cfg)
			} else {
				checks[0].Detail = err.Error()
			}
			return printChecks(cmd.OutOrStdout(), checks, s.json)
		},
	}
}

// printChecks writes the checks, and returns exit status 1 if one has failed.
func printChecks(w io.Writer, checks []host.Check, asJSON bool) error {
	var failed error
	for _, c := range checks {
		if c.Status == host.CheckFailed {
			failed = exitCode(1)
		}
	}
	if asJSON {
		return errors.Join(json.NewEncoder(w).Encode(map[string]any{"ok": failed == nil, "checks": checks}), failed)
	}
	for _, c := range checks {
		text := fmt.Sprintf("%-8s %-15s %s\n", c.Status, c.Name, strings.ReplaceAll(c.Detail, "\n", "\n"+strings.Repeat(" ", 25)))
		if c.Way != "" {
			text += fmt.Sprintf("%-24s → %s\n", "", c.Way)
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return failed
}
