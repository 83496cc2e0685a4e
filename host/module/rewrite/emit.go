package rewrite

import (
	"slices"
	"time"
)

// An emitter writes the rewritten module.
type emitter struct {
	*module
	limits Limits
	// types that were added, with the place of each.
	added map[string]uint32
	types []signature // all, with those added
	// tick, fill and copy are functions, fuel and stack globals, all added.
	tick, fill, copy uint32
	fuel, stack      uint32
	// scratch is the body under way, labels what encloses its instructions, and
	// regions the loops and the function around them.
	scratch []byte
	labels  []label
	regions []region
	entries []uint32 // of each table, at most
	shape   shape    // of the function under way
	// dwarf has the module's DWARF by its sections, nil without. With it, marks are
	// where instructions are, in their order, and codeEnd is where the module's own
	// code ends.
	dwarf   map[string][]byte
	marks   []mark
	prefix  int // of the function under way: what is before scratch
	codeEnd uint32
	work    time.Duration
}

func (m *module) emit(l Limits) []byte {
	e := &emitter{module: m, limits: l, added: make(map[string]uint32), shape: shape{written: make(map[uint32]bool)}, types: slices.Clone(m.types)}
	e.tick = uint32(m.importedFuncs)
	e.fill = uint32(m.importedFuncs + 1 + len(m.funcs))
	e.copy = e.fill + 1
	e.fuel, e.stack = uint32(m.globals), uint32(m.globals+1)
	tickType := e.typ(signature{[]byte{valI32}, []byte{valI32}})
	bulkType := e.typ(signature{[]byte{valI32, valI32, valI32}, nil})
	// What is cheap to refuse is refused before the code is rewritten.
	e.capTables()
	if e.pages > l.MemoryPages {
		panic(tooMuch("its memory begins with %d pages of 64 KiB, the limit is %d (setting memory_mib)", e.pages, l.MemoryPages))
	}
	e.dwarf = m.findDebug()

	var code []byte
	has := map[byte]bool{}
	size := 4096 // of what is written, about
	for _, s := range m.sections {
		has[s.id] = true
		if s.id == secCode {
			code = e.code(s) // first: it may need more types
			size += len(code)
		} else {
			size += len(s.content) + 8
		}
	}
	if !has[secCode] && len(m.funcs) > 0 {
		panic(malformed("there is no section code"))
	}

	out := append(make([]byte, 0, size), magic...)
	helpers := 0
	if e.helpers() {
		helpers = 2
	}
	done := 0 // the order of the last section that was written
	flush := func(before int) {
		// Sections that the file may lack stand where they belong.
		put := func(id byte, content func() []byte) {
			if o := order[id]; o > done && o < before && !has[id] {
				out = appendSection(out, id, content())
				done = o
			}
		}
		put(secType, e.typeSection)
		put(secImport, func() []byte { return e.importSection(nil, 0, tickType) })
		put(secGlobal, func() []byte { return e.globalSection(nil) })
	}
	for _, s := range m.sections {
		if s.id == secCustom {
			if content, ok := e.custom(s, customName(s)); ok {
				out = appendSection(out, secCustom, content)
			}
			continue
		}
		flush(order[s.id])
		done = order[s.id]
		r := s.reader()
		var content []byte
		switch s.id {
		case secType:
			content = e.typeSection()
		case secImport:
			n := r.u32()
			content = e.importSection(r.data[r.at:], n, tickType)
		case secFunction:
			content = appendU32(nil, uint32(len(m.funcs)+helpers))
			for _, t := range m.funcs {
				content = appendU32(content, t)
			}
			for range helpers {
				content = appendU32(content, bulkType)
			}
		case secTable:
			content = e.tableSection(r)
		case secMemory:
			content = e.memorySection(r)
		case secGlobal:
			content = e.globalSection(r)
		case secExport:
			content = e.exportSection(r)
		case secStart:
			content = appendU32(nil, m.function(r))
		case secElement:
			content = e.elementSection(r)
		case secCode:
			content = code
		case secData:
			content = e.dataSection(r)
		default:
			content = s.content
		}
		out = appendSection(out, s.id, content)
	}
	flush(len(order) + 1)
	return append(out, e.debug()...)
}

// helpers reports whether the functions that fill and copy in pieces are added.
func (e *emitter) helpers() bool { return e.memory && len(e.funcs) > 0 }

// typ returns the index of a type, which is added if need be.
func (e *emitter) typ(s signature) uint32 {
	key := string(s.params) + "\x00" + string(s.results)
	if i, ok := e.added[key]; ok {
		return i
	}
	i := uint32(len(e.types))
	e.types = append(e.types, s)
	e.added[key] = i
	return i
}

func (e *emitter) typeSection() []byte {
	out := appendU32(nil, uint32(len(e.types)))
	for _, t := range e.types {
		out = appendSignature(out, t)
	}
	return out
}

func appendSignature(out []byte, t signature) []byte {
	out = append(out, 0x60)
	out = append(appendU32(out, uint32(len(t.params))), t.params...)
	return append(appendU32(out, uint32(len(t.results))), t.results...)
}

func (e *emitter) importSection(entries []byte, n, tickType uint32) []byte {
	out := append(appendU32(nil, n+1), entries...)
	out = append(appendU32(out, uint32(len(ImportModule))), ImportModule...)
	out = append(appendU32(out, uint32(len(TickName))), TickName...)
	return appendU32(append(out, 0), tickType)
}

// capTables works out how far each table may grow.
func (e *emitter) capTables() {
	for i, t := range e.tables {
		if t.min > maxTableMin {
			panic(tooMuch("table %d begins with %d entries, the limit is %d", i, t.min, maxTableMin))
		}
		most := max(t.min, e.limits.TableEntries)
		if t.hasMax() {
			most = min(most, t.max)
		}
		e.entries = append(e.entries, most)
	}
}

func (e *emitter) tableSection(r *reader) []byte {
	n := r.u32()
	out := appendU32(nil, n)
	for i := range n {
		out = append(out, r.byte())
		t := r.limits()
		most := e.entries[e.importedTables+int(i)]
		if t.hasMax() && t.max < t.min {
			most = t.max // as invalid as it was
		}
		out = appendU32(appendU32(append(out, 1), t.min), most)
	}
	return out
}

func (e *emitter) memorySection(r *reader) []byte {
	n := r.u32()
	out := appendU32(nil, n)
	for range n {
		l := r.limits()
		most := e.limits.MemoryPages
		if l.hasMax() {
			most = min(most, l.max)
		}
		if l.hasMax() && l.max > 1<<16 {
			most = l.max // as invalid as it was
		}
		out = appendU32(appendU32(append(out, 1), l.min), most)
	}
	return out
}

func (e *emitter) globalSection(r *reader) []byte {
	own := e.globals - e.importedGlobals
	out := appendU32(nil, uint32(own+2))
	if r != nil {
		r.u32()
		for range own {
			out = append(out, r.byte(), r.byte())
			out = e.appendConstant(out, r)
		}
		if !r.done() {
			r.fail("%d bytes too many", len(r.data)-r.at)
		}
	}
	for _, v := range []int{firstBudget, e.limits.StackBytes} {
		out = append(out, valI32, 1, opI32Const)
		out = append(appendSigned(out, int64(v)), opEnd)
	}
	return out
}

func (e *emitter) exportSection(r *reader) []byte {
	n := r.count("exports", maxExports)
	out := appendU32(nil, uint32(n))
	for range n {
		name := r.name()
		out = append(appendU32(out, uint32(len(name))), name...)
		kind := r.byte()
		out = append(out, kind)
		switch kind {
		case 0:
			out = appendU32(out, e.function(r))
		case 3:
			out = appendU32(out, e.global(r))
		default:
			out = appendU32(out, r.u32())
		}
	}
	if !r.done() {
		r.fail("%d bytes too many", len(r.data)-r.at)
	}
	return out
}

func (e *emitter) elementSection(r *reader) []byte {
	n := r.u32()
	out := appendU32(nil, n)
	total := 0
	for range n {
		flag := r.u32()
		if flag > 7 {
			r.fail("an element segment of the form %d", flag)
		}
		out = appendU32(out, flag)
		if flag&1 == 0 { // active
			if flag&2 != 0 {
				out = appendU32(out, r.u32())
			}
			out = e.appendConstant(out, r)
		}
		if flag&3 != 0 {
			out = append(out, r.byte()) // the kind or type of its elements
		}
		count := r.count("elements", maxElements)
		if total += count; total > maxElements {
			panic(tooMuch("%d elements in tables, the limit is %d", total, maxElements))
		}
		out = appendU32(out, uint32(count))
		for range count {
			if flag&4 != 0 {
				out = e.appendConstant(out, r)
			} else {
				out = appendU32(out, e.function(r))
			}
		}
	}
	if !r.done() {
		r.fail("%d bytes too many", len(r.data)-r.at)
	}
	return out
}

func (e *emitter) dataSection(r *reader) []byte {
	n := r.u32()
	out := appendU32(make([]byte, 0, len(r.data)), n)
	for range n {
		flag := r.u32()
		out = appendU32(out, flag)
		if flag == 2 {
			out = appendU32(out, r.u32())
		}
		if flag != 1 {
			out = e.appendConstant(out, r)
		}
		data := r.name()
		out = append(appendU32(out, uint32(len(data))), data...)
	}
	return out
}
