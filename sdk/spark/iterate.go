package spark

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/sdk/internal/pyjson"
)

// ToLocalIterator runs the plan and returns its rows one by one, however many
// there are: only a few batches are in memory at a time. An error ends them.
func (df *DataFrame) ToLocalIterator() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for batch, err := range df.Batches(0) {
			if err == nil {
				err = batch.eachRow(yield)
			}
			if err == errStopped {
				return
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
		}
	}
}

// errStopped says that the caller wants no more rows.
var errStopped = fmt.Errorf("no more rows are wanted")

// eachRow yields the batch's rows. They may be kept.
func (b *Batch) eachRow(yield func(Row, error) bool) error {
	columns := make([]*Vector, b.NumColumns())
	for i := range columns {
		v, err := b.At(i)
		if err != nil {
			return err
		}
		if _, err := v.JSON(0); err != nil { // which fetches them all
			return err
		}
		v.json = bytes.Clone(v.json) // out of the memory that the next batch takes
		columns[i] = v
	}
	for row := range b.rows {
		members := make([]pyjson.Member, len(columns))
		for i, v := range columns {
			members[i] = pyjson.Member{Name: v.column.Name, Value: v.json[v.jsonOffsets[row]:v.jsonOffsets[row+1]]}
		}
		if !yield(Row{members: members}, nil) {
			return errStopped
		}
	}
	return nil
}

// Iterate runs the plan and returns its rows one by one as values of T, which is
// what [CollectAs] takes, however many rows there are. Numbers, booleans,
// strings, bytes, timestamps and dates are read without reflection; other
// values by way of JSON.
//
//	for order, err := range spark.Iterate[Order](df) {
func Iterate[T any](df *DataFrame) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		d := decoder{t: reflect.TypeFor[T]()}
		if err := pyjson.Check(d.t); err != nil {
			yield(zero, fmt.Errorf("iterate as %s: %w", d.t, err))
			return
		}
		first := int64(0)
		for batch, err := range df.Batches(0) {
			if err == nil {
				err = d.bind(batch)
			}
			if err != nil {
				yield(zero, err)
				return
			}
			for row := range batch.rows {
				var value T
				if err := d.read(unsafe.Pointer(&value), row); err != nil {
					yield(zero, fmt.Errorf("row %d: %w", first+int64(row), err))
					return
				}
				if !yield(value, nil) {
					return
				}
			}
			first += int64(batch.rows)
		}
	}
}

// decoder reads rows into values of one type.
type decoder struct {
	t      reflect.Type
	whole  bool // rows are read as one JSON value
	byName bool // that is an object
	parts  []part
	vector []*Vector // of the batch: of the parts, or all if whole
}

// part is a field of the type, or the whole of it, that one column fills.
type part struct {
	name    string
	t       reflect.Type
	offset  uintptr
	column  int
	pointer bool
	set     setter // of the batch; nil reads by way of JSON
}

// setter puts the value of a row, which is not NULL, where to points.
type setter func(to unsafe.Pointer, row int)

// bind prepares for a batch.
func (d *decoder) bind(b *Batch) error {
	if d.parts == nil && !d.whole {
		if err := d.plan(b.cursor.columns); err != nil {
			return err
		}
	}
	d.vector = d.vector[:0]
	if d.whole {
		for i := range b.NumColumns() {
			v, err := b.At(i)
			if err != nil {
				return err
			}
			d.vector = append(d.vector, v)
		}
		return nil
	}
	for i := range d.parts {
		p := &d.parts[i]
		v, err := b.At(p.column)
		if err != nil {
			return err
		}
		d.vector = append(d.vector, v)
		p.set = setterOf(v, p.t)
	}
	return nil
}

// plan finds the column for each part.
func (d *decoder) plan(columns []abi.CursorColumn) error {
	base := d.t
	if base.Kind() == reflect.Pointer {
		base = base.Elem()
	}
	isStruct := base.Kind() == reflect.Struct && pyjson.Want(base) == "dict"
	switch {
	case isStruct && base != d.t, base.Kind() == reflect.Map, pyjson.Want(base) == "list":
		d.whole, d.byName = true, isStruct || base.Kind() == reflect.Map
	case !isStruct:
		if len(columns) != 1 {
			return fmt.Errorf("iterate as %s: the rows have %d columns, not one", d.t, len(columns))
		}
		d.parts = []part{{name: columns[0].Name, t: d.t}}
		return nil
	}
	if !isStruct {
		return nil
	}
	for _, f := range pyjson.Fields(base) {
		column := find(columns, f.Name)
		if column < 0 {
			return fmt.Errorf("iterate as %s: no column %q for field %s; there are %s", d.t, f.Name, f.Go, names(columns))
		}
		d.parts = append(d.parts, part{name: columns[column].Name, t: f.Type, offset: offsetOf(base, f.Index), column: column})
	}
	return nil
}

// find returns the column of a name, else one that differs in case only, or -1.
func find(columns []abi.CursorColumn, name string) int {
	alike := -1
	for i, c := range columns {
		if c.Name == name {
			return i
		}
		if alike < 0 && strings.EqualFold(c.Name, name) {
			alike = i
		}
	}
	return alike
}

func names(columns []abi.CursorColumn) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.Name
	}
	return strings.Join(list, ", ")
}

// offsetOf is where a field, which lies behind no pointer, is in the struct.
func offsetOf(t reflect.Type, index []int) uintptr {
	offset := uintptr(0)
	for _, i := range index {
		f := t.Field(i)
		offset += f.Offset
		t = f.Type
	}
	return offset
}

// read reads a row into the value that to points to.
func (d *decoder) read(to unsafe.Pointer, row int) error {
	if d.whole {
		return d.readWhole(to, row)
	}
	for i := range d.parts {
		p, v := &d.parts[i], d.vector[i]
		switch at := unsafe.Add(to, p.offset); {
		case p.set == nil:
			raw, err := v.JSON(row)
			if err == nil {
				err = pyjson.Decode(raw, reflect.NewAt(p.t, at).Interface())
			}
			if err != nil {
				return mistyped("column "+p.name, err)
			}
		case !v.IsNull(row):
			p.set(at, row)
		case p.t.Kind() != reflect.Pointer:
			return fmt.Errorf("column %s is no %s but NULL; a pointer takes it", p.name, p.t)
		}
	}
	return nil
}

func (d *decoder) readWhole(to unsafe.Pointer, row int) error {
	values := make([]json.RawMessage, len(d.vector))
	for i, v := range d.vector {
		raw, err := v.JSON(row)
		if err != nil {
			return err
		}
		if d.byName {
			name, err := pyjson.Marshal(v.column.Name)
			if err != nil {
				return err
			}
			raw = append(append(name, ':'), raw...)
		}
		values[i] = raw
	}
	opening := byte('[')
	if d.byName {
		opening = '{'
	}
	if err := pyjson.Decode(pyjson.Join(opening, values), reflect.NewAt(d.t, to).Interface()); err != nil {
		return mistyped("the row", err)
	}
	return nil
}

var (
	typeTime        = reflect.TypeFor[time.Time]()
	typeUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	typeTextual     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// setterOf returns what puts a column's values into variables of type t
// directly, or nil where only JSON can.
func setterOf(v *Vector, t reflect.Type) setter {
	base, pointer := t, t.Kind() == reflect.Pointer
	if pointer {
		base = t.Elem()
	}
	switch kind := v.column.Type; {
	case base == typeTime && (kind == "date" || strings.HasPrefix(kind, "timestamp")):
		return setTo(v.Time, pointer)
	case base == reflect.TypeFor[json.Number](), base == reflect.TypeFor[json.RawMessage](),
		reflect.PointerTo(base).Implements(typeUnmarshaler), reflect.PointerTo(base).Implements(typeTextual):
		return nil // these take JSON, or decode themselves
	case kind == "boolean" && base.Kind() == reflect.Bool:
		return setTo(v.Bool, pointer)
	case v.column.Layout == abi.LayoutUTF8 && base.Kind() == reflect.String:
		return setTo(v.Text, pointer)
	case kind == "binary" && base.Kind() == reflect.Slice && base.Elem().Kind() == reflect.Uint8:
		return setTo(func(row int) []byte { return bytes.Clone(v.Bytes(row)) }, pointer)
	case kind == "tinyint":
		return setNumber(v.Int8s(), base.Kind(), pointer)
	case kind == "smallint":
		return setNumber(v.Int16s(), base.Kind(), pointer)
	case kind == "int":
		return setNumber(v.Int32s(), base.Kind(), pointer)
	case kind == "bigint":
		return setNumber(v.Int64s(), base.Kind(), pointer)
	case kind == "float":
		return setFloat(v.Float32s(), base.Kind(), pointer)
	case kind == "double":
		return setFloat(v.Float64s(), base.Kind(), pointer)
	}
	return nil
}

// setTo is a setter of what get returns.
func setTo[D any](get func(row int) D, pointer bool) setter {
	if pointer {
		return func(to unsafe.Pointer, row int) {
			value := get(row)
			*(**D)(to) = &value
		}
	}
	return func(to unsafe.Pointer, row int) { *(*D)(to) = get(row) }
}

// setNumber is a setter of an integer that is sure to fit, or nil.
func setNumber[S int8 | int16 | int32 | int64](values []S, kind reflect.Kind, pointer bool) setter {
	size := unsafe.Sizeof(S(0))
	switch {
	case kind == reflect.Int64 || kind == reflect.Int && unsafe.Sizeof(int(0)) == 8:
		return setTo(func(row int) int64 { return int64(values[row]) }, pointer)
	case kind == reflect.Int32 && size <= 4 || kind == reflect.Int && unsafe.Sizeof(int(0)) == 4 && size <= 4:
		return setTo(func(row int) int32 { return int32(values[row]) }, pointer)
	case kind == reflect.Int16 && size <= 2:
		return setTo(func(row int) int16 { return int16(values[row]) }, pointer)
	case kind == reflect.Int8 && size == 1:
		return setTo(func(row int) int8 { return int8(values[row]) }, pointer)
	case kind == reflect.Float64:
		return setTo(func(row int) float64 { return float64(values[row]) }, pointer)
	}
	return nil
}

// setFloat is a setter of a float that is sure to fit, or nil.
func setFloat[S float32 | float64](values []S, kind reflect.Kind, pointer bool) setter {
	switch {
	case kind == reflect.Float64:
		return setTo(func(row int) float64 { return float64(values[row]) }, pointer)
	case kind == reflect.Float32 && unsafe.Sizeof(S(0)) == 4:
		return setTo(func(row int) float32 { return float32(values[row]) }, pointer)
	}
	return nil
}
