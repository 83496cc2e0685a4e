package rewrite

import (
	"bytes"
	"slices"
)

// What a JVM makes of an indirect call is a method with a switch over all
// functions of a type. HotSpot compiles no method of more than 8,000 bytes, and a
// case takes 12.
const manyFunctions = 500

// fanBits is how much of an index in the table each step of a search decides.
const fanBits = 6

// Direct returns a module for a runtime that compiles to Java's bytecode. What it
// does is the same: its indirect calls of types that very many functions have, as
// nearly all of Go's do, become calls of functions that find the one to call in two or
// three steps, each small enough that a JVM compiles it, unless the module may
// change its table; and jumps by way of a loop's beginning go where they lead.
func Direct(file []byte) ([]byte, error) { return direct(file, manyFunctions, fanBits) }

// direct is Direct for types that at least so many functions have, with steps
// of so many bits.
func direct(file []byte, least, fan int) (_ []byte, err error) {
	defer func() { err = recovered(recover(), err) }()
	d := &director{module: parse(file), fan: fan, finders: make(map[uint32]uint32)}
	constant := d.lookUp()
	d.survey()
	if constant && !d.changes {
		for _, t := range d.called {
			d.find(t, least)
		}
	}
	if len(d.finders) == 0 && !d.jumps {
		return file, nil
	}
	return d.emit(), nil
}

// A director makes indirect calls direct.
type director struct {
	*module
	fan   int
	table []uint32 // the functions, +1, of table 0
	// edits are what may be written otherwise in each function.
	edits   [][]edit
	called  []uint32 // the types of indirect calls
	changes bool     // an instruction changes a table
	jumps   bool     // a jump can be shorter
	// finders are the functions that stand for indirect calls of a type, and all
	// functions that were added have types and bodies.
	finders map[uint32]uint32
	types   []signature // added
	added   []uint32    // their types
	bodies  [][]byte
}

// An edit is an instruction of a function's body: an indirect call, whose type is
// what, or a jump, which may go to the label what.
type edit struct {
	start, end int
	op         byte
	what       uint32
}

// lookUp reads table 0, and reports whether that is all that it ever has.
func (d *director) lookUp() bool {
	if len(d.tables) == 0 || d.importedTables > 0 || d.tables[0].min > maxTableMin {
		return false
	}
	d.table = make([]uint32, d.tables[0].min)
	for _, s := range d.sections {
		r := s.reader()
		switch s.id {
		case secExport:
			for range r.count("exports", maxExports) {
				r.name()
				if r.byte() == 1 { // whoever has the table may change it
					return false
				}
				r.u32()
			}
		case secElement:
			for range r.count("element segments", maxSegments) {
				if !d.segment(r) {
					return false
				}
			}
		}
	}
	return true
}

// segment reads an element segment, and reports whether it is known what it does
// to table 0.
func (d *director) segment(r *reader) bool {
	if flag := r.u32(); flag != 0 { // functions at a place in table 0
		return false
	}
	if op := r.byte(); op != opI32Const {
		return false
	}
	at := uint32(r.signed(32))
	if op := r.byte(); op != opEnd {
		r.fail("an offset of more than a constant")
	}
	for range r.count("elements", maxElements) {
		f := r.index("function", d.importedFuncs+len(d.funcs))
		if uint64(at) >= uint64(len(d.table)) {
			return false // it traps as the module starts
		}
		d.table[at] = f + 1
		at++
	}
	return true
}

// survey finds what may be written otherwise.
func (d *director) survey() {
	for _, s := range d.sections {
		if s.id != secCode {
			continue
		}
		r := s.reader()
		for range r.count("functions", maxFunctions) {
			d.edits = append(d.edits, d.surveyBody(&reader{data: r.name(), what: "function"}))
		}
	}
	if len(d.edits) != len(d.funcs) {
		panic(malformed("functions and their code differ in number"))
	}
}

func (d *director) surveyBody(r *reader) (edits []edit) {
	for range r.count("locals", maxLocals) {
		r.u32()
		r.byte()
	}
	j := newJumper()
	for !r.done() {
		start := r.at
		op := r.byte()
		label, shorter := j.step(r, op)
		switch op {
		case opCallInd:
			t, table := r.index("type", len(d.module.types)), r.u32()
			if table == 0 {
				edits = append(edits, edit{start, r.at, op, t})
				if !slices.Contains(d.called, t) {
					d.called = append(d.called, t)
				}
			}
		case opTableSet:
			d.changes = true
			r.u32()
		case opMisc:
			sub := r.u32()
			switch sub {
			case miscTableInit, miscTableCopy, miscTableGrow, miscTableFill:
				d.changes = true
			}
			skipMisc(r, sub)
		default:
			skip(r, op)
			if shorter {
				d.jumps = true
				edits = append(edits, edit{start, r.at, op, label})
			}
		}
	}
	return edits
}

// find adds functions that stand for indirect calls of a type.
func (d *director) find(t uint32, least int) {
	same := func(a uint32) bool {
		x, y := d.module.types[a], d.module.types[t]
		return bytes.Equal(x.params, y.params) && bytes.Equal(x.results, y.results)
	}
	n := 0
	for _, f := range d.funcs {
		if same(f) {
			n++
		}
	}
	if n < least {
		return
	}
	// Only functions of the module's own: how imports are called is the runtime's affair.
	targets := make([]uint32, len(d.table))
	for i, f := range d.table {
		if own := int(f) - 1 - d.importedFuncs; own >= 0 && same(d.funcs[own]) {
			targets[i] = f
		}
	}
	sig := d.module.types[t]
	finder := signature{append(slices.Clone(sig.params), valI32), sig.results}
	typ := uint32(len(d.module.types) + len(d.types))
	d.types = append(d.types, finder)
	shift := 0
	for len(targets)>>shift > 1<<d.fan {
		shift += d.fan
	}
	if f, ok := d.node(t, typ, targets, 0, shift); ok {
		d.finders[t] = f
	}
}

// node adds a function of type typ that calls the one of targets, which begin
// at a place in the table, that its last argument says; ok is false if there is none.
func (d *director) node(t, typ uint32, targets []uint32, base, shift int) (_ uint32, ok bool) {
	params := len(d.module.types[t].params)
	var labels []int      // of each step, the case, or -1
	var cases [][2]uint32 // the function, and whether it wants the index as well
	for at := 0; at < len(targets); at += 1 << shift {
		label := -1
		if shift == 0 {
			if f := targets[at]; f != 0 {
				label = len(cases)
				cases = append(cases, [2]uint32{f - 1, 0})
			}
		} else if f, ok := d.node(t, typ, targets[at:min(len(targets), at+1<<shift)], base+at, shift-d.fan); ok {
			label = len(cases)
			cases = append(cases, [2]uint32{f, 1})
		}
		labels = append(labels, label)
	}
	if len(cases) == 0 {
		return 0, false
	}
	b := []byte{0} // no locals
	for range len(cases) + 1 {
		b = append(b, opBlock, blockVoid)
	}
	b = append(appendU32(append(b, opLocalGet), uint32(params)), opI32Const)
	b = append(appendSigned(b, int64(base)), opI32Sub)
	if shift > 0 {
		b = append(b, opI32Const, byte(shift), opI32ShrU)
	}
	b = appendU32(append(b, opBrTable), uint32(len(labels)))
	for _, l := range append(labels, -1) {
		if l < 0 {
			l = len(cases)
		}
		b = appendU32(b, uint32(l))
	}
	b = append(b, opEnd)
	for _, c := range cases {
		for i := range uint32(params) + c[1] {
			b = appendU32(append(b, opLocalGet), i)
		}
		b = append(appendU32(append(b, opCall), c[0]), opReturn, opEnd)
	}
	// What is no function of that type traps as it did.
	for i := range uint32(params) + 1 {
		b = appendU32(append(b, opLocalGet), i)
	}
	b = append(appendU32(append(b, opCallInd), t), 0, opEnd)
	d.added = append(d.added, typ)
	d.bodies = append(d.bodies, b)
	return uint32(d.importedFuncs + len(d.funcs) + len(d.bodies) - 1), true
}

// emit writes the module anew. What was added stands behind all else, so that
// nothing moves.
func (d *director) emit() []byte {
	out := []byte(magic)
	for _, s := range d.sections {
		r := s.reader()
		content := s.content
		switch s.id {
		case secCustom:
			if bytes.HasPrefix(customName(s), []byte(".debug_")) {
				continue // its positions would be wrong
			}
		case secType:
			content = append(appendU32(nil, r.u32()+uint32(len(d.types))), r.data[r.at:]...)
			for _, t := range d.types {
				content = appendSignature(content, t)
			}
		case secFunction:
			content = append(appendU32(nil, r.u32()+uint32(len(d.added))), r.data[r.at:]...)
			for _, t := range d.added {
				content = appendU32(content, t)
			}
		case secCode:
			content = d.code(r)
		}
		out = appendSection(out, s.id, content)
	}
	return out
}

func (d *director) code(r *reader) []byte {
	out := appendU32(make([]byte, 0, len(r.data)+len(r.data)/8), r.u32()+uint32(len(d.bodies)))
	var body []byte
	for _, edits := range d.edits {
		in := r.name()
		body = body[:0]
		done := 0
		for _, e := range edits {
			f, found := d.finders[e.what]
			switch {
			case e.op == opBr:
				body = append(body, in[done:e.start]...)
				body = appendU32(append(body, opBr), e.what)
				done = e.end
			case found:
				body = append(body, in[done:e.start]...)
				body = appendU32(append(body, opCall), f)
				done = e.end
			}
		}
		body = append(body, in[done:]...)
		out = append(appendU32(out, uint32(len(body))), body...)
	}
	for _, b := range d.bodies {
		out = append(appendU32(out, uint32(len(b))), b...)
	}
	return out
}
