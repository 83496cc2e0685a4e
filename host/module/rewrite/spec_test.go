package rewrite

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// specDir is where wazero's source has the test suite of WebAssembly 2.0.
func specDir(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatalf("where wazero's source is: %v", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "internal/integration_test/spectest")
}

// large is for modules of the suite that begin with more than a task may have.
var large = Limits{MemoryPages: 1 << 16, TableEntries: 1 << 20}

// TestRewritingChangesNoVerdict takes each module of WebAssembly's own test
// suite, of which some thousand are not valid: as it was, so it is.
func TestRewritingChangesNoVerdict(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(specDir(t), "v2/testdata/*.wasm"))
	if err != nil || len(files) < 3000 {
		t.Fatalf("%d modules, %v", len(files), err)
	}
	r := newRuntime(t)
	var good, bad int
	for _, path := range files {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range changes {
			if err := verdict(r, file, change); err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(path), name, err)
			}
		}
		switch {
		case valid(r, file) == nil:
			good++
		default:
			bad++
		}
	}
	t.Logf("%d valid modules, %d others", good, bad)
	if good < 1000 || bad < 1000 {
		t.Errorf("only %d valid modules and %d others", good, bad)
	}
}

// changes are all that rewrite modules. Direct does so here with all calls, in
// as many steps as there can be.
var changes = map[string]func([]byte) ([]byte, error){
	"Module": func(file []byte) ([]byte, error) { return Module(file, large) },
	"Direct": func(file []byte) ([]byte, error) { return direct(file, 0, 1) },
}

// verdict returns what is wrong with what is made of a file.
func verdict(r wazero.Runtime, file []byte, change func([]byte) ([]byte, error)) error {
	was := valid(r, file)
	out, err := change(file)
	if err != nil {
		if _, over := err.(*LimitError); was == nil && !over {
			return fmt.Errorf("it is valid, and refused: %w", err)
		}
		return nil
	}
	switch is := valid(r, out); {
	case was == nil && is != nil:
		return fmt.Errorf("it was valid, and is not: %w", is)
	case was != nil && is == nil:
		return fmt.Errorf("it was not valid, and is: %w", was)
	}
	return nil
}

func newRuntime(t testing.TB) wazero.Runtime {
	t.Helper()
	r := wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2))
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	return r
}

func valid(r wazero.Runtime, file []byte) error {
	m, err := r.CompileModule(context.Background(), file)
	if err != nil {
		return err
	}
	return m.Close(context.Background())
}

// A script is a part of the test suite: modules, and what is called of them.
type script struct {
	Commands []struct {
		Type, Filename string
		Action         struct {
			Type, Field, Module string
			Args                []struct {
				Type  string
				Value any
			}
		}
	}
}

// TestRewrittenModulesAnswerAlike calls what the test suite calls, of each
// module as it is and as it was rewritten. They must give the same, traps
// included.
func TestRewrittenModulesAnswerAlike(t *testing.T) {
	dir := specDir(t)
	spectest, err := os.ReadFile(filepath.Join(dir, "testdata/spectest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) { answerAlike(t, dir, spectest, change) })
	}
}

func answerAlike(t *testing.T, dir string, spectest []byte, change func([]byte) ([]byte, error)) {
	calls := 0
	for _, name := range []string{
		"block", "br", "br_if", "br_table", "bulk", "call", "call_indirect", "elem", "fac", "func", "func_ptrs", "global", "if",
		"int_exprs", "labels", "left-to-right", "local_tee", "loop", "memory", "memory_copy", "memory_fill", "memory_grow", "memory_init",
		"memory_trap", "nop", "ref_func", "return", "select", "skip-stack-guard-page", "stack", "start", "switch", "table_copy", "table_fill",
		"table_get", "table_grow", "table_init", "table_set", "table_size", "traps", "unreachable", "unwind", "simd_lane", "simd_load64_lane",
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(dir, "v2/testdata", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var s script
			if err := json.Unmarshal(text, &s); err != nil {
				t.Fatal(err)
			}
			plain, rewritten := newWorld(t, spectest), newWorld(t, spectest)
			var one, other api.Module
			begin := func() {}
			for _, c := range s.Commands {
				if c.Type == "module" {
					file, err := os.ReadFile(filepath.Join(dir, "v2/testdata", c.Filename))
					if err != nil {
						t.Fatal(err)
					}
					out, err := change(file)
					if err != nil {
						t.Fatalf("%s: %v", c.Filename, err)
					}
					begin = func() {
						var err1, err2 error
						one, err1 = plain.InstantiateWithConfig(t.Context(), file, wazero.NewModuleConfig().WithName(""))
						other, err2 = rewritten.InstantiateWithConfig(t.Context(), out, wazero.NewModuleConfig().WithName(""))
						if brief(err1) != brief(err2) {
							t.Errorf("%s: %s, rewritten: %s", c.Filename, brief(err1), brief(err2))
						}
					}
					begin()
				}
				if c.Action.Type != "invoke" || c.Action.Module != "" || one == nil || other == nil {
					continue
				}
				var args []uint64
				for _, a := range c.Action.Args {
					v, err := strconv.ParseUint(fmt.Sprint(a.Value), 10, 64)
					if err != nil { // vectors, and null
						args = nil
						break
					}
					args = append(args, v)
				}
				if len(args) != len(c.Action.Args) {
					continue
				}
				calls++
				want, wantErr := one.ExportedFunction(c.Action.Field).Call(t.Context(), args...)
				got, gotErr := other.ExportedFunction(c.Action.Field).Call(t.Context(), args...)
				// Either of the two limits, wazero's or ours, may be the first.
				if brief(wantErr) == "stack overflow" {
					wantErr = errStack
				}
				if brief(gotErr) == "stack overflow" {
					gotErr = errStack
				}
				if c.Action.Field == "get-funcref" { // an address
					clear(got)
					clear(want)
				}
				if !slices.Equal(got, want) || brief(gotErr) != brief(wantErr) {
					t.Errorf("%s(%d): %v, %s; rewritten: %v, %s", c.Action.Field, args, want, brief(wantErr), got, brief(gotErr))
				}
				if gotErr != nil {
					begin() // the stack is not given back: an instance that trapped is not used again
				}
			}
		})
	}
	t.Logf("%d calls", calls)
	if calls < 7000 {
		t.Errorf("only %d calls", calls)
	}
}

// errStack is what the tests' tick says of a stack that is used up.
var errStack = fmt.Errorf("stack used up")

// newWorld is a runtime with what the test suite's modules import, and a tick.
func newWorld(t testing.TB, spectest []byte) wazero.Runtime {
	t.Helper()
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2))
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	_, err := r.NewHostModuleBuilder(ImportModule).NewFunctionBuilder().WithFunc(func(left int32) int32 {
		if left < 0 {
			panic(errStack)
		}
		return firstBudget
	}).Export(TickName).Instantiate(t.Context())
	if err == nil && spectest != nil {
		_, err = r.InstantiateWithConfig(t.Context(), spectest, wazero.NewModuleConfig().WithName("spectest"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// brief is an error without its stack trace.
func brief(err error) string {
	if err == nil {
		return "no error"
	}
	text, _, _ := strings.Cut(err.Error(), "\nwasm stack trace:")
	return strings.TrimSuffix(text, " (recovered by wazero)")
}
