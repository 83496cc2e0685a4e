package spark

import (
	"strings"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// NeverCasts reports whether the type of a column is known, since it is a constant
// or a cast, and is one that Spark casts to no value of a type in DDL form. It
// returns that type. What it does not know is for Spark to say.
func (c *Column) NeverCasts(to string) (is string, never bool) {
	if c.fault() != nil {
		return "", false
	}
	from := c.castTo
	if c.literal != nil {
		from = literalDDL(c.literal)
	}
	return from, neverCasts(from, to)
}

// literalDDL is the type of a constant, of an array only that it is one of what,
// and empty of others than these.
func literalDDL(l *sparkpb.Expression_Literal) string {
	switch v := l.GetLiteralType().(type) {
	case *sparkpb.Expression_Literal_Boolean:
		return "boolean"
	case *sparkpb.Expression_Literal_Byte:
		return "tinyint"
	case *sparkpb.Expression_Literal_Short:
		return "smallint"
	case *sparkpb.Expression_Literal_Integer:
		return "int"
	case *sparkpb.Expression_Literal_Long:
		return "bigint"
	case *sparkpb.Expression_Literal_Float:
		return "float"
	case *sparkpb.Expression_Literal_Double:
		return "double"
	case *sparkpb.Expression_Literal_Decimal_:
		return "decimal"
	case *sparkpb.Expression_Literal_Binary:
		return "binary"
	case *sparkpb.Expression_Literal_Date:
		return "date"
	case *sparkpb.Expression_Literal_Array_:
		for _, e := range v.Array.GetElements() {
			if element := literalDDL(e); element != "" {
				return "array<" + element + ">"
			}
		}
		return "array"
	case *sparkpb.Expression_Literal_Map_:
		return "map"
	case *sparkpb.Expression_Literal_Struct_:
		return "struct"
	}
	return ""
}

// neverCasts is the part of Spark's rules that holds in all its modes:
// Cast.canCast and canAnsiCast have neither.
func neverCasts(from, to string) bool {
	a, b := castFamily(from), castFamily(to)
	switch {
	case a == "" || b == "" || a == "string" || b == "string":
		return false
	case a == "array" && b == "array":
		of := func(ddl string) string {
			element, _ := strings.CutPrefix(strings.ToLower(strings.TrimSpace(ddl)), "array<")
			return strings.TrimSuffix(element, ">")
		}
		return neverCasts(of(from), of(to))
	case a == b:
		return false
	}
	for _, nested := range []string{"array", "map", "struct"} {
		if a == nested || b == nested {
			return true
		}
	}
	switch b {
	case "date":
		return a != "timestamp"
	case "binary":
		return a != "integral"
	}
	return a == "binary"
}

// castFamily is what types have in common for [neverCasts], empty for one that it
// does not know.
func castFamily(ddl string) string {
	word := strings.ToLower(strings.TrimSpace(ddl))
	if i := strings.IndexAny(word, "(<"); i >= 0 {
		word = word[:i]
	}
	switch word {
	case "tinyint", "smallint", "int", "bigint":
		return "integral"
	case "float", "double", "decimal":
		return "fraction"
	case "timestamp", "timestamp_ntz":
		return "timestamp"
	case "boolean", "string", "binary", "date", "array", "map", "struct":
		return word
	}
	return ""
}
