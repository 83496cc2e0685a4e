package languages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// TestTheModuleOfThePage builds the module in WebAssembly's text that
// abi/README.md shows, and calls it.
func TestTheModuleOfThePage(t *testing.T) {
	source := snippet(t, "../../abi/README.md", "wat")
	dir, modules := filepath.Join(t.TempDir(), "odd"), t.TempDir()
	write(t, filepath.Join(dir, "odd.wat"), source)
	buildTo(t, dir, filepath.Join(modules, "odd.wasm"), false)
	r := open(t, proctest.Sail(t), modules)
	for args, want := range map[string]string{
		`[8]`: "[[1],[3],[5],[7]]", `[]`: "[[1],[3],[5],[7],[9]]", `[0]`: "[]",
		`["8"]`: "TypeError: odd() argument 'n' must be int, not str", `[1,2]`: "TypeError: odd() takes from 0 to 1 positional arguments but 2 were given",
	} {
		if got := call(t, r, "hand.odd", args, nil); got != want {
			t.Errorf("%s: got %s, want %s", args, got, want)
		}
	}
}

// snippet is the first one of a language in a page.
func snippet(t *testing.T, page, language string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n```"+language+"\n")
	source, _, closed := strings.Cut(rest, "\n```\n")
	if !ok || !closed {
		t.Fatalf("%s has nothing in %s", page, language)
	}
	return source + "\n"
}

// TestTheFunctionsOfThePage builds the modules that sdk/FUNCTIONS.md shows, each
// in the place of one of testdata.
func TestTheFunctionsOfThePage(t *testing.T) {
	folder := t.TempDir()
	// Where the SDK is compiled already.
	target, err := filepath.Abs("testdata/functions/rust/target")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CARGO_TARGET_DIR", target)
	sdk, err := filepath.Abs("../../sdk/lang")
	if err != nil {
		t.Fatal(err)
	}
	for language, name := range map[string]string{"rust": "rust", "as": "ts", "c": "c"} {
		dir := filepath.Join(t.TempDir(), "page")
		switch language {
		case "rust":
			toml, err := os.ReadFile("testdata/functions/rust/Cargo.toml")
			if err != nil {
				t.Fatal(err)
			}
			// Cargo has one place for the modules of a name.
			write(t, filepath.Join(dir, "Cargo.toml"), strings.NewReplacer("../../../../../sdk/lang", sdk, `"functions"`, `"page"`).Replace(string(toml)))
		case "as":
			dir = withSDK(t, "testdata/functions/as")
		case "c":
			write(t, filepath.Join(dir, "compile_flags.txt"), "-I"+sdk+"/c\n-Werror\n")
		}
		write(t, filepath.Join(dir, source(language)), snippet(t, "../../sdk/FUNCTIONS.md", name))
		buildTo(t, dir, filepath.Join(folder, language+".wasm"), false)
	}
	infos, err := host.InspectAll(t.Context(), host.Config{Plugins: folder, Home: t.TempDir()})
	if err != nil || len(infos) != 3 {
		t.Fatalf("%d modules, %v", len(infos), err)
	}
	for _, m := range infos {
		if f := m.Functions; len(f) != 1 || f[0].Name != "slug" || f[0].Params[0] != (abi.FunctionParam{Name: "title", Type: "string"}) {
			t.Errorf("%s has %+v, %s", m.Name, f, m.Reason)
		}
	}
}
