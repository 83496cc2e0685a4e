package sdktest

import (
	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// A given frame stands where a task reads a table or a path.
type given struct {
	schema string
	rows   []byte
}

// Given has rows stand in for what a task reads from a table of that name, or
// from files of that path, whatever their format: the engine, or the plan as
// text, gets the rows instead. schema is DDL, such as "customer string, amount
// double". A row is a []any with a value for each column, or a single value for
// a row of one column.
func (h *Host) Given(source, schema string, rows ...any) {
	h.tb.Helper()
	list := make([]any, len(rows))
	for i, row := range rows {
		values, ok := row.([]any)
		if !ok {
			values = []any{row}
		}
		list[i] = values
	}
	data, err := encode(list)
	if err == nil {
		err = pyjson.Valid(data)
	}
	if err != nil {
		h.tb.Fatalf("sdktest: the rows of %s: %v", source, err)
		return
	}
	if h.givens == nil {
		h.givens = map[string]given{}
	}
	h.givens[source] = given{schema, data}
}

// FrameTable implements [abi.Host].
func (c *call) FrameTable(name string, options []string) abi.Frame {
	if g, ok := c.host.givens[name]; ok {
		return c.FrameLocal(g.schema, g.rows)
	}
	return c.Plans.FrameTable(name, options)
}

// FrameRead implements [abi.Host].
func (c *call) FrameRead(format, schema string, options, paths []string) abi.Frame {
	if g, ok := c.host.givenPaths(paths); ok {
		return c.FrameLocal(g.schema, g.rows)
	}
	return c.Plans.FrameRead(format, schema, options, paths)
}

// givenPaths returns what stands in for files, which is given for one path alone.
func (h *Host) givenPaths(paths []string) (given, bool) {
	if len(paths) != 1 {
		return given{}, false
	}
	g, ok := h.givens[paths[0]]
	return g, ok
}
