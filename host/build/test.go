package build

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// TestCommand returns the command that runs the tests of a module's source: "go
// test" for Go, "cargo test" for Rust, and "npm test" for AssemblyScript where
// package.json has such a script. args go to it. asJSON has it write JSON, which
// "go test" can. A language without tests of its own is an error.
func TestCommand(ctx context.Context, dir string, asJSON bool, args ...string) (*exec.Cmd, error) {
	language, err := Detect(dir)
	if err != nil {
		return nil, err
	}
	if asJSON && language != Go {
		return nil, fmt.Errorf("test %s: only tests in Go write JSON", dir)
	}
	var cmd *exec.Cmd
	switch {
	case language == Go:
		words := []string{"test"}
		if asJSON {
			words = append(words, "-json")
		}
		cmd = exec.CommandContext(ctx, "go", append(append(words, args...), "./...")...)
	case language == Rust:
		cargo, rustc, err := findRust(ctx, dir, rustHost())
		if err != nil {
			return nil, fmt.Errorf("test %s: %w", dir, err)
		}
		cmd = exec.CommandContext(ctx, cargo, append([]string{"test"}, args...)...)
		cmd.Env = append(os.Environ(), "RUSTC="+rustc)
	case language == AssemblyScript && hasTestScript(dir):
		cmd = exec.CommandContext(ctx, "npm", append([]string{"test", "--"}, args...)...)
	default:
		return nil, fmt.Errorf("test %s: a module in this language (%s) has no tests of its own here; call its tasks: sparkstalk run TASK ARG…", dir, language)
	}
	cmd.Dir = dir
	return cmd, nil
}

// rustHost is this machine, as Rust calls it: its library is there wherever
// Rust is.
func rustHost() string {
	cpu := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	if runtime.GOOS == "darwin" {
		return cpu + "-apple-darwin"
	}
	return cpu + "-unknown-linux-gnu"
}

func hasTestScript(dir string) bool {
	var p struct {
		Scripts map[string]string `json:"scripts"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	return err == nil && json.Unmarshal(text, &p) == nil && p.Scripts["test"] != ""
}
