package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// source makes a folder with the given files.
func source(t *testing.T, files map[string]string) string {
	t.Helper()
	// A name that patterns and shells take for more than it is.
	dir := filepath.Join(t.TempDir(), "a [module] *")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	goMod     = "module example.com/m\n\ngo 1.26\n"
	cargoToml = "[package]\nname = \"m\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n"
	packageAs = `{"private": true}`
	asconfig  = `{"targets": {"release": {}, "debug": {}}}`
)

func TestDetectKnowsALanguageByItsFiles(t *testing.T) {
	for _, c := range []struct {
		want  Language
		files []string
	}{
		{Go, []string{"main.go", "helper.c"}},
		{Rust, []string{"Cargo.toml", "build.c", "src/lib.rs"}},
		{AssemblyScript, []string{"asconfig.json"}},
		{AssemblyScript, []string{"assembly/index.ts"}},
		{C, []string{"main.c", "main.h"}},
		{WAT, []string{"main.wat"}},
	} {
		files := map[string]string{}
		for _, name := range c.files {
			files[name] = ""
		}
		if got, err := Detect(source(t, files)); err != nil || got != c.want {
			t.Errorf("%v: got %s, %v; want %s", c.files, got, err, c.want)
		}
	}
	file := filepath.Join(source(t, map[string]string{"a.go": ""}), "a.go")
	for dir, want := range map[string]string{
		t.TempDir():                           "it has none of Cargo.toml, ",
		filepath.Join(t.TempDir(), "no"):      "no such file",
		file:                                  "not a folder",
		source(t, map[string]string{"a": ""}): "no source of a module",
	} {
		if _, err := Detect(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", dir, err, want)
		}
	}
}

// TestEachLanguageIsBuiltAndItsErrorsAreTold builds the least that compiles in
// each language, and then something that does not, which leaves the file alone.
func TestEachLanguageIsBuiltAndItsErrorsAreTold(t *testing.T) {
	for _, c := range []struct {
		language Language
		files    map[string]string
		main     string // the file that is broken
		broken   string
		want     string // in the tools' output
	}{
		{Go, map[string]string{"go.mod": goMod, "main.go": "package main\n\nfunc main() {}\n"}, "main.go", "package main\n\nfunc main() { x() }\n", "main.go:3:15: undefined: x"},
		{Rust, map[string]string{"Cargo.toml": cargoToml, "src/lib.rs": "#[no_mangle]\npub extern \"C\" fn f() {}\n"}, "src/lib.rs", "fn f() { x() }\n", "src/lib.rs:1:10"},
		{AssemblyScript, map[string]string{"package.json": packageAs, "asconfig.json": asconfig, "assembly/index.ts": "export function f(): void {}\n"}, "assembly/index.ts", "export function f(): void { x(); }\n", "assembly/index.ts(1,29)"},
		{C, map[string]string{"main.c": "__attribute__((export_name(\"f\"))) void f(void) {}\n", compileFlags: "-DX=1\n\n-Werror\n"}, "main.c", "int f(void) { return x; }\n", "main.c:1:22"},
		{WAT, map[string]string{"main.wat": "(module)\n"}, "main.wat", "(module (func (x)))\n", "main.wat:1:16"},
	} {
		t.Run(string(c.language), func(t *testing.T) {
			dir := source(t, c.files)
			if c.language == AssemblyScript {
				linkCompiler(t, dir)
			}
			out, err := Build(t.Context(), dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if want := dir + ".wasm"; out != want {
				t.Errorf("built %s, want %s", out, want)
			}
			built, err := os.ReadFile(out)
			if err != nil || !strings.HasPrefix(string(built), "\x00asm") {
				t.Fatalf("not a module: %.8q, %v", built, err)
			}
			if err := os.WriteFile(filepath.Join(dir, c.main), []byte(c.broken), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err = Build(t.Context(), dir, Options{Debug: true})
			compile, ok := errors.AsType[*CompileError](err)
			if !ok || compile.Language != c.language || compile.Dir != dir || !strings.Contains(compile.Output, c.want) {
				t.Errorf("got %v\nwant a CompileError with %q", err, c.want)
			}
			if after, err := os.ReadFile(out); err != nil || string(after) != string(built) {
				t.Errorf("the module is another one: %v", err)
			}
			if left, err := filepath.Glob(filepath.Join(filepath.Dir(escape(dir)), ".*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// linkCompiler has a folder use the compiler of the example module, which
// scripts/setup installs.
func linkCompiler(t *testing.T, dir string) {
	t.Helper()
	modules, err := filepath.Abs("../../examples/wordcount-assemblyscript/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(modules); err != nil {
		t.Fatalf("AssemblyScript's compiler is not installed, run scripts/setup modules: %v", err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
}

func TestFinishKeepsAModuleFromItsPlace(t *testing.T) {
	dir := source(t, map[string]string{"main.wat": "(module)\n"})
	refused := errors.New("refused")
	out := filepath.Join(t.TempDir(), "x.wasm")
	_, err := Build(t.Context(), dir, Options{Out: out, Finish: func(_ context.Context, path string) error {
		if filepath.Dir(path) != filepath.Dir(out) || !strings.HasPrefix(filepath.Base(path), ".") {
			t.Errorf("it is at %s, want a hidden name beside %s", path, out)
		}
		return refused
	}})
	if !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// What Finish makes of the file is what is put in place.
	got, err := Build(t.Context(), dir, Options{Out: out, Finish: func(_ context.Context, path string) error {
		return os.WriteFile(path, []byte("finished"), 0o644)
	}})
	if err != nil || got != out {
		t.Fatalf("got %s, %v", got, err)
	}
	if data, err := os.ReadFile(out); err != nil || string(data) != "finished" {
		t.Errorf("got %q, %v", data, err)
	}
}

func TestMissingToolsAreToldWithTheWayToGetThem(t *testing.T) {
	for _, c := range []struct {
		files map[string]string
		want  string
	}{
		{map[string]string{"main.go": ""}, "install Go"},
		{map[string]string{"asconfig.json": ""}, "Node.js"},
		{map[string]string{"main.c": ""}, "apt-get install clang"},
		{map[string]string{"main.wat": ""}, "apt-get install wabt"},
	} {
		dir := source(t, c.files)
		t.Setenv("PATH", t.TempDir())
		t.Setenv("WASI_SDK_PATH", "")
		if _, err := Build(t.Context(), dir, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %q", c.files, err, c.want)
		}
	}
}

// TestRustOfAnotherInstallationIsFound has a first Rust in PATH that lacks the
// target's library, as rustup's is before "rustup target add".
func TestRustOfAnotherInstallationIsFound(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"cargo", "rustc"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho /nowhere\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	cargo, _, err := findRust(t.Context(), t.TempDir(), rustTarget)
	if err != nil || filepath.Dir(cargo) == bin {
		t.Errorf("got %s, %v", cargo, err)
	}
	if _, _, err := findRust(t.Context(), t.TempDir(), "no-such-target"); err == nil || !strings.Contains(err.Error(), "rustup target add no-such-target") {
		t.Errorf("got %v", err)
	}
}

func TestAnEndedContextEndsTheBuild(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Build(ctx, source(t, map[string]string{"main.wat": "(module)"}), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
