package build

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/module/seal"
)

func buildGo(ctx context.Context, dir, out string, o Options) error {
	tool, err := exec.LookPath("go")
	if err != nil {
		return errors.New("go is not in PATH; install Go 1.26 or newer")
	}
	build := func(out string, more ...string) error {
		// Without the state of the source's repository the same source is the same
		// module, and a repository that git does not trust is no error.
		args := append([]string{"build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-o", out}, more...)
		return compile(ctx, dir, []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0"}, tool, append(args, ".")...)
	}
	var strip []string
	if !o.Debug {
		strip = []string{"-ldflags=-s -w"}
	}
	if err := build(out, strip...); err != nil {
		return err
	}
	module, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	if !bytes.Contains(module, []byte(registersFunctions)) {
		return nil
	}
	// What executors run is built without the tasks, which makes it smaller by a
	// third or more; there is nobody on an executor to read its names.
	small := out + ".functions"
	defer os.Remove(small) // it is part of the module by then
	if err := build(small, "-tags=sparkstalk_functions", "-ldflags=-s -w"); err != nil {
		return err
	}
	functions, err := os.ReadFile(small)
	if err != nil {
		return err
	}
	return appendSection(out, abi.FunctionsSection, functions)
}

// registersFunctions is the name of the function by which the SDK registers
// functions for Spark's expressions. A module without such does not link it, and
// so does not have its name in the table for stack traces.
const registersFunctions = "sparkstalk/sdk.(*registry).addFunction"

// appendSection adds a custom section with content, compressed by gzip, to a
// WebAssembly file.
func appendSection(path, name string, content []byte) error {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(content); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(seal.Section(name, packed.Bytes()))
	return errors.Join(err, f.Close())
}
