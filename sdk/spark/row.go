package spark

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// A Row is one row of a DataFrame.
type Row struct{ members []pyjson.Member }

// Len returns the number of columns.
func (r Row) Len() int { return len(r.members) }

// Columns returns the columns' names.
func (r Row) Columns() []string {
	names := make([]string, len(r.members))
	for i, m := range r.members {
		names[i] = m.Name
	}
	return names
}

// Get returns the value of a column by its name, the first of that name: nil
// for NULL, bool, int64, float64, json.Number for a decimal, string, []byte,
// time.Time for a timestamp or date, []any, or map[string]any for a struct or
// map. It is nil too if there is no such column.
func (r Row) Get(name string) any {
	for i, m := range r.members {
		if m.Name == name {
			return r.At(i)
		}
	}
	return nil
}

// At returns the value of column i, as [Row.Get] does. It panics if there is none.
func (r Row) At(i int) any {
	var v any
	if err := pyjson.Decode(r.members[i].Value, &v); err != nil {
		return nil // not reached: Collect has read the value before
	}
	return v
}

// Scan puts the values into the variables that targets point to, one for each
// column. A nil target skips a column; NULL needs a pointer to a pointer.
func (r Row) Scan(targets ...any) error {
	if len(targets) != len(r.members) {
		return fmt.Errorf("scan a row of %d columns into %d variables", len(r.members), len(targets))
	}
	for i, to := range targets {
		if to == nil {
			continue
		}
		if err := pyjson.Decode(r.members[i].Value, to); err != nil {
			return mistyped(fmt.Sprintf("column %s", r.members[i].Name), err)
		}
	}
	return nil
}

// String is the row as PySpark prints it: Row(word="and", count=3).
func (r Row) String() string {
	parts := make([]string, len(r.members))
	for i, m := range r.members {
		parts[i] = m.Name + "=" + string(m.Value)
	}
	return "Row(" + strings.Join(parts, ", ") + ")"
}

// MarshalJSON is the row as an array of its values.
func (r Row) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, m := range r.members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, m.Value...)
	}
	return append(b, ']'), nil
}

// mistyped says in Go's words which value did not fit.
func mistyped(what string, err error) error {
	wrong, ok := errors.AsType[*pyjson.TypeError](err)
	if !ok {
		return fmt.Errorf("%s: %w", what, err)
	}
	got := wrong.Got
	if got == "NoneType" {
		got = "NULL; a pointer takes it"
	}
	return fmt.Errorf("%s%s is no %s but %s", what, wrong.Path, wrong.Type, got)
}

// CollectAs runs the plan and decodes its rows. T is a struct whose fields have
// the columns' names, or name them in json tags; a slice, for all columns in
// their order; a map by name; or any other type if there is only one column.
// NULL needs a pointer or any, and every field of a struct needs a column.
func CollectAs[T any](df *DataFrame) ([]T, error) {
	t := reflect.TypeFor[T]()
	if err := pyjson.Check(t); err != nil {
		return nil, fmt.Errorf("collect as %s: %w", t, err)
	}
	base := t
	if t.Kind() == reflect.Pointer {
		base = t.Elem()
	}
	isStruct := base.Kind() == reflect.Struct && pyjson.Want(base) == "dict"
	byName := isStruct || base.Kind() == reflect.Map
	form := abi.RowArrays
	if byName {
		form = abi.RowObjects
	}
	data, err := df.CollectJSON(form)
	if err != nil {
		return nil, err
	}
	list, err := pyjson.Array(data)
	if err != nil {
		return nil, fmt.Errorf("read the rows: %w", err)
	}
	rows := make([]T, len(list))
	for i, raw := range list {
		if isStruct && i == 0 {
			if err := everyField(base, raw); err != nil {
				return nil, err
			}
		}
		if !byName && pyjson.Want(base) != "list" {
			if raw, err = only(raw); err != nil {
				return nil, fmt.Errorf("collect as %s: %w", t, err)
			}
		}
		if err := pyjson.Decode(raw, &rows[i]); err != nil {
			return nil, mistyped(fmt.Sprintf("row %d", i), err)
		}
	}
	return rows, nil
}

// everyField returns an error for a field that no column is for: a name
// misspelt would otherwise be zero in every row.
func everyField(t reflect.Type, row json.RawMessage) error {
	members, err := pyjson.Members(row)
	if err != nil {
		return fmt.Errorf("read row 0: %w", err)
	}
	for _, f := range pyjson.Fields(t) {
		found := false
		for _, m := range members {
			found = found || strings.EqualFold(m.Name, f.Name)
		}
		if !found {
			return fmt.Errorf("collect as %s: no column %q for field %s; there are %s", t, f.Name, f.Go, strings.Join(Row{members}.Columns(), ", "))
		}
	}
	return nil
}

// only returns the one value of a row.
func only(row json.RawMessage) (json.RawMessage, error) {
	values, err := pyjson.Array(row)
	if err != nil {
		return nil, fmt.Errorf("read a row: %w", err)
	}
	if len(values) != 1 {
		return nil, fmt.Errorf("the rows have %d columns, not one", len(values))
	}
	return values[0], nil
}

// Scalar runs the plan and returns the one column of its first row, or [ErrNoRows].
func Scalar[T any](df *DataFrame) (T, error) {
	var zero T
	values, err := CollectAs[[]json.RawMessage](df.Limit(1))
	if err != nil {
		return zero, err
	}
	if len(values) == 0 {
		return zero, ErrNoRows
	}
	if n := len(values[0]); n != 1 {
		return zero, fmt.Errorf("scalar: the rows have %d columns, not one", n)
	}
	if err := pyjson.Decode(values[0][0], &zero); err != nil {
		return zero, mistyped("the value", err)
	}
	return zero, nil
}
