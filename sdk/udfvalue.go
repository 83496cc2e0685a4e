package sdk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// A udfReader reads values as executors write them: see "Functions on executors"
// in abi/README.md.
type udfReader struct {
	data []byte
	err  error
}

var errShortArguments = errors.New("the arguments end within a value")

func (r *udfReader) take(n int) []byte {
	if n < 0 || n > len(r.data) {
		r.err = errShortArguments
		r.data = nil
		return make([]byte, max(0, min(n, 8)))
	}
	out := r.data[:n:n]
	r.data = r.data[n:]
	return out
}

// null reads whether a value follows.
func (r *udfReader) null() bool { return r.take(1)[0] == 0 }

func (r *udfReader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }

func (r *udfReader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

func (r *udfReader) bytes() []byte {
	n := int(r.u32())
	if n < 0 || n > len(r.data) {
		r.err = errShortArguments
		r.data = nil
		return nil
	}
	return r.take(n)
}

// A udfWriter writes values for executors.
type udfWriter struct{ data []byte }

func (w *udfWriter) byte(v byte) { w.data = append(w.data, v) }

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

// getPlain reads a value that is not NULL into one of the plain types, and reports
// whether T is one.
func getPlain[T any](r *udfReader, into *T) bool {
	switch p := any(into).(type) {
	case *bool:
		*p = r.take(1)[0] != 0
	case *int8:
		*p = int8(r.take(1)[0])
	case *int16:
		*p = int16(binary.LittleEndian.Uint16(r.take(2)))
	case *int32:
		*p = int32(r.u32())
	case *int64:
		*p = int64(r.u64())
	case *int:
		*p = int(int64(r.u64()))
	case *float32:
		*p = math.Float32frombits(r.u32())
	case *float64:
		*p = math.Float64frombits(r.u64())
	case *string:
		*p = string(r.bytes())
	case *[]byte:
		*p = bytes.Clone(r.bytes())
	default:
		return false
	}
	return true
}

// putPlain writes a value that is not NULL of one of the plain types, and reports
// whether T is one.
func putPlain[T any](w *udfWriter, v *T) bool {
	switch p := any(v).(type) {
	case *bool:
		b := byte(0)
		if *p {
			b = 1
		}
		w.byte(b)
	case *int8:
		w.byte(byte(*p))
	case *int16:
		w.data = binary.LittleEndian.AppendUint16(w.data, uint16(*p))
	case *int32:
		w.u32(uint32(*p))
	case *int64:
		w.u64(uint64(*p))
	case *int:
		w.u64(uint64(int64(*p)))
	case *float32:
		w.u32(math.Float32bits(*p))
	case *float64:
		w.u64(math.Float64bits(*p))
	case *string:
		w.string(*p)
	case *[]byte:
		w.bytes(*p)
	default:
		return false
	}
	return true
}

var (
	timeType    = reflect.TypeFor[time.Time]()
	decimalType = reflect.TypeFor[spark.Decimal]()
	bytesType   = reflect.TypeFor[[]byte]()
)

// udfType is Spark's type for Go's.
func udfType(t reflect.Type) (string, error) {
	switch t {
	case timeType:
		return "timestamp", nil
	case decimalType:
		return "decimal(38,18)", nil
	case bytesType:
		return "binary", nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean", nil
	case reflect.Int8:
		return "tinyint", nil
	case reflect.Int16:
		return "smallint", nil
	case reflect.Int32:
		return "int", nil
	case reflect.Int64, reflect.Int:
		return "bigint", nil
	case reflect.Float32:
		return "float", nil
	case reflect.Float64:
		return "double", nil
	case reflect.String:
		return "string", nil
	case reflect.Slice:
		element, err := udfType(t.Elem())
		return "array<" + element + ">", err
	case reflect.Pointer:
		if t.Elem().Kind() != reflect.Pointer {
			return udfType(t.Elem())
		}
	}
	return "", fmt.Errorf("Spark has no values of the Go type %v; see sdk.UDF", t)
}

// A udfCodec reads and writes a Go type. Values of a NULL that has no place in
// the type are reported by ok.
type udfCodec struct {
	read  func(r *udfReader, into reflect.Value) (ok bool)
	write func(w *udfWriter, v reflect.Value)
}

// codecOf is the codec of a type that [udfType] knows, with the type in DDL form
// that was chosen for it.
func codecOf(t reflect.Type, ddl string) udfCodec {
	switch {
	case t.Kind() == reflect.Pointer:
		return pointerCodec(t, codecOf(t.Elem(), ddl))
	case t == timeType:
		return timeCodec(ddl == "date")
	case t == bytesType:
		return plainCodec(func(r *udfReader, v reflect.Value) { v.SetBytes(bytes.Clone(r.bytes())) }, func(w *udfWriter, v reflect.Value) { w.bytes(v.Bytes()) })
	}
	switch t.Kind() {
	case reflect.Bool:
		return plainCodec(
			func(r *udfReader, v reflect.Value) { v.SetBool(r.take(1)[0] != 0) },
			func(w *udfWriter, v reflect.Value) { b := v.Bool(); putPlain(w, &b) })
	case reflect.Int8:
		return plainCodec(func(r *udfReader, v reflect.Value) { v.SetInt(int64(int8(r.take(1)[0]))) }, func(w *udfWriter, v reflect.Value) { w.byte(byte(v.Int())) })
	case reflect.Int16:
		return plainCodec(
			func(r *udfReader, v reflect.Value) { v.SetInt(int64(int16(binary.LittleEndian.Uint16(r.take(2))))) },
			func(w *udfWriter, v reflect.Value) { n := int16(v.Int()); putPlain(w, &n) })
	case reflect.Int32:
		return plainCodec(func(r *udfReader, v reflect.Value) { v.SetInt(int64(int32(r.u32()))) }, func(w *udfWriter, v reflect.Value) { w.u32(uint32(v.Int())) })
	case reflect.Int64, reflect.Int:
		return plainCodec(func(r *udfReader, v reflect.Value) { v.SetInt(int64(r.u64())) }, func(w *udfWriter, v reflect.Value) { w.u64(uint64(v.Int())) })
	case reflect.Float32:
		return plainCodec(
			func(r *udfReader, v reflect.Value) { v.SetFloat(float64(math.Float32frombits(r.u32()))) },
			func(w *udfWriter, v reflect.Value) { w.u32(math.Float32bits(float32(v.Float()))) })
	case reflect.Float64:
		return plainCodec(func(r *udfReader, v reflect.Value) { v.SetFloat(math.Float64frombits(r.u64())) }, func(w *udfWriter, v reflect.Value) { w.u64(math.Float64bits(v.Float())) })
	case reflect.String:
		return plainCodec(func(r *udfReader, v reflect.Value) { v.SetString(string(r.bytes())) }, func(w *udfWriter, v reflect.Value) { w.string(v.String()) })
	}
	return sliceCodec(t, codecOf(t.Elem(), elementOf(ddl)))
}

// elementOf is the element's type of array<…>.
func elementOf(ddl string) string {
	const prefix = "array<"
	if len(ddl) > len(prefix) && ddl[:len(prefix)] == prefix {
		return ddl[len(prefix) : len(ddl)-1]
	}
	return ddl
}

// plainCodec is that of values without a NULL.
func plainCodec(read func(r *udfReader, v reflect.Value), write func(w *udfWriter, v reflect.Value)) udfCodec {
	return udfCodec{
		read: func(r *udfReader, v reflect.Value) bool {
			if r.null() {
				return false
			}
			read(r, v)
			return true
		},
		write: func(w *udfWriter, v reflect.Value) {
			w.byte(1)
			write(w, v)
		},
	}
}

func pointerCodec(t reflect.Type, element udfCodec) udfCodec {
	return udfCodec{
		read: func(r *udfReader, v reflect.Value) bool {
			p := reflect.New(t.Elem())
			if element.read(r, p.Elem()) {
				v.Set(p)
			} else {
				v.SetZero()
			}
			return true
		},
		write: func(w *udfWriter, v reflect.Value) {
			if v.IsNil() {
				w.byte(0)
				return
			}
			element.write(w, v.Elem())
		},
	}
}

// sliceCodec is that of arrays; a nil slice is NULL as a result.
func sliceCodec(t reflect.Type, element udfCodec) udfCodec {
	return udfCodec{
		read: func(r *udfReader, v reflect.Value) bool {
			if r.null() {
				return false
			}
			n := int(r.u32())
			if n < 0 || n > len(r.data) { // an element takes a byte at least
				r.err = errShortArguments
				return true
			}
			out := reflect.MakeSlice(t, n, n)
			for i := range n {
				if !element.read(r, out.Index(i)) && r.err == nil {
					r.err = fmt.Errorf("element %d of an array is NULL, for which a Go %v has no place; []*%v does", i+1, t, t.Elem())
				}
			}
			v.Set(out)
			return true
		},
		write: func(w *udfWriter, v reflect.Value) {
			if v.IsNil() {
				w.byte(0)
				return
			}
			w.byte(1)
			w.u32(uint32(v.Len()))
			for i := range v.Len() {
				element.write(w, v.Index(i))
			}
		},
	}
}

const secondsPerDay = 24 * 60 * 60

// timeCodec is that of timestamps, or of dates, which are midnights in UTC.
func timeCodec(date bool) udfCodec {
	if date {
		return plainCodec(
			func(r *udfReader, v reflect.Value) {
				v.Set(reflect.ValueOf(time.Unix(int64(int32(r.u32()))*secondsPerDay, 0).UTC()))
			},
			func(w *udfWriter, v reflect.Value) {
				t := v.Interface().(time.Time)
				year, month, day := t.Date()
				w.u32(uint32(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay))
			})
	}
	return plainCodec(
		func(r *udfReader, v reflect.Value) { v.Set(reflect.ValueOf(time.UnixMicro(int64(r.u64())).UTC())) },
		func(w *udfWriter, v reflect.Value) { w.u64(uint64(v.Interface().(time.Time).UnixMicro())) })
}
