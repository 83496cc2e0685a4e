package spark

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"unsafe"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
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
// strings, bytes, timestamps and dates are read without reflection, a column at
// a time; other values by way of JSON.
//
//	for order, err := range spark.Iterate[Order](df) {
func Iterate[T any](df *DataFrame) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		d := decoder{t: reflect.TypeFor[T](), size: unsafe.Sizeof(zero)}
		if err := pyjson.Check(d.t); err != nil {
			yield(zero, fmt.Errorf("iterate as %s: %w", d.t, err))
			return
		}
		var rows []T
		first := int64(0)
		for batch, err := range df.Batches(iterateRows) {
			if err == nil {
				err = d.bind(batch)
			}
			if err != nil {
				yield(zero, err)
				return
			}
			if len(rows) < batch.rows {
				rows = make([]T, batch.rows)
			}
			clear(rows)
			good, err := d.read(unsafe.Pointer(unsafe.SliceData(rows)), batch.rows)
			for i := range good {
				if !yield(rows[i], nil) {
					return
				}
			}
			if err != nil {
				yield(zero, fmt.Errorf("row %d: %w", first+int64(good), err))
				return
			}
			first += int64(batch.rows)
		}
	}
}

// iterateRows is how many rows Iterate holds as values at a time.
const iterateRows = 8192

// decoder reads rows into values of one type.
type decoder struct {
	t      reflect.Type
	size   uintptr
	whole  bool // rows are read as one JSON value
	byName bool // that is an object
	parts  []part
	vector []*Vector // of the batch: of the parts, or all if whole
}

// part is a field of the type, or the whole of it, that one column fills.
type part struct {
	name   string
	t      reflect.Type
	offset uintptr
	column int
}

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

// read reads all rows of the batch into values from to on. It returns how many
// are good, and what is wrong with the next one.
func (d *decoder) read(to unsafe.Pointer, rows int) (good int, err error) {
	if d.whole {
		for row := range rows {
			if err := d.readWhole(unsafe.Add(to, uintptr(row)*d.size), row); err != nil {
				return row, err
			}
		}
		return rows, nil
	}
	good = rows
	for i := range d.parts {
		p, v := &d.parts[i], d.vector[i]
		n, wrong := p.read(v, room{unsafe.Add(to, p.offset), d.size, good})
		if wrong != nil {
			good, err = n, wrong
		}
	}
	return good, err
}

// read puts a column's values where the part is in each row.
func (p *part) read(v *Vector, to room) (good int, err error) {
	if fill := fillerOf(v, p.t); fill != nil {
		if p.t.Kind() != reflect.Pointer {
			if null := v.firstNull(to.rows); null >= 0 {
				to.rows = null
				err = fmt.Errorf("column %s is no %s but NULL; a pointer takes it", p.name, p.t)
			}
		}
		fill(to)
		return to.rows, err
	}
	for row := range to.rows {
		raw, err := v.JSON(row)
		if err == nil {
			err = pyjson.Decode(raw, reflect.NewAt(p.t, to.at(row)).Interface())
		}
		if err != nil {
			return row, mistyped("column "+p.name, err)
		}
	}
	return to.rows, nil
}

// firstNull returns the first of so many rows that is NULL, or -1.
func (v *Vector) firstNull(rows int) int {
	if !v.HasNulls() {
		return -1
	}
	for row := range rows {
		if v.IsNull(row) {
			return row
		}
	}
	return -1
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
