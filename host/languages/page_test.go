package languages

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// TestTheModuleOfThePage builds the module in WebAssembly's text that
// abi/README.md shows, and calls it.
func TestTheModuleOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../abi/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := bytes.Cut(page, []byte("\n```wat\n"))
	source, _, closed := bytes.Cut(rest, []byte("\n```\n"))
	if !ok || !closed {
		t.Fatal("the page has no WebAssembly text")
	}
	dir, modules := filepath.Join(t.TempDir(), "odd"), t.TempDir()
	write(t, filepath.Join(dir, "odd.wat"), string(source))
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
