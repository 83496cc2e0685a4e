package spark

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// ErrNoRows is returned by [DataFrame.First] and [Scalar] when there is no row.
var ErrNoRows = errors.New("the DataFrame has no rows")

// CollectJSON runs the plan and returns its rows as one JSON array: of arrays,
// or of objects with the columns' names.
func (df *DataFrame) CollectJSON(form abi.RowForm) (json.RawMessage, error) {
	if err := df.check(); err != nil {
		return nil, err
	}
	return df.session.host.ActionCollect(df.handle, form)
}

// MarshalJSON runs the plan and returns its rows as an array of arrays, so that
// a DataFrame may be part of a task's result. They pass through the module's
// memory; a DataFrame that is the whole result does not.
func (df *DataFrame) MarshalJSON() ([]byte, error) {
	if df == nil {
		return []byte("null"), nil
	}
	return df.CollectJSON(abi.RowArrays)
}

// Collect runs the plan and returns all its rows.
func (df *DataFrame) Collect() ([]Row, error) {
	data, err := df.CollectJSON(abi.RowObjects)
	if err != nil {
		return nil, err
	}
	list, err := pyjson.Array(data)
	if err != nil {
		return nil, fmt.Errorf("read the rows: %w", err)
	}
	rows := make([]Row, len(list))
	for i, raw := range list {
		if rows[i].members, err = pyjson.Members(raw); err != nil {
			return nil, fmt.Errorf("read row %d: %w", i, err)
		}
	}
	return rows, nil
}

// Take returns the first n rows.
func (df *DataFrame) Take(n int) ([]Row, error) { return df.Limit(n).Collect() }

// Head is [DataFrame.Take].
func (df *DataFrame) Head(n int) ([]Row, error) { return df.Take(n) }

// First returns the first row, or [ErrNoRows].
func (df *DataFrame) First() (Row, error) {
	rows, err := df.Take(1)
	if err != nil {
		return Row{}, err
	}
	if len(rows) == 0 {
		return Row{}, ErrNoRows
	}
	return rows[0], nil
}

// Count runs the plan and returns the number of its rows.
func (df *DataFrame) Count() (int64, error) {
	if err := df.check(); err != nil {
		return 0, err
	}
	return df.session.host.ActionCount(df.handle)
}

// IsEmpty runs as much of the plan as tells whether there is a row.
func (df *DataFrame) IsEmpty() (bool, error) {
	n, err := df.Limit(1).Count()
	return n == 0, err
}

// Schema asks the engine for the columns. It runs nothing, but files whose
// schema is inferred are looked at.
func (df *DataFrame) Schema() (abi.Schema, error) {
	if err := df.check(); err != nil {
		return abi.Schema{}, err
	}
	data, err := df.session.host.ActionSchema(df.handle)
	if err != nil {
		return abi.Schema{}, err
	}
	var schema abi.Schema
	if err := json.Unmarshal(data, &schema); err != nil {
		return abi.Schema{}, fmt.Errorf("read the schema: %w", err)
	}
	return schema, nil
}

// Columns asks the engine for the columns' names.
func (df *DataFrame) Columns() ([]string, error) {
	schema, err := df.Schema()
	if err != nil {
		return nil, err
	}
	names := make([]string, len(schema.Columns))
	for i, c := range schema.Columns {
		names[i] = c.Name
	}
	return names, nil
}

// Explain returns the plan as the engine explains it. mode is simple (also ""),
// extended, codegen, cost or formatted.
func (df *DataFrame) Explain(mode string) (string, error) {
	if err := df.check(); err != nil {
		return "", err
	}
	if mode == "" {
		mode = "simple"
	}
	return df.session.host.ActionExplain(df.handle, mode)
}
