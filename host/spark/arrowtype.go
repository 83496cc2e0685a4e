package spark

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// localColumns returns the columns in which Spark takes those of a table of
// Arrow's, and their types in DDL form. They are PySpark's for the same table.
// want has the types that are asked for, or is nil.
func localColumns(from *arrow.Schema, want *sparkpb.DataType) (*arrow.Schema, string, error) {
	wanted := want.GetStruct().GetFields()
	if want != nil && len(wanted) != from.NumFields() {
		return nil, "", fmt.Errorf("the schema has %d columns, and the table %d", len(wanted), from.NumFields())
	}
	if from.NumFields() == 0 {
		return nil, "", errors.New("the table has no columns")
	}
	fields, text, err := localFields(from.Fields(), wanted)
	if err != nil {
		return nil, "", fmt.Errorf("column %w", err)
	}
	return arrow.NewSchema(fields, nil), text, nil
}

func localFields(from []arrow.Field, wanted []*sparkpb.DataType_StructField) ([]arrow.Field, string, error) {
	fields, texts := make([]arrow.Field, len(from)), make([]string, len(from))
	for i, f := range from {
		var want *sparkpb.DataType
		if len(wanted) == len(from) {
			want = wanted[i].GetDataType()
		}
		if !utf8.ValidString(f.Name) {
			return nil, "", fmt.Errorf("%q: its name is not UTF-8", f.Name)
		}
		kind, text, err := localType(f.Type, want)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", f.Name, err)
		}
		fields[i] = arrow.Field{Name: f.Name, Type: kind, Nullable: f.Nullable}
		texts[i] = identifier(f.Name) + ":" + text
		if !f.Nullable {
			texts[i] += " NOT NULL"
		}
	}
	return fields, strings.Join(texts, ","), nil
}

// localType returns the type in which Spark takes values of one of Arrow's, and
// its name in DDL form.
func localType(t arrow.DataType, want *sparkpb.DataType) (arrow.DataType, string, error) {
	switch t := t.(type) {
	case *arrow.NullType:
		return t, "void", nil
	case *arrow.BooleanType:
		return t, "boolean", nil
	case *arrow.Int8Type:
		return t, "tinyint", nil
	case *arrow.Int16Type:
		return t, "smallint", nil
	case *arrow.Int32Type:
		return t, "int", nil
	case *arrow.Int64Type:
		return t, "bigint", nil
	case *arrow.Float32Type:
		return t, "float", nil
	case *arrow.Float64Type:
		return t, "double", nil
	case arrow.DecimalType:
		precision, scale := t.GetPrecision(), t.GetScale()
		if precision < 1 || precision > 38 || scale < 0 || scale > precision {
			return nil, "", fmt.Errorf("a decimal of precision %d and scale %d is none of Spark's", precision, scale)
		}
		return &arrow.Decimal128Type{Precision: precision, Scale: scale}, fmt.Sprintf("decimal(%d,%d)", precision, scale), nil
	case *arrow.StringType, *arrow.LargeStringType:
		return arrow.BinaryTypes.String, "string", nil
	case *arrow.BinaryType, *arrow.LargeBinaryType, *arrow.FixedSizeBinaryType:
		return arrow.BinaryTypes.Binary, "binary", nil
	case *arrow.Date32Type:
		return t, "date", nil
	case *arrow.TimestampType:
		return localTimestamp(t, want)
	case *arrow.Time64Type:
		return arrow.FixedWidthTypes.Time64ns, "time(6)", nil
	case *arrow.DurationType:
		return arrow.FixedWidthTypes.Duration_us, "interval day to second", nil
	case *arrow.MonthIntervalType:
		return t, "interval year to month", nil
	case *arrow.DictionaryType:
		return localType(t.ValueType, want)
	case *arrow.MapType: // before lists, which it is, too
		key, keyText, err := localType(t.KeyType(), want.GetMap().GetKeyType())
		if err != nil {
			return nil, "", fmt.Errorf("its keys: %w", err)
		}
		value, valueText, err := localType(t.ItemType(), want.GetMap().GetValueType())
		if err != nil {
			return nil, "", fmt.Errorf("its values: %w", err)
		}
		return arrow.MapOf(key, value), "map<" + keyText + "," + valueText + ">", nil
	case *arrow.ListType, *arrow.LargeListType, *arrow.FixedSizeListType:
		element, text, err := localType(t.(arrow.ListLikeType).Elem(), want.GetArray().GetElementType())
		if err != nil {
			return nil, "", fmt.Errorf("its elements: %w", err)
		}
		return arrow.ListOfField(arrow.Field{Name: "element", Type: element, Nullable: true}), "array<" + text + ">", nil
	case *arrow.StructType:
		return localStruct(t, want)
	}
	return nil, "", fmt.Errorf("no type of Spark's is for Arrow's %s; cast it before", t)
}

// localTimestamp is a timestamp in microseconds, or what was asked for if that is
// finer. One of no time zone is of the engine's own type for timestamps, which is
// of the session's time zone unless spark.sql.timestampType says otherwise.
func localTimestamp(t *arrow.TimestampType, want *sparkpb.DataType) (arrow.DataType, string, error) {
	if digits, ntz, fine := nanosOf(want); fine {
		if ntz != (t.TimeZone == "") {
			return nil, "", fmt.Errorf("a column of Arrow's %s cannot become a %s: only one of a time zone is a timestamp_ltz, only one of none a timestamp_ntz", t, ddl(want))
		}
		return nanosArrow(digits, ntz), ddl(want), nil
	}
	zone := ""
	if t.TimeZone != "" {
		zone = "UTC" // in which Arrow counts, whatever the zone's name
	}
	return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: zone}, "timestamp", nil
}

// localStruct is a struct, or one of the types that Arrow's side has as a struct
// with a mark.
func localStruct(t *arrow.StructType, want *sparkpb.DataType) (arrow.DataType, string, error) {
	for _, f := range t.Fields() {
		for _, mark := range []string{"variant", "geometry", "geography"} {
			if v, ok := f.Metadata.GetValue(mark); !ok || v != "true" {
				continue
			}
			if mark == "variant" && isVariant(t) {
				return variantArrow, mark, nil
			}
			return nil, "", fmt.Errorf("rows cannot hold values of type %s", mark)
		}
	}
	if t.NumFields() == 0 {
		return nil, "", errors.New("a struct without fields is none of Spark's")
	}
	fields, text, err := localFields(t.Fields(), want.GetStruct().GetFields())
	if err != nil {
		return nil, "", fmt.Errorf("field %w", err)
	}
	return arrow.StructOf(fields...), "struct<" + text + ">", nil
}

// variantArrow is the type in which Spark takes variants.
var variantArrow = arrow.StructOf(
	arrow.Field{Name: "value", Type: arrow.BinaryTypes.Binary},
	arrow.Field{Name: "metadata", Type: arrow.BinaryTypes.Binary, Metadata: arrow.NewMetadata([]string{"variant"}, []string{"true"})},
)

func isVariant(t *arrow.StructType) bool {
	if t.NumFields() != 2 || t.Field(0).Name != "value" || t.Field(1).Name != "metadata" {
		return false
	}
	return arrow.TypeEqual(t.Field(0).Type, arrow.BinaryTypes.Binary) && arrow.TypeEqual(t.Field(1).Type, arrow.BinaryTypes.Binary)
}
