package wasm

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/sparkstalk/sparkstalk/abi"
)

// repeatExport is the forwarder of a function without parameters that calls it
// as often as its argument says.
const repeatExport = "repeat"

// assemble returns a WASM module that imports fs and exports a function of the
// same name and type for each, which passes its parameters on. So a test can
// call host functions with any values, from a guest. The memory has the given
// number of pages and is exported as memoryName; zero pages mean no memory at
// all, and an empty name that it is not exported.
//
// If the first function has no parameters, the module also exports
// [repeatExport].
func assemble(pages int, memoryName string, fs []function) []byte {
	var types, imports, funcs, exports, code [][]byte
	for i, f := range fs {
		types = append(types, cat([]byte{0x60}, vector(singles(f.params)), vector(singles(f.results))))
		imports = append(imports, cat(text(abi.ImportModule), text(f.name), []byte{0}, number(i)))
		funcs = append(funcs, number(i))
		exports = append(exports, cat(text(f.name), []byte{0}, number(len(fs)+i)))
		body := []byte{0} // no locals
		for p := range f.params {
			body = cat(body, []byte{0x20}, number(p)) // local.get
		}
		body = cat(body, []byte{0x10}, number(i), []byte{0x0b}) // call, end
		code = append(code, cat(number(len(body)), body))
	}
	if len(fs) > 0 && len(fs[0].params) == 0 {
		types = append(types, []byte{0x60, 1, i32, 0})
		funcs = append(funcs, number(len(fs)))
		exports = append(exports, cat(text(repeatExport), []byte{0}, number(2*len(fs))))
		body := cat([]byte{0, 0x03, 0x40, 0x10, 0}, // no locals; loop; call 0
			slices.Repeat([]byte{0x1a}, len(fs[0].results)),              // drop
			[]byte{0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x0b}) // param -= 1; br_if; end; end
		code = append(code, cat(number(len(body)), body))
	}
	module := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, items [][]byte) {
		content := vector(items)
		module = cat(module, []byte{id}, number(len(content)), content)
	}
	section(1, types)
	section(2, imports)
	section(3, funcs)
	if pages > 0 {
		section(5, [][]byte{cat([]byte{0}, number(pages))})
		if memoryName != "" {
			exports = append(exports, cat(text(memoryName), []byte{2, 0}))
		}
	}
	section(7, exports)
	section(10, code)
	return module
}

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

// number is an unsigned LEB128.
func number(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func text(s string) []byte { return cat(number(len(s)), []byte(s)) }

func vector(items [][]byte) []byte { return cat(number(len(items)), slices.Concat(items...)) }

func singles(types []api.ValueType) [][]byte {
	items := make([][]byte, len(types))
	for i, t := range types {
		items[i] = []byte{t}
	}
	return items
}

// newForwarder returns an instance of a module of [assemble].
func newForwarder(t testing.TB, r wazero.Runtime, pages int, memoryName string, fs []function) api.Module {
	t.Helper()
	// Without a name, so that a runtime can have several.
	m, err := r.InstantiateWithConfig(t.Context(), assemble(pages, memoryName, fs), wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A pointerArg is an argument that is passed as pointer and length.
type pointerArg struct {
	name   string // as errors call it
	slot   int    // of the pointer; the length is in the next
	handle bool   // the length is a number of elements of 4 bytes
}

// pointerArgs finds the pointers among a function's parameters.
func pointerArgs(f function) []pointerArg {
	var args []pointerArg
	for i := range len(f.names) - 1 {
		name, ok := strings.CutSuffix(f.names[i], "_ptr")
		if !ok {
			continue
		}
		args = append(args, pointerArg{name: name, slot: i, handle: f.names[i+1] == name+"_count"})
	}
	return args
}

// edge is a pointer and length that no memory of one page has.
type edge struct{ ptr, length uint64 }

const page = 65536

// edges are what tends to slip through a check: sums that overflow 32 bits, the
// sign bit, one past the end.
var edges = []edge{
	{0, page + 1}, {1, page}, {page, 1}, {page - 1, 2},
	{0, 1 << 31}, {0, math.MaxUint32},
	{1 << 31, 1}, {1 << 31, 1 << 31}, {1<<31 - 1, 1 << 31}, {1 << 31, math.MaxUint32},
	{math.MaxUint32, 1}, {math.MaxUint32, 2}, {math.MaxUint32, page}, {math.MaxUint32, math.MaxUint32},
	{math.MaxUint32 - 3, 4}, {math.MaxUint32 - 3, 8},
	{0, MaxBytes}, {0, MaxBytes + 1}, {0, MaxElements}, {0, MaxElements + 1}, {0, 1 << 30}, {4, 1<<30 - 1},
}
