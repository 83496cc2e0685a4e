package pipe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
)

// appendValue writes a value of a type that crosses the boundary. Integers are
// varints; strings and lists begin with their lengths.
func appendValue(data []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Uint32:
		return binary.AppendUvarint(data, v.Uint())
	case reflect.Int32, reflect.Int64:
		return binary.AppendVarint(data, v.Int())
	case reflect.Float64:
		return binary.LittleEndian.AppendUint64(data, math.Float64bits(v.Float()))
	case reflect.Bool:
		if v.Bool() {
			return append(data, 1)
		}
		return append(data, 0)
	case reflect.String:
		return append(binary.AppendUvarint(data, uint64(v.Len())), v.String()...)
	case reflect.Slice:
		data = binary.AppendUvarint(data, uint64(v.Len()))
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return append(data, v.Bytes()...)
		}
		for i := range v.Len() {
			data = appendValue(data, v.Index(i))
		}
		return data
	}
	panic(fmt.Sprintf("pipe: values of type %s do not cross", v.Type()))
}

var errMalformed = errors.New("what came makes no sense")

// A reader reads values. Once something is wrong it reads zeros.
type reader struct {
	data []byte
	bad  bool
}

// end returns an error unless all was read, and could be.
func (r *reader) end() error {
	if r.bad || len(r.data) > 0 {
		return errMalformed
	}
	return nil
}

func (r *reader) fail() { r.bad, r.data = true, nil }

// read sets v, whose type says what is there.
func (r *reader) read(v reflect.Value) {
	switch v.Kind() {
	case reflect.Uint32:
		v.SetUint(r.uvarint(math.MaxUint32))
	case reflect.Bool:
		v.SetBool(r.uvarint(1) == 1)
	case reflect.Int32, reflect.Int64:
		n := r.varint()
		if v.OverflowInt(n) {
			r.fail()
			return
		}
		v.SetInt(n)
	case reflect.Float64:
		if len(r.data) < 8 {
			r.fail()
			return
		}
		v.SetFloat(math.Float64frombits(binary.LittleEndian.Uint64(r.data)))
		r.data = r.data[8:]
	case reflect.String:
		v.SetString(string(r.bytes()))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(r.bytes())
			return
		}
		// Each element takes a byte, so that a false length is no more than the
		// message.
		n := int(r.uvarint(uint64(len(r.data))))
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			r.read(v.Index(i))
		}
	default:
		panic(fmt.Sprintf("pipe: values of type %s do not cross", v.Type()))
	}
}

func (r *reader) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 || v > most {
		r.fail()
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.data)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.data = r.data[n:]
	return v
}

// bytes returns a part of what is read: nobody else uses that.
func (r *reader) bytes() []byte {
	n := r.uvarint(uint64(len(r.data)))
	if n > uint64(len(r.data)) {
		r.fail()
		return nil
	}
	v := r.data[:n:n]
	r.data = r.data[n:]
	return v
}
