package sdk

import (
	"encoding/binary"
	"errors"
	"math"
	"unsafe"
)

// A udfReader reads values as executors write them: see "Functions on executors"
// in abi/README.md. What it reads lies between at and end. It has numbers and no
// slice of the rest, since Go tells its collector of each pointer that is stored.
type udfReader struct {
	data    []byte
	at, end int
	err     error
}

func newReader(data []byte) udfReader { return udfReader{data: data, end: len(data)} }

var errShortArguments = errors.New("the arguments end within a value")

func (r *udfReader) left() int { return r.end - r.at }

func (r *udfReader) take(n int) []byte {
	if n < 0 || n > r.left() {
		return r.short(n)
	}
	from := r.at
	r.at = from + n
	return r.data[from:r.at:r.at]
}

// short notes that there are not n bytes left, and returns zeros for a number's.
func (r *udfReader) short(n int) []byte {
	r.err = errShortArguments
	r.at = r.end
	return make([]byte, max(0, min(n, 8)))
}

// null reads whether a value follows.
func (r *udfReader) null() bool { return r.take(1)[0] == 0 }

func (r *udfReader) u16() uint16 { return binary.LittleEndian.Uint16(r.take(2)) }

func (r *udfReader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }

func (r *udfReader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

func (r *udfReader) bytes() []byte {
	n := int(r.u32())
	if n < 0 || n > r.left() {
		r.short(0)
		return nil
	}
	return r.take(n)
}

// texts is memory for strings, of which the first textsUsed bytes are written. Many
// strings share one piece of memory, which is written once, since in a JVM what
// Go's allocator does takes longer than most functions.
var (
	texts     []byte
	textsUsed int
)

const (
	textsSize = 256 << 10
	longText  = 16 << 10 // has memory of its own
)

// keep makes a string of bytes that will change.
func keep(data []byte) string {
	n := len(data)
	if n == 0 {
		return ""
	}
	if n > len(texts)-textsUsed {
		if n > longText {
			return string(data)
		}
		texts, textsUsed = make([]byte, textsSize), 0
	}
	at := textsUsed
	textsUsed = at + copy(texts[at:], data)
	return unsafe.String(&texts[at], n)
}

// A udfWriter writes values for executors.
type udfWriter struct{ data []byte }

// grow returns room for n bytes more.
func (w *udfWriter) grow(n int) []byte {
	from := len(w.data)
	if cap(w.data)-from < n {
		w.data = append(w.data, make([]byte, n)...)
	} else {
		w.data = w.data[:from+n]
	}
	return w.data[from:]
}

func (w *udfWriter) byte(v byte) { w.data = append(w.data, v) }

func (w *udfWriter) bool(v bool) {
	if v {
		w.byte(1)
	} else {
		w.byte(0)
	}
}

func (w *udfWriter) u16(v uint16) { w.data = binary.LittleEndian.AppendUint16(w.data, v) }

func (w *udfWriter) u32(v uint32) { w.data = binary.LittleEndian.AppendUint32(w.data, v) }

func (w *udfWriter) u64(v uint64) { w.data = binary.LittleEndian.AppendUint64(w.data, v) }

func (w *udfWriter) bytes(v []byte) {
	w.u32(uint32(len(v)))
	w.data = append(w.data, v...)
}

func (w *udfWriter) string(v string) {
	w.u32(uint32(len(v)))
	w.data = append(w.data, v...)
}

// A plainKind is a type whose values are read and written without reflection.
type plainKind uint8

// The plain types. Those of most functions come first.
const (
	notPlain plainKind = iota
	plainInt64
	plainFloat64
	plainString
	plainInt
	plainInt32
	plainBool
	plainInt8
	plainInt16
	plainFloat32
	plainBytes
	plainStrings
)

// plainOf says which of the plain types T is.
func plainOf[T any]() plainKind {
	switch any((*T)(nil)).(type) {
	case *int64:
		return plainInt64
	case *float64:
		return plainFloat64
	case *string:
		return plainString
	case *int:
		if math.MaxInt == math.MaxInt64 {
			return plainInt
		}
	case *int32:
		return plainInt32
	case *bool:
		return plainBool
	case *int8:
		return plainInt8
	case *int16:
		return plainInt16
	case *float32:
		return plainFloat32
	case *[]byte:
		return plainBytes
	case *[]string:
		return plainStrings
	}
	return notPlain
}

// eight reads a value of eight bytes, as which a Go int goes.
func (r *udfReader) eight(into *uint64) bool {
	at := r.at
	if r.end-at < 9 || r.data[at] == 0 {
		if !r.null() {
			r.take(8) // which notes that there is less
		}
		return false
	}
	r.at = at + 9
	*into = binary.LittleEndian.Uint64(r.data[at+1 : at+9])
	return true
}

// text reads a value that is a string.
func (r *udfReader) text(into *string) bool {
	at := r.at
	if r.end-at < 5 || r.data[at] == 0 {
		if !r.null() {
			r.take(4) // which notes that there is less
		}
		return false
	}
	n := int(binary.LittleEndian.Uint32(r.data[at+1 : at+5]))
	if at += 5; n < 0 || n > r.end-at {
		r.short(0)
		return false
	}
	r.at = at + n
	*into = keep(r.data[at : at+n])
	return true
}

// other reads a value of one of the other plain types into what into points to.
func (r *udfReader) other(kind plainKind, into unsafe.Pointer) bool {
	if r.null() {
		return false
	}
	switch kind {
	case plainInt32:
		*(*int32)(into) = int32(r.u32())
	case plainBool:
		*(*bool)(into) = r.take(1)[0] != 0
	case plainInt8:
		*(*int8)(into) = int8(r.take(1)[0])
	case plainInt16:
		*(*int16)(into) = int16(r.u16())
	case plainFloat32:
		*(*float32)(into) = math.Float32frombits(r.u32())
	case plainBytes:
		*(*[]byte)(into) = append([]byte{}, r.bytes()...)
	case plainStrings:
		*(*[]string)(into) = r.strings()
	}
	return true
}

// strings reads the elements of an array.
func (r *udfReader) strings() []string {
	n := int(r.u32())
	if n < 0 || n > r.left() { // an element takes a byte at least
		r.short(0)
		return nil
	}
	list := make([]string, n)
	for i := range list {
		if r.null() {
			if r.err == nil {
				r.err = nullElement(i, "string")
			}
			continue
		}
		list[i] = keep(r.bytes())
	}
	return list
}

// eight writes a value of eight bytes.
func (w *udfWriter) eight(v uint64) {
	b := w.grow(9)
	b[0] = 1
	binary.LittleEndian.PutUint64(b[1:], v)
}

// text writes a string as a value.
func (w *udfWriter) text(v string) {
	b := w.grow(5 + len(v))
	b[0] = 1
	binary.LittleEndian.PutUint32(b[1:], uint32(len(v)))
	copy(b[5:], v)
}

// other writes what v points to, which is of one of the other plain types.
func (w *udfWriter) other(kind plainKind, v unsafe.Pointer) {
	if kind == plainStrings {
		w.strings(*(*[]string)(v))
		return
	}
	w.byte(1)
	switch kind {
	case plainInt32:
		w.u32(uint32(*(*int32)(v)))
	case plainBool:
		w.bool(*(*bool)(v))
	case plainInt8:
		w.byte(byte(*(*int8)(v)))
	case plainInt16:
		w.u16(uint16(*(*int16)(v)))
	case plainFloat32:
		w.u32(math.Float32bits(*(*float32)(v)))
	case plainBytes:
		w.bytes(*(*[]byte)(v))
	}
}

// strings writes an array; a nil slice is NULL.
func (w *udfWriter) strings(list []string) {
	if list == nil {
		w.byte(0)
		return
	}
	w.byte(1)
	w.u32(uint32(len(list)))
	for _, s := range list {
		w.text(s)
	}
}
