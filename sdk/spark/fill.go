package spark

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/sparkstalk/sparkstalk/abi"
)

// room is where the values of a column go: the same field of many structs in a
// row, or elements of a slice.
type room struct {
	first  unsafe.Pointer
	stride uintptr
	rows   int
}

func (r room) at(row int) unsafe.Pointer { return unsafe.Add(r.first, uintptr(row)*r.stride) }

// filler fills room with a column's values. It is one call for a whole column:
// calls are dear in a module that can be interrupted.
type filler func(room)

var (
	typeTime        = reflect.TypeFor[time.Time]()
	typeUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	typeTextual     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// fillerOf returns what puts a column's values into variables of type t
// directly, or nil where only JSON can. Rows that are NULL become nil pointers.
func fillerOf(v *Vector, t reflect.Type) filler {
	base, pointer := t, t.Kind() == reflect.Pointer
	if pointer {
		base = t.Elem()
	}
	switch kind := v.column.Type; {
	case base == typeTime && (kind == "date" || strings.HasPrefix(kind, "timestamp")):
		return fillEach(v, v.Time, pointer)
	case base == reflect.TypeFor[json.Number](), base == reflect.TypeFor[json.RawMessage](),
		reflect.PointerTo(base).Implements(typeUnmarshaler), reflect.PointerTo(base).Implements(typeTextual):
		return nil // these take JSON, or decode themselves
	case kind == "boolean" && base.Kind() == reflect.Bool:
		if pointer {
			return fillEach(v, v.Bool, true)
		}
		return v.fillBools
	case v.column.Layout == abi.LayoutUTF8 && base.Kind() == reflect.String:
		if pointer {
			return fillEach(v, v.Text, true)
		}
		return v.fillTexts
	case kind == "binary" && base.Kind() == reflect.Slice && base.Elem().Kind() == reflect.Uint8:
		return fillEach(v, func(row int) []byte { return bytes.Clone(v.Bytes(row)) }, pointer)
	case kind == "tinyint":
		return fillInts(v, v.Int8s(), base.Kind(), pointer)
	case kind == "smallint":
		return fillInts(v, v.Int16s(), base.Kind(), pointer)
	case kind == "int":
		return fillInts(v, v.Int32s(), base.Kind(), pointer)
	case kind == "bigint":
		return fillInts(v, v.Int64s(), base.Kind(), pointer)
	case kind == "float":
		return fillFloats(v, v.Float32s(), base.Kind(), pointer)
	case kind == "double":
		return fillFloats(v, v.Float64s(), base.Kind(), pointer)
	}
	return nil
}

// fillTexts is the filler of strings.
func (v *Vector) fillTexts(to room) {
	if v.text == "" {
		v.text = string(v.values)
	}
	text, offsets := v.text, v.offsets
	for row := range to.rows {
		*(*string)(to.at(row)) = text[offsets[row]:offsets[row+1]]
	}
}

// fillBools is the filler of booleans.
func (v *Vector) fillBools(to room) {
	bits := v.values
	for row := range to.rows {
		*(*bool)(to.at(row)) = bits[row>>3]>>(row&7)&1 == 1
	}
}

// fillEach is a filler of what get returns.
func fillEach[D any](v *Vector, get func(row int) D, pointer bool) filler {
	return func(to room) {
		if !pointer {
			for row := range to.rows {
				*(*D)(to.at(row)) = get(row)
			}
			return
		}
		values := make([]D, to.rows)
		for row := range values {
			if !v.IsNull(row) {
				values[row] = get(row)
				*(**D)(to.at(row)) = &values[row]
			}
		}
	}
}

type number interface {
	int8 | int16 | int32 | int64 | float32 | float64
}

// fillAs is a filler of numbers as numbers of another type, into which they fit.
func fillAs[D, S number](v *Vector, from []S, pointer bool) filler {
	return func(to room) {
		if !pointer {
			for row, n := range from[:to.rows] {
				*(*D)(to.at(row)) = D(n)
			}
			return
		}
		values := make([]D, to.rows)
		for row, n := range from[:to.rows] {
			if !v.IsNull(row) {
				values[row] = D(n)
				*(**D)(to.at(row)) = &values[row]
			}
		}
	}
}

// fillInts is a filler of integers that are sure to fit, or nil.
func fillInts[S int8 | int16 | int32 | int64](v *Vector, from []S, kind reflect.Kind, pointer bool) filler {
	if kind == reflect.Int {
		kind = reflect.Int64
		if unsafe.Sizeof(int(0)) == 4 {
			kind = reflect.Int32
		}
	}
	size := unsafe.Sizeof(S(0))
	switch {
	case kind == reflect.Int64:
		return fillAs[int64](v, from, pointer)
	case kind == reflect.Int32 && size <= 4:
		return fillAs[int32](v, from, pointer)
	case kind == reflect.Int16 && size <= 2:
		return fillAs[int16](v, from, pointer)
	case kind == reflect.Int8 && size == 1:
		return fillAs[int8](v, from, pointer)
	case kind == reflect.Float64:
		return fillAs[float64](v, from, pointer)
	}
	return nil
}

// fillFloats is a filler of floats that are sure to fit, or nil.
func fillFloats[S float32 | float64](v *Vector, from []S, kind reflect.Kind, pointer bool) filler {
	switch {
	case kind == reflect.Float64:
		return fillAs[float64](v, from, pointer)
	case kind == reflect.Float32 && unsafe.Sizeof(S(0)) == 4:
		return fillAs[float32](v, from, pointer)
	}
	return nil
}
