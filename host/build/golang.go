package build

import (
	"context"
	"errors"
	"os/exec"
)

func buildGo(ctx context.Context, dir, out string, o Options) error {
	tool, err := exec.LookPath("go")
	if err != nil {
		return errors.New("go is not in PATH; install Go 1.26 or newer")
	}
	args := []string{"build", "-buildmode=c-shared", "-trimpath", "-o", out}
	if !o.Debug {
		args = append(args, "-ldflags=-s -w")
	}
	return compile(ctx, dir, []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0"}, tool, append(args, ".")...)
}
