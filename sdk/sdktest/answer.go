package sdktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// An Answer is what stands in for Spark's answer to actions. Its methods return
// it, so that they can be chained.
type Answer struct {
	match   string
	once    bool
	used    int
	columns []string
	types   []string
	rows    [][]any
	count   int64
	counted bool
	explain string
	value   any
	err     error
}

// On returns an answer to every action whose plan, as text, contains match; the
// empty string matches all plans. An action takes the first answer that matches,
// in the order in which they were given.
func (h *Host) On(match string) *Answer {
	a := &Answer{match: match}
	h.answers = append(h.answers, a)
	return a
}

// Once is [Host.On] for one action only. With an empty match, several of them
// answer actions in the order in which they run.
func (h *Host) Once(match string) *Answer {
	a := h.On(match)
	a.once = true
	return a
}

// Columns names the columns of the rows. Only actions that ask for names need
// them: Collect, CollectAs with a struct or map, Schema and Columns.
func (a *Answer) Columns(names ...string) *Answer {
	a.columns = names
	return a
}

// Types gives the columns' types in DDL form, for Schema. The default is string.
func (a *Answer) Types(ddl ...string) *Answer {
	a.types = ddl
	return a
}

// Rows adds rows: a []any with a value for each column, or a single value for a
// row of one column.
func (a *Answer) Rows(rows ...any) *Answer {
	for _, row := range rows {
		values, ok := row.([]any)
		if !ok {
			values = []any{row}
		}
		a.rows = append(a.rows, values)
	}
	return a
}

// Count sets what Count answers, in place of the number of rows.
func (a *Answer) Count(n int64) *Answer {
	a.count, a.counted = n, true
	return a
}

// Explain sets what Explain answers, in place of the plan as this package
// writes it.
func (a *Answer) Explain(text string) *Answer {
	a.explain = text
	return a
}

// Value sets what the actions answer that ask for neither rows, count, schema
// nor explanation: a string for ShowString, HTMLString and TreeString, a
// []string for InputFiles, a bool for IsLocal, IsStreaming and SameSemantics,
// an int32 for SemanticHash, an [abi.StorageLevel], and for the catalog and the
// settings what their methods return, such as []spark.Table.
func (a *Answer) Value(v any) *Answer {
	a.value = v
	return a
}

// Err makes the actions fail, for instance with
// sdk.Errorf("pyspark.errors.AnalysisException", "[PATH_NOT_FOUND] …").
func (a *Answer) Err(err error) *Answer {
	a.err = err
	return a
}

// find returns the answer to an action and records its plan, or fails the test.
func (c *call) find(action string, frame abi.Frame) (*Answer, error) {
	if err := c.Err(frame); err != nil {
		return nil, err
	}
	h := c.host
	plan := c.record(frame)
	if a, err := h.matching(plan); a != nil || err != nil {
		return a, err
	}
	h.tb.Fatalf("sdktest: no answer for the %s of this plan:\n%s\n%s", action, plan, h.given())
	return nil, abi.Errorf("RuntimeError", "sdktest: no answer for the %s", action)
}

// record notes the plan of an action and returns it as text.
func (c *call) record(frame abi.Frame) string {
	h, plan := c.host, c.Text(frame)
	h.plans = append(h.plans, plan)
	for _, name := range c.Plans.Caches(frame) {
		if !slices.Contains(h.caches, name) {
			h.caches = append(h.caches, name)
		}
	}
	return plan
}

// matching returns the answer to what text says, its error, or neither.
func (h *Host) matching(text string) (*Answer, error) {
	for _, a := range h.answers {
		if (a.once && a.used > 0) || !strings.Contains(text, a.match) {
			continue
		}
		a.used++
		if a.err == nil {
			return a, nil
		}
		if e, ok := errors.AsType[*abi.Error](a.err); ok {
			return nil, e // the host gives nothing else
		}
		return nil, abi.Errorf("Exception", "%v", a.err)
	}
	return nil, nil
}

// given lists the answers there are, for people.
func (h *Host) given() string {
	if len(h.answers) == 0 {
		return `None was given: use Host.On("").Rows(…), for example.`
	}
	var b strings.Builder
	b.WriteString("The answers given are for plans with")
	for _, a := range h.answers {
		fmt.Fprintf(&b, "\n  %q", a.match)
		if a.once && a.used > 0 {
			b.WriteString(" (once, and used up)")
		}
	}
	return b.String()
}

func (c *call) ActionCollect(frame abi.Frame, form abi.RowForm) ([]byte, error) {
	a, err := c.find("rows", frame)
	if err != nil {
		return nil, err
	}
	list := make([]json.RawMessage, len(a.rows))
	for i, row := range a.rows {
		if list[i], err = a.row(row, form); err != nil {
			c.host.tb.Fatalf("sdktest: row %d of the answer for %q: %v", i, a.match, err)
			return nil, abi.Errorf("RuntimeError", "sdktest: %v", err)
		}
	}
	return pyjson.Join('[', list), nil
}

func (a *Answer) row(row []any, form abi.RowForm) (json.RawMessage, error) {
	values := make([]json.RawMessage, len(row))
	for i, v := range row {
		var err error
		if values[i], err = encode(v); err != nil {
			return nil, err
		}
	}
	if form == abi.RowArrays {
		return pyjson.Join('[', values), nil
	}
	if len(a.columns) != len(row) {
		return nil, fmt.Errorf("the task asks for rows with names: %d values need as many names from Columns, which has %d", len(row), len(a.columns))
	}
	for i, name := range a.columns {
		key, err := encode(name)
		if err != nil {
			return nil, err
		}
		values[i] = slices.Concat(key, json.RawMessage(":"), values[i])
	}
	return pyjson.Join('{', values), nil
}

func (c *call) ActionCount(frame abi.Frame) (int64, error) {
	a, err := c.find("count", frame)
	if err != nil {
		return 0, err
	}
	if a.counted {
		return a.count, nil
	}
	return int64(len(a.rows)), nil
}

func (c *call) ActionSchema(frame abi.Frame) ([]byte, error) {
	a, err := c.find("schema", frame)
	if err != nil {
		return nil, err
	}
	if a.columns == nil {
		c.host.tb.Fatalf("sdktest: the task asks for the schema, and the answer for %q has no Columns", a.match)
	}
	var schema abi.Schema
	for i, name := range a.columns {
		column := abi.ColumnSchema{Name: name, Type: "string", Nullable: true}
		if i < len(a.types) {
			column.Type = a.types[i]
		}
		schema.Columns = append(schema.Columns, column)
	}
	return pyjson.Marshal(schema)
}

func (c *call) ActionExplain(frame abi.Frame, _ string) (string, error) {
	a, err := c.find("explanation", frame)
	if err != nil {
		return "", err
	}
	if a.explain == "" {
		return c.Text(frame), nil
	}
	return a.explain, nil
}
