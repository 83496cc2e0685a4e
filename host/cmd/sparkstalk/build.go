package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/module"
)

func buildCommand(s *settings) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "build DIR",
		Short: "Build a task module from the Go package in DIR",
		Long: `build compiles a Go package to a WASM task module, checks that this host would
serve it, and only then puts it in place in one step, so that a host that watches
the folder never sees half a file.`,
		Example: "  sparkstalk build plugins/demo -o plugins/demo.wasm",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := s.config()
			if err != nil {
				return err
			}
			if out == "" {
				out = filepath.Join(filepath.Dir(filepath.Clean(args[0])), filepath.Base(filepath.Clean(args[0]))+".wasm")
			}
			first, _, stop := stopSignals(cmd.Context())
			defer stop()
			info, err := build(first, cfg, args[0], out)
			if err != nil {
				return err
			}
			if s.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(info)
			}
			return printModules(cmd, []module.Info{info})
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "module `file`, default DIR.wasm beside DIR")
	return cmd
}

func build(ctx context.Context, cfg host.Config, dir, out string) (module.Info, error) {
	out, err := filepath.Abs(out)
	if err != nil {
		return module.Info{}, fmt.Errorf("build %s: %w", dir, err)
	}
	// The hidden name keeps a watching host from looking at it before it is whole.
	temp := filepath.Join(filepath.Dir(out), fmt.Sprintf(".%s.%d", filepath.Base(out), os.Getpid()))
	defer os.Remove(temp) // renamed away when all went well
	goBuild := exec.CommandContext(ctx, "go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", temp, ".")
	goBuild.Dir = dir
	goBuild.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := goBuild.CombinedOutput(); err != nil {
		return module.Info{}, fmt.Errorf("build %s: %w\n%s", dir, err, strings.TrimSpace(string(text)))
	}
	info, err := host.Inspect(ctx, cfg, temp)
	if err != nil {
		return module.Info{}, fmt.Errorf("build %s: the module was built but would be refused: %w", dir, err)
	}
	if err := os.Rename(temp, out); err != nil {
		return module.Info{}, fmt.Errorf("build %s: %w", dir, err)
	}
	info.Path, info.Name = out, strings.TrimSuffix(filepath.Base(out), ".wasm")
	return info, nil
}

func modulesCommand(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "modules",
		Short: "Show the modules of the watched folder, as a host that starts now would take them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
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
}

func printModules(cmd *cobra.Command, infos []module.Info) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(w, "MODULE\tSTATE\tVERSION\tSIZE\tCOMPILED IN\tTASKS"); err != nil {
		return err
	}
	for _, m := range infos {
		var tasks []string
		for _, t := range m.Tasks {
			tasks = append(tasks, t.Name)
		}
		what := strings.Join(tasks, ", ")
		if m.Reason != "" {
			what = m.Reason
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\t%.12s\t%.1f MB\t%s\t%s\n", m.Name, m.State, m.Hash,
			float64(m.Size)/1e6, m.CompileTime.Round(time.Millisecond), what); err != nil {
			return err
		}
	}
	return w.Flush()
}
