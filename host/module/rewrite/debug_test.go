package rewrite

import (
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// withDebug are modules of several compilers that have DWARF.
func withDebug(t testing.TB) map[string][]byte {
	files := map[string][]byte{}
	for _, name := range []string{"tinygo", "zig", "zig-cc"} {
		file, err := os.ReadFile(filepath.Join(specDir(t), "../../testing/dwarftestdata/testdata", name, "main.wasm"))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = file
	}
	return files
}

// described is what debug/dwarf reads of a module: for each row the byte of code that
// it is of, and the line; for each inlined call that of its beginning, if a row
// begins there, and where it was called.
func described(t *testing.T, file []byte) (rows, calls []string) {
	t.Helper()
	m := split(file)
	debug := m.findDebug()
	data, err := dwarf.New(debug[debugAbbrev], nil, nil, debug[debugInfo], debug[debugLine], nil, debug[debugRanges], debug[debugStr])
	if err != nil {
		t.Fatal(err)
	}
	var code []byte
	for _, s := range m.sections {
		if s.id == secCode {
			code = s.content
		}
	}
	var files []*dwarf.LineFile
	starts := map[uint64]bool{}
	r := data.Reader()
	for {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			break
		}
		switch e.Tag {
		case dwarf.TagCompileUnit:
			lr, err := data.LineReader(e)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, rowsOf(t, lr, code, starts)...)
			files = lr.Files()
		case dwarf.TagInlinedSubroutine:
			ranges, err := data.Ranges(e)
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range ranges {
				if at[0] != 0 && starts[at[0]] && at[0]+8 <= at[1] && at[1] < 1<<31 { // others are what linkers made of nothing
					n, _ := e.Val(dwarf.AttrCallFile).(int64)
					calls = append(calls, fmt.Sprintf("%d %s:%v", code[at[0]], path.Base(files[n].Name), e.Val(dwarf.AttrCallLine)))
				}
			}
		}
	}
	slices.Sort(rows)
	slices.Sort(calls)
	return rows, calls
}

func rowsOf(t *testing.T, lr *dwarf.LineReader, code []byte, starts map[uint64]bool) (rows []string) {
	t.Helper()
	var sequence []dwarf.LineEntry
	for {
		var e dwarf.LineEntry
		err := lr.Next(&e)
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		sequence = append(sequence, e)
		if !e.EndSequence {
			continue
		}
		if from := uint32(sequence[0].Address); from != 0 && from < 1<<32-2 {
			for _, e := range sequence[:len(sequence)-1] {
				starts[e.Address] = true
				rows = append(rows, fmt.Sprintf("%d %s:%d:%d", code[e.Address], path.Base(e.File.Name), e.Line, e.Column))
			}
		}
		sequence = nil
	}
}

// TestLinesMoveWithTheCode: in a rewritten module the same instructions are of the
// same lines.
func TestLinesMoveWithTheCode(t *testing.T) {
	for name, file := range withDebug(t) {
		t.Run(name, func(t *testing.T) {
			out, err := Module(file, large)
			if err != nil {
				t.Fatal(err)
			}
			rows, calls := described(t, file)
			for i, list := range [][]string{rows, calls} { // a return and bulk instructions are others then
				for j, s := range list {
					for _, r := range [][2]string{{"15 ", "12 "}, {"252 ", "16 "}} {
						if rest, ok := strings.CutPrefix(s, r[0]); ok {
							list[j] = r[1] + rest
						}
					}
				}
				slices.Sort([][]string{rows, calls}[i])
			}
			gotRows, gotCalls := described(t, out)
			if len(rows) == 0 || !slices.Equal(gotRows, rows) {
				t.Errorf("got %d rows, want %d; the first that differ: %q", len(gotRows), len(rows), differing(gotRows, rows))
			}
			for _, c := range calls { // there are more, for code grows
				if !slices.Contains(gotCalls, c) {
					t.Errorf("an inlined call is missing: %s", c)
				}
			}
		})
	}
}

// A program of DWARF 5 has other lists of folders and files than those before.
func TestLinesOfDWARF5(t *testing.T) {
	header := []byte{
		1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1,
		1, contentPath, formLineStr, 2, 0, 0, 0, 0, 5, 0, 0, 0, // folders /src and /src/sub
		2, contentPath, formString, contentDirectory, formUdata, 2, 'a', '.', 'c', 0, 0, 'b', '.', 'c', 0, 1,
	}
	body := []byte{5, 0, 4, 0}
	body = append(binary.LittleEndian.AppendUint32(body, uint32(len(header))), header...)
	body = append(body, 0, 5, 2, 9, 0, 0, 0, 3, 6, 1, 4, 0, 13+1*14+5+2, 2, 4, 0, 1, 1)
	section := append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
	l := readLines(section, nil, []byte("/src\x00/src/sub\x00"))
	got := fmt.Sprint(l.files, l.sequences)
	if want := "[a.c sub/b.c] [[{9 1 7 0 false} {10 0 9 0 false} {14 0 9 0 true}]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzDebug: DWARF that makes no sense is left out, and costs little.
func FuzzDebug(f *testing.F) {
	for _, file := range withDebug(f) {
		d := split(file).findDebug()
		f.Add(d[debugLine], d[debugInfo], d[debugAbbrev], d[debugRanges])
	}
	f.Fuzz(func(t *testing.T, line, info, abbrevs, ranges []byte) {
		w := one(opI32Const, 7, opEnd)
		w.customs = [][]byte{named(debugLine, line...), named(debugInfo, info...), named(debugAbbrev, abbrevs...), named(debugRanges, ranges...)}
		begin := time.Now()
		out, err := Module(w.bytes(), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if split(out).findDebug() == nil {
			if strings.Contains(string(out), ".debug_") {
				t.Error("there is a part of it")
			}
			return
		}
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("it takes %v", took)
		}
		described(t, out) // what is written always makes sense
	})
}

// differing are the first of each that the other has not.
func differing(a, b []string) (only []string) {
	for i, list := range [][]string{a, b} {
		other := [][]string{b, a}[i]
		for _, s := range list {
			if !slices.Contains(other, s) && len(only) < 6*(i+1) {
				only = append(only, s)
			}
		}
	}
	return only
}
