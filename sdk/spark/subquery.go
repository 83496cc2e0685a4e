package spark

import "github.com/sparkstalk/sparkstalk/abi"

// subqueryNames say in a column's text what a subquery is.
var subqueryNames = map[abi.SubqueryKind]string{
	abi.SubqueryScalar: "scalar", abi.SubqueryExists: "exists", abi.SubqueryIn: "in",
}

// Scalar is the DataFrame's one value as a column of another one: it must have
// one column and at most one row, and is NULL without one. It may depend on the
// other one's row: name that DataFrame, and refer to its columns by that name.
//
//	c, o := customers.Alias("c"), orders.Alias("o")
//	most := o.Where(F.Col("o.customer").Eq(F.Col("c.id").Outer())).Select(F.Max("total"))
//	c.Select("id", most.Scalar().As("most"))
//
// [Scalar] instead runs the plan and returns the value.
func (df *DataFrame) Scalar() Column { return df.subquery(abi.SubqueryScalar) }

// Exists says of each row of another DataFrame whether this one has a row. See
// [DataFrame.Scalar] for how it may depend on that row.
func (df *DataFrame) Exists() Column { return df.subquery(abi.SubqueryExists) }

func (df *DataFrame) subquery(kind abi.SubqueryKind, values ...Column) Column {
	return Column{&node{kind: kindSubquery, frame: df, subquery: kind, args: values}}
}

// inSubquery says whether c is a row of df. A struct stands for its fields.
func (c Column) inSubquery(df *DataFrame) Column {
	if n := c.node; n != nil && n.kind == kindCall && n.text == "struct" {
		return df.subquery(abi.SubqueryIn, n.args...)
	}
	return df.subquery(abi.SubqueryIn, c)
}

// Outer marks a column of the outer DataFrame in a subquery, for whoever reads
// it: as with PySpark, the engine finds out by itself. Spark knows the column by
// the DataFrame's alias only, not by [DataFrame.Col].
func (c Column) Outer() Column { return c }
