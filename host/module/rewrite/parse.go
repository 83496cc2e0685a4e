package rewrite

import "bytes"

// The sections of a module.
const (
	secCustom = iota
	secType
	secImport
	secFunction
	secTable
	secMemory
	secGlobal
	secExport
	secStart
	secElement
	secCode
	secData
	secDataCount
)

var sectionNames = [...]string{
	"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count",
}

// order is that of the sections in a file; custom ones may be anywhere.
var order = [...]int{
	secType: 1, secImport: 2, secFunction: 3, secTable: 4, secMemory: 5, secGlobal: 6, secExport: 7, secStart: 8,
	secElement: 9, secDataCount: 10, secCode: 11, secData: 12,
}

// A section is one of the file's, without its header.
type section struct {
	id      byte
	content []byte
}

func (s section) reader() *reader {
	return &reader{data: s.content, what: "section " + sectionNames[s.id]}
}

// A signature is a function's type.
type signature struct{ params, results []byte }

// A module is what there is to know of a file to rewrite it.
type module struct {
	sections []section
	types    []signature
	// importedFuncs and so on count what is imported, and what comes behind it is
	// the module's own.
	importedFuncs, importedGlobals, importedTables int

	funcs   []uint32 // types of the module's own functions
	tables  []limits
	memory  bool
	pages   uint32 // that the memory begins with
	globals int
	dataLen []uint32 // of the data segments
}

// limits are those of a table or memory.
type limits struct {
	flag     byte
	min, max uint32
}

func (l limits) hasMax() bool { return l.flag&1 != 0 }

const magic = "\x00asm\x01\x00\x00\x00"

// parse takes a file apart, as far as that is needed.
func parse(file []byte) *module {
	m := split(file)
	for _, s := range m.sections {
		m.survey(s)
	}
	return m
}

// split finds the sections.
func split(file []byte) *module {
	if !bytes.HasPrefix(file, []byte(magic)) {
		panic(malformed("not a WebAssembly module of version 1"))
	}
	m := &module{}
	r := &reader{data: file, at: len(magic), what: "file"}
	last := 0
	for !r.done() {
		id := r.byte()
		if int(id) >= len(sectionNames) {
			r.fail("section %d is none of WebAssembly 2.0", id)
		}
		r.what = "section " + sectionNames[id]
		s := section{id, r.bytes(r.u32())}
		r.what = "file"
		if id != secCustom {
			if order[id] <= last {
				r.fail("section %s is out of order, or there twice", sectionNames[id])
			}
			last = order[id]
		}
		m.sections = append(m.sections, s)
	}
	return m
}

// survey counts what a section has.
func (m *module) survey(s section) {
	r := s.reader()
	switch s.id {
	case secType:
		for range r.count("types", maxTypes) {
			if form := r.byte(); form != 0x60 {
				r.fail("a type of the form %#x", form)
			}
			m.types = append(m.types, signature{r.name(), r.name()})
		}
	case secImport:
		for range r.count("imports", maxExports) {
			m.surveyImport(r)
		}
	case secFunction:
		n := r.count("functions", maxFunctions)
		m.funcs = make([]uint32, n)
		for i := range m.funcs {
			m.funcs[i] = r.u32()
			if int(m.funcs[i]) >= len(m.types) {
				r.fail("function %d has type %d of %d", i, m.funcs[i], len(m.types))
			}
		}
	case secTable:
		for range r.count("tables", maxTables) {
			r.byte()
			m.tables = append(m.tables, r.limits())
		}
	case secMemory:
		n := r.count("memories", 1)
		m.memory = m.memory || n > 0
		for range n {
			m.pages = r.limits().min
		}
	case secGlobal:
		m.globals += r.count("globals", maxGlobals)
		return
	case secElement:
		r.count("element segments", maxSegments)
		return
	case secData:
		n := r.count("data segments", maxSegments)
		for range n {
			if flag := r.u32(); flag != 1 {
				if flag == 2 {
					r.u32()
				}
				m.constant(r)
			}
			m.dataLen = append(m.dataLen, uint32(len(r.name())))
		}
	default:
		return
	}
	if !r.done() {
		r.fail("%d bytes too many", len(r.data)-r.at)
	}
}

func (m *module) surveyImport(r *reader) {
	if string(r.name()) == ImportModule {
		r.fail("it imports %s itself", ImportModule)
	}
	r.name()
	switch kind := r.byte(); kind {
	case 0:
		m.importedFuncs++
		if t := r.u32(); int(t) >= len(m.types) {
			r.fail("an import has type %d of %d", t, len(m.types))
		}
	case 1:
		r.byte()
		l := r.limits()
		m.tables = append(m.tables, l)
		m.importedTables++
		if len(m.tables) > maxTables {
			panic(tooMuch("more than %d tables", maxTables))
		}
	case 2:
		r.limits()
		m.memory = true
	case 3:
		r.byte()
		r.byte()
		m.globals++
		m.importedGlobals++
	default:
		r.fail("an import of the kind %d", kind)
	}
}

// limits reads the limits of a table or memory.
func (r *reader) limits() limits {
	l := limits{flag: r.byte()}
	if l.flag > 1 {
		r.fail("limits of the form %#x: shared and 64-bit memories are not served", l.flag)
	}
	if l.min = r.u32(); l.hasMax() {
		l.max = r.u32()
	}
	return l
}

// constant reads an expression of constants and its end.
func (m *module) constant(r *reader) { m.appendConstant(nil, r) }

// appendConstant copies an expression of constants, with functions moved.
func (m *module) appendConstant(out []byte, r *reader) []byte {
	for {
		op := r.byte()
		out = append(out, op)
		switch op {
		case opEnd:
			return out
		case opI32Const:
			out = appendSigned(out, r.signed(32))
		case opI64Const:
			out = appendSigned(out, r.signed(64))
		case opF32Const:
			out = append(out, r.bytes(4)...)
		case opF64Const:
			out = append(out, r.bytes(8)...)
		case opGlobalGet:
			out = appendU32(out, m.global(r))
		case opRefNull:
			out = append(out, r.byte())
		case opRefFunc:
			out = appendU32(out, m.function(r))
		case opVector:
			if sub := r.u32(); sub != vecConst {
				r.fail("instruction %#x %d in a constant expression", op, sub)
			}
			out = append(appendU32(out, vecConst), r.bytes(16)...)
		default:
			r.fail("instruction %#x in a constant expression", op)
		}
	}
}

// function reads the index of a function, which must be the module's own, and
// returns its new one.
func (m *module) function(r *reader) uint32 {
	i := r.u32()
	if int(i) >= m.importedFuncs+len(m.funcs) {
		r.fail("function %d of %d", i, m.importedFuncs+len(m.funcs))
	}
	return m.moved(i)
}

// moved is the new index of a function: the host's tick comes behind the
// imports.
func (m *module) moved(i uint32) uint32 {
	if int(i) >= m.importedFuncs {
		return i + 1
	}
	return i
}

// index reads an index below n.
func (r *reader) index(what string, n int) uint32 {
	i := r.u32()
	if uint64(i) >= uint64(n) {
		r.fail("%s %d of %d", what, i, n)
	}
	return i
}

func (m *module) global(r *reader) uint32 { return r.index("global", m.globals) }
