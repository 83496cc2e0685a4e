package spark

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// LocalArrow has the rows of a table of Arrow's: an IPC stream, without
// compression. schema, in DDL, has the types that columns shall be cast to, and
// their names; empty leaves them as they are. most is how many bytes the rows may
// take once they are written out, with what their dictionaries say in every row;
// size is how many they take.
//
// Types are PySpark's for the same table: timestamps of nanoseconds are cut to
// microseconds unless the schema asks for them (timestamp_ntz(9)), and those of
// no time zone are of the session's. The engine gets a table that is written
// anew, of values that were checked.
func LocalArrow(schema string, stream []byte, most int64) (df *DataFrame, size int64) {
	var want *sparkpb.DataType
	if schema != "" {
		t, err := parseSchema(schema)
		if err != nil {
			return Invalid(fmt.Errorf("local data: %w", err)), 0
		}
		want = t
	}
	c := &arrowCopy{most: most, left: most}
	table, err := c.table(stream, want)
	size = most - max(c.left, 0)
	if err != nil {
		return Invalid(fmt.Errorf("local data: the Arrow stream: %w", err)), size
	}
	node := leaf(opLocal, int64(len(table.data))+textWeight(table.schema))
	node.detail = fmt.Sprintf("%d rows", table.rows)
	node.build = func(*renderer, []*sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_LocalRelation{
			LocalRelation: &sparkpb.LocalRelation{Data: table.data, Schema: &table.schema},
		}}
	}
	return frame(node, nil, nil), size
}

// A localTable is local data as an engine takes them.
type localTable struct {
	data   []byte
	schema string
	rows   int
}

// table writes the rows of a stream anew. Arrow's reader panics over what is
// broken, such as offsets beyond their buffer.
func (c *arrowCopy) table(stream []byte, want *sparkpb.DataType) (table localTable, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it is broken: %v", p)
		}
	}()
	messages := &arrowStream{rest: stream}
	in, err := ipc.NewReaderFromMessageReader(messages)
	if err != nil {
		return table, err
	}
	defer in.Release()
	schema, text, err := localColumns(in.Schema(), want)
	if err != nil {
		return table, err
	}
	if table.schema = text; want != nil {
		table.schema = ddl(want)
	}
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	flush := func() error {
		batch := b.NewRecordBatch()
		defer batch.Release()
		return w.Write(batch)
	}
	for in.Next() {
		batch := in.RecordBatch()
		row := c.row(batch, b)
		for n := range int(batch.NumRows()) {
			if err := row(n); err != nil {
				return table, fmt.Errorf("row %d: %w", table.rows, err)
			}
			if table.rows++; table.rows%localBatch == 0 {
				if err := flush(); err != nil {
					return table, err
				}
			}
		}
	}
	if err := in.Err(); err != nil {
		return table, err
	}
	if table.rows%localBatch != 0 || table.rows == 0 {
		if err := flush(); err != nil {
			return table, err
		}
	}
	err = w.Close()
	table.data = out.Bytes()
	return table, err
}

// rowBytes is about what a row takes beside its values.
const rowBytes = 8

// row returns what copies a row of a batch.
func (c *arrowCopy) row(batch arrow.RecordBatch, to *array.RecordBuilder) func(n int) error {
	columns := make([]func(int) error, batch.NumCols())
	fields := to.Schema().Fields()
	for i, from := range batch.Columns() {
		columns[i] = c.column(from, to.Field(i))
	}
	return func(n int) error {
		if err := c.take(rowBytes); err != nil {
			return err
		}
		for i, column := range columns {
			if err := notNull(fields[i], to.Field(i), column, n); err != nil {
				return fmt.Errorf("column %s: %w", fields[i].Name, err)
			}
		}
		return nil
	}
}
