package rewrite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
)

// A wasm is a small module: function bodies of the type () -> i32, the first of
// which is exported as f, and more sections by their ids.
type wasm struct {
	bodies   [][]byte // with locals
	sections map[byte][]byte
	customs  [][]byte // at the end
}

func (w wasm) bytes() []byte {
	list := func(items [][]byte) []byte {
		return append(appendU32(nil, uint32(len(items))), slices.Concat(items...)...)
	}
	var funcs, code [][]byte
	for _, b := range w.bodies {
		funcs = append(funcs, []byte{0})
		code = append(code, append(appendU32(nil, uint32(len(b))), b...))
	}
	all := map[byte][]byte{
		secType:     {1, 0x60, 0, 1, valI32},
		secFunction: list(funcs),
		secMemory:   {1, 0, 1},
		secExport:   {1, 1, 'f', 0, 0},
		secCode:     list(code),
	}
	for id, content := range w.sections {
		all[id] = content
	}
	out := []byte(magic)
	for _, id := range []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11} {
		if content := all[id]; content != nil {
			out = appendSection(out, id, content)
		}
	}
	for _, c := range w.customs {
		out = appendSection(out, secCustom, c)
	}
	return out
}

// one is a module of one function.
func one(body ...byte) wasm { return wasm{bodies: [][]byte{append([]byte{0}, body...)}} }

func named(name string, content ...byte) []byte {
	return append(appendU32(nil, uint32(len(name))), append([]byte(name), content...)...)
}

// TestWhatIsAddedCannotBeReached has modules that refer to the functions,
// globals and types behind their own: to those that are added, if they were.
func TestWhatIsAddedCannotBeReached(t *testing.T) {
	r := newRuntime(t)
	zero := []byte{opI32Const, 0}
	for name, w := range map[string]wasm{
		"the budget is set":          one(opI32Const, 0, opGlobalSet, 0, opI32Const, 0, opEnd),
		"the budget is read":         one(opGlobalGet, 0, opEnd),
		"the stack is set":           one(opI32Const, 0, opGlobalSet, 1, opI32Const, 0, opEnd),
		"the budget is exported":     {bodies: [][]byte{{0, opI32Const, 0, opEnd}}, sections: map[byte][]byte{secExport: {1, 1, 'g', 3, 0}}},
		"the helpers are called":     one(append(append([]byte{}, zero...), opCall, 1, opEnd)...),
		"the tick is exported":       {bodies: [][]byte{{0, opI32Const, 0, opEnd}}, sections: map[byte][]byte{secExport: {1, 1, 'f', 0, 1}}},
		"a helper is in a table":     {bodies: [][]byte{{0, opI32Const, 0, opEnd}}, sections: map[byte][]byte{secTable: {1, 0x70, 0, 1}, secElement: {1, 0, opI32Const, 0, opEnd, 1, 1}}},
		"a helper starts":            {bodies: [][]byte{{0, opI32Const, 0, opEnd}}, sections: map[byte][]byte{secStart: {1}}},
		"a global is made of budget": {bodies: [][]byte{{0, opI32Const, 0, opEnd}}, sections: map[byte][]byte{secGlobal: {1, valI32, 0, opGlobalGet, 1, opEnd}}},
		"a block has an added type":  one(opI32Const, 0, opBlock, 1, opEnd, opEnd),
		"a call has an added type":   {bodies: [][]byte{{0, opI32Const, 0, opI32Const, 0, opCallInd, 1, 0, opEnd}}, sections: map[byte][]byte{secTable: {1, 0x70, 0, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			file := w.bytes()
			if valid(r, file) == nil {
				t.Fatal("it is valid as it is")
			}
			if out, err := Module(file, Limits{}); err == nil {
				t.Errorf("it was rewritten; valid now: %v", valid(r, out) == nil)
			}
		})
	}
	t.Run("the tick is imported", func(t *testing.T) {
		w := one(opI32Const, 0, opEnd)
		w.sections = map[byte][]byte{secImport: slices.Concat([]byte{1}, named(ImportModule), named(TickName), []byte{0, 0})}
		if _, err := Module(w.bytes(), Limits{}); err == nil || !strings.Contains(err.Error(), "it imports sparkstalk_guard itself") {
			t.Errorf("got %v", err)
		}
	})
}

func TestLimits(t *testing.T) {
	deep := bytes.Repeat([]byte{opBlock, blockVoid}, maxDepth)
	deep = append(deep, bytes.Repeat([]byte{opEnd}, maxDepth)...)
	labels := append(appendU32([]byte{opI32Const, 0, opBrTable}, maxLabels+1), make([]byte, maxLabels+2)...)
	table := func(limits ...byte) map[byte][]byte {
		return map[byte][]byte{secTable: append([]byte{1, 0x70}, limits...)}
	}
	for _, test := range []struct {
		name string
		w    wasm
		want string
	}{
		{"memory", wasm{sections: map[byte][]byte{secMemory: append([]byte{1, 0}, appendU32(nil, 17)...)}}, "begins with 17 pages of 64 KiB, the limit is 16 (setting memory_mib)"},
		{"table", wasm{sections: table(appendU32([]byte{0}, maxTableMin+1)...)}, "table 0 begins with 1048577 entries, the limit is 1048576"},
		{"tables", wasm{sections: map[byte][]byte{secTable: append([]byte{17}, bytes.Repeat([]byte{0x70, 0, 1}, 17)...)}}, "17 tables, the limit is 16"},
		{"function", one(append(bytes.Repeat([]byte{opNop}, maxBody), opI32Const, 0, opEnd)...), "takes 524292 bytes, the limit is 524288"},
		{"locals", wasm{bodies: [][]byte{append(append(appendU32([]byte{1}, maxLocals+1), valI32), opI32Const, 0, opEnd)}}, "more than 10000 locals"},
		{"blocks", one(append(deep, opI32Const, 0, opEnd)...), "blocks 4097 deep, the limit is 4096"},
		{"labels", one(append(labels, opEnd)...), "65537 labels of a br_table, the limit is 65536"},
		{"functions", wasm{sections: map[byte][]byte{secFunction: append(appendU32(nil, maxFunctions+1), make([]byte, maxFunctions+1)...)}}, "100001 functions, the limit is 100000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.w.bodies == nil {
				test.w.bodies = [][]byte{{0, opI32Const, 0, opEnd}}
			}
			_, err := Module(test.w.bytes(), Limits{MemoryPages: 16})
			if _, over := errors.AsType[*LimitError](err); !over || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want …%s…", err, test.want)
			}
		})
	}
}

// TestMaxima reads what memories and tables get as their maximum.
func TestMaxima(t *testing.T) {
	for _, test := range []struct {
		name, id  string
		in        []byte
		want, min uint32
	}{
		{"memory without a maximum", "memory", []byte{1, 0, 2}, 16, 2},
		{"memory with less", "memory", []byte{1, 1, 2, 3}, 3, 2},
		{"memory with more", "memory", []byte{1, 1, 2, 99}, 16, 2},
		{"table without a maximum", "table", []byte{1, 0x70, 0, 2}, 64, 2},
		{"table with less", "table", []byte{1, 0x70, 1, 2, 3}, 3, 2},
		{"table that begins with more", "table", []byte{1, 0x70, 0, 100}, 100, 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			id := byte(slices.Index(sectionNames[:], test.id))
			w := one(opI32Const, 0, opEnd)
			w.sections = map[byte][]byte{id: test.in}
			out, err := Module(w.bytes(), Limits{MemoryPages: 16, TableEntries: 64})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range split(out).sections {
				if s.id != id {
					continue
				}
				r := s.reader()
				r.u32()
				if id == secTable {
					r.byte()
				}
				if l := r.limits(); !l.hasMax() || l.max != test.want || l.min != test.min {
					t.Errorf("limits %+v", l)
				}
			}
		})
	}
}

func TestCustomSectionsStay(t *testing.T) {
	w := one(opI32Const, 7, opEnd)
	w.customs = [][]byte{
		named("name", 1, 7, 1, 0, 4, 'm', 'a', 'i', 'n'), named("producers", 1, 2, 3), named(".debug_line", 4),
	}
	out, err := Module(w.bytes(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var got [][]byte
	for _, s := range split(out).sections {
		if s.id == secCustom {
			got = append(got, s.content)
		}
	}
	want := [][]byte{named("name", 1, 7, 1, 1, 4, 'm', 'a', 'i', 'n'), named("producers", 1, 2, 3)}
	if len(got) != 2 || !bytes.Equal(got[0], want[0]) || !bytes.Equal(got[1], want[1]) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestNumbersAreReadAsTheStandardSays(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 63, 64, -64, -65, 1 << 31, -1 << 31, 1<<31 - 1, 1<<63 - 1, -1 << 63} {
		r := &reader{data: appendSigned(nil, v)}
		if got := r.signed(64); got != v || !r.done() {
			t.Errorf("signed(%d) = %d", v, got)
		}
	}
	for _, v := range []uint32{0, 127, 128, 1<<32 - 1} {
		r := &reader{data: binary.AppendUvarint(nil, uint64(v))}
		if got := r.u32(); got != v || !r.done() {
			t.Errorf("u32(%d) = %d", v, got)
		}
	}
	for _, bad := range [][]byte{{}, {0x80}, {0xff, 0xff, 0xff, 0xff, 0x1f}, {0x80, 0x80, 0x80, 0x80, 0x80, 0}} {
		func() {
			defer func() {
				if _, ok := recover().(malformed); !ok {
					t.Errorf("% x is read", bad)
				}
			}()
			(&reader{data: bad}).u32()
		}()
	}
}

// FuzzModule: a rewritten module is as valid as it was, and nothing panics.
func FuzzModule(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(specDir(f), "v2/testdata/*.0.wasm"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		if file, err := os.ReadFile(path); err == nil && len(file) < 4096 {
			f.Add(file)
		}
	}
	r := wazero.NewRuntimeWithConfig(f.Context(), wazero.NewRuntimeConfigInterpreter())
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := Module(file, large); err != nil {
			return // wazero may take all memory for what is refused here
		}
		plain := []byte(magic)
		for _, s := range split(file).sections {
			if s.id != secCustom {
				plain = appendSection(plain, s.id, s.content)
			}
		}
		for name, change := range changes {
			if err := verdict(r, plain, change); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		out, err := Module(file, large)
		is := valid(r, out)
		if is != nil && strings.HasPrefix(is.Error(), "section custom") {
			return // what wazero says of a custom section's name
		}
		if was := valid(r, plain); err != nil || (was == nil) != (is == nil) {
			t.Errorf("without custom sections: %v, with them and rewritten: %v, %v", was, is, err)
		}
	})
}
