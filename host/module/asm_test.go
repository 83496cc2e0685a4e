package module

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
)

// Value types and a few instructions, for modules written by hand.
const (
	tI32 = 0x7f
	tI64 = 0x7e
	end  = 0x0b
)

func leb(v int) []byte { return binary.AppendUvarint(nil, uint64(v)) }

// sleb is the signed encoding that i32.const takes.
func sleb(v int) []byte {
	var b []byte
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func i32(v int) []byte { return append([]byte{0x41}, sleb(v)...) }

func vec(items ...[]byte) []byte {
	return append(leb(len(items)), slices.Concat(items...)...)
}

func str(s string) []byte { return append(leb(len(s)), s...) }

// cut is what str made, and what is behind it.
func cut(b []byte) (name, rest []byte) { return b[1 : 1+b[0]], b[1+b[0]:] }

func section(id byte, content []byte) []byte {
	return slices.Concat([]byte{id}, leb(len(content)), content)
}

// An asm is a small module. The zero value, with a manifest, is a good one
// whose task gives the result null.
type asm struct {
	manifest string
	result   string
	// run is the body of sparkstalk_run; nil gives the result. describe likewise.
	run, describe []byte
	// locals are i32 locals of run.
	locals int
	// more are functions behind sparkstalk_run, of type () -> (), as bodies.
	// Function 2 is sparkstalk_describe, 3 sparkstalk_run, 4 the first of these.
	more [][]byte
	// initialize exports the first of more as _initialize.
	initialize bool
	// importModule and importName replace sparkstalk_v1.result_json; imports
	// are whole entries behind the two of every module; functions among them move
	// its own up.
	importModule, importName string
	imports                  [][]byte
	// exports replaces names of exports; an empty one leaves it out.
	exports map[string]string
	// memory are the limits; nil is one page.
	memory []byte
	// table is the content of a table section.
	table []byte
	// resultAt is where the result lies, if not at the usual place.
	resultAt int
	// runType is the type of sparkstalk_run: 1 is (i32) -> i32, 0 () -> i32.
	runType *int
	// custom is the content of a custom section at the end.
	custom string
}

// Where data lies in memory.
const (
	manifestAt = 16
	resultAt   = 32 << 10
)

// sections returns the module's sections in order.
func (a asm) sections() [][]byte {
	if a.result == "" {
		a.result = "null"
	}
	if a.resultAt == 0 {
		a.resultAt = resultAt
	}
	if a.importModule == "" {
		a.importModule = "sparkstalk_v1"
	}
	if a.importName == "" {
		a.importName = "result_json"
	}
	if a.memory == nil {
		a.memory = []byte{0, 1}
	}
	give := func(at, size int) []byte {
		return slices.Concat(i32(at), i32(size), []byte{0x10, 0, 0x1a}, i32(0), []byte{end})
	}
	if a.describe == nil {
		a.describe = give(manifestAt, len(a.manifest))
	}
	if a.run == nil {
		a.run = give(a.resultAt, len(a.result))
	}
	runType := 1
	if a.runType != nil {
		runType = *a.runType
	}
	types := vec(
		[]byte{0x60, 0, 1, tI32},                         // 0: () -> i32
		[]byte{0x60, 1, tI32, 1, tI32},                   // 1: (i32) -> i32
		[]byte{0x60, 2, tI32, tI32, 1, tI64},             // 2: (i32, i32) -> i64
		[]byte{0x60, 0, 0},                               // 3: () -> ()
		[]byte{0x60, 1, tI32, 1, tI64},                   // 4: (i32) -> i64
		[]byte{0x60, 1, tI32, 0},                         // 5: (i32) -> ()
		[]byte{0x60, 4, tI32, tI32, tI32, tI32, 1, tI32}, // 6: (i32, i32, i32, i32) -> i32
	)
	imports := append([][]byte{
		slices.Concat(str(a.importModule), str(a.importName), []byte{0, 2}),
		slices.Concat(str("sparkstalk_v1"), str("action_count"), []byte{0, 4}),
	}, a.imports...)
	funcs := [][]byte{{0}, leb(runType)}
	body := func(code []byte, locals int) []byte {
		l := []byte{0}
		if locals > 0 {
			l = append([]byte{1}, append(leb(locals), tI32)...)
		}
		b := append(l, code...)
		return append(leb(len(b)), b...)
	}
	code := [][]byte{body(a.describe, 0), body(a.run, a.locals)}
	for _, m := range a.more {
		funcs = append(funcs, []byte{3})
		code = append(code, body(m, 0))
	}
	var exports [][]byte
	export := func(name string, kind byte, index int) {
		if other, ok := a.exports[name]; ok {
			name = other
		}
		if name != "" {
			exports = append(exports, slices.Concat(str(name), []byte{kind}, leb(index)))
		}
	}
	export("memory", 2, 0)
	imported := 2
	for _, i := range a.imports {
		_, rest := cut(i)
		if _, kind := cut(rest); kind[0] == 0 {
			imported++
		}
	}
	export("sparkstalk_describe", 0, imported)
	export("sparkstalk_run", 0, imported+1)
	if a.initialize {
		export("_initialize", 0, imported+2)
	}
	data := func(at int, s string) []byte {
		return slices.Concat([]byte{0}, i32(at), []byte{end}, str(s))
	}
	list := [][]byte{
		section(1, types),
		section(2, vec(imports...)),
		section(3, vec(funcs...)),
	}
	if a.table != nil {
		list = append(list, section(4, a.table))
	}
	if len(a.memory) > 0 {
		list = append(list, section(5, append([]byte{1}, a.memory...)))
	}
	list = append(list,
		section(7, vec(exports...)),
		section(12, leb(2)),
		section(10, vec(code...)),
		section(11, vec(data(manifestAt, a.manifest), data(a.resultAt, a.result))),
	)
	if a.custom != "" {
		list = append(list, section(0, append(str("test"), a.custom...)))
	}
	return list
}

func (a asm) bytes() []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(a.sections()...)...)
}

// manifest describes tasks by their names.
func manifest(tasks ...string) string {
	type task struct {
		Name string `json:"name"`
	}
	m := struct {
		ABI   int    `json:"abi"`
		Tasks []task `json:"tasks"`
	}{ABI: 1}
	for _, t := range tasks {
		m.Tasks = append(m.Tasks, task{t})
	}
	data, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// small is a module of one task whose result is a number.
func small(task string, result int) []byte {
	return asm{manifest: manifest(task), result: fmt.Sprint(result)}.bytes()
}
