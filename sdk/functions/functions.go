// Package functions has Spark's functions over columns under PySpark's names.
// It is usually imported as F:
//
//	import F "github.com/sparkstalk/sparkstalk/sdk/functions"
//
//	F.Explode(F.Split(F.Lower("value"), " ")).As("word")
//
// As in PySpark, a parameter that is a column takes a column's name too: a
// string there is a name, not a text. [Lit] makes a column of a text. Patterns,
// positions and the like are plain values.
//
// All functions of PySpark 4.3 are here but those for Python's own code. They are
// listed in functions.json, from which "make generate" writes most of this
// package. What PySpark may leave out comes last and may be left out here too.
//
// A function that is not here is called by its SQL name with [Call].
package functions

//go:generate sh -c "cd ../.. && go run ./sdk/functions/functiongen"

import (
	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// Column is spark.Column.
type Column = spark.Column

// ColumnOrName is a [Column], or a string with the name of one.
type ColumnOrName = spark.ColumnOrName

// all returns columns for columns or their names.
func all(list []ColumnOrName) []Column {
	columns := make([]Column, len(list))
	for i, v := range list {
		columns[i] = spark.AsColumn(v)
	}
	return columns
}

func call(function string, args ...ColumnOrName) Column { return spark.Call(function, all(args)...) }

// distinct calls an aggregate function over the distinct values of its arguments.
func distinct(function string, args ...ColumnOrName) Column {
	return spark.CallDistinct(function, all(args)...)
}

// number returns a column by its name, and a literal for a number.
func number(v any) Column {
	if name, ok := v.(string); ok {
		return spark.Col(name)
	}
	return spark.Lit(v)
}

func literals[T any](values []T) []ColumnOrName {
	list := make([]ColumnOrName, len(values))
	for i, v := range values {
		list[i] = spark.Lit(v)
	}
	return list
}

// optionsMap is a map of strings as the functions for JSON, CSV and XML take it.
func optionsMap(v any) Column {
	if m, ok := v.(map[string]string); ok && m == nil {
		return spark.Call("map")
	}
	return spark.Lit(v)
}

// option is a parameter that may be left out.
type option struct {
	as        func(any) Column // makes a column of the argument
	otherwise any              // a Column for what is left out; nil leaves out all behind it too
	first     bool             // the argument comes first in Spark's function
}

// with appends the optional arguments that are given, and defaults for others.
func with[T any](args []ColumnOrName, given []T, options ...option) []ColumnOrName {
	if len(given) > len(options) {
		return append(args, spark.Invalid(abi.Errorf("TypeError",
			"at most %d arguments may follow the first %d, and %d do", len(options), len(args), len(given))))
	}
	for i, o := range options {
		var c Column
		switch {
		case i < len(given):
			c = o.as(given[i])
		case o.otherwise != nil:
			c = spark.AsColumn(o.otherwise)
		default:
			return args
		}
		if o.first {
			args = append([]ColumnOrName{c}, args...)
		} else {
			args = append(args, c)
		}
	}
	return args
}

// Col is a column by its name: see spark.Col.
func Col(name string) Column { return spark.Col(name) }

// Lit is a literal: see spark.Lit for the values that it takes.
func Lit(value any) Column { return spark.Lit(value) }

// Expr is an expression in SQL text, such as "count * 2 AS twice".
func Expr(sql string) Column { return spark.Expr(sql) }

// Call is the function of a given SQL name, PySpark's call_function.
func Call(function string, args ...ColumnOrName) Column { return call(function, args...) }

// CallFunction is a function of the catalog by its name, which may have several
// parts: see spark.CallFunction.
func CallFunction(function string, args ...ColumnOrName) Column {
	return spark.CallFunction(function, all(args)...)
}

// CallUDF is a user-defined function by the name that it is registered under.
func CallUDF(name string, args ...ColumnOrName) Column { return call(name, args...) }

// TypedLit is a literal of a type in DDL form: see spark.TypedLit.
func TypedLit(value any, ddl string) Column { return spark.TypedLit(value, ddl) }

// Count is the number of a group's values that are not NULL, or with "*" of its
// rows.
func Count(c ColumnOrName) Column {
	if c == "*" {
		return call("count", Lit(1))
	}
	return call("count", c)
}

// Log is the natural logarithm of a number, or with two arguments that of the
// second to the base of the first, which is a number or a column.
func Log(numberOrBase any, of ...ColumnOrName) Column {
	switch len(of) {
	case 0:
		return call("ln", number(numberOrBase))
	case 1:
		return call("log", Lit(numberOrBase), of[0])
	}
	return spark.Invalid(abi.Errorf("TypeError", "Log takes a number, or a base and a number, not %d arguments", 1+len(of)))
}

// ConvertTimezone moves a timestamp without a zone from the time zone source to
// target. A nil source is the session's zone.
func ConvertTimezone(source, target any, timestamp ColumnOrName) Column {
	if source == nil {
		return call("convert_timezone", Lit(target), timestamp)
	}
	return call("convert_timezone", Lit(source), Lit(target), timestamp)
}

// MakeTimestamp is a timestamp of year, month, day, hour, minute and second, and
// if given a time zone; or of a date and a time of day, and if given a time zone.
func MakeTimestamp(fields ...ColumnOrName) Column { return call("make_timestamp", fields...) }

// MakeTimestampNtz is a timestamp without a zone of year, month, day, hour,
// minute and second, or of a date and a time of day.
func MakeTimestampNtz(fields ...ColumnOrName) Column { return call("make_timestamp_ntz", fields...) }

// TryMakeTimestamp is [MakeTimestamp] with NULL for what is no time.
func TryMakeTimestamp(fields ...ColumnOrName) Column { return call("try_make_timestamp", fields...) }

// TryMakeTimestampNtz is [MakeTimestampNtz] with NULL for what is no time.
func TryMakeTimestampNtz(fields ...ColumnOrName) Column {
	return call("try_make_timestamp_ntz", fields...)
}

// Asc sorts by a column ascending, nulls first.
func Asc(c ColumnOrName) Column { return spark.AsColumn(c).Asc() }

// AscNullsFirst is [Asc].
func AscNullsFirst(c ColumnOrName) Column { return spark.AsColumn(c).Asc() }

// AscNullsLast sorts by a column ascending, nulls last.
func AscNullsLast(c ColumnOrName) Column { return spark.AsColumn(c).AscNullsLast() }

// Desc sorts by a column descending, nulls last.
func Desc(c ColumnOrName) Column { return spark.AsColumn(c).Desc() }

// DescNullsLast is [Desc].
func DescNullsLast(c ColumnOrName) Column { return spark.AsColumn(c).Desc() }

// DescNullsFirst sorts by a column descending, nulls first.
func DescNullsFirst(c ColumnOrName) Column { return spark.AsColumn(c).DescNullsFirst() }

// When is a value, a Column or what [Lit] takes, where a condition holds. Go on
// with Column.When and Column.Otherwise; without the latter all other rows are
// NULL.
func When(condition Column, value any) Column { return spark.When(condition, value) }

// Not is the opposite of a condition.
func Not(c ColumnOrName) Column { return call("not", c) }

// Broadcast marks a DataFrame as small enough to be sent to all executors when it
// is joined.
func Broadcast(df *spark.DataFrame) *spark.DataFrame { return df.Hint("broadcast") }
