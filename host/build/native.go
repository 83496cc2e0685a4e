package build

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// buildNative builds a Go plugin for this very program: with its Go and its
// flags, without which Go refuses to load it.
func buildNative(ctx context.Context, dir, out string, o Options) error {
	tool, err := exec.LookPath("go")
	if err != nil {
		return errors.New("go is not in PATH; install " + runtime.Version())
	}
	env, flags := nativeFlags()
	version := exec.CommandContext(ctx, tool, "env", "GOVERSION")
	version.Dir, version.Env = dir, append(os.Environ(), env...)
	text, err := version.Output()
	if err != nil {
		return fmt.Errorf("go env GOVERSION: %w", err)
	}
	if have := strings.TrimSpace(string(text)); have != runtime.Version() {
		return fmt.Errorf("this sparkstalk was built with %s, and go in PATH is %s; a plugin needs the same: build sparkstalk again (go build ./host/cmd/sparkstalk), or put %s first in PATH",
			runtime.Version(), have, runtime.Version())
	}
	const kinds = "{{range .GoFiles}}{{.}}\n{{end}}{{range .CgoFiles}}{{.}}\n{{end}}{{range .CFiles}}{{.}}\n{{end}}{{range .HFiles}}{{.}}\n{{end}}{{range .SFiles}}{{.}}\n{{end}}{{range .EmbedFiles}}{{.}}\n{{end}}"
	list := exec.CommandContext(ctx, tool, append(append([]string{"list"}, flags...), "-f", kinds, ".")...)
	list.Dir, list.Env = dir, append(os.Environ(), env...)
	var stderr strings.Builder
	list.Stderr = &stderr
	files, err := list.Output()
	if err := ended(ctx, "go list", []byte(stderr.String()), err); err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "sparkstalk-native")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }() // left to the system otherwise
	folder, overlay, err := nativeOverlay(dir, temp, strings.Split(strings.TrimSpace(string(files)), "\n"))
	if err != nil {
		return err
	}
	args := append(append([]string{"build", "-buildmode=plugin", "-buildvcs=false"}, flags...), "-overlay", overlay, "-o", out)
	if !o.Debug {
		args = append(args, "-ldflags=-s -w")
	}
	return compile(ctx, dir, env, tool, append(args, "./"+folder)...)
}

// nativeOverlay describes a folder below dir that has the same files and is
// there for the go command alone. Go knows a plugin, its types and its functions
// by the path of its package, so that each build has one of its own.
func nativeOverlay(dir, temp string, files []string) (folder, overlay string, err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", "", err
	}
	folder = "native_" + strings.ToLower(rand.Text())
	mark := filepath.Join(temp, "mark.go")
	if err := os.WriteFile(mark, []byte(nativeMark), 0o600); err != nil {
		return "", "", err
	}
	replace := map[string]string{filepath.Join(abs, folder, "zz_sparkstalk.go"): mark}
	for _, name := range files {
		replace[filepath.Join(abs, folder, name)] = filepath.Join(abs, name)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", "", err
	}
	overlay = filepath.Join(temp, "overlay.json")
	return folder, overlay, os.WriteFile(overlay, text, 0o600)
}

// nativeMark is a file by which hosts tell a task module from other plugins.
const nativeMark = `package main

// SparkstalkModule is the version of the boundary to the host.
var SparkstalkModule = 1
`

// nativeFlags returns the flags and the environment that this program was built
// with, as far as they change packages that it shares with a plugin.
func nativeFlags() (env, flags []string) {
	env = []string{"CGO_ENABLED=1"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return env, nil
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "-race", "-msan", "-asan", "-trimpath":
			if s.Value == "true" {
				flags = append(flags, s.Key)
			}
		case "-tags", "-gcflags", "-asmflags", "-compiler":
			flags = append(flags, s.Key+"="+s.Value)
		case "GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT", "GOFIPS140":
			env = append(env, s.Key+"="+s.Value)
		}
	}
	return env, flags
}
