package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/admin"
	"github.com/sparkstalk/sparkstalk/host/module"
)

func modulesCommand(s *settings) *cobra.Command {
	folder := false
	cmd := &cobra.Command{
		Use:   "modules",
		Short: "Show the modules of a host that runs on this machine, or those of the watched folder",
		Long: `modules asks a host that runs on this machine, as this user, what it serves: each
module's version, state, tasks, calls and memory, and why a file is refused. With
several hosts, --hostname picks one. Without any, and with --folder, it shows the
watched folder as a host that starts now would take it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !folder {
				err := s.runningModules(cmd)
				if !errors.Is(err, admin.ErrNoHost) {
					return err
				}
				cmd.PrintErrln("sparkstalk: no host runs here: this is what one that starts now would serve")
			}
			cfg, err := s.config()
			if err != nil {
				return err
			}
			infos, err := host.InspectAll(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if s.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(infos)
			}
			return printModules(cmd, infos)
		},
	}
	cmd.Flags().BoolVar(&folder, "folder", false, "look at the watched folder instead of asking a host")
	cmd.AddCommand(&cobra.Command{
		Use: "versions NAME", Short: "List the versions of a module that a host keeps, the one loaded last first", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return s.versions(cmd, args[0]) },
	}, &cobra.Command{
		Use:   "rollback NAME [HASH]",
		Short: "Have an older version of a module serve, the last good one or that of a hash, until its file changes",
		Long: `rollback has the version before the one that serves now take its place, or that
whose hash begins as given. It serves until the module's file changes, also after
a restart, or until ` + "`sparkstalk modules reload`" + `. Running calls finish on their version.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/modules/" + url.PathEscape(args[0]) + "/rollback"
			if len(args) > 1 {
				path += "?version=" + url.QueryEscape(args[1])
			}
			var info module.Info
			if err := s.askHost(cmd.Context(), "POST", path, &info); err != nil {
				return err
			}
			return s.showModules(cmd, []module.Info{info})
		},
	}, &cobra.Command{
		Use: "reload [NAME]", Short: "Load a module's file, or all, as if it had just changed", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/modules/reload"
			if len(args) > 0 {
				path = "/modules/" + url.PathEscape(args[0]) + "/reload"
			}
			var infos []module.Info
			if err := s.askHost(cmd.Context(), "POST", path, &infos); err != nil {
				return err
			}
			return s.showModules(cmd, infos)
		},
	})
	return cmd
}

// runningModules prints what a running host serves.
func (s *settings) runningModules(cmd *cobra.Command) error {
	var report host.ModulesReport
	if err := s.askHost(cmd.Context(), "GET", "/modules", &report); err != nil {
		return err
	}
	if s.json {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(report)
	}
	if err := listModules(cmd.OutOrStdout(), report.Modules); err != nil {
		return err
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s, folder %s\n", report.Hostname, report.Plugins)
	return err
}

// showModules prints modules of a running host.
func (s *settings) showModules(cmd *cobra.Command, infos []module.Info) error {
	if s.json {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(infos)
	}
	return listModules(cmd.OutOrStdout(), infos)
}

func listModules(out io.Writer, infos []module.Info) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "MODULE\tSTATE\tVERSION\tSIGNED BY\tLOADED\tCALLS\tERRORS\tTRAPS\tINSTANCES\tMEMORY\tTASKS")
	for _, m := range infos {
		state := string(m.State)
		switch {
		case m.RolledBack:
			state += ", rolled back"
		case m.Trial > 0:
			state += fmt.Sprintf(", on trial for %d calls", m.Trial)
		}
		instances, memory := strconv.Itoa(m.Instances), host.Size(m.MemoryBytes)
		if m.Native { // its calls are goroutines of the host, and its memory is the host's
			state, instances, memory = state+", native", "-", "-"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%.12s\t%s\t%s ago\t%d\t%d\t%d\t%s\t%s\t%s\n", m.Name, state, m.Hash, signer(m),
			time.Since(m.LoadedAt).Round(time.Second), m.Calls, m.Errors, m.Traps, instances, memory, tasksOrReason(m))
	}
	return w.Flush() // tells what went wrong in the lines, too
}

func signer(m module.Info) string {
	switch {
	case m.SignedBy != "":
		return m.SignedBy
	case m.SignedKey != "":
		return "an unknown key"
	}
	return "-"
}

func tasksOrReason(m module.Info) string {
	if m.Reason != "" {
		return m.Reason
	}
	var tasks []string
	for _, t := range m.Tasks {
		tasks = append(tasks, t.Name)
	}
	return strings.Join(tasks, ", ")
}

func (s *settings) versions(cmd *cobra.Command, name string) error {
	var report host.ModulesReport
	if err := s.askHost(cmd.Context(), "GET", "/modules", &report); err != nil {
		return err
	}
	file, err := module.Pick(slices.Collect(maps.Keys(report.Versions)), name)
	if err != nil {
		return fmt.Errorf("host %s: %w", report.Hostname, err)
	}
	kept := report.Versions[file]
	if s.json {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(kept)
	}
	serving := map[string]bool{}
	for _, m := range report.Modules {
		serving[m.Hash] = serving[m.Hash] || m.State == module.Serving
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "VERSION\tSIZE\tLOADED\t")
	for _, k := range kept {
		what := k.Bad
		switch {
		case serving[k.Hash]:
			what = "serves"
		case k.Proven && k.Bad == "":
			what = "passed its trial"
		}
		_, _ = fmt.Fprintf(w, "%.12s\t%s\t%s\t%s\n", k.Hash, host.Size(k.Size), k.Since.Format(time.DateTime), what)
	}
	return w.Flush()
}

// printModules prints modules as they were inspected, of which no host knows.
func printModules(cmd *cobra.Command, infos []module.Info) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "MODULE\tSTATE\tVERSION\tSIZE\tCOMPILED IN\tTASKS")
	for _, m := range infos {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%.12s\t%s\t%s\t%s\n", m.Name, m.State, m.Hash,
			host.Size(m.Size), m.CompileTime.Round(time.Millisecond), tasksOrReason(m))
	}
	return w.Flush()
}
