package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/module/seal"
	"github.com/sparkstalk/sparkstalk/host/native"
)

func buildCommand(s *settings) *cobra.Command {
	var o build.Options
	var sign signing
	cmd := &cobra.Command{
		Use:   "build [DIR]",
		Short: "Build a task module from the source in DIR: Go, Rust, AssemblyScript, C or WAT",
		Long: `build compiles a task module to WASM, checks that this host would serve it, seals
it (see sparkstalk seal), signs it with --sign, and only then puts it in place in
one step, so that a host that watches the folder never sees half a file.

What is in DIR says which language it is: Cargo.toml (Rust), asconfig.json or
assembly/index.ts (AssemblyScript), *.go, *.c (with flags in compile_flags.txt) or
*.wat. Each is built with its own tools, and what is missing is said with the way
to get it.

Without DIR it builds this folder into the watched folder, plugins/NAME.wasm.`,
		Example: "  sparkstalk build\n  sparkstalk build plugins/demo -o plugins/demo.wasm",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := s.config()
			if err != nil {
				return err
			}
			first, stop := untilTold(cmd.Context())
			defer stop()
			o.Say = func(line string) { cmd.PrintErrln("sparkstalk:", line) }
			seal, err := sign.options()
			if err != nil {
				return err
			}
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			} else if o.Out == "" {
				if o.Out, err = intoPlugins(cfg, o.Native); err != nil {
					return err
				}
			}
			info, err := buildModule(first, cfg, dir, o, seal)
			if err != nil {
				return err
			}
			if s.json {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(info)
			}
			return printModules(cmd, []module.Info{info})
		},
	}
	cmd.Flags().StringVarP(&o.Out, "output", "o", "", "module `file`, default DIR.wasm beside DIR, or plugins/NAME.wasm without DIR")
	cmd.Flags().BoolVar(&o.Native, "native", false, "a Go plugin (.so) instead of WASM, for hosts that are this very program with plugins_native on: native speed, no sandbox")
	cmd.Flags().BoolVar(&o.Debug, "debug", false, "keep names and source lines, for the stack of a trap")
	sign.flags(cmd, "sign", "private key `file` that signs the module")
	return cmd
}

// intoPlugins is where the module of the working folder goes by default. The
// watched folder is made if it is missing.
func intoPlugins(cfg host.Config, plugin bool) (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	folder := cfg.Plugins
	if folder == "" {
		folder = host.DefaultPlugins
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	extension := ".wasm"
	if plugin {
		extension = native.Extension
	}
	return filepath.Join(folder, filepath.Base(wd)+extension), nil
}

func buildModule(ctx context.Context, cfg host.Config, dir string, o build.Options, seal seal.Options) (module.Info, error) {
	var info module.Info
	cfg.PluginsNative = cfg.PluginsNative || o.Native // to have a look at it here
	o.Finish = func(ctx context.Context, path string) error {
		var err error
		if o.Native {
			info, err = host.Inspect(ctx, cfg, path)
			return err
		}
		if info, err = sealFile(ctx, cfg, path, seal); err != nil {
			return fmt.Errorf("the module was built but would be refused: %w", err)
		}
		return nil
	}
	out, err := build.Build(ctx, dir, o)
	if err != nil {
		return module.Info{}, err
	}
	info.Path, info.Name = out, strings.TrimSuffix(filepath.Base(out), filepath.Ext(out))
	return info, nil
}
