package rewrite

import (
	"encoding/binary"
	"fmt"
)

// A reader reads a part of a module. It panics with a malformed error, which
// Module returns: every read can fail, and there is nothing to do about it.
type reader struct {
	data []byte
	at   int
	what string // for errors
}

func (r *reader) fail(format string, args ...any) {
	panic(malformed(fmt.Sprintf("%s: at byte %d: %s", r.what, r.at, fmt.Sprintf(format, args...))))
}

func (r *reader) done() bool { return r.at >= len(r.data) }

func (r *reader) byte() byte {
	if r.at >= len(r.data) {
		r.fail("it ends too early")
	}
	b := r.data[r.at]
	r.at++
	return b
}

func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(r.data)-r.at) {
		r.fail("it ends too early: %d bytes where %d should be", len(r.data)-r.at, n)
	}
	b := r.data[r.at : r.at+int(n)]
	r.at += int(n)
	return b
}

// u32 reads an unsigned LEB128 number.
func (r *reader) u32() uint32 {
	if r.at < len(r.data) && r.data[r.at] < 0x80 { // nearly always
		r.at++
		return uint32(r.data[r.at-1])
	}
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if v > 1<<32-1 {
				r.fail("a number of more than 32 bits")
			}
			return uint32(v)
		}
	}
	r.fail("a number that does not end")
	return 0
}

// signed reads a signed LEB128 number of the given bits.
func (r *reader) signed(bits int) int64 {
	var v int64
	for shift := 0; shift < bits; shift += 7 {
		b := r.byte()
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift+7 < 64 && b&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			if left := bits - shift; left < 7 {
				// The unused bits of the last byte repeat the sign.
				if top := int8(b<<1) >> left; top != 0 && top != -1 {
					r.fail("a number of more than %d bits", bits)
				}
			}
			return v
		}
	}
	r.fail("a number that does not end")
	return 0
}

// count reads the length of a list, of which each element takes a byte at
// least.
func (r *reader) count(what string, limit int) int {
	n := r.u32()
	if uint64(n) > uint64(limit) {
		panic(tooMuch("%d %s, the limit is %d", n, what, limit))
	}
	if uint64(n) > uint64(len(r.data)-r.at) {
		r.fail("%d %s in %d bytes", n, what, len(r.data)-r.at)
	}
	return int(n)
}

func (r *reader) name() []byte { return r.bytes(r.u32()) }

func appendU32(b []byte, v uint32) []byte { return binary.AppendUvarint(b, uint64(v)) }

func appendSigned(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// patchLength is how many bytes a number takes that is filled in later.
const patchLength = 4

// patch writes a number below 1<<27 in patchLength bytes.
func patch(b []byte, v uint32) {
	for i := range patchLength {
		b[i] = byte(v>>(7*i))&0x7f | 0x80
	}
	b[patchLength-1] &= 0x7f
}

// appendSection appends a section with its header.
func appendSection(b []byte, id byte, content []byte) []byte {
	b = appendU32(append(b, id), uint32(len(content)))
	return append(b, content...)
}
