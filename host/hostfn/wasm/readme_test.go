package wasm

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A pageHost answers what the module of abi/README.md asks for.
type pageHost struct {
	abi.Unsupported
	args            string
	result, failure []byte
}

func (h *pageHost) TaskArgs() []byte { return []byte(h.args) }

func (h *pageHost) ResultJSON(value []byte) error { h.result = value; return nil }

func (h *pageHost) ResultError(failure []byte) error { h.failure = failure; return nil }

// TestModuleOfTheReadme builds the module that the page shows and runs it.
func TestModuleOfTheReadme(t *testing.T) {
	page, err := os.ReadFile("../../../abi/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := bytes.Cut(page, []byte("\n```go\n"))
	source, _, closed := bytes.Cut(rest, []byte("\n```\n"))
	if !ok || !closed {
		t.Fatal("the page has no Go code")
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"main.go": source, "go.mod": []byte("module double\n\ngo 1.26\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The interpreter is ready sooner, above all under the race detector.
	g := buildGuest(t, engines["interpreter"], dir, ".")

	describe := &pageHost{}
	if got := invoke(t, WithHost(t.Context(), describe), g.module, abi.ExportDescribe); got != 0 {
		t.Errorf("%s returned %d", abi.ExportDescribe, got)
	}
	m, err := abi.ParseManifest(describe.result)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Tasks) != 1 || m.Tasks[0].Name != "demo.Double" {
		t.Errorf("got tasks %v", m.Tasks)
	}
	for _, c := range []struct {
		args, result, failure string
		code                  uint64
	}{
		{`{"args": [21], "kwargs": {}}`, "42", "", 0},
		{`{"args": ["x"], "kwargs": {}}`, "", `{"type": "TypeError", "args": ["one whole number is needed"]}`, 1},
	} {
		h := &pageHost{args: c.args}
		code := invoke(t, WithHost(t.Context(), h), g.module, abi.ExportRun, 0)
		if string(h.result) != c.result || string(h.failure) != c.failure || code != c.code {
			t.Errorf("%s: got result %q, failure %q, code %d\nwant %q, %q, %d", c.args, h.result, h.failure, code, c.result, c.failure, c.code)
		}
	}
}
