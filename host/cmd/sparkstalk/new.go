package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/scaffold"
)

func newCommand(s *settings) *cobra.Command {
	var cfg scaffold.Config
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Make the folder of a new task module, which builds, tests and runs at once",
		Long: `new makes the folder NAME with a task, its test and a README, from a template.

A Go module needs the SDK, github.com/sparkstalk/sparkstalk. Below a Go module
that has it, the folder becomes one more package of that. Elsewhere it gets a
go.mod that requires the SDK and replaces it by a checkout of sparkstalk: the one
that --sdk names, or that the folder is in, or that this program was built from.`,
		Example: "  sparkstalk new words && cd words && sparkstalk dev --task words.top 'to be or not to be'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg.Dir, cfg.Version = args[0], host.Version
			made, err := scaffold.New(cfg)
			if err != nil {
				return err
			}
			if s.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(made)
			}
			return printMade(cmd.OutOrStdout(), made)
		},
	}
	cmd.Flags().StringVar(&cfg.Lang, "lang", "go", "`language`: "+strings.Join(scaffold.Languages(), ", "))
	cmd.Flags().StringVar(&cfg.SDK, "sdk", "", "checkout of sparkstalk (`folder`) to build with")
	return cmd
}

func printMade(w io.Writer, made scaffold.Result) error {
	dir := made.Dir
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, dir); err == nil {
			dir = rel
		}
	}
	with := ""
	switch {
	case made.Module != "":
		with = fmt.Sprintf("It is a package of the Go module %s.\n", made.Module)
	case made.SDK != "":
		with = fmt.Sprintf("Its go.mod replaces the SDK by the checkout %s.\n", made.SDK)
	}
	_, err := fmt.Fprintf(w, "made %s: %s\n%snext:\n  cd %s\n  sparkstalk test\n  sparkstalk dev --task %s 'to be or not to be'\n",
		dir, strings.Join(made.Files, ", "), with, dir, made.Task)
	return err
}
