package sdktest

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// CallFunction calls a function of the package under test that was registered by
// sdk.UDF, as an executor would, and returns its value and its error. Arguments
// and value are nil for NULL, and else bool, int64 (of all integers; an int will
// do for one), float64, string, []byte, time.Time, spark.Decimal, or []any of
// these. The test fails if there is no such function or an argument does not fit.
func (h *Host) CallFunction(name string, args ...any) (any, error) {
	h.tb.Helper()
	index, f := h.function(name)
	if f.Aggregate {
		h.tb.Fatalf("sdktest: %s is an aggregate: call Aggregate with its rows", name)
	}
	in, err := writeArguments(nil, f, args)
	if err != nil {
		h.tb.Fatalf("sdktest: %s: %v", name, err)
	}
	return h.answerOf(f, index, in)
}

// Aggregate calls an aggregate of the package under test, which was registered
// by sdk.UDAF, with the values of its rows, which are put into two partitions by
// turns. See [Host.CallFunction].
func (h *Host) Aggregate(name string, rows ...any) (any, error) {
	h.tb.Helper()
	index, f := h.function(name)
	if !f.Aggregate {
		h.tb.Fatalf("sdktest: %s is no aggregate: call CallFunction", name)
	}
	var states [2][]byte // as values: none, that is NULL
	for i := range states {
		states[i] = []byte{0}
	}
	for i, row := range rows {
		in := append([]byte{byte(abi.AggregateUpdate)}, states[i%2]...)
		in, err := writeArguments(in, f, []any{row})
		if err != nil {
			h.tb.Fatalf("sdktest: %s: row %d: %v", name, i, err)
		}
		if states[i%2], err = sdk.CallFunction(index, in); err != nil {
			return nil, err
		}
	}
	in := append([]byte{byte(abi.AggregateMerge)}, states[0]...)
	merged, err := sdk.CallFunction(index, append(in, states[1]...))
	if err != nil {
		return nil, err
	}
	return h.answerOf(f, index, append([]byte{byte(abi.AggregateFinish)}, merged...))
}

func (h *Host) function(name string) (int32, abi.FunctionSpec) {
	h.tb.Helper()
	var names []string
	for i, f := range sdk.Manifest().Functions {
		if strings.EqualFold(f.Name, name) {
			return int32(i), f
		}
		names = append(names, f.Name)
	}
	h.tb.Fatalf("sdktest: there is no function %q; there are %s", name, strings.Join(names, ", "))
	return 0, abi.FunctionSpec{}
}

func (h *Host) answerOf(f abi.FunctionSpec, index int32, in []byte) (any, error) {
	h.tb.Helper()
	out, err := sdk.CallFunction(index, in)
	if err != nil {
		return nil, err
	}
	r := &valueReader{data: out}
	v := r.value(f.Returns)
	if r.short || len(r.data) > 0 {
		h.tb.Fatalf("sdktest: %s: its result is no value of type %s: % x", f.Name, f.Returns, out)
	}
	return v, nil
}

func writeArguments(to []byte, f abi.FunctionSpec, args []any) ([]byte, error) {
	if len(args) != len(f.Params) {
		return nil, fmt.Errorf("it takes %d arguments and got %d", len(f.Params), len(args))
	}
	for i, a := range args {
		var err error
		if to, err = writeValue(to, f.Params[i].Type, a); err != nil {
			return nil, fmt.Errorf("argument %d, %s: %w", i+1, f.Params[i].Type, err)
		}
	}
	return to, nil
}

// integers are the sizes of integers in bytes.
var integers = map[string]int{"tinyint": 1, "smallint": 2, "int": 4, "bigint": 8}

// writeValue writes a value as executors do: see Type.java in host/udf.
func writeValue(to []byte, ddl string, v any) ([]byte, error) {
	if v == nil {
		return append(to, 0), nil
	}
	to = append(to, 1)
	text := func(s string) []byte { return append(binary.LittleEndian.AppendUint32(to, uint32(len(s))), s...) }
	if size, ok := integers[ddl]; ok {
		n := reflect.ValueOf(v)
		if !n.CanInt() {
			return nil, fmt.Errorf("%v is a %T", v, v)
		}
		if shift := 64 - 8*size; n.Int()<<shift>>shift != n.Int() {
			return nil, fmt.Errorf("%v does not fit", v)
		}
		return append(to, binary.LittleEndian.AppendUint64(nil, uint64(n.Int()))[:size]...), nil
	}
	element, array := strings.CutPrefix(ddl, "array<")
	switch value := v.(type) {
	case bool:
		if ddl == "boolean" {
			if value {
				return append(to, 1), nil
			}
			return append(to, 0), nil
		}
	case float64:
		switch ddl {
		case "float":
			return binary.LittleEndian.AppendUint32(to, math.Float32bits(float32(value))), nil
		case "double":
			return binary.LittleEndian.AppendUint64(to, math.Float64bits(value)), nil
		}
	case string:
		if ddl == "string" {
			return text(value), nil
		}
	case []byte:
		if ddl == "binary" {
			return text(string(value)), nil
		}
	case spark.Decimal:
		if strings.HasPrefix(ddl, "decimal") {
			return text(string(value)), nil
		}
	case time.Time:
		switch ddl {
		case "date":
			return binary.LittleEndian.AppendUint32(to, uint32(abi.Days(value))), nil
		case "timestamp":
			return binary.LittleEndian.AppendUint64(to, uint64(value.UnixMicro())), nil
		}
	case []any:
		if array {
			to = binary.LittleEndian.AppendUint32(to, uint32(len(value)))
			for _, e := range value {
				var err error
				if to, err = writeValue(to, strings.TrimSuffix(element, ">"), e); err != nil {
					return nil, err
				}
			}
			return to, nil
		}
	}
	return nil, fmt.Errorf("%v is a %T", v, v)
}

// valueReader reads what [writeValue] writes.
type valueReader struct {
	data  []byte
	short bool
}

func (r *valueReader) take(n int) []byte {
	if n > len(r.data) {
		r.short, r.data = true, nil
		return make([]byte, min(n, 8))
	}
	out := r.data[:n]
	r.data = r.data[n:]
	return out
}

func (r *valueReader) text() string {
	n := int(binary.LittleEndian.Uint32(r.take(4)))
	if n > len(r.data) {
		r.short, r.data = true, nil
		return ""
	}
	return string(r.take(n))
}

func (r *valueReader) value(ddl string) any {
	if r.take(1)[0] == 0 {
		return nil
	}
	if size, ok := integers[ddl]; ok {
		var wide [8]byte
		copy(wide[:], r.take(size))
		shift := 64 - 8*size
		return int64(binary.LittleEndian.Uint64(wide[:])) << shift >> shift
	}
	switch {
	case ddl == "boolean":
		return r.take(1)[0] != 0
	case ddl == "float":
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(r.take(4))))
	case ddl == "double":
		return math.Float64frombits(binary.LittleEndian.Uint64(r.take(8)))
	case ddl == "binary":
		return []byte(r.text())
	case ddl == "date":
		return abi.Date(int32(binary.LittleEndian.Uint32(r.take(4))))
	case ddl == "timestamp":
		return time.UnixMicro(int64(binary.LittleEndian.Uint64(r.take(8)))).UTC()
	case strings.HasPrefix(ddl, "decimal"):
		return spark.Decimal(r.text())
	case strings.HasPrefix(ddl, "array<"):
		n := binary.LittleEndian.Uint32(r.take(4))
		list := []any{}
		for ; n > 0 && !r.short; n-- {
			list = append(list, r.value(strings.TrimSuffix(strings.TrimPrefix(ddl, "array<"), ">")))
		}
		return list
	}
	return r.text()
}
