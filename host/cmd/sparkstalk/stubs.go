package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/module"
	"github.com/sparkstalk/sparkstalk/host/stubs"
)

func stubsCommand(s *settings) *cobra.Command {
	var lang, out string
	var o stubs.Options
	cmd := &cobra.Command{
		Use:   "stubs [FILE.wasm…]",
		Short: "Write typed clients of the modules' tasks, in Python, TypeScript or Go",
		Long: `stubs writes a file with a class or method for each task of the watched folder, or
of the named modules: names, parameters, types, defaults, docs and results, for
editors and type checkers. The file is the client's, and needs nothing of
sparkstalk's:

  python       tasks.words.top.delay("to be").get(); apply_async and s as Celery's
  typescript   await tasks.words.top.delay("to be").get(), over celery-node
  go           tasks.WordsTop(ctx, args), or tasks.DelayWordsTop(ctx, args) and Get,
               or ApplyAsyncWordsTop with options, over any function that calls a task`,
		Example: "  sparkstalk stubs --lang python -o tasks.py\n  sparkstalk stubs plugins/demo.wasm --lang go --package demo -o demo/tasks.go",
		RunE: func(cmd *cobra.Command, files []string) error {
			s.quiet = true
			cfg, err := s.config()
			if err != nil {
				return err
			}
			infos, err := inspect(cmd.Context(), cfg, files)
			if err != nil {
				return err
			}
			var tasks []abi.TaskSpec
			for _, m := range infos {
				if m.State == module.Serving {
					tasks = append(tasks, m.Tasks...)
				}
			}
			text, err := stubs.Generate(lang, tasks, o)
			if err != nil {
				return err
			}
			if out == "" {
				_, err = cmd.OutOrStdout().Write(text)
				return err
			}
			if err := os.WriteFile(out, text, 0o666); err != nil {
				return fmt.Errorf("stubs: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&lang, "lang", "python", "`language`: "+strings.Join(stubs.Languages(), ", "))
	cmd.Flags().StringVarP(&out, "output", "o", "", "`file` to write, default standard output")
	cmd.Flags().StringVar(&o.Package, "package", "tasks", "`name` of the package in Go")
	return cmd
}

// inspect describes the named modules, or those of the watched folder.
func inspect(ctx context.Context, cfg host.Config, files []string) ([]module.Info, error) {
	if len(files) == 0 {
		return host.InspectAll(ctx, cfg)
	}
	var infos []module.Info
	for _, f := range files {
		info, err := host.Inspect(ctx, cfg, f)
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}
