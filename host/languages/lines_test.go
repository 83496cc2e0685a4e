package languages

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/build"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// TestATrapsStackHasTheSourcesLines calls modules that were built with their
// debug information, and ends in a trap in each: of the example's own function
// the stack names the file and the line.
func TestATrapsStackHasTheSourcesLines(t *testing.T) {
	folder, empty := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "a.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"rust", "c"} {
		_, err := build.Build(t.Context(), sources[prefix], build.Options{Out: filepath.Join(folder, prefix+".wasm"), Debug: true})
		if err != nil {
			t.Fatalf("%v\nscripts/setup modules installs what builds it", err)
		}
	}
	r := open(t, proctest.Sail(t), folder)
	for prefix, c := range map[string]struct{ source, stack string }{
		"rust": {"src/lib.rs", `src/lib\.rs:%d:\d+ \(inlined\)`},
		"c":    {"wordcount.c", `\.longest\(i32\) i32\n\t\t0x[0-9a-f]+: wordcount\.c:%d:\d+`},
	} {
		_, err := r.Call(t.Context(), prefix+".longest", []json.RawMessage{[]byte(quoted(empty))}, nil)
		e, ok := err.(*abi.Error)
		if !ok {
			t.Fatalf("%s: got %#v", prefix, err)
		}
		text, err := os.ReadFile(filepath.Join(sources[prefix], c.source))
		if err != nil {
			t.Fatal(err)
		}
		before, _, _ := strings.Cut(string(text), "there are no words")
		want := fmt.Sprintf(c.stack, 1+strings.Count(before, "\n"))
		_, stack, _ := strings.Cut(e.Traceback, "wasm stack trace:")
		if strings.Contains(stack, "_ZN") || prefix == "rust" && !strings.Contains(stack, "core::panicking::panic_fmt(") {
			t.Errorf("%s: names are not as in the source:\n%s", prefix, stack)
		}
		if !regexp.MustCompile(want).MatchString(stack) {
			t.Errorf("%s: the stack has no %s:\n%s", prefix, want, e.Traceback)
		}
	}
}

// traps is a source whose task divides by zero, which is no abort: nothing tells
// of it but the stack.
const traps = `import { Context, Json, task } from "../sparkstalk";

export { sparkstalk_describe, sparkstalk_run } from "../sparkstalk";

task<Json>("traps.divide", divide).param("n", "int32", "a divisor");

function quotient(n: i32): i32 {
  return 1000 / n; // here
}

function divide(ctx: Context): Json {
  return Json.i64(quotient(ctx.i32("n")));
}
`

// TestATrapInAssemblyScriptHasItsLine ends in a trap that the language's abort
// says nothing of: with a source map the stack has the line, and names.
func TestATrapInAssemblyScriptHasItsLine(t *testing.T) {
	dir, folder := withSDK(t, "testdata/functions/as"), t.TempDir()
	write(t, filepath.Join(dir, "assembly/index.ts"), traps)
	if _, err := build.Build(t.Context(), dir, build.Options{Out: filepath.Join(folder, "traps.wasm"), Debug: true}); err != nil {
		t.Fatalf("%v\nscripts/setup modules installs what builds it", err)
	}
	r := open(t, proctest.Sail(t), folder)
	if got := call(t, r, "traps.divide", "[8]", nil); got != "125" {
		t.Errorf("got %s", got)
	}
	_, err := r.Call(t.Context(), "traps.divide", []json.RawMessage{[]byte("0")}, nil)
	e, ok := err.(*abi.Error)
	if !ok {
		t.Fatalf("got %#v", err)
	}
	before, _, _ := strings.Cut(traps, "// here")
	want := fmt.Sprintf(`quotient\(i32\) i32\n\t\t0x[0-9a-f]+: assembly/index\.ts:%d:\d+`, 1+strings.Count(before, "\n"))
	if !regexp.MustCompile(want).MatchString(e.Traceback) || !strings.Contains(e.Traceback, "divide(") {
		t.Errorf("the stack has no %s:\n%s", want, e.Traceback)
	}
}
