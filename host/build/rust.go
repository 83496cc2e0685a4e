package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// rustTarget is what a module is compiled for unless CARGO_BUILD_TARGET names
// another: it has no library of WASI's, which modules do not need.
const rustTarget = "wasm32-unknown-unknown"

func buildRust(ctx context.Context, dir, out string, o Options) error {
	target := rustTarget
	if own := os.Getenv("CARGO_BUILD_TARGET"); own != "" {
		target = own
	}
	cargo, rustc, err := findRust(ctx, dir, target)
	if err != nil {
		return err
	}
	args := []string{"build", "--release", "--lib", "--target", target, "--message-format=json-render-diagnostics"}
	if _, err := os.Stat(filepath.Join(dir, "Cargo.lock")); err == nil {
		args = append(args, "--locked")
	}
	cmd := exec.CommandContext(ctx, cargo, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "RUSTC="+rustc)
	if o.Debug {
		cmd.Env = append(cmd.Env, "CARGO_PROFILE_RELEASE_DEBUG=true", "CARGO_PROFILE_RELEASE_STRIP=none")
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if err := ended(ctx, "cargo", stderr.Bytes(), err); err != nil {
		return err
	}
	built, err := rustArtifact(dir, stdout.Bytes())
	if err != nil {
		return err
	}
	data, err := os.ReadFile(built)
	if err != nil {
		return err
	}
	return os.WriteFile(out, data, 0o644)
}

// findRust returns a cargo and a rustc of one installation that can compile for
// target. Machines often have two, and not both have the target's library.
func findRust(ctx context.Context, dir, target string) (cargo, rustc string, err error) {
	var seen []string
	for _, folder := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/bin") {
		cargo, rustc := filepath.Join(folder, "cargo"), filepath.Join(folder, "rustc")
		if slices.Contains(seen, folder) || !executable(cargo) || !executable(rustc) {
			continue
		}
		seen = append(seen, folder)
		// In dir, where a rust-toolchain.toml may choose one.
		ask := exec.CommandContext(ctx, rustc, "--print", "target-libdir", "--target", target)
		ask.Dir = dir
		libdir, err := ask.Output()
		if err != nil {
			continue
		}
		if libs, err := os.ReadDir(strings.TrimSpace(string(libdir))); err == nil && len(libs) > 0 {
			return cargo, rustc, nil
		}
	}
	if len(seen) == 0 {
		return "", "", errors.New("cargo and rustc are not in PATH; install Rust with its target " + target +
			" (on Debian and Ubuntu: apt-get install cargo rustc libstd-rust-dev-wasm32)")
	}
	return "", "", fmt.Errorf("the Rust in %s has no library for %s; get it by: rustup target add %s (on Debian and Ubuntu also: apt-get install cargo rustc libstd-rust-dev-wasm32)",
		strings.Join(seen, " and "), target, target)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// rustArtifact finds the module in cargo's messages.
func rustArtifact(dir string, messages []byte) (string, error) {
	manifest, err := filepath.Abs(filepath.Join(dir, "Cargo.toml"))
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(manifest); err == nil {
		manifest = real
	}
	for line := range bytes.Lines(messages) {
		var m struct {
			Reason    string   `json:"reason"`
			Manifest  string   `json:"manifest_path"`
			Filenames []string `json:"filenames"`
		}
		if json.Unmarshal(line, &m) != nil || m.Reason != "compiler-artifact" || m.Manifest != manifest {
			continue
		}
		for _, name := range m.Filenames {
			if filepath.Ext(name) == ".wasm" {
				return name, nil
			}
		}
	}
	return "", errors.New(`cargo has made no module; Cargo.toml needs, in [lib]: crate-type = ["cdylib"]`)
}
