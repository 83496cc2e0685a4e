package build

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
)

func buildWAT(ctx context.Context, dir, out string, o Options) error {
	sources, err := filepath.Glob(filepath.Join(escape(dir), "*.wat"))
	if err != nil {
		return err
	}
	if len(sources) != 1 {
		return fmt.Errorf("a module in WebAssembly's text is one file, and there are %d", len(sources))
	}
	tool, err := exec.LookPath("wat2wasm")
	if err != nil {
		return errors.New("wat2wasm is not in PATH; it is in the package wabt (on Debian and Ubuntu: apt-get install wabt)")
	}
	args := []string{filepath.Base(sources[0]), "-o", out}
	if o.Debug {
		args = append(args, "--debug-names")
	}
	return compile(ctx, dir, nil, tool, args...)
}
