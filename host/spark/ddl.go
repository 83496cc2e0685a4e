package spark

import (
	"fmt"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// ddl returns a type in the form that casts and schemas take.
func ddl(t *sparkpb.DataType) string {
	switch k := t.GetKind().(type) {
	case *sparkpb.DataType_Null:
		return "void"
	case *sparkpb.DataType_Binary_:
		return "binary"
	case *sparkpb.DataType_Boolean_:
		return "boolean"
	case *sparkpb.DataType_Byte_:
		return "tinyint"
	case *sparkpb.DataType_Short_:
		return "smallint"
	case *sparkpb.DataType_Integer_:
		return "int"
	case *sparkpb.DataType_Long_:
		return "bigint"
	case *sparkpb.DataType_Float_:
		return "float"
	case *sparkpb.DataType_Double_:
		return "double"
	case *sparkpb.DataType_Decimal_:
		precision, scale := int32(10), k.Decimal.GetScale()
		if k.Decimal.Precision != nil {
			precision = k.Decimal.GetPrecision()
		}
		return fmt.Sprintf("decimal(%d,%d)", precision, scale)
	case *sparkpb.DataType_String_:
		if c := k.String_.GetCollation(); c != "" && c != "UTF8_BINARY" {
			return "string collate " + c
		}
		return "string"
	case *sparkpb.DataType_Char_:
		return fmt.Sprintf("char(%d)", k.Char.GetLength())
	case *sparkpb.DataType_VarChar_:
		return fmt.Sprintf("varchar(%d)", k.VarChar.GetLength())
	case *sparkpb.DataType_Date_:
		return "date"
	case *sparkpb.DataType_Timestamp_:
		return "timestamp"
	case *sparkpb.DataType_TimestampNtz:
		return "timestamp_ntz"
	case *sparkpb.DataType_TimestampNtzNanos, *sparkpb.DataType_TimestampLtzNanos:
		digits, ntz, _ := nanosOf(t)
		if ntz {
			return fmt.Sprintf("timestamp_ntz(%d)", digits)
		}
		return fmt.Sprintf("timestamp_ltz(%d)", digits)
	case *sparkpb.DataType_Time_:
		if k.Time.Precision != nil {
			return fmt.Sprintf("time(%d)", k.Time.GetPrecision())
		}
		return "time(6)"
	case *sparkpb.DataType_CalendarInterval_:
		return "interval"
	case *sparkpb.DataType_YearMonthInterval_:
		i := k.YearMonthInterval
		return interval(yearMonth, i.StartField, i.EndField)
	case *sparkpb.DataType_DayTimeInterval_:
		i := k.DayTimeInterval
		return interval(dayTime, i.StartField, i.EndField)
	case *sparkpb.DataType_Array_:
		return "array<" + ddl(k.Array.GetElementType()) + ">"
	case *sparkpb.DataType_Map_:
		return "map<" + ddl(k.Map.GetKeyType()) + "," + ddl(k.Map.GetValueType()) + ">"
	case *sparkpb.DataType_Struct_:
		fields := make([]string, len(k.Struct.GetFields()))
		for i, f := range k.Struct.GetFields() {
			fields[i] = identifier(f.GetName()) + ":" + ddl(f.GetDataType())
		}
		return "struct<" + strings.Join(fields, ",") + ">"
	case *sparkpb.DataType_Variant_:
		return "variant"
	case *sparkpb.DataType_Geometry_:
		return fmt.Sprintf("geometry(%s)", srid(k.Geometry.GetSrid()))
	case *sparkpb.DataType_Geography_:
		return fmt.Sprintf("geography(%s)", srid(k.Geography.GetSrid()))
	case *sparkpb.DataType_Udt:
		return ddl(k.Udt.GetSqlType())
	case *sparkpb.DataType_Unparsed_:
		return k.Unparsed.GetDataTypeString()
	}
	return "unknown"
}

// srid is a spatial reference: -1 stands for a column of several.
func srid(id int32) string {
	if id < 0 {
		return "any"
	}
	return fmt.Sprint(id)
}

// interval names the unit, or the two units, that an interval goes from and to.
func interval(units []string, start, end *int32) string {
	from, to := 0, len(units)-1
	if start != nil {
		from = int(*start)
	}
	if end != nil {
		to = int(*end)
	}
	if from < 0 || to >= len(units) || from >= to {
		if from < 0 || from >= len(units) {
			return "interval"
		}
		return "interval " + units[from]
	}
	return "interval " + units[from] + " to " + units[to]
}

// identifier quotes a field's name if it is not plain.
func identifier(name string) string {
	plain := name != ""
	for i, c := range name {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			plain = false
		}
	}
	if plain {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}
