package rewrite

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestCompileBombs has modules that take wazero more than 5 s each to compile, if
// they are not good.
func TestCompileBombs(t *testing.T) {
	loc := func(n int, body []byte) wasm {
		return wasm{bodies: [][]byte{append(append(appendU32([]byte{1}, uint32(n)), valI32), body...)}}
	}
	rep := func(n int, b ...byte) []byte { return bytes.Repeat(b, n) }
	fin := []byte{opI32Const, 0, opEnd}
	cat := slices.Concat[[]byte]
	var sets []byte
	for i := range 5000 {
		sets = append(sets, opLocalGet, 0, opIf, blockVoid, opI32Const, 1, opLocalSet)
		sets = append(appendU32(sets, uint32(i%1000)), opEnd)
	}
	for _, test := range []struct {
		name string
		w    wasm
		good bool
	}{
		{"ifs", loc(1, cat(rep(20000, opLocalGet, 0, opIf, blockVoid, opEnd), fin)), false},
		{"some ifs", loc(1, cat(rep(2500, opLocalGet, 0, opIf, blockVoid, opEnd), fin)), true},
		{"ifs that set a local", loc(1, cat(rep(20000, opLocalGet, 0, opIf, blockVoid, opI32Const, 1, opLocalSet, 0, opEnd), fin)), false},
		{"loops in each other", loc(1, cat(rep(4000, opLoop, blockVoid), rep(4000, opLocalGet, 0, opBrIf, 0, opEnd), fin)), false},
		{"loops", loc(1, cat(rep(20000, opLoop, blockVoid, opLocalGet, 0, opBrIf, 0, opEnd), fin)), false},
		{"branches of one br_table", loc(1, cat([]byte{opBlock, blockVoid, opLocalGet, 0, opBrTable}, appendU32(nil, 60000), rep(60001, 0), []byte{opEnd}, fin)), false},
		{"br_tables", loc(1, cat(rep(1000, cat([]byte{opBlock, blockVoid, opLocalGet, 0, opBrTable}, appendU32(nil, 300), rep(301, 0), []byte{opEnd})...), fin)), false},
		{"ifs that set many locals", loc(1000, cat(sets, fin)), false},
		{"many functions of some ifs", wasm{bodies: slices.Repeat([][]byte{loc(1, cat(rep(2500, opLocalGet, 0, opIf, blockVoid, opEnd), fin)).bodies[0]}, 1000)}, false},
		{"calls", loc(1, cat(rep(60000, opCall, 0, opLocalSet, 0), fin)), true},
		{"sums", loc(1, cat([]byte{opLocalGet, 0}, rep(150000, opLocalGet, 0, opI32Add), []byte{opEnd})), true},
	} {
		_, err := Module(test.w.bytes(), Limits{})
		if _, over := errors.AsType[*LimitError](err); test.good && err != nil || !test.good && (!over || !strings.Contains(err.Error(), "to compile")) {
			t.Errorf("%s: got %v", test.name, err)
		}
	}
}
