package rewrite

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// The sections of DWARF that are read, and those that are written.
const (
	debugAbbrev  = ".debug_abbrev"
	debugInfo    = ".debug_info"
	debugLine    = ".debug_line"
	debugLineStr = ".debug_line_str"
	debugRanges  = ".debug_ranges"
	debugStr     = ".debug_str"
)

// A mark is where an instruction was in the code section, and where it is.
type mark struct{ old, new uint32 }

// findDebug finds the module's DWARF. Without lines there is none.
func (m *module) findDebug() map[string][]byte {
	var found map[string][]byte
	for _, s := range m.sections {
		if s.id != secCustom {
			continue
		}
		r := s.reader()
		if name := string(r.name()); len(name) > len(".debug_") && name[:len(".debug_")] == ".debug_" {
			if found == nil {
				found = make(map[string][]byte)
			}
			found[name] = r.data[r.at:]
		}
	}
	if found[debugLine] == nil {
		return nil
	}
	return found
}

// debug writes DWARF anew, for the code as it is after the rewriting: the lines of
// the source and the calls that were inlined, in one compile unit. If what the file has makes no sense,
// there is none: that is no reason to refuse a module.
func (e *emitter) debug() (sections []byte) {
	if e.dwarf == nil {
		return nil
	}
	var l *lines
	if !sound(func() { l = readLines(e.dwarf[debugLine], e.dwarf[debugStr], e.dwarf[debugLineStr]) }) {
		return nil
	}
	var calls []inlined
	if !sound(func() { calls = readInlined(l, e.dwarf[debugInfo], e.dwarf[debugAbbrev], e.dwarf[debugRanges]) }) {
		calls = nil
	}
	for _, rows := range l.sequences {
		for i := range rows {
			rows[i].addr = e.movedTo(rows[i].addr)
		}
		slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.addr, b.addr) })
	}
	// In the order of the code, for what reads them goes through them once.
	l.sequences = slices.DeleteFunc(l.sequences, func(rows []row) bool { return rows[0].addr >= rows[len(rows)-1].addr })
	slices.SortFunc(l.sequences, func(a, b []row) int { return cmp.Compare(a[0].addr, b[0].addr) })
	if len(l.sequences) == 0 {
		return nil
	}
	var out []byte
	for _, s := range []struct {
		name    string
		content []byte
	}{{debugAbbrev, abbrevs}, {debugInfo, e.unit(calls)}, {debugLine, l.program()}, {debugRanges, l.ranges()}} {
		content := append(appendU32(nil, uint32(len(s.name))), s.name...)
		out = appendSection(out, secCustom, append(content, s.content...))
	}
	return out
}

// sound reports whether what is read makes sense.
func sound(read func()) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, mal := r.(malformed); !mal {
				panic(r)
			}
			ok = false
		}
	}()
	read()
	return true
}

// movedTo is where the instruction at a place is now, or the next one.
func (e *emitter) movedTo(old uint32) uint32 {
	i, _ := slices.BinarySearchFunc(e.marks, old, func(m mark, old uint32) int { return cmp.Compare(m.old, old) })
	if i == len(e.marks) {
		return e.codeEnd
	}
	return e.marks[i].new
}

// DWARF's words.
const (
	tagCompileUnit = 0x11
	attrStmtList   = 0x10
	attrLowPC      = 0x11
	attrRanges     = 0x55
	formAddr       = 0x01
	formSecOffset  = 0x17
)

// abbrevs say of what unit is made.
var abbrevs = []byte{
	1, tagCompileUnit, 1,
	attrStmtList, formSecOffset, attrLowPC, formAddr, attrRanges, formSecOffset, 0, 0,
	2, tagInlined, 0,
	attrLowPC, formAddr, attrHighPC, formData4, attrCallFile, formUdata, attrCallLine, formUdata, attrCallColumn, formUdata, 0, 0,
	3, tagInlined, 1,
	attrLowPC, formAddr, attrHighPC, formData4, attrCallFile, formUdata, attrCallLine, formUdata, attrCallColumn, formUdata, 0, 0,
	0,
}

// unit is the compile unit, with the inlined calls side by side: each is written
// as one that has children if others are in it, which has wazero look for those.
func (e *emitter) unit(calls []inlined) []byte {
	body := []byte{
		4, 0, // DWARF 4
		0, 0, 0, 0, // abbrevs
		4,          // bytes of an address
		1,          // the first of abbrevs
		0, 0, 0, 0, // lines
		0, 0, 0, 0, // what the ranges count from
		0, 0, 0, 0, // ranges
	}
	for _, c := range calls {
		for _, at := range c.ranges {
			from, to := e.movedTo(at[0]), e.movedTo(at[1])
			if at[0] == 0 || from >= to {
				continue // the linker left it out
			}
			form := byte(2)
			if c.deeper {
				form = 3
			}
			body = binary.LittleEndian.AppendUint32(append(body, form), from)
			body = binary.LittleEndian.AppendUint32(body, to-from)
			body = appendU32(appendU32(appendU32(body, uint32(c.file)+1), c.line), c.column)
			if c.deeper {
				body = append(body, 0)
			}
		}
	}
	body = append(body, 0)
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// ranges are the parts of the code of which lines are known.
func (l *lines) ranges() (out []byte) {
	for _, rows := range l.sequences {
		out = binary.LittleEndian.AppendUint32(out, rows[0].addr)
		out = binary.LittleEndian.AppendUint32(out, rows[len(rows)-1].addr)
	}
	return append(out, make([]byte, 8)...)
}

// program is what makes the rows again.
func (l *lines) program() []byte {
	header := []byte{
		1, 1, 1, // of an instruction: bytes, operations; rows are statements
		0, 1, 10, // steps of lines, which are not used, and the first of them
		0, 1, 1, 1, 1, 0, 0, 0, 1, // what the operations before it take
		0, // no folders
	}
	for _, name := range l.files {
		header = append(append(header, name...), 0, 0, 0, 0)
	}
	header = append(header, 0)
	body := binary.LittleEndian.AppendUint16(nil, 4)
	body = binary.LittleEndian.AppendUint32(body, uint32(len(header)))
	body = append(body, header...)
	for _, rows := range l.sequences {
		body = append(body, 0, 5, 2)
		body = binary.LittleEndian.AppendUint32(body, rows[0].addr)
		last := row{addr: rows[0].addr, line: 1}
		file := 0
		for _, r := range rows {
			body = appendU32(append(body, 2), r.addr-last.addr)
			if last.addr = r.addr; r.end {
				body = append(body, 0, 1, 1)
				break
			}
			if r.file != file {
				body = appendU32(append(body, 4), uint32(r.file)+1)
				file = r.file
			}
			body = append(appendU32(append(body, 5), r.column), 3)
			body = append(appendSigned(body, int64(r.line)-int64(last.line)), 1)
			last.line = r.line
		}
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
}
