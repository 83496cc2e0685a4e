package sdk

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

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
		return valueCodec(func(r *udfReader, v reflect.Value) { v.SetBytes(bytes.Clone(r.bytes())) }, func(w *udfWriter, v reflect.Value) { w.bytes(v.Bytes()) })
	}
	switch t.Kind() {
	case reflect.Bool:
		return valueCodec(
			func(r *udfReader, v reflect.Value) { v.SetBool(r.take(1)[0] != 0) },
			func(w *udfWriter, v reflect.Value) { w.bool(v.Bool()) })
	case reflect.Int8:
		return valueCodec(func(r *udfReader, v reflect.Value) { v.SetInt(int64(int8(r.take(1)[0]))) }, func(w *udfWriter, v reflect.Value) { w.byte(byte(v.Int())) })
	case reflect.Int16:
		return valueCodec(
			func(r *udfReader, v reflect.Value) { v.SetInt(int64(int16(r.u16()))) },
			func(w *udfWriter, v reflect.Value) { w.u16(uint16(v.Int())) })
	case reflect.Int32:
		return valueCodec(func(r *udfReader, v reflect.Value) { v.SetInt(int64(int32(r.u32()))) }, func(w *udfWriter, v reflect.Value) { w.u32(uint32(v.Int())) })
	case reflect.Int64, reflect.Int:
		return valueCodec(func(r *udfReader, v reflect.Value) { v.SetInt(int64(r.u64())) }, func(w *udfWriter, v reflect.Value) { w.u64(uint64(v.Int())) })
	case reflect.Float32:
		return valueCodec(
			func(r *udfReader, v reflect.Value) { v.SetFloat(float64(math.Float32frombits(r.u32()))) },
			func(w *udfWriter, v reflect.Value) { w.u32(math.Float32bits(float32(v.Float()))) })
	case reflect.Float64:
		return valueCodec(func(r *udfReader, v reflect.Value) { v.SetFloat(math.Float64frombits(r.u64())) }, func(w *udfWriter, v reflect.Value) { w.u64(math.Float64bits(v.Float())) })
	case reflect.String:
		return valueCodec(func(r *udfReader, v reflect.Value) { v.SetString(string(r.bytes())) }, func(w *udfWriter, v reflect.Value) { w.string(v.String()) })
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

// valueCodec is that of values without a NULL.
func valueCodec(read func(r *udfReader, v reflect.Value), write func(w *udfWriter, v reflect.Value)) udfCodec {
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
			if n < 0 || n > r.left() { // an element takes a byte at least
				r.err = errShortArguments
				return true
			}
			out := reflect.MakeSlice(t, n, n)
			for i := range n {
				if !element.read(r, out.Index(i)) && r.err == nil {
					r.err = nullElement(i, t.Elem().String())
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

func nullElement(i int, typ string) error {
	return fmt.Errorf("element %d of an array is NULL, for which a Go []%s has no place; []*%[2]s does", i+1, typ)
}

// timeCodec is that of timestamps, or of dates, which are midnights in UTC.
func timeCodec(date bool) udfCodec {
	if date {
		return valueCodec(
			func(r *udfReader, v reflect.Value) {
				v.Set(reflect.ValueOf(abi.Date(int32(r.u32()))))
			},
			func(w *udfWriter, v reflect.Value) {
				w.u32(uint32(abi.Days(v.Interface().(time.Time))))
			})
	}
	return valueCodec(
		func(r *udfReader, v reflect.Value) { v.Set(reflect.ValueOf(time.UnixMicro(int64(r.u64())).UTC())) },
		func(w *udfWriter, v reflect.Value) { w.u64(uint64(v.Interface().(time.Time).UnixMicro())) })
}
