package rewrite

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// TestJumpsLeadWhereTheyLed makes functions as [jumper] looks for them, with
// any number of places in any order, of which each goes on to another by chance.
func TestJumpsLeadWhereTheyLed(t *testing.T) {
	r := newRuntime(t)
	changed := 0
	for seed := range uint64(200) {
		file := one(machine(rand.New(rand.NewPCG(1, seed)))...).withLocals(2).bytes()
		out, err := Direct(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(file, out) {
			changed++
		}
		want, got := result(t, r, file), result(t, r, out)
		if want != got {
			t.Errorf("machine %d: %d, rewritten: %d", seed, want, got)
		}
	}
	if changed < 100 {
		t.Errorf("only %d of 200 had jumps that could be shorter", changed)
	}
}

// withLocals gives the function so many of type i32.
func (w wasm) withLocals(n byte) wasm {
	w.bodies[0] = append([]byte{1, n, valI32}, w.bodies[0][1:]...)
	return w
}

// machine is code that goes from place to place, 40 times at most, and returns
// a number that depends on the way. Local 0 is the next place, local 1 that number.
func machine(r *rand.Rand) []byte {
	places := 2 + r.IntN(6)
	code := []byte{opLoop, blockVoid}
	for range places {
		code = append(code, opBlock, blockVoid)
	}
	code = append(code, opLocalGet, 0, opBrTable, byte(places+3))
	for range places + 4 {
		code = append(code, byte(r.IntN(places)))
	}
	// A jump from within so many blocks to any of the numbers.
	jump := func(place, within int) []byte {
		return []byte{opI32Const, byte(r.IntN(places + 5)), opLocalSet, 0, opBr, byte(places - place - 1 + within)}
	}
	const mul, and = 0x6c, 0x71
	for place := range places {
		code = append(code, opEnd)
		code = append(code, opLocalGet, 1, opI32Const, 5, mul, opI32Const, byte(place+1), 0x6a, opLocalSet, 1)
		// Enough of it: the number is large. It never gets smaller before it wraps.
		code = append(code, opLocalGet, 1, opI32Const, 26, opI32ShrU, opIf, blockVoid, opLocalGet, 1, opReturn, opEnd)
		if r.IntN(2) == 0 {
			code = slices.Concat(code, []byte{opLocalGet, 1, opI32Const, 1, and, opIf, blockVoid, opBlock, blockVoid}, jump(place, 2), []byte{opEnd, opEnd})
		}
		if r.IntN(2) == 0 || place == places-1 {
			code = append(code, jump(place, 0)...)
		}
	}
	return append(code, opEnd, opUnreachable, opEnd)
}

func result(t *testing.T, r wazero.Runtime, file []byte) uint64 {
	t.Helper()
	m, err := r.InstantiateWithConfig(t.Context(), file, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.ExportedFunction("f").Call(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// TestGoModulesAreMadeDirect holds the work of a Go guest against that of its
// rewritten form, which has next to none of what was to be replaced.
func TestGoModulesAreMadeDirect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", path, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Direct(file)
	if err != nil {
		t.Fatal(err)
	}
	calls, jumps := left(t, file)
	callsLeft, jumpsLeft := left(t, out)
	t.Logf("%d indirect calls and %d jumps, of which %d and %d are left", calls, jumps, callsLeft, jumpsLeft)
	if calls < 300 || callsLeft > calls/4 || jumps < 10_000 || jumpsLeft > 0 {
		t.Errorf("of %d indirect calls %d are left, of %d jumps %d", calls, callsLeft, jumps, jumpsLeft)
	}
	r := newRuntime(t)
	if _, err := wasi_snapshot_preview1.Instantiate(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	var answers [2][]uint64
	for i, file := range [][]byte{file, out} {
		m, err := r.InstantiateWithConfig(t.Context(), file, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
		if err != nil {
			t.Fatal(err)
		}
		if answers[i], err = m.ExportedFunction("json").Call(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(answers[0], answers[1]) || len(answers[0]) == 0 {
		t.Errorf("json() = %d, rewritten: %d", answers[0], answers[1])
	}
}

// left counts what Direct would replace.
func left(t *testing.T, file []byte) (calls, jumps int) {
	t.Helper()
	d := &director{module: parse(file), fan: fanBits, finders: make(map[uint32]uint32)}
	d.survey()
	for _, edits := range d.edits {
		for _, e := range edits {
			if e.op == opBr {
				jumps++
			} else {
				calls++
			}
		}
	}
	return calls, jumps
}
