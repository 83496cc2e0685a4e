package rewrite

// An inlined is a call whose callee's code stands in the caller's: of a place in
// ranges, rows say where it is in the callee, and this where that was called.
type inlined struct {
	ranges       [][2]uint32 // from, and up to
	file         int         // of lines.files
	line, column uint32
	deeper       bool // others are within it
}

// Attributes of DWARF that are read.
const (
	tagInlined     = 0x1d
	attrHighPC     = 0x12
	attrCallColumn = 0x57
	attrCallFile   = 0x58
	attrCallLine   = 0x59
)

// Bounds of what is read. The largest modules have a tenth of it.
const (
	maxAttributes = 1 << 23
	maxRanges     = 1 << 20
)

// An abbrev says of what entries are made that refer to it.
type abbrev struct {
	tag      uint64
	children bool
	attrs    [][2]uint64 // attribute and form
}

// An infoReader reads .debug_info of DWARF 4. Of DWARF 5, which compilers do not
// use for WebAssembly yet, only the lines are read.
type infoReader struct {
	lines           *lines
	abbrevs, ranges []byte
	known           map[uint32]map[uint64]abbrev
	work, pairs     int
	found           []inlined
}

// readInlined reads the calls that were inlined: those around others come first.
// As [readLines] it panics if they make no sense, and bounds what it does.
func readInlined(l *lines, info, abbrevs, ranges []byte) []inlined {
	x := &infoReader{lines: l, abbrevs: abbrevs, ranges: ranges, known: map[uint32]map[uint64]abbrev{}}
	for r := (&dwarfReader{reader{data: info, what: debugInfo}}); !r.done(); {
		x.unit(&dwarfReader{reader{data: r.bytes(r.length()), what: r.what}})
	}
	return x.found
}

func (x *infoReader) unit(r *dwarfReader) {
	if r.u16() != 4 {
		return
	}
	abbrevs := x.table(r.word())
	if r.byte() != 4 {
		return // addresses of something else
	}
	var base uint32
	var files []int
	var around []int // for each entry whose children are read: the last inlined one, -1 for none
	for !r.done() {
		code := r.uleb()
		if code == 0 {
			around = around[:max(len(around)-1, 0)]
			continue
		}
		a, ok := abbrevs[code]
		if !ok {
			r.fail("an entry of the form %d", code)
		}
		e := x.entry(r, a)
		parent := -1
		if len(around) > 0 {
			parent = around[len(around)-1]
		}
		switch a.tag {
		case tagCompileUnit:
			base, files = e[attrLowPC], x.lines.lists[e[attrStmtList]]
		case tagInlined:
			if file := e[attrCallFile]; file > 0 && int(file) < len(files) {
				if parent >= 0 {
					x.found[parent].deeper = true
				}
				parent = len(x.found)
				x.found = append(x.found, inlined{ranges: x.where(e, base), file: files[file], line: e[attrCallLine], column: e[attrCallColumn]})
			}
		}
		if a.children {
			around = append(around, parent)
		}
	}
}

// table reads the table of abbreviations at a place.
func (x *infoReader) table(at uint32) map[uint64]abbrev {
	if t, ok := x.known[at]; ok {
		return t
	}
	r := &dwarfReader{reader{data: x.abbrevs, what: debugAbbrev}}
	r.bytes(at)
	t := map[uint64]abbrev{}
	for code := r.uleb(); code != 0; code = r.uleb() {
		a := abbrev{tag: r.uleb(), children: r.byte() != 0}
		for {
			attr, form := r.uleb(), r.uleb()
			if attr == 0 && form == 0 {
				break
			}
			x.count(r)
			a.attrs = append(a.attrs, [2]uint64{attr, form})
		}
		t[code] = a
	}
	x.known[at] = t
	return t
}

func (x *infoReader) count(r *dwarfReader) {
	if x.work++; x.work > maxAttributes {
		r.fail("more than %d attributes", maxAttributes)
	}
}

// highIsSize is set of an entry whose end is told as its length.
const highIsSize = 0

// entry reads the attributes of an entry that are numbers of 32 bits.
func (x *infoReader) entry(r *dwarfReader, a abbrev) map[uint64]uint32 {
	var values map[uint64]uint32
	x.count(r)
	for _, attr := range a.attrs {
		x.count(r)
		v, number := x.number(r, attr[1])
		if !number || a.tag != tagCompileUnit && a.tag != tagInlined {
			continue
		}
		if values == nil {
			values = make(map[uint64]uint32)
		}
		values[attr[0]] = v
		if attr[0] == attrHighPC && attr[1] != formAddr {
			values[highIsSize] = 1
		}
	}
	return values
}

// number reads a value, and reports whether it is a number.
func (x *infoReader) number(r *dwarfReader, form uint64) (v uint32, ok bool) {
	switch form {
	case formAddr, formSecOffset, formData4:
		return r.word(), true
	case formData1:
		return uint32(r.byte()), true
	case formData2:
		return uint32(r.u16()), true
	case formUdata:
		return uint32(min(r.uleb(), 1<<32-1)), true
	case 0x0d: // sdata
		return uint32(max(min(r.sleb(), 1<<31), 0)), true
	case formData8, 0x14, 0x20: // and references
		r.bytes(8)
	case 0x0c, 0x11: // a flag, a reference
		r.byte()
	case 0x12:
		r.u16()
	case formStrp, 0x10, 0x13:
		r.word()
	case 0x15:
		r.uleb()
	case 0x19: // a flag that is there
	case formString:
		r.text()
	case 0x0a: // blocks
		r.bytes(uint32(r.byte()))
	case 0x03:
		r.bytes(uint32(r.u16()))
	case 0x04:
		r.bytes(r.word())
	case formBlock, 0x18:
		r.bytes(r.u32())
	default:
		r.fail("a value of the form %#x", form)
	}
	return 0, false
}

// where are the ranges of an entry, in a unit whose addresses count from base.
func (x *infoReader) where(e map[uint64]uint32, base uint32) (found [][2]uint32) {
	low, hasLow := e[attrLowPC]
	high, hasHigh := e[attrHighPC]
	if hasLow && hasHigh {
		if e[highIsSize] != 0 {
			high += low
		}
		return [][2]uint32{{low, high}}
	}
	at, ok := e[attrRanges]
	if !ok {
		return nil
	}
	r := &dwarfReader{reader{data: x.ranges, what: debugRanges}}
	r.bytes(at)
	for {
		from, to := r.word(), r.word()
		if from == 0 && to == 0 {
			return found
		}
		if x.pairs++; x.pairs > maxRanges {
			r.fail("more than %d ranges", maxRanges)
		}
		if from == 1<<32-1 { // the others count from here
			base = to
			continue
		}
		found = append(found, [2]uint32{base + from, base + to})
	}
}
