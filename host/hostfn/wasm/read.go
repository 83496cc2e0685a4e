package wasm

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/api"
)

const (
	// MaxBytes is the most that one argument may have.
	MaxBytes = 64 << 20
	// MaxElements is the most elements that one list may have. Without it a list
	// of empty strings would take four times its size on the host.
	MaxElements = 1 << 20
)

// check ends the guest's call unless length bytes at ptr are in its memory.
func (c call) check(argument string, ptr uint32, length uint64) {
	size := uint64(c.mem(argument).Size())
	if uint64(ptr)+length > size {
		c.trap(argument, fmt.Errorf("%w: %d bytes at %d in a memory of %d bytes", ErrOutOfRange, length, ptr, size))
	}
}

// view returns the bytes of an argument where they are, in the guest's memory.
// Nothing of it may outlive the host call. An empty argument's pointer says
// nothing and is not looked at: languages differ in what they pass.
func (c call) view(argument string, rawPtr uint64, length uint64) []byte {
	if length == 0 {
		return nil
	}
	if length > MaxBytes {
		c.trap(argument, fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLong, length, MaxBytes))
	}
	ptr := api.DecodeU32(rawPtr)
	c.check(argument, ptr, length)
	b, _ := c.mem(argument).Read(ptr, uint32(length)) // checked just now
	return b
}

func (c call) readBytes(argument string, ptr, length uint64) []byte {
	view := c.view(argument, ptr, uint64(api.DecodeU32(length)))
	if len(view) == 0 {
		return nil
	}
	out := make([]byte, 0, len(view))
	c.pieces(len(view), func(from, to int) { out = append(out, view[from:to]...) })
	return out
}

func (c call) readString(argument string, ptr, length uint64) string {
	view := c.view(argument, ptr, uint64(api.DecodeU32(length)))
	var out strings.Builder
	out.Grow(len(view))
	c.pieces(len(view), func(from, to int) { out.Write(view[from:to]) })
	return out.String()
}

// piece is how many bytes are copied without a look at anything else.
const piece = 1 << 20

// pieces has length bytes copied a piece at a time. Nothing interrupts the copying
// of one: neither the end of the call, nor the garbage collector, for which the
// whole process waits. 64 MiB that are not in memory yet take 50 ms and more.
func (c call) pieces(length int, copied func(from, to int)) {
	for from := 0; from < length; from += piece {
		if from > 0 {
			c.heed()
		}
		copied(from, min(from+piece, length))
	}
}

func (c call) readStrings(argument string, ptr, length uint64) []string {
	list, err := decodeStrings(c.readString(argument, ptr, length))
	if err != nil {
		c.trap(argument, err)
	}
	return list
}

func readHandles[T ~uint32](c call, argument string, ptr, count uint64) []T {
	n := uint64(api.DecodeU32(count))
	if n > MaxElements {
		c.trap(argument, fmt.Errorf("%w: %d elements, the limit is %d", ErrTooLong, n, MaxElements))
	}
	return decodeHandles[T](c.view(argument, ptr, 4*n))
}

// decodeStrings decodes a list of strings: each is its length, a little-endian
// u32, and its bytes. The strings share the memory of encoded.
func decodeStrings(encoded string) ([]string, error) {
	// Count first: the list is made once, and only if it is sound.
	n := 0
	for rest := encoded; rest != ""; n++ {
		_, next, err := cutString(rest)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", n, err)
		}
		rest = next
	}
	if n > MaxElements {
		return nil, fmt.Errorf("%w: %d elements, the limit is %d", ErrTooLong, n, MaxElements)
	}
	if n == 0 {
		return nil, nil
	}
	list := make([]string, 0, n)
	for rest := encoded; rest != ""; {
		s, next, err := cutString(rest)
		if err != nil {
			return nil, err
		}
		list, rest = append(list, s), next
	}
	return list, nil
}

// cutString takes the first string off an encoded list.
func cutString(list string) (s, rest string, err error) {
	if len(list) < 4 {
		return "", "", fmt.Errorf("%w: %d bytes where a length of 4 should be", ErrMalformed, len(list))
	}
	n := uint64(list[0]) | uint64(list[1])<<8 | uint64(list[2])<<16 | uint64(list[3])<<24
	rest = list[4:]
	if n > uint64(len(rest)) {
		return "", "", fmt.Errorf("%w: a string of %d bytes where %d are left", ErrMalformed, n, len(rest))
	}
	return rest[:n], rest[n:], nil
}

// decodeHandles decodes a list of little-endian u32; a rest of less than 4
// bytes is not looked at.
func decodeHandles[T ~uint32](encoded []byte) []T {
	if len(encoded) < 4 {
		return nil
	}
	list := make([]T, len(encoded)/4)
	for i := range list {
		list[i] = T(binary.LittleEndian.Uint32(encoded[4*i:]))
	}
	return list
}
