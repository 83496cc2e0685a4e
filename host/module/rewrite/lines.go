package rewrite

import (
	"bytes"
	"encoding/binary"
	"path"
	"strings"
)

// A row says from where in the code section on the code is of a source's line.
type row struct {
	addr         uint32
	file         int // of lines.files
	line, column uint32
	end          bool // the code from there on is of no known line
}

// lines are the rows of a module, by sequences whose addresses only grow.
type lines struct {
	files     []string
	sequences [][]row
	// lists are the numbers in files of the files of each line program, by where
	// that begins.
	lists map[uint32][]int

	numbers map[string]int
	rows    int
}

// maxRows is how many rows are read. The largest modules have some hundred
// thousand.
const maxRows = 1 << 20

// readLines reads .debug_line, of DWARF 2 to 5, with the strings that it refers
// to. It panics if that makes no sense. What it takes and does is bounded by the
// section's size: the file is nobody's whom the host trusts, which debug/dwarf is
// not made for.
func readLines(section, str, lineStr []byte) *lines {
	l := &lines{numbers: map[string]int{}, lists: map[uint32][]int{}}
	r := &dwarfReader{reader{data: section, what: ".debug_line"}}
	for !r.done() {
		start := uint32(r.at)
		p := &program{lines: l, r: &dwarfReader{reader{data: r.bytes(r.length()), what: r.what}}, str: str, lineStr: lineStr}
		p.read(start)
	}
	return l
}

// A dwarfReader reads DWARF's numbers. Only its 32-bit form is known.
type dwarfReader struct{ reader }

func (r *dwarfReader) u16() uint16 { return binary.LittleEndian.Uint16(r.bytes(2)) }
func (r *dwarfReader) word() uint32 {
	return binary.LittleEndian.Uint32(r.bytes(4))
}

// length reads the length of a unit.
func (r *dwarfReader) length() uint32 {
	n := r.word()
	if n >= 0xfffffff0 {
		r.fail("a unit of 64-bit DWARF")
	}
	return n
}

// uleb reads an unsigned LEB128 number, of which 64 bits count.
func (r *dwarfReader) uleb() (v uint64) {
	for shift := 0; ; shift += 7 {
		b := r.byte()
		if shift < 64 {
			v |= uint64(b&0x7f) << shift
		}
		if b < 0x80 {
			return v
		}
	}
}

// sleb reads a signed one.
func (r *dwarfReader) sleb() (v int64) {
	for shift := 0; ; {
		b := r.byte()
		if shift < 64 {
			v |= int64(b&0x7f) << shift
		}
		if shift += 7; b < 0x80 {
			if b&0x40 != 0 && shift < 64 {
				v |= -1 << shift
			}
			return v
		}
	}
}

// text reads a string that ends with a zero.
func (r *dwarfReader) text() string { return r.textIn(r.data, &r.at) }

func (r *dwarfReader) textIn(data []byte, at *int) string {
	if *at > len(data) {
		r.fail("text at %d of %d", *at, len(data))
	}
	n := bytes.IndexByte(data[*at:], 0)
	if n < 0 {
		r.fail("a text has no end")
	}
	*at += n + 1
	return string(data[*at-n-1 : *at-1])
}

// A program is what makes the rows of one compile unit.
type program struct {
	*lines
	r            *dwarfReader
	str, lineStr []byte
	version      uint16
	dirs         []string
	list         []int // the files' numbers
}

// What of an entry of DWARF 5's lists is read, and the forms that it may have.
const (
	contentPath      = 1
	contentDirectory = 2

	formBlock   = 0x09
	formData1   = 0x0b
	formData2   = 0x05
	formData4   = 0x06
	formData8   = 0x07
	formData16  = 0x1e
	formUdata   = 0x0f
	formString  = 0x08
	formStrp    = 0x0e
	formLineStr = 0x1f
)

func (p *program) read(start uint32) {
	r := p.r
	if p.version = r.u16(); p.version < 2 || p.version > 5 {
		return // what is to come
	}
	if p.version == 5 {
		r.bytes(2) // sizes of addresses and segments
	}
	header := r.word()
	body := r.at + int(header)
	if body > len(r.data) {
		r.fail("a header of %d bytes", header)
	}
	least := uint32(r.byte())
	if p.version >= 4 {
		r.byte() // operations in an instruction, which WebAssembly has one of
	}
	r.byte()
	base, span, first := int64(int8(r.byte())), int64(r.byte()), r.byte()
	if span == 0 || first == 0 {
		r.fail("a range of %d lines", span)
	}
	lengths := r.bytes(uint32(first) - 1)
	if p.version == 5 {
		p.lists5()
	} else {
		p.lists4()
	}
	p.lists[start] = p.list
	r.at = body
	p.run(least, base, span, first, lengths)
}

// lists4 reads the folders and files of DWARF 2 to 4.
func (p *program) lists4() {
	p.dirs = []string{""} // where the compiler ran
	for d := p.r.text(); d != ""; d = p.r.text() {
		p.dirs = append(p.dirs, d)
	}
	p.list = []int{-1}
	for name := p.r.text(); name != ""; name = p.r.text() {
		dir := p.r.uleb()
		p.r.uleb()
		p.r.uleb()
		p.list = append(p.list, p.number(name, dir))
	}
}

// lists5 reads those of DWARF 5.
func (p *program) lists5() {
	p.entries(func(name string, _ uint64) { p.dirs = append(p.dirs, name) })
	if len(p.dirs) > 0 { // names within where the compiler ran are short
		here := p.dirs[0]
		for i, d := range p.dirs {
			p.dirs[i] = strings.TrimPrefix(strings.TrimPrefix(d, here), "/")
			if !strings.HasPrefix(d+"/", here+"/") {
				p.dirs[i] = d
			}
		}
	}
	p.entries(func(name string, dir uint64) { p.list = append(p.list, p.number(name, dir)) })
}

func (p *program) entries(add func(name string, dir uint64)) {
	r := p.r
	format := make([][2]uint64, r.byte())
	for i := range format {
		format[i] = [2]uint64{r.uleb(), r.uleb()}
	}
	n := r.uleb()
	if len(format) == 0 && n > 0 {
		r.fail("%d entries of nothing", n)
	}
	for range n {
		name, dir := "", uint64(0)
		for _, f := range format {
			text, number := p.value(f[1])
			switch f[0] {
			case contentPath:
				name = text
			case contentDirectory:
				dir = number
			}
		}
		add(name, dir)
	}
}

// value reads a value of a form, each of which takes a byte or more.
func (p *program) value(form uint64) (text string, number uint64) {
	r := p.r
	switch form {
	case formString:
		return r.text(), 0
	case formLineStr, formStrp:
		from := p.lineStr
		if form == formStrp {
			from = p.str
		}
		at := int(r.word())
		return r.textIn(from, &at), 0
	case formUdata:
		return "", r.uleb()
	case formData1:
		return "", uint64(r.byte())
	case formData2:
		return "", uint64(r.u16())
	case formData4:
		return "", uint64(r.word())
	case formData8:
		r.bytes(8)
	case formData16:
		r.bytes(16)
	case formBlock:
		r.bytes(r.u32())
	default:
		r.fail("a value of the form %#x", form)
	}
	return "", 0
}

// number is that of a file in files.
func (p *program) number(name string, dir uint64) int {
	if dir < uint64(len(p.dirs)) && !path.IsAbs(name) {
		name = path.Join(p.dirs[dir], name)
	}
	if name == "" {
		name = "?"
	}
	n, ok := p.numbers[name]
	if !ok {
		n = len(p.files)
		p.numbers[name] = n
		p.files = append(p.files, name)
	}
	return n
}

// run runs the program, which is in r from its place on.
func (p *program) run(least uint32, base, span int64, first byte, lengths []byte) {
	const tombstone = 0xfffffffe // from there on: code that the linker left out
	r := p.r
	var at, column uint32
	file, line := uint64(1), int64(1)
	var rows []row
	emit := func(end bool) {
		number := -1
		if file < uint64(len(p.list)) {
			number = p.list[file]
		}
		if number < 0 {
			number = p.number("", 0)
		}
		if p.rows++; p.rows > maxRows {
			r.fail("more than %d rows", maxRows)
		}
		rows = append(rows, row{at, number, uint32(max(line, 0)), column, end})
	}
	for !r.done() {
		op := r.byte()
		if op >= first { // both at once
			n := int64(op - first)
			at += uint32(n/span) * least
			line += base + n%span
			emit(false)
			continue
		}
		switch op {
		case 0: // extended
			ext := &dwarfReader{reader{data: r.bytes(r.u32()), what: r.what}}
			if ext.done() {
				continue
			}
			switch ext.byte() {
			case 1: // end of the sequence
				emit(true)
				if from := rows[0].addr; from != 0 && from < tombstone {
					p.sequences = append(p.sequences, rows)
				}
				rows = nil
				at, column, file, line = 0, 0, 1, 1
			case 2:
				if at = ext.word(); !ext.done() {
					r.fail("an address of more than 32 bits")
				}
			}
		case 1:
			emit(false)
		case 2:
			at += uint32(r.uleb()) * least
		case 3:
			line += r.sleb()
		case 4:
			file = r.uleb()
		case 5:
			column = uint32(min(r.uleb(), 1<<20))
		case 6, 7, 10, 11: // what is of no matter here
		case 8:
			at += uint32(int64(255-first)/span) * least
		case 9:
			at += uint32(r.u16())
		default:
			for range lengths[op-1] {
				r.uleb()
			}
		}
	}
}
