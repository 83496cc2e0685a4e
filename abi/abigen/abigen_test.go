package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// TestGeneratedFilesAreFresh is what "go run ./abi/abigen -check" checks.
func TestGeneratedFilesAreFresh(t *testing.T) {
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := stale(root, files); err != nil {
		t.Error(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.path, ".go") && !bytes.HasPrefix(f.content, []byte(header)) {
			t.Errorf("%s does not begin as generated code does", f.path)
		}
	}
}

// copyTree copies what the generator reads, and nothing else, to a new root.
func copyTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "abi"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"go.mod", "abi/host.go", "abi/README.md"} {
		content, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, path), content)
	}
	return dir
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// inDir calls run as the command does, from a directory of the tree.
func inDir(t *testing.T, dir string, check bool) (string, error) {
	t.Helper()
	t.Chdir(dir)
	var out strings.Builder
	err := run(&out, check)
	return out.String(), err
}

func TestCheckNamesStaleFiles(t *testing.T) {
	dir := copyTree(t)
	if _, err := inDir(t, dir, true); err == nil {
		t.Error("files that do not exist are fresh")
	}
	// go generate starts the command in the package's folder.
	out, err := inDir(t, filepath.Join(dir, "abi"), false)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(out, "wrote "), 9; got != want { // the page is as it was
		t.Errorf("wrote %d files, want %d:\n%s", got, want, out)
	}
	if out, err := inDir(t, dir, false); err != nil || out != "" {
		t.Errorf("the second run: got %q, %v; want it to write nothing", out, err)
	}
	if out, err := inDir(t, dir, true); err != nil || out != "" {
		t.Errorf("got %q, %v; want all to be fresh", out, err)
	}

	one, other := "host/hostfn/wasm/exports.go", "abi/README.md"
	write(t, filepath.Join(dir, one), []byte("package wasm\n"))
	page, err := os.ReadFile(filepath.Join(dir, other))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, other), bytes.Replace(page, []byte("returns the first n rows"), []byte("returns some rows"), 1))
	_, err = inDir(t, dir, true)
	if err == nil || err.Error() != "stale: "+one+", "+other+"; run make generate" {
		t.Errorf("got %v", err)
	}
	if _, err := inDir(t, dir, false); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, other)); err != nil || !bytes.Equal(after, page) {
		t.Errorf("the page was not repaired: %v", err)
	}
}

func TestBrokenOutputDoesNotKeepTheGeneratorFromRunning(t *testing.T) {
	dir := copyTree(t)
	write(t, filepath.Join(dir, unsupportedPath), []byte("<<<<<<< a merge\n"))
	if _, err := inDir(t, dir, false); err != nil {
		t.Error(err)
	}
}

func TestPageWithoutMarkersIsTold(t *testing.T) {
	for _, page := range []string{"", readmeBegin, readmeEnd + readmeBegin} {
		if _, err := emitReadme(&boundary{}, []byte(page)); err == nil || !strings.Contains(err.Error(), "is missing") {
			t.Errorf("%q: got %v", page, err)
		}
	}
}

func TestCheckExitsWithOne(t *testing.T) {
	dir := copyTree(t)
	exe := filepath.Join(t.TempDir(), "abigen")
	if out, err := exec.Command("go", "build", "-o", exe, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(exe, "-check")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "abi/unsupported.go") || !strings.Contains(string(out), "run make generate") {
		t.Errorf("got %v\n%s", err, out)
	}
}

// oneMethod is package source with a Host of the given methods, from line 10 on.
func oneMethod(methods string) map[string][]byte {
	return map[string][]byte{"host.go": []byte(`package abi

type Frame uint32
type Level int32
type Struct struct{}

// Host is the boundary.
//
type Host interface {
` + methods + `
}
`)}
}

func TestWhatCannotCrossIsAnErrorWithItsPosition(t *testing.T) {
	for _, c := range []struct{ name, methods, want string }{
		{"a struct", "// A is.\nA(s Struct)", "host.go:11:5: A: the type Struct cannot cross"},
		{"int", "// A is.\nA(n int)", "host.go:11:5: A: the type int cannot cross"},
		{"a pointer", "// A is.\nA(f *Frame)", "host.go:11:5: A: the type *Frame cannot cross"},
		{"a map", "// A is.\nA(m map[string]string)", "the type map[string]string cannot cross"},
		{"an array", "// A is.\nA(m [4]byte)", "the type [4]byte cannot cross"},
		{"any number of parameters", "// A is.\nA(m ...string)", "the type ...string cannot cross"},
		{"another package's type", "// A is.\nA(t time.Time)", "the type time.Time cannot cross"},
		{"a slice of int64", "// A is.\nA(n []int64)", "the type []int64 cannot cross"},
		{"a slice of an int32 type", "// A is.\nA(n []Level)", "the type []Level cannot cross"},
		{"an undeclared type", "// A is.\nA(e Expr)", "the type Expr cannot cross"},
		{"a bad result", "// A is.\nA() any", "host.go:11:5: A: the type any cannot cross"},
		{"a list as result", "// A is.\nA() []string", "A: a list cannot be a result"},
		{"a float beside an error", "// A is.\nA() (float64, error)", "A: float64 beside an error cannot cross"},
		{"two results", "// A is.\nA() (Frame, Frame)", "A: more than one result"},
		{"an error in front", "// A is.\nA() (error, Frame)", "A: more than one result"},
		{"a named result", "// A is.\nA() (f Frame)", "A: a result has a name"},
		{"a parameter without name", "// A is.\nA(Frame)", "A: a parameter has no name"},
		{"a parameter named _", "// A is.\nA(_ Frame)", "A: a parameter has no name"},
		{"a method that is not exported", "// a is.\na()", "host.go:11:1: a: not exported"},
		{"no doc comment", "A()", "host.go:10:1: A: no doc comment"},
		{"an embedded interface", "error", "host.go:10:1: Host embeds a type"},
		{"the runtime's name", "// ErrorTake is.\nErrorTake()", "ErrorTake: its import error_take is already that of the runtime"},
		{"two of one import", "// FrameSQL is.\nFrameSQL()\n// FrameSql is.\nFrameSql()", "host.go:13:1: FrameSql: its import frame_sql is already that of FrameSQL"},
		{"no methods", "", "Host has no methods"},
		{"no Go", "A(", "host.go:11"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseSources(oneMethod(c.methods))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
	t.Run("every problem is told", func(t *testing.T) {
		_, err := parseSources(oneMethod("// A is.\nA(n int)\n// B is.\nB(n int)"))
		if err == nil || strings.Count(err.Error(), "cannot cross") != 2 {
			t.Errorf("got %v, want two problems", err)
		}
	})
	t.Run("no interface", func(t *testing.T) {
		_, err := parseSources(map[string][]byte{"a.go": []byte("package abi")})
		if err == nil || err.Error() != "no interface Host is declared" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a computed constant", func(t *testing.T) {
		sources := oneMethod("// A is.\nA(l Level)")
		sources["z.go"] = []byte("package abi\n\nconst Low Level = 1 << 3\n")
		_, err := parseSources(sources)
		if err == nil || !strings.Contains(err.Error(), "z.go:3:19: Low: write the number") {
			t.Errorf("got %v", err)
		}
	})
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ name, snake, local string }{
		{"FrameFilter", "frame_filter", "frameFilter"},
		{"FrameSQL", "frame_sql", "frameSQL"},
		{"ExprColumnOf", "expr_column_of", "exprColumnOf"},
		{"SQLText", "sql_text", "sqlText"},
		{"FrameToHTMLPage", "frame_to_html_page", "frameToHTMLPage"},
		{"ActionV2", "action_v2", "actionV2"},
		{"nullsLast", "nulls_last", "nullsLast"},
		{"Go", "go", "go_"},
		{"n", "n", "n"},
	} {
		if got := snake(c.name); got != c.snake {
			t.Errorf("snake(%s) = %s, want %s", c.name, got, c.snake)
		}
		if got := lowerFirst(c.name); got != c.local {
			t.Errorf("lowerFirst(%s) = %s, want %s", c.name, got, c.local)
		}
	}
}

// moreMethods have the kinds and the names that the interface has no method
// with yet.
const moreMethods = `
	// OddKinds has a parameter of every kind.
	OddKinds(a uint32, b int32, c bool, d int64, e float64, f string, g []byte, h []string, i []uint32, j []Frame, k Level) string
	// OddNames has parameters whose names mean something to the generated code.
	OddNames(ctx, mod, stack, u, r, result string, abi []string, api []byte, unsafe []Frame, enter, oddNames, byteCount, takeBytes bool, options, optionsList []string) bool
	// OddInt returns a number.
	OddInt() int32
	// OddInt64 returns a number.
	OddInt64() int64
	// OddFloat returns a number.
	OddFloat() float64
	// OddUint returns a number.
	OddUint() uint32
	// OddLevel returns a level.
	OddLevel() Level
	// OddBytes returns bytes.
	OddBytes(in []byte) []byte
	// OddIntError returns a number or an error.
	OddIntError() (int32, error)
	// OddBoolError returns a bool or an error.
	OddBoolError() (bool, error)
	// OddFrameError returns a frame or an error.
	OddFrameError() (Frame, error)
	// OddStringError returns a string or an error.
	OddStringError(s string) (string, error)
	// Nothing has neither.
	Nothing()
}
`

// TestEveryKindMakesTheRoundTrip adds methods to the interface, generates, and
// runs the round trip of host/hostfn/wasm with what was generated.
func TestEveryKindMakesTheRoundTrip(t *testing.T) {
	dir := copyTree(t)
	source, err := os.ReadFile(filepath.Join(dir, "abi/host.go"))
	if err != nil {
		t.Fatal(err)
	}
	end := bytes.LastIndex(source, []byte("\n}\n"))
	source = slices.Concat(source[:end], []byte(moreMethods), source[end+3:])
	write(t, filepath.Join(dir, "abi/host.go"), source)
	files, err := generate(dir)
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, file{path: "abi/host.go", content: source})

	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, path, f.content)
		replace[filepath.Join(abs, filepath.FromSlash(f.path))] = path
	}
	// These call the real host, which has none of these methods.
	for _, name := range []string{"pointers_test.go", "served_test.go"} {
		replace[filepath.Join(abs, "host", "hostfn", "wasm", name)] = ""
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlayPath := filepath.Join(dir, "overlay.json")
	write(t, overlayPath, overlay)

	// The go command caches this test's result by what the test has opened, and
	// the round trip's code is none of that yet.
	for _, path := range []string{"host/hostfn/wasm", "sdk/internal/hostcall", "abi/abitest"} {
		sources, err := filepath.Glob(filepath.Join(root, path, "*.go"))
		if err != nil || len(sources) == 0 {
			t.Fatalf("%s: %d Go files, %v", path, len(sources), err)
		}
		for _, source := range sources {
			if _, err := os.ReadFile(source); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.Command("go", "test", "-count=1", "-run", "^(TestGuestReachesEveryMethodWithItsValues|TestPointerOutOfRangeEndsTheCall|TestEveryPointerIsPairedWithALength)$", "-v", "./host/hostfn/wasm")
	cmd.Dir = abs
	// Through the environment, so that it also holds for the guest that the test builds.
	cmd.Env = append(os.Environ(), "GOFLAGS=-overlay="+overlayPath)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%.20000s", err, out)
	}
	for _, want := range []string{"--- PASS: TestGuestReaches", "--- PASS: TestPointerOutOfRange", "compiler/odd_names_options_list"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("the output lacks %q:\n%.5000s", want, out)
		}
	}
	vet := exec.Command("go", "vet", "./abi", "./abi/abitest", "./host/hostfn/wasm", "./sdk/internal/hostcall")
	vet.Dir, vet.Env = abs, append(cmd.Env, "GOOS=wasip1", "GOARCH=wasm")
	if out, err := vet.CombinedOutput(); err != nil {
		t.Errorf("vet: %v\n%s", err, out)
	}
}
