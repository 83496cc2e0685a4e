package term

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

// source is a folder with lines of Go to be quoted.
func source(t *testing.T) Sources {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "inner"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"main.go": "one\n\ttwo.x\nthree\n", "inner/main.go": "inner one\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return Sources{Dir: dir}
}

const stack = `goroutine 1 [running]:
main.(*thing).top(0x1, {0x2, 0x3})
	words/main.go:2 +0x12
example.com/words/inner.F(...)
	example.com/words/inner/main.go:1
github.com/sparkstalk/sparkstalk/sdk.(*task).answer(0x0)
	github.com/sparkstalk/sparkstalk@v0.1.0/sdk/run.go:88 +0x4
runtime.goexit({})
	runtime/asm_wasm.s:434 +0x1
`

func TestFailure(t *testing.T) {
	panicked := abi.Errorf("sparkstalk.Panic", "index out of range")
	panicked.Traceback = stack
	trapped := abi.Errorf("sparkstalk.WasmTrap", "unreachable")
	trapped.Traceback = "wasm stack trace:\n\t.f(i32)"
	for name, c := range map[string]struct {
		failure *abi.Error
		want    string
	}{
		"python's":  {abi.Errorf("ValueError", "no"), "ValueError: no\n"},
		"spark's":   {abi.Errorf("pyspark.errors.AnalysisException", "[X] one\ntwo\n"), "pyspark.errors.AnalysisException: [X] one\ntwo\n"},
		"no frames": {trapped, "sparkstalk.WasmTrap: unreachable\n  wasm stack trace:\n  \t.f(i32)\n"},
		"go's stack": {panicked, `sparkstalk.Panic: index out of range
  at main.(*thing).top (words/main.go:2)
       1 | one
  >    2 |     two.x
       3 | three
  at example.com/words/inner.F (example.com/words/inner/main.go:1)
`},
	} {
		if got := Failure(c.failure, source(t), Style{}); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
	if got, want := Failure(panicked, Sources{}, Style{}), "sparkstalk.Panic: index out of range\n  at main.(*thing).top (words/main.go:2)\n  at example.com/words/inner.F (example.com/words/inner/main.go:1)\n"; got != want {
		t.Errorf("without the source: got\n%s\nwant\n%s", got, want)
	}
}

func TestCompile(t *testing.T) {
	got := Compile("# words\n./main.go:2:6: x is undefined\ninner/main.go:1: odd\nnowhere.go:1:1: gone\nnote: too many errors", source(t), Style{})
	want := `# words
main.go:2: x is undefined
       1 | one
  >    2 |     two.x
         |         ^
       3 | three
inner/main.go:1: odd
  >    1 | inner one
nowhere.go:1: gone
note: too many errors
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
