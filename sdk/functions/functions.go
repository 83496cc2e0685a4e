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
// A function that is not here is called by its SQL name with [Call].
package functions

import "github.com/sparkstalk/sparkstalk/sdk/spark"

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

// Col is a column by its name: see spark.Col.
func Col(name string) Column { return spark.Col(name) }

// Lit is a literal: see spark.Lit for the values that it takes.
func Lit(value any) Column { return spark.Lit(value) }

// Expr is an expression in SQL text, such as "count * 2 AS twice".
func Expr(sql string) Column { return spark.Expr(sql) }

// Call is the function of a given SQL name, PySpark's call_function.
func Call(function string, args ...ColumnOrName) Column { return call(function, args...) }

// CallFunction is [Call].
func CallFunction(function string, args ...ColumnOrName) Column { return call(function, args...) }

// Asc sorts by a column ascending, nulls first.
func Asc(c ColumnOrName) Column { return spark.AsColumn(c).Asc() }

// AscNullsLast sorts by a column ascending, nulls last.
func AscNullsLast(c ColumnOrName) Column { return spark.AsColumn(c).AscNullsLast() }

// Desc sorts by a column descending, nulls last.
func Desc(c ColumnOrName) Column { return spark.AsColumn(c).Desc() }

// DescNullsFirst sorts by a column descending, nulls first.
func DescNullsFirst(c ColumnOrName) Column { return spark.AsColumn(c).DescNullsFirst() }

// When is a value, a Column or what [Lit] takes, where a condition holds. Go on
// with Column.When and Column.Otherwise; without the latter all other rows are
// NULL.
func When(condition Column, value any) Column { return spark.When(condition, value) }

// Coalesce is the first of several values that is not NULL.
func Coalesce(columns ...ColumnOrName) Column { return call("coalesce", columns...) }

// IsNull is true for NULL.
func IsNull(c ColumnOrName) Column { return call("isnull", c) }

// IsNotNull is true for everything but NULL.
func IsNotNull(c ColumnOrName) Column { return call("isnotnull", c) }

// IsNaN is true for a float that is not a number.
func IsNaN(c ColumnOrName) Column { return call("isnan", c) }

// NullIf is NULL where two values are equal, else the first of them.
func NullIf(a, b ColumnOrName) Column { return call("nullif", a, b) }

// Nvl is the first value, or the second where that is NULL.
func Nvl(a, b ColumnOrName) Column { return call("nvl", a, b) }

// Not is the opposite of a condition.
func Not(c ColumnOrName) Column { return call("not", c) }

// Negate is the value with the other sign.
func Negate(c ColumnOrName) Column { return call("negative", c) }
