package spark

import (
	"maps"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// GroupedData is a DataFrame whose rows have been put into groups.
type GroupedData struct {
	df       *DataFrame
	grouping abi.Grouping
	keys     []ColumnOrName
	sets     [][]ColumnOrName // of GroupingSets
	pivot    *pivot
}

// GroupBy puts rows with equal keys into a group. Without keys there is one
// group. A key may also be the number of a column, counted from 1, for which the
// engine is asked for the columns' names.
func (df *DataFrame) GroupBy(keys ...ColumnOrName) *GroupedData {
	return &GroupedData{df: df, grouping: abi.GroupBy, keys: keys}
}

// Rollup is [DataFrame.GroupBy] with subtotals along the keys' order.
func (df *DataFrame) Rollup(keys ...ColumnOrName) *GroupedData {
	return &GroupedData{df: df, grouping: abi.Rollup, keys: keys}
}

// Cube is [DataFrame.GroupBy] with subtotals for every subset of the keys.
func (df *DataFrame) Cube(keys ...ColumnOrName) *GroupedData {
	return &GroupedData{df: df, grouping: abi.Cube, keys: keys}
}

// GroupingSets groups by each of several sets of columns; an empty one is the
// group of all rows. keys are the columns that the result begins with, NULL
// where a set lacks one.
func (df *DataFrame) GroupingSets(sets [][]ColumnOrName, keys ...ColumnOrName) *GroupedData {
	return &GroupedData{df: df, keys: keys, sets: append([][]ColumnOrName{}, sets...)}
}

// Agg computes aggregates over all rows.
func (df *DataFrame) Agg(aggregates ...Column) *DataFrame { return df.GroupBy().Agg(aggregates...) }

// Agg returns a row for each group: the keys, then the aggregates. With a pivot
// there is a column for each of its values and each aggregate.
func (g *GroupedData) Agg(aggregates ...Column) *DataFrame {
	return g.df.then(func(b *builder) abi.Frame {
		keys := b.columns(b.numbered(g.df, g.keys))
		var sets []abi.Expr
		for _, set := range g.sets {
			sets = append(append(sets, b.columns(b.numbered(g.df, set))...), 0)
		}
		var by abi.Expr
		var values []abi.Expr
		if g.pivot != nil {
			by, values = g.pivot.exprs(b, g)
		}
		list := b.exprs(aggregates)
		if len(aggregates) == 0 {
			b.fail("Agg: no aggregate is given")
		}
		switch {
		case b.err != nil:
			return 0
		case g.pivot != nil:
			return b.host.FramePivot(g.df.handle, keys, by, values, list)
		case g.sets != nil:
			return b.host.FrameGroupingSets(g.df.handle, sets, keys, list)
		}
		return b.host.FrameAggregate(g.df.handle, g.grouping, keys, list)
	})
}

// AggMap is [GroupedData.Agg] with the function to apply by column:
// {"age": "max", "*": "count"}. The results are named "max(age)" and "count(1)",
// and come in the order of the columns' names.
func (g *GroupedData) AggMap(functions map[string]string) *DataFrame {
	aggregates := make([]Column, 0, len(functions))
	for _, name := range sortedKeys(functions) {
		aggregates = append(aggregates, aggregateOf(functions[name], name))
	}
	return g.Agg(aggregates...)
}

// AggMap is [GroupedData.AggMap] over all rows.
func (df *DataFrame) AggMap(functions map[string]string) *DataFrame {
	return df.GroupBy().AggMap(functions)
}

// aggregateOf is a function of a column. The name is set here, because engines
// differ in how they would name the result.
func aggregateOf(function, name string) Column {
	if name == "*" {
		return Call(function, Lit(1)).As(function + "(1)")
	}
	return Call(function, Col(name)).As(function + "(" + name + ")")
}

// Count returns the number of rows in each group as the column count.
func (g *GroupedData) Count() *DataFrame { return g.Agg(Call("count", Lit(1)).As("count")) }

// Sum returns the sum of each named column as "sum(name)". Without names, as for
// the other functions below, it is that of all columns of numbers, for which the
// engine is asked for the schema.
func (g *GroupedData) Sum(names ...string) *DataFrame { return g.each("sum", names) }

// Avg returns the mean of each named column as "avg(name)".
func (g *GroupedData) Avg(names ...string) *DataFrame { return g.each("avg", names) }

// Mean is [GroupedData.Avg].
func (g *GroupedData) Mean(names ...string) *DataFrame { return g.Avg(names...) }

// Min returns the least value of each named column as "min(name)".
func (g *GroupedData) Min(names ...string) *DataFrame { return g.each("min", names) }

// Max returns the greatest value of each named column as "max(name)".
func (g *GroupedData) Max(names ...string) *DataFrame { return g.each("max", names) }

// each aggregates every named column, or every column of numbers.
func (g *GroupedData) each(function string, names []string) *DataFrame {
	var aggregates []Column
	for _, name := range names {
		aggregates = append(aggregates, aggregateOf(function, name))
	}
	if len(names) == 0 {
		schema, err := g.df.Schema()
		if err != nil {
			return InvalidFrame(err)
		}
		for _, c := range schema.Columns {
			if isNumber(c.Type) {
				aggregates = append(aggregates, Call(function, Col(quoteName(c.Name))).As(function+"("+c.Name+")"))
			}
		}
		if len(aggregates) == 0 {
			return InvalidFrame(abi.Errorf("ValueError", "there is no column of numbers to take the %s of", function))
		}
	}
	return g.Agg(aggregates...)
}

// isNumber reports whether a type in DDL form is one of numbers.
func isNumber(ddl string) bool {
	switch ddl {
	case "tinyint", "smallint", "int", "bigint", "float", "double":
		return true
	}
	return strings.HasPrefix(ddl, "decimal")
}

// pivot is a column whose values become columns.
type pivot struct {
	column string
	values []any
}

// Pivot makes a column of each value that a column has, for the aggregate that
// follows. Given values, only these count, in their order: the engine need not
// look for them first.
func (g *GroupedData) Pivot(column string, values ...any) *GroupedData {
	c := *g
	c.pivot = &pivot{column, values}
	if g.pivot != nil || g.sets != nil || g.grouping != abi.GroupBy {
		c.df = InvalidFrame(abi.Errorf("pyspark.errors.PySparkNotImplementedError", "Pivot is possible once, and after GroupBy only"))
	}
	return &c
}

func (p *pivot) exprs(b *builder, g *GroupedData) (column abi.Expr, values []abi.Expr) {
	values = make([]abi.Expr, len(p.values))
	for i, v := range p.values {
		values[i] = b.expr(Lit(v))
	}
	return b.expr(g.df.Col(p.column)), values
}
