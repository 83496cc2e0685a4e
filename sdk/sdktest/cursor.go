package sdktest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// cursor is a cursor over an answer's rows.
type cursor struct {
	answer *Answer
	schema abi.CursorSchema
	next   int // row at which the next batch begins
	batch  [][]any
}

// layouts are those of the types that a test may give; others are JSON.
var layouts = map[string]abi.Layout{
	"boolean": abi.LayoutBool, "tinyint": abi.LayoutInt8, "smallint": abi.LayoutInt16, "int": abi.LayoutInt32, "bigint": abi.LayoutInt64,
	"float": abi.LayoutFloat32, "double": abi.LayoutFloat64, "string": abi.LayoutUTF8, "binary": abi.LayoutBinary,
	"date": abi.LayoutInt32, "timestamp": abi.LayoutInt64, "timestamp_ntz": abi.LayoutInt64, "void": abi.LayoutNull,
}

func (c *call) CursorOpen(frame abi.Frame) (abi.Cursor, error) {
	a, err := c.find("cursor", frame)
	if err != nil {
		return 0, err
	}
	k := &cursor{answer: a}
	for i, name := range a.columns {
		column := abi.CursorColumn{Name: name, Type: "string", Nullable: true}
		if i < len(a.types) {
			column.Type = a.types[i]
		}
		if column.Layout = layouts[column.Type]; column.Layout == "" {
			column.Layout = abi.LayoutJSON
		}
		k.schema.Columns = append(k.schema.Columns, column)
	}
	for n, row := range a.rows {
		if len(row) != len(a.columns) {
			c.host.tb.Fatalf("sdktest: row %d of the answer for %q has %d values; a cursor needs as many names from Columns, which has %d", n, a.match, len(row), len(a.columns))
		}
	}
	c.cursors = append(c.cursors, k)
	return abi.Cursor(len(c.cursors)), nil
}

// cursor returns an open cursor.
func (c *call) cursor(handle abi.Cursor) (*cursor, error) {
	if handle == 0 || int(handle) > len(c.cursors) || c.cursors[handle-1] == nil {
		return nil, abi.Errorf("ValueError", "there is no cursor %d", handle)
	}
	return c.cursors[handle-1], nil
}

func (c *call) CursorSchema(handle abi.Cursor) ([]byte, error) {
	k, err := c.cursor(handle)
	if err != nil {
		return nil, err
	}
	return pyjson.Marshal(k.schema)
}

func (c *call) CursorNext(handle abi.Cursor, maxRows int32) (int64, error) {
	k, err := c.cursor(handle)
	if err != nil {
		return 0, err
	}
	rows := k.answer.rows[k.next:]
	if maxRows > 0 && len(rows) > int(maxRows) {
		rows = rows[:maxRows]
	}
	k.batch, k.next = rows, k.next+len(rows)
	return int64(len(rows)), nil
}

func (c *call) CursorClose(handle abi.Cursor) error {
	if _, err := c.cursor(handle); err == nil {
		c.cursors[handle-1] = nil
	}
	return nil
}

func (c *call) CursorColumn(handle abi.Cursor, column int32, buffer abi.Buffer) ([]byte, error) {
	k, err := c.cursor(handle)
	if err != nil {
		return nil, err
	}
	if column < 0 || int(column) >= len(k.schema.Columns) {
		return nil, abi.Errorf("ValueError", "there is no column %d", column)
	}
	data, err := k.buffer(int(column), buffer)
	if err != nil {
		c.host.tb.Fatalf("sdktest: column %s of the answer for %q: %v", k.schema.Columns[column].Name, k.answer.match, err)
	}
	return data, nil
}

// buffer writes a buffer of the current batch.
func (k *cursor) buffer(column int, buffer abi.Buffer) ([]byte, error) {
	layout := k.schema.Columns[column].Layout
	asJSON := buffer == abi.JSONOffsets || buffer == abi.JSONValues
	if layout == abi.LayoutNull && !asJSON {
		return nil, nil
	}
	valid, bools := make([]byte, (len(k.batch)+7)/8), make([]byte, (len(k.batch)+7)/8)
	offsets, values := make([]byte, 4), []byte(nil)
	for i, row := range k.batch {
		text, err := encode(row[column])
		if err != nil {
			return nil, err
		}
		if asJSON {
			values = append(values, text...)
			offsets = binary.LittleEndian.AppendUint32(offsets, uint32(len(values)))
			continue
		}
		isNull := string(text) == "null"
		if !isNull {
			valid[i/8] |= 1 << (i % 8)
		}
		if layout == abi.LayoutBool {
			if string(text) == "true" {
				bools[i/8] |= 1 << (i % 8)
			}
			continue
		}
		if values, err = appendValue(values, layout, k.schema.Columns[column].Type, text, isNull); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
		offsets = binary.LittleEndian.AppendUint32(offsets, uint32(len(values)))
	}
	switch {
	case buffer == abi.Validity:
		return valid, nil
	case buffer == abi.Offsets, buffer == abi.JSONOffsets:
		return offsets, nil
	case layout == abi.LayoutBool && !asJSON:
		return bools, nil
	}
	return values, nil
}

// appendValue writes one value, given as JSON, in a layout.
func appendValue(to []byte, layout abi.Layout, ddl string, text json.RawMessage, isNull bool) ([]byte, error) {
	var n int64
	var err error
	switch layout {
	case abi.LayoutUTF8:
		var s string
		if !isNull {
			err = pyjson.Decode(text, &s)
		}
		return append(to, s...), err
	case abi.LayoutBinary:
		var b []byte
		if !isNull {
			err = pyjson.Decode(text, &b)
		}
		return append(to, b...), err
	case abi.LayoutJSON:
		if isNull {
			return to, nil
		}
		return append(to, text...), nil
	case abi.LayoutFloat32, abi.LayoutFloat64:
		var f float64
		if !isNull {
			err = pyjson.Decode(text, &f)
		}
		if layout == abi.LayoutFloat32 {
			return binary.LittleEndian.AppendUint32(to, math.Float32bits(float32(f))), err
		}
		return binary.LittleEndian.AppendUint64(to, math.Float64bits(f)), err
	}
	switch {
	case isNull:
	case ddl == "date", ddl == "timestamp", ddl == "timestamp_ntz":
		var t time.Time
		err = pyjson.Decode(text, &t)
		if n = t.UnixMicro(); ddl == "date" {
			n = t.Unix() / 86400
		}
	default:
		err = pyjson.Decode(text, &n)
	}
	if err != nil {
		return to, err
	}
	width := map[abi.Layout]int{abi.LayoutInt8: 1, abi.LayoutInt16: 2, abi.LayoutInt32: 4, abi.LayoutInt64: 8}[layout]
	return append(to, binary.LittleEndian.AppendUint64(nil, uint64(n))[:width]...), nil
}
