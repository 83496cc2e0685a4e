package spark

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// opLocal is the op of rows that are part of the plan.
const opLocal = "local data"

// Local has the given rows. schema is DDL: "id bigint, name string". rows is a
// JSON list with a value for each row: a list of its columns' values, or an
// object with their names, in which absent ones are NULL. Values are those that
// [Literal] takes, or as rows have them that were collected.
func Local(schema string, rows []byte) *DataFrame {
	t, err := parseSchema(schema)
	if err != nil {
		return Invalid(fmt.Errorf("local data: %w", err))
	}
	data, n, err := encodeRows(t, rows)
	if err != nil {
		return Invalid(fmt.Errorf("local data: %w", err))
	}
	node := leaf(opLocal, int64(len(data))+textWeight(schema))
	node.detail = fmt.Sprintf("%d rows", n)
	// As the type is understood here, so that both sides mean the same.
	text := ddl(t)
	node.build = func(*renderer, []*sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_LocalRelation{
			LocalRelation: &sparkpb.LocalRelation{Data: data, Schema: &text},
		}}
	}
	return frame(node, nil, nil)
}

// parseSchema reads a table's schema, or the struct type of its rows.
func parseSchema(schema string) (*sparkpb.DataType, error) {
	if word := strings.ToLower(strings.TrimSpace(schema)); !strings.HasPrefix(word, "struct<") {
		schema = "struct<" + schema + ">"
	}
	t, err := parseType(schema)
	if err != nil {
		return nil, err
	}
	if len(t.GetStruct().GetFields()) == 0 {
		return nil, errors.New(`the schema has no columns; it looks like "id bigint, name string"`)
	}
	return t, nil
}

// localBatch is how many rows a batch of local data has at most.
const localBatch = 10_000

// encodeRows writes rows as an Arrow stream and returns how many there are.
func encodeRows(t *sparkpb.DataType, rows []byte) ([]byte, int, error) {
	fields := t.GetStruct().GetFields()
	columns := make([]arrow.Field, len(fields))
	for i, f := range fields {
		kind, err := arrowType(f.GetDataType())
		if err != nil {
			return nil, 0, fmt.Errorf("column %s: %w", f.GetName(), err)
		}
		columns[i] = arrow.Field{Name: f.GetName(), Type: kind, Nullable: f.GetNullable()}
	}
	schema := arrow.NewSchema(columns, nil)
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	n := 0
	flush := func() error {
		batch := b.NewRecordBatch()
		defer batch.Release()
		return w.Write(batch)
	}
	list := json.NewDecoder(bytes.NewReader(quoteOdd(rows)))
	if token, err := list.Token(); err != nil || token != json.Delim('[') {
		return nil, 0, errors.New("the rows are no JSON list")
	}
	for ; list.More(); n++ {
		var row json.RawMessage
		if err := list.Decode(&row); err != nil {
			return nil, 0, fmt.Errorf("row %d: %w", n, err)
		}
		literal, err := typedLiteral(t, row)
		if err == nil && literal.GetStruct() == nil {
			err = errors.New("it is null")
		}
		if err != nil {
			return nil, 0, fmt.Errorf("row %d: %w", n, err)
		}
		for i, value := range literal.GetStruct().GetElements() {
			if value.GetNull() != nil && !fields[i].GetNullable() {
				return nil, 0, fmt.Errorf("row %d: column %s is NULL, and the schema says NOT NULL", n, fields[i].GetName())
			}
			addLiteral(b.Field(i), value)
		}
		if (n+1)%localBatch == 0 {
			if err := flush(); err != nil {
				return nil, 0, err
			}
		}
	}
	if _, err := list.Token(); err != nil {
		return nil, 0, fmt.Errorf("the list of rows does not end: %w", err)
	}
	if n%localBatch != 0 || n == 0 {
		if err := flush(); err != nil {
			return nil, 0, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, 0, err
	}
	return out.Bytes(), n, nil
}

// oddNumbers are what Python's JSON has for numbers that JSON lacks, and the
// strings between which they stand.
var oddNumbers = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|-?Infinity|NaN`)

// quoteOdd makes strings of the numbers that Go's JSON does not take.
func quoteOdd(text []byte) []byte {
	if !bytes.Contains(text, []byte("NaN")) && !bytes.Contains(text, []byte("Infinity")) {
		return text
	}
	return oddNumbers.ReplaceAllFunc(text, func(token []byte) []byte {
		if token[0] == '"' {
			return token
		}
		return slices.Concat([]byte(`"`), token, []byte(`"`))
	})
}

// arrowType returns the type in which Spark takes values of one of its own.
func arrowType(t *sparkpb.DataType) (arrow.DataType, error) {
	switch k := t.GetKind().(type) {
	case *sparkpb.DataType_Null:
		return arrow.Null, nil
	case *sparkpb.DataType_Boolean_:
		return arrow.FixedWidthTypes.Boolean, nil
	case *sparkpb.DataType_Byte_:
		return arrow.PrimitiveTypes.Int8, nil
	case *sparkpb.DataType_Short_:
		return arrow.PrimitiveTypes.Int16, nil
	case *sparkpb.DataType_Integer_:
		return arrow.PrimitiveTypes.Int32, nil
	case *sparkpb.DataType_Long_:
		return arrow.PrimitiveTypes.Int64, nil
	case *sparkpb.DataType_Float_:
		return arrow.PrimitiveTypes.Float32, nil
	case *sparkpb.DataType_Double_:
		return arrow.PrimitiveTypes.Float64, nil
	case *sparkpb.DataType_Decimal_:
		return &arrow.Decimal128Type{Precision: k.Decimal.GetPrecision(), Scale: k.Decimal.GetScale()}, nil
	case *sparkpb.DataType_String_:
		return arrow.BinaryTypes.String, nil
	case *sparkpb.DataType_Binary_:
		return arrow.BinaryTypes.Binary, nil
	case *sparkpb.DataType_Date_:
		return arrow.FixedWidthTypes.Date32, nil
	case *sparkpb.DataType_Timestamp_:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, nil
	case *sparkpb.DataType_TimestampNtz:
		return &arrow.TimestampType{Unit: arrow.Microsecond}, nil
	case *sparkpb.DataType_TimestampNtzNanos, *sparkpb.DataType_TimestampLtzNanos:
		digits, ntz, _ := nanosOf(t)
		return nanosArrow(digits, ntz), nil
	case *sparkpb.DataType_Time_:
		return arrow.FixedWidthTypes.Time64ns, nil
	case *sparkpb.DataType_DayTimeInterval_:
		return arrow.FixedWidthTypes.Duration_us, nil
	case *sparkpb.DataType_YearMonthInterval_:
		return arrow.FixedWidthTypes.MonthInterval, nil
	case *sparkpb.DataType_Array_:
		element, err := arrowType(k.Array.GetElementType())
		if err != nil {
			return nil, err
		}
		return arrow.ListOfField(arrow.Field{Name: "element", Type: element, Nullable: true}), nil
	case *sparkpb.DataType_Map_:
		key, err := arrowType(k.Map.GetKeyType())
		if err != nil {
			return nil, err
		}
		value, err := arrowType(k.Map.GetValueType())
		if err != nil {
			return nil, err
		}
		return arrow.MapOf(key, value), nil
	case *sparkpb.DataType_Struct_:
		fields := make([]arrow.Field, len(k.Struct.GetFields()))
		for i, f := range k.Struct.GetFields() {
			kind, err := arrowType(f.GetDataType())
			if err != nil {
				return nil, fmt.Errorf("field %s: %w", f.GetName(), err)
			}
			fields[i] = arrow.Field{Name: f.GetName(), Type: kind, Nullable: f.GetNullable()}
		}
		return arrow.StructOf(fields...), nil
	}
	return nil, fmt.Errorf("rows cannot hold values of type %s", ddl(t))
}
