package spark

import (
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// GroupingSets groups by several sets of columns and computes aggregates for
// each group. keys are the first columns of what it returns, NULL where a set
// lacks one.
func (df *DataFrame) GroupingSets(sets [][]*Column, keys, aggregates []*Column) *DataFrame {
	if df.Err() == nil && len(sets) == 0 {
		return Invalid(errors.New("grouping sets: no set is given"))
	}
	sets, keys, aggregates = slices.Clone(sets), slices.Clone(keys), slices.Clone(aggregates)
	for i := range sets {
		sets[i] = slices.Clone(sets[i])
	}
	columns := slices.Concat(slices.Concat(sets...), keys, aggregates)
	return df.step("aggregate", "by grouping sets", 0, columns, func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		aggregate := &sparkpb.Aggregate{
			Input: in, GroupType: sparkpb.Aggregate_GROUP_TYPE_GROUPING_SETS, AggregateExpressions: r.exprs(aggregates),
		}
		for _, set := range sets {
			aggregate.GroupingSets = append(aggregate.GroupingSets, &sparkpb.Aggregate_GroupingSets{GroupingSet: r.exprs(set)})
		}
		if r.sail {
			if err := setsForSail(aggregate.GroupingSets, r.exprs(keys)); r.err == nil {
				r.err = err
			}
		} else {
			aggregate.GroupingExpressions = r.exprs(keys)
		}
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Aggregate{Aggregate: aggregate}}
	}).onSailToo()
}

// setsForSail orders sets, and the columns in each. Sail refuses keys, and returns
// the columns of the sets in front of the aggregates, in the order in which they
// come: it is that of the keys when the first set is all of them.
func setsForSail(sets []*sparkpb.Aggregate_GroupingSets, keys []*sparkpb.Expression) error {
	place := func(e *sparkpb.Expression) int {
		return slices.IndexFunc(keys, func(key *sparkpb.Expression) bool { return proto.Equal(key, e) })
	}
	whole := len(keys) == 0
	for i, set := range sets {
		slices.SortStableFunc(set.GroupingSet, func(a, b *sparkpb.Expression) int { return place(a) - place(b) })
		if !whole && slices.EqualFunc(set.GroupingSet, keys, func(a, b *sparkpb.Expression) bool { return proto.Equal(a, b) }) {
			whole = true
			sets[0], sets[i] = sets[i], sets[0]
		}
	}
	extra := slices.ContainsFunc(sets, func(set *sparkpb.Aggregate_GroupingSets) bool {
		return slices.ContainsFunc(set.GroupingSet, func(e *sparkpb.Expression) bool { return place(e) < 0 })
	})
	if !whole || extra {
		return sailLacks("grouping_sets_in_part", "give it a set of all keys, and sets of keys only, or "+otherEngine)
	}
	return nil
}

// Pivot groups by keys and computes aggregates for each group and each value of
// a column, which become columns. values are the literals that count; without
// any, the engine looks for all that there are.
func (df *DataFrame) Pivot(keys []*Column, column *Column, values, aggregates []*Column) *DataFrame {
	literals, err := literalsOf("pivot: a value", values)
	if df.Err() == nil && err != nil {
		return Invalid(err)
	}
	keys, aggregates = slices.Clone(keys), slices.Clone(aggregates)
	columns := slices.Concat(keys, []*Column{column}, values, aggregates)
	return df.step("pivot", "", 0, columns, func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Aggregate{Aggregate: &sparkpb.Aggregate{
			Input: in, GroupType: sparkpb.Aggregate_GROUP_TYPE_PIVOT, GroupingExpressions: r.exprs(keys),
			Pivot: &sparkpb.Aggregate_Pivot{Col: column.build(r), Values: literals}, AggregateExpressions: r.exprs(aggregates),
		}}}
	})
}

// Unpivot turns columns into rows: the columns ids, then the name of a value's
// column and the value. Without values these are all other columns.
func (df *DataFrame) Unpivot(ids, values []*Column, variableName, valueName string) *DataFrame {
	ids, values = slices.Clone(ids), slices.Clone(values)
	return df.step("unpivot", "", textWeight(variableName, valueName), slices.Concat(ids, values), func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		unpivot := &sparkpb.Unpivot{Input: in, Ids: r.exprs(ids), VariableColumnName: variableName, ValueColumnName: valueName}
		if len(values) > 0 {
			unpivot.Values = &sparkpb.Unpivot_Values{Values: r.exprs(values)}
		}
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Unpivot{Unpivot: unpivot}}
	})
}

// Transpose turns rows into columns, named by the values of the column index,
// or of the first column for nil.
func (df *DataFrame) Transpose(index *Column) *DataFrame {
	var columns []*Column
	if index != nil {
		columns = []*Column{index}
	}
	return df.step("transpose", "", 0, columns, func(r *renderer, in *sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Transpose{Transpose: &sparkpb.Transpose{Input: in, IndexColumns: r.exprs(columns)}}}
	}).need(FeatureTranspose)
}
