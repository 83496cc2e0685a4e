package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/module"
)

// A description is a task, and the module that serves it.
type description struct {
	abi.TaskSpec
	Module  string `json:"module"`
	Path    string `json:"path"`
	Version string `json:"version"` // the file's SHA-256
	SDK     string `json:"sdk,omitempty"`
}

func describeCommand(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "describe [TASK…]",
		Short: "Show tasks: parameters, result, options, schedule and module",
		Long: `describe shows what the modules of the watched folder say of their tasks, of all
of them or of the named ones. It needs no engine.`,
		Example: "  sparkstalk describe demo.WordCount\n  sparkstalk describe --json | jq '.[].name'",
		RunE: func(cmd *cobra.Command, names []string) error {
			s.quiet = true
			cfg, err := s.config()
			if err != nil {
				return err
			}
			infos, err := host.InspectAll(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			tasks, err := describe(infos, names)
			if err != nil {
				return err
			}
			if s.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(tasks)
			}
			for i, d := range tasks {
				if i > 0 {
					if _, err := fmt.Fprintln(cmd.OutOrStdout()); err != nil {
						return err
					}
				}
				if err := d.print(cmd.OutOrStdout()); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// describe returns the named tasks in that order, or all by their names.
func describe(infos []module.Info, names []string) ([]description, error) {
	served := map[string]description{}
	for _, m := range infos {
		if m.State != module.Serving {
			continue
		}
		for _, t := range m.Tasks {
			served[t.Name] = description{TaskSpec: t, Module: m.Name, Path: m.Path, Version: m.Hash, SDK: m.SDK}
		}
	}
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(served))
	}
	out := []description{}
	var missing []error
	for _, name := range names {
		d, ok := served[name]
		if !ok {
			missing = append(missing, fmt.Errorf("no module serves a task %q; served are: %s (`sparkstalk modules` says why a file is refused)",
				name, strings.Join(slices.Sorted(maps.Keys(served)), ", ")))
			continue
		}
		out = append(out, d)
	}
	return out, errors.Join(missing...)
}

// signature is the task's head, as in "demo.top(path: string, n: int = 5) -> DataFrame".
func signature(t abi.TaskSpec) string {
	var params []string
	for _, p := range t.Params {
		text := p.Name
		if p.Type != "" {
			text += ": " + p.Type
		}
		if p.Default != nil {
			text += " = " + string(p.Default)
		}
		params = append(params, text)
	}
	head := fmt.Sprintf("%s(%s)", t.Name, strings.Join(params, ", "))
	if t.Returns != "" {
		head += " -> " + t.Returns
	}
	return head
}

func (d description) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintln(&b, signature(d.TaskSpec))
	if d.Doc != "" {
		fmt.Fprintf(&b, "    %s\n", d.Doc)
	}
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(cells ...string) {
		_, _ = fmt.Fprintf(t, "    %s\n", strings.Join(cells, "\t")) // a builder takes everything
	}
	for _, p := range d.Params {
		if p.Doc != "" {
			row(p.Name, p.Doc)
		}
	}
	for _, s := range d.Schedule {
		row("schedule", describeSchedule(s))
	}
	options, err := optionsOf(d.TaskOptions)
	if err != nil {
		return err
	}
	if len(options) > 0 {
		row("options", strings.Join(options, ", "))
	}
	row("module", fmt.Sprintf("%s %.12s, %s, built with %s", d.Module, d.Version, d.Path, d.SDK))
	if err := t.Flush(); err != nil {
		return err
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// optionsOf lists the options that the module sets, by Celery's names.
func optionsOf(o abi.TaskOptions) ([]string, error) {
	data, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var set map[string]json.RawMessage
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, err
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		list = append(list, fmt.Sprintf("%s=%s", name, set[name]))
	}
	return list, nil
}

func describeSchedule(s abi.Schedule) string {
	text := "crontab " + s.Crontab
	if s.Crontab == "" {
		text = fmt.Sprintf("every %g s", s.Every)
	}
	if s.Relative {
		text += " by the clock"
	}
	var args []string
	for _, a := range s.Args {
		args = append(args, string(a))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Kwargs)) {
		args = append(args, name+"="+string(s.Kwargs[name]))
	}
	text += " (" + strings.Join(args, ", ") + ")"
	for _, name := range slices.Sorted(maps.Keys(s.Options)) {
		text += " " + name + "=" + string(s.Options[name])
	}
	return text
}
