package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// compileFlags is a file with flags for clang, one a line, which editors read too.
const compileFlags = "compile_flags.txt"

func buildC(ctx context.Context, dir, out string, o Options) error {
	files, err := filepath.Glob(filepath.Join(escape(dir), "*.c"))
	if err != nil {
		return err
	}
	var sources []string
	for _, file := range files {
		if !strings.HasSuffix(file, cTests) {
			sources = append(sources, filepath.Base(file))
		}
	}
	return compileC(ctx, dir, out, o, sources...)
}

// compileC compiles files of the folder to a module.
func compileC(ctx context.Context, dir, out string, o Options, sources ...string) error {
	clang, sysroot, err := findClang()
	if err != nil {
		return err
	}
	// A reactor has no main: _initialize prepares the library, once.
	args := []string{"--target=wasm32-wasi", "--sysroot=" + sysroot, "-mexec-model=reactor", "-O2", "-Wall", "-o", out}
	if o.Debug {
		args = append(args, "-g")
	} else {
		args = append(args, "-Wl,--strip-all")
	}
	flags, err := os.ReadFile(filepath.Join(dir, compileFlags))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for line := range strings.Lines(string(flags)) {
		if line = strings.TrimSpace(line); line != "" {
			args = append(args, line)
		}
	}
	return compile(ctx, dir, nil, clang, append(args, sources...)...)
}

// findClang returns a clang and the folder of the C library for WASI: those of
// the WASI SDK that WASI_SDK_PATH names, or the system's.
func findClang() (clang, sysroot string, err error) {
	const way = "apt-get install clang lld wasi-libc libclang-rt-dev-wasm32 on Debian and Ubuntu, or WASI_SDK_PATH naming the folder of a WASI SDK"
	if sdk := os.Getenv("WASI_SDK_PATH"); sdk != "" {
		clang, sysroot = filepath.Join(sdk, "bin", "clang"), filepath.Join(sdk, "share", "wasi-sysroot")
		if !executable(clang) {
			return "", "", fmt.Errorf("WASI_SDK_PATH is %s, which has no bin/clang", sdk)
		}
		return clang, sysroot, nil
	}
	if clang, err = exec.LookPath("clang"); err != nil {
		return "", "", errors.New("clang is not in PATH; C needs " + way)
	}
	// wasm-ld links; clang looks for it beside itself and in PATH.
	if _, err := exec.LookPath("wasm-ld"); err != nil {
		return "", "", errors.New("wasm-ld is not in PATH; C needs " + way)
	}
	const system = "/usr"
	if !regular(filepath.Join(system, "lib", "wasm32-wasi", "libc.a")) {
		return "", "", errors.New("the C library for WASI is not installed; C needs " + way)
	}
	return clang, system, nil
}
