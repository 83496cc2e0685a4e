package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/module/seal"
)

func buildCommand(s *settings) *cobra.Command {
	var o build.Options
	var sign signing
	cmd := &cobra.Command{
		Use:   "build DIR",
		Short: "Build a task module from the source in DIR: Go, Rust, AssemblyScript, C or WAT",
		Long: `build compiles a task module to WASM, checks that this host would serve it, seals
it (see sparkstalk seal), signs it with --sign, and only then puts it in place in
one step, so that a host that watches the folder never sees half a file.

What is in DIR says which language it is: Cargo.toml (Rust), asconfig.json or
assembly/index.ts (AssemblyScript), *.go, *.c (with flags in compile_flags.txt) or
*.wat. Each is built with its own tools, and what is missing is said with the way
to get it.`,
		Example: "  sparkstalk build plugins/demo -o plugins/demo.wasm",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := s.config()
			if err != nil {
				return err
			}
			first, _, stop := stopSignals(cmd.Context())
			defer stop()
			o.Say = func(line string) { cmd.PrintErrln("sparkstalk:", line) }
			seal, err := sign.options()
			if err != nil {
				return err
			}
			info, err := buildModule(first, cfg, args[0], o, seal)
			if err != nil {
				return err
			}
			if s.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(info)
			}
			return printModules(cmd, []module.Info{info})
		},
	}
	cmd.Flags().StringVarP(&o.Out, "output", "o", "", "module `file`, default DIR.wasm beside DIR")
	cmd.Flags().BoolVar(&o.Debug, "debug", false, "keep names and source lines, for the stack of a trap")
	sign.flags(cmd, "sign", "private key `file` that signs the module")
	return cmd
}

func buildModule(ctx context.Context, cfg host.Config, dir string, o build.Options, seal seal.Options) (module.Info, error) {
	var info module.Info
	o.Finish = func(ctx context.Context, path string) error {
		var err error
		if info, err = sealFile(ctx, cfg, path, seal); err != nil {
			return fmt.Errorf("the module was built but would be refused: %w", err)
		}
		return nil
	}
	out, err := build.Build(ctx, dir, o)
	if err != nil {
		return module.Info{}, err
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
