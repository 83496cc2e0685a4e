package term

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/celery"
)

// A Table is how rows are written.
type Table struct {
	// Rows is the most rows that are written; zero writes all.
	Rows int
	// Width is the most characters of a value; zero cuts none.
	Width int
}

// Write writes the rows of a DataFrame, a JSON array of arrays or of objects as
// a task's result has them, as Spark's show does: with NULL for null, and what
// are no numbers to the left.
func (t Table) Write(w io.Writer, columns []abi.ColumnSchema, rows json.RawMessage) error {
	list, err := celery.Elements(rows)
	if err != nil {
		return fmt.Errorf("rows of a result: %w", err)
	}
	shown := list
	if t.Rows > 0 {
		shown = list[:min(len(list), t.Rows)]
	}
	names := make([]string, len(columns))
	width := make([]int, len(columns))
	for i, c := range columns {
		names[i] = t.cut(c.Name)
		width[i] = max(utf8.RuneCountInString(names[i]), 1)
	}
	cells := make([][]string, len(shown))
	for i, row := range shown {
		values, err := valuesOf(row, columns)
		if err != nil {
			return fmt.Errorf("row %d of a result: %w", i, err)
		}
		for j, v := range values {
			text := t.cut(Cell(v))
			cells[i] = append(cells[i], text)
			width[j] = max(width[j], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	rule := "+"
	for _, n := range width {
		rule += strings.Repeat("-", n+2) + "+"
	}
	line := func(texts []string) {
		b.WriteByte('|')
		for i, text := range texts {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(text))
			if isNumber(columns[i].Type) {
				text = pad + text
			} else {
				text += pad
			}
			fmt.Fprintf(&b, " %s |", text)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintln(&b, rule)
	line(names)
	fmt.Fprintln(&b, rule)
	for _, row := range cells {
		line(row)
	}
	fmt.Fprintln(&b, rule)
	count := fmt.Sprintf("%d rows", len(list))
	if len(list) == 1 {
		count = "1 row"
	}
	if len(shown) < len(list) {
		count += fmt.Sprintf(", the first %d of them shown", len(shown))
	}
	fmt.Fprintln(&b, count)
	_, err = io.WriteString(w, b.String())
	return err
}

// valuesOf returns a row's values in the order of the columns.
func valuesOf(row json.RawMessage, columns []abi.ColumnSchema) ([]json.RawMessage, error) {
	var values []json.RawMessage
	if object, err := celery.Members(row); err == nil {
		for _, c := range columns {
			values = append(values, object.Get(c.Name))
		}
	} else if values, err = celery.Elements(row); err != nil {
		return nil, err
	}
	if len(values) != len(columns) {
		return nil, fmt.Errorf("it has %d values, and there are %d columns", len(values), len(columns))
	}
	return values, nil
}

// Cell is a JSON value as a table shows it, in one line.
func Cell(v json.RawMessage) string {
	if v == nil || celery.IsNull(v) {
		return "NULL"
	}
	text, ok := celery.Text(v)
	if object, err := celery.Members(v); err == nil && object.Get("__type__") != nil && object.Get("__value__") != nil {
		text, ok = celery.Text(object.Get("__value__")) // a date, a decimal: what JSON has no form for
	}
	if !ok {
		text = string(v)
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return '⏎'
		case r < ' ' || r == 0x7f: // a terminal would obey it
			return '�'
		}
		return r
	}, text)
}

func (t Table) cut(text string) string {
	if t.Width <= 0 || utf8.RuneCountInString(text) <= t.Width {
		return text
	}
	return string([]rune(text)[:max(t.Width-1, 0)]) + "…"
}

// isNumber reports whether a column of that DDL type has numbers.
func isNumber(ddl string) bool {
	name, _, _ := strings.Cut(strings.ToLower(ddl), "(")
	return slices.Contains([]string{"tinyint", "smallint", "int", "bigint", "float", "double", "decimal"}, name)
}
