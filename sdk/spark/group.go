package spark

import (
	"maps"
	"slices"

	"github.com/sparkstalk/sparkstalk/abi"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// GroupedData is a DataFrame whose rows have been put into groups.
type GroupedData struct {
	df       *DataFrame
	grouping abi.Grouping
	keys     []ColumnOrName
}

// GroupBy puts rows with equal keys into a group. Without keys there is one group.
func (df *DataFrame) GroupBy(keys ...ColumnOrName) *GroupedData {
	return &GroupedData{df, abi.GroupBy, keys}
}

// Rollup is [DataFrame.GroupBy] with subtotals along the keys' order.
func (df *DataFrame) Rollup(keys ...ColumnOrName) *GroupedData {
	return &GroupedData{df, abi.Rollup, keys}
}

// Cube is [DataFrame.GroupBy] with subtotals for every subset of the keys.
func (df *DataFrame) Cube(keys ...ColumnOrName) *GroupedData {
	return &GroupedData{df, abi.Cube, keys}
}

// Agg computes aggregates over all rows.
func (df *DataFrame) Agg(aggregates ...Column) *DataFrame { return df.GroupBy().Agg(aggregates...) }

// Agg returns a row for each group: the keys, then the aggregates.
func (g *GroupedData) Agg(aggregates ...Column) *DataFrame {
	return g.df.then(func(b *builder) abi.Frame {
		keys, list := b.columns(g.keys), b.exprs(aggregates)
		if len(aggregates) == 0 {
			b.fail("Agg: no aggregate is given")
		}
		if b.err != nil {
			return 0
		}
		return b.host.FrameAggregate(g.df.handle, g.grouping, keys, list)
	})
}

// Count returns the number of rows in each group as the column count.
func (g *GroupedData) Count() *DataFrame { return g.Agg(Call("count", Lit(1)).As("count")) }

// Sum returns the sum of each named column as "sum(name)".
func (g *GroupedData) Sum(names ...string) *DataFrame { return g.each("sum", names) }

// Avg returns the mean of each named column as "avg(name)".
func (g *GroupedData) Avg(names ...string) *DataFrame { return g.each("avg", names) }

// Mean is [GroupedData.Avg].
func (g *GroupedData) Mean(names ...string) *DataFrame { return g.Avg(names...) }

// Min returns the least value of each named column as "min(name)".
func (g *GroupedData) Min(names ...string) *DataFrame { return g.each("min", names) }

// Max returns the greatest value of each named column as "max(name)".
func (g *GroupedData) Max(names ...string) *DataFrame { return g.each("max", names) }

// each aggregates every named column. The names are set here, because engines
// differ in how they would name the results.
func (g *GroupedData) each(function string, names []string) *DataFrame {
	if len(names) == 0 {
		return InvalidFrame(abi.Errorf("ValueError", "name the columns to take the %s of", function))
	}
	aggregates := make([]Column, len(names))
	for i, name := range names {
		aggregates[i] = Call(function, Col(name)).As(function + "(" + name + ")")
	}
	return g.Agg(aggregates...)
}
