package spark

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// step returns a frame with one input.
func (df *DataFrame) step(op, detail string, weight int64, columns []*Column, build func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation) *DataFrame {
	if df.Err() != nil {
		return Invalid(df.Err())
	}
	n := &node{op: op, detail: detail, weight: weight}
	n.build = func(r *renderer, inputs []*sparkpb.Relation) *sparkpb.Relation { return build(r, inputs[0]) }
	return frame(n, []*DataFrame{df}, columns)
}

// Select returns the given columns.
func (df *DataFrame) Select(columns ...*Column) *DataFrame {
	columns = slices.Clone(columns)
	return df.step("select", "", 0, columns, func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Project{Project: &sparkpb.Project{Input: in, Expressions: r.exprs(columns)}}}
	})
}

// Filter returns the rows for which condition is true.
func (df *DataFrame) Filter(condition *Column) *DataFrame {
	return df.step("filter", "", 0, []*Column{condition}, func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Filter{Filter: &sparkpb.Filter{Input: in, Condition: condition.build(r)}}}
	})
}

// WithColumns adds or replaces columns; names and columns are of one length.
func (df *DataFrame) WithColumns(names []string, columns []*Column) *DataFrame {
	switch {
	case df.Err() != nil:
		return df
	case len(names) != len(columns):
		return Invalid(fmt.Errorf("with columns: %d names and %d columns", len(names), len(columns)))
	case len(names) == 0:
		return df
	}
	names, columns = slices.Clone(names), slices.Clone(columns)
	return df.step("with columns", "", textWeight(names...), columns, func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		aliases := make([]*sparkpb.Expression_Alias, len(names))
		for i, e := range r.exprs(columns) {
			aliases[i] = &sparkpb.Expression_Alias{Expr: e, Name: []string{names[i]}}
		}
		return &sparkpb.Relation{RelType: &sparkpb.Relation_WithColumns{WithColumns: &sparkpb.WithColumns{Input: in, Aliases: aliases}}}
	})
}

// Drop leaves the named columns out; names that do not exist are ignored.
func (df *DataFrame) Drop(names ...string) *DataFrame {
	if len(names) == 0 {
		return df
	}
	names = slices.Clone(names)
	return df.step("drop", "", textWeight(names...), nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Drop{Drop: &sparkpb.Drop{Input: in, ColumnNames: names}}}
	})
}

// Rename renames columns: from and to are of one length. Names that do not
// exist are ignored.
func (df *DataFrame) Rename(from, to []string) *DataFrame {
	switch {
	case df.Err() != nil:
		return df
	case len(from) != len(to):
		return Invalid(fmt.Errorf("rename: %d old names and %d new ones", len(from), len(to)))
	case len(from) == 0:
		return df
	}
	renames := make([]*sparkpb.WithColumnsRenamed_Rename, len(from))
	for i := range from {
		renames[i] = &sparkpb.WithColumnsRenamed_Rename{ColName: from[i], NewColName: to[i]}
	}
	return df.step("rename", "", textWeight(from...)+textWeight(to...), nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_WithColumnsRenamed{WithColumnsRenamed: &sparkpb.WithColumnsRenamed{Input: in, Renames: renames}}}
	})
}

// Aggregate groups by keys and computes aggregates for each group; the keys are
// the first columns of what it returns. Without keys there is one group.
func (df *DataFrame) Aggregate(grouping Grouping, keys, aggregates []*Column) *DataFrame {
	kinds := map[Grouping]sparkpb.Aggregate_GroupType{
		GroupBy: sparkpb.Aggregate_GROUP_TYPE_GROUPBY,
		Rollup:  sparkpb.Aggregate_GROUP_TYPE_ROLLUP,
		Cube:    sparkpb.Aggregate_GROUP_TYPE_CUBE,
	}
	kind, ok := kinds[grouping]
	if df.Err() == nil && !ok {
		return Invalid(fmt.Errorf("aggregate: grouping %d is unknown", grouping))
	}
	keys, aggregates = slices.Clone(keys), slices.Clone(aggregates)
	return df.step("aggregate", "", 0, slices.Concat(keys, aggregates), func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Aggregate{Aggregate: &sparkpb.Aggregate{
			Input: in, GroupType: kind, GroupingExpressions: r.exprs(keys), AggregateExpressions: r.exprs(aggregates),
		}}}
	})
}

// Join joins two frames. how has PySpark's names: inner, cross, outer, left,
// right, semi, anti and their synonyms; empty is inner. The condition is on, or
// the equality of the columns named in using, or nothing.
func (df *DataFrame) Join(right *DataFrame, how string, on *Column, using []string) *DataFrame {
	if df.Err() != nil {
		return Invalid(df.Err())
	}
	kind, err := joinType(how)
	switch {
	case err != nil:
		return Invalid(err)
	case on != nil && len(using) > 0:
		return Invalid(errTwoConditions)
	}
	using = slices.Clone(using)
	n := &node{op: "join", detail: how, weight: textWeight(using...)}
	var columns []*Column
	if on != nil {
		columns = []*Column{on}
	}
	n.build = func(r *renderer, inputs []*sparkpb.Relation) *sparkpb.Relation {
		join := &sparkpb.Join{Left: inputs[0], Right: inputs[1], JoinType: kind, UsingColumns: using}
		if on != nil {
			join.JoinCondition = on.build(r)
		}
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Join{Join: join}}
	}
	return frame(n, []*DataFrame{df, right}, columns)
}

// SetOp combines two frames of like columns. all keeps duplicates. byName
// matches columns by name instead of position; allowMissing then fills absent
// ones with null.
func (df *DataFrame) SetOp(right *DataFrame, op SetOp, all, byName, allowMissing bool) *DataFrame {
	if df.Err() != nil {
		return Invalid(df.Err())
	}
	kinds := map[SetOp]sparkpb.SetOperation_SetOpType{
		Union:     sparkpb.SetOperation_SET_OP_TYPE_UNION,
		Intersect: sparkpb.SetOperation_SET_OP_TYPE_INTERSECT,
		Except:    sparkpb.SetOperation_SET_OP_TYPE_EXCEPT,
	}
	kind, ok := kinds[op]
	if !ok {
		return Invalid(fmt.Errorf("set operation %d is unknown", op))
	}
	n := &node{op: []string{"union", "intersect", "except"}[op], weight: 8}
	n.build = func(_ *renderer, inputs []*sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_SetOp{SetOp: &sparkpb.SetOperation{
			LeftInput: inputs[0], RightInput: inputs[1], SetOpType: kind,
			IsAll: &all, ByName: &byName, AllowMissingColumns: &allowMissing,
		}}}
	}
	return frame(n, []*DataFrame{df, right}, nil)
}

// Sort orders rows, over the whole frame or, if not global, within each
// partition. A column that is no [Column.SortOrder] sorts upwards, nulls first.
func (df *DataFrame) Sort(orders []*Column, global bool) *DataFrame {
	if df.Err() == nil && len(orders) == 0 {
		return Invalid(errors.New("sort: no column to sort by is given"))
	}
	orders = sortOrders(orders)
	return df.step("sort", "", 0, orders, func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		sort := &sparkpb.Sort{Input: in, IsGlobal: &global}
		for _, e := range r.exprs(orders) {
			sort.Order = append(sort.Order, e.GetSortOrder())
		}
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Sort{Sort: sort}}
	})
}

// Limit returns the first n rows.
func (df *DataFrame) Limit(n int32) *DataFrame {
	return df.step("limit", fmt.Sprint(n), 0, nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Limit{Limit: &sparkpb.Limit{Input: in, Limit: n}}}
	})
}

// Offset leaves the first n rows out.
func (df *DataFrame) Offset(n int32) *DataFrame {
	return df.step("offset", fmt.Sprint(n), 0, nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Offset{Offset: &sparkpb.Offset{Input: in, Offset: n}}}
	})
}

// Distinct drops rows that are equal in the named columns, or in all columns if
// none is named.
func (df *DataFrame) Distinct(columns ...string) *DataFrame {
	columns = slices.Clone(columns)
	all := len(columns) == 0
	return df.step("distinct", "", textWeight(columns...), nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Deduplicate{Deduplicate: &sparkpb.Deduplicate{
			Input: in, ColumnNames: columns, AllColumnsAsKeys: &all,
		}}}
	})
}

// Alias names a frame, so that SQL text and columns can refer to it.
func (df *DataFrame) Alias(name string) *DataFrame {
	return df.step(opAlias, name, textWeight(name), nil, func(_ *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_SubqueryAlias{SubqueryAlias: &sparkpb.SubqueryAlias{Input: in, Alias: name}}}
	})
}
