package module

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
)

// The sections of a module that structure looks into.
const (
	sectionCustom    = 0
	sectionImport    = 2
	sectionFunction  = 3
	sectionExport    = 7
	sectionCode      = 10
	sectionData      = 11
	sectionDataCount = 12
)

// sectionNames are for messages.
var sectionNames = [...]string{
	"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count", "tag",
}

func sectionName(id byte) string {
	if int(id) < len(sectionNames) {
		return sectionNames[id]
	}
	return fmt.Sprintf("number %d", id)
}

// structure checks that a file is a whole WebAssembly module as far as its
// framing tells. The compiler would take a file that ends behind any section.
// Sections whose content counts on another one tell of it, which is most of
// what a real module's end can miss: its code, or its data.
func structure(file []byte) error {
	if len(file) == 0 {
		return refusal(NotWasm, "not a WebAssembly module: the file is empty")
	}
	const magic = "\x00asm"
	if n := min(len(file), len(magic)); string(file[:n]) != magic[:n] {
		return refusal(NotWasm, "not a WebAssembly module: it begins with %q", file[:n])
	}
	if len(file) < 8 {
		return refusal(Truncated, "the file ends in its header")
	}
	switch version := binary.LittleEndian.Uint32(file[4:8]); version {
	case 1:
	case 0x1000d:
		return refusal(NotWasm, "a WebAssembly component; a core module is needed")
	default:
		return refusal(NotWasm, "WebAssembly of version %d, not 1", version)
	}

	var counts [len(sectionNames)]uint64 // what a section says that it has
	var have [len(sectionNames)]bool
	for at := 8; at < len(file); {
		id := file[at]
		size, n := uvarint(file[at+1:])
		if n == 0 {
			return refusal(Truncated, "the file ends where the size of section %s should be", sectionName(id))
		}
		if n < 0 {
			return refusal(Invalid, "section %s at byte %d has a malformed size", sectionName(id), at)
		}
		at += 1 + n
		if rest := uint64(len(file) - at); size > rest {
			return refusal(Truncated, "section %s needs %d bytes, the file ends after %d", sectionName(id), size, rest)
		}
		if int(id) < len(counts) && id != sectionCustom {
			count, n := uvarint(file[at : at+int(size)])
			if n <= 0 {
				return refusal(Invalid, "section %s at byte %d has no content", sectionName(id), at)
			}
			counts[id], have[id] = count, true
		}
		at += int(size)
	}
	if counts[sectionFunction] > 0 && !have[sectionCode] {
		return refusal(Truncated, "the file ends before its code: %d functions are declared", counts[sectionFunction])
	}
	if counts[sectionDataCount] > 0 && !have[sectionData] {
		return refusal(Truncated, "the file ends before its data: %d segments are announced", counts[sectionDataCount])
	}
	if have[sectionDataCount] && counts[sectionDataCount] != counts[sectionData] {
		return refusal(Invalid, "%d data segments are announced, there are %d", counts[sectionDataCount], counts[sectionData])
	}
	return nil
}

// uvarint reads an unsigned LEB128 number of at most 32 bits. n is its length;
// zero when data ends within it, negative when it is malformed.
func uvarint(data []byte) (v uint64, n int) {
	v, n = binary.Uvarint(data[:min(len(data), 5)])
	if n == 0 && len(data) >= 5 || v > 1<<32-1 {
		return 0, -1
	}
	return v, n
}

// sections goes over the sections of a module: their ids and what is in them.
func sections(file []byte) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		for at := 8; at < len(file); {
			id := file[at]
			size, n := uvarint(file[at+1:])
			if n <= 0 || uint64(len(file)-at-1-n) < size {
				return
			}
			at += 1 + n
			if !yield(id, file[at:at+int(size)]) {
				return
			}
			at += int(size)
		}
	}
}

// text reads a name in front of data, and returns what is behind it.
func text(data []byte) (name string, rest []byte, ok bool) {
	length, n := uvarint(data)
	if n <= 0 || uint64(len(data)-n) < length {
		return "", nil, false
	}
	return string(data[n : n+int(length)]), data[n+int(length):], true
}

// customSection returns the content of a module's first custom section of a name.
func customSection(file []byte, name string) ([]byte, bool) {
	for id, content := range sections(file) {
		if id != sectionCustom {
			continue
		}
		if have, rest, ok := text(content); ok && have == name {
			return rest, true
		}
	}
	return nil, false
}

// exportedFunctions returns the names of the functions that a module exports, as
// far as they can be read: a compiler looks at all of it.
func exportedFunctions(file []byte) map[string]bool {
	found := map[string]bool{}
	for id, content := range sections(file) {
		if id != sectionExport {
			continue
		}
		count, n := uvarint(content)
		for content = content[max(n, 0):]; count > 0; count-- {
			name, rest, ok := text(content)
			if !ok || len(rest) == 0 {
				return found
			}
			if rest[0] == 0 {
				found[name] = true
			}
			_, n := uvarint(rest[1:])
			if n <= 0 {
				return found
			}
			content = rest[1+n:]
		}
	}
	return found
}

// An external is an import that is not a function.
type external struct{ module, name, kind string }

// otherImports returns the imports of a whole module that are not functions:
// the compiler does not list them, and a host has none to offer.
func otherImports(file []byte) []external {
	for id, content := range sections(file) {
		if id == sectionImport {
			return parseImports(bytes.NewReader(content))
		}
	}
	return nil
}

// parseImports stops at whatever it does not understand: the compiler has had
// its look before and found nothing wrong.
func parseImports(r *bytes.Reader) []external {
	number := func() (uint64, bool) {
		v, err := binary.ReadUvarint(r)
		return v, err == nil
	}
	text := func() (string, bool) {
		n, ok := number()
		if !ok || n > uint64(r.Len()) {
			return "", false
		}
		b := make([]byte, n)
		_, err := r.Read(b)
		return string(b), err == nil || n == 0
	}
	limits := func() bool {
		flag, err := r.ReadByte()
		if err != nil {
			return false
		}
		_, ok := number()
		if flag&1 != 0 && ok {
			_, ok = number()
		}
		return ok
	}
	var found []external
	count, ok := number()
	for ; ok && count > 0; count-- {
		var e external
		if e.module, ok = text(); !ok {
			break
		}
		if e.name, ok = text(); !ok {
			break
		}
		kind, err := r.ReadByte()
		if err != nil {
			break
		}
		switch kind {
		case 0:
			_, ok = number()
			continue
		case 1:
			e.kind = "table"
			if _, err := r.ReadByte(); err != nil {
				return found
			}
			ok = limits()
		case 2:
			e.kind = "memory"
			ok = limits()
		case 3:
			e.kind = "global"
			_, ok = number()
			if ok {
				_, ok = number()
			}
		default:
			return found
		}
		found = append(found, e)
	}
	return found
}
