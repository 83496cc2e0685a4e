package udftest

// Values are those that functions named same_ and a key here must return as they
// are, as rows of SQL's VALUES.
var Values = map[string]string{
	"boolean":   "(true), (false), (NULL)",
	"tinyint":   "(-128Y), (127Y), (NULL)",
	"smallint":  "(-32768S), (32767S), (NULL)",
	"int":       "(-2147483648), (2147483647), (NULL)",
	"bigint":    "(-9223372036854775808L), (9223372036854775807L), (NULL)",
	"float":     "(float(1.5)), (float('NaN')), (float('-Infinity')), (NULL)",
	"double":    "(1.5D), (double('NaN')), (-0.0D), (NULL)",
	"string":    "(''), ('größe 😀'), (NULL)",
	"binary":    "(X''), (X'00FF10'), (NULL)",
	"timestamp": "(timestamp'2024-02-29 12:34:56.789012'), (timestamp'1969-12-31 23:59:59.999999'), (timestamp'0001-01-01 00:00:00'), (timestamp'9999-12-31 23:59:59.999999'), (NULL)",
	"date":      "(date'2024-02-29'), (date'1582-10-04'), (date'0001-01-01'), (date'9999-12-31'), (NULL)",
	"decimal":   "(12.3400BD), (-9999999999999999.9999BD), (0BD), (NULL)",
	"strings":   "(array('a', NULL, '')), (array()), (NULL)",
	"nested":    "(array(array(1, NULL), array())), (NULL)",
	"dates":     "(array(date'2024-02-29', NULL)), (NULL)",
}

// Type is Spark's type of the values of a key of [Values].
func Type(name string) string {
	switch name {
	case "strings":
		return "array<string>"
	case "nested":
		return "array<array<int>>"
	case "dates":
		return "array<date>"
	case "decimal":
		return "decimal(20,4)"
	}
	return name
}
