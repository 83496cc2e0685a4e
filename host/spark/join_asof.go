package spark

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// An AsOf says how [DataFrame.JoinAsOf] finds the row that is nearest.
type AsOf struct {
	Left, Right *Column  // are compared
	How         string   // inner or left; empty is inner
	On          *Column  // a condition besides, or nil
	Using       []string // or columns that must be equal
	Tolerance   *Column  // the largest distance, or nil
	Exact       bool     // equal values count
	Direction   string   // backward, forward or nearest; empty is backward
}

// JoinAsOf joins each row with the row of right that is nearest by as.
func (df *DataFrame) JoinAsOf(right *DataFrame, as AsOf) *DataFrame {
	if as.How == "" {
		as.How = "inner"
	}
	if as.Direction == "" {
		as.Direction = "backward"
	}
	switch {
	case df.Err() != nil:
		return df
	case !slices.Contains([]string{"backward", "forward", "nearest"}, as.Direction):
		return Invalid(&Error{
			Class: "org.apache.spark.sql.AnalysisException", Condition: "AS_OF_JOIN.UNSUPPORTED_DIRECTION", SQLState: "42604",
			Message: fmt.Sprintf("[AS_OF_JOIN.UNSUPPORTED_DIRECTION] Invalid as-of join. Unsupported as-of join direction '%s'. "+
				"Supported as-of join direction include: 'forward', 'backward', 'nearest'. SQLSTATE: 42604", as.Direction),
		})
	case as.On != nil && len(as.Using) > 0:
		return Invalid(errTwoConditions)
	}
	as.Using = slices.Clone(as.Using)
	n := &node{op: "as-of join", detail: as.How, weight: textWeight(as.Using...)}
	columns := []*Column{as.Left, as.Right}
	for _, c := range []*Column{as.On, as.Tolerance} {
		if c != nil {
			columns = append(columns, c)
		}
	}
	n.build = func(r *renderer, inputs []*sparkpb.Relation) *sparkpb.Relation {
		join := &sparkpb.AsOfJoin{
			Left: inputs[0], Right: inputs[1], LeftAsOf: as.Left.build(r), RightAsOf: as.Right.build(r), UsingColumns: as.Using,
			JoinType: as.How, AllowExactMatches: as.Exact, Direction: as.Direction,
		}
		if as.On != nil {
			join.JoinExpr = as.On.build(r)
		}
		if as.Tolerance != nil {
			join.Tolerance = as.Tolerance.build(r)
		}
		return &sparkpb.Relation{RelType: &sparkpb.Relation_AsOfJoin{AsOfJoin: join}}
	}
	return frame(n, []*DataFrame{df, right}, columns).need(FeatureAsOfJoin)
}

var errTwoConditions = errors.New("join: a condition and columns to join by are given; it can be only one of them")

// JoinLateral joins each row with the rows that right has for it: right may use
// columns of df by its alias. how is inner, left or cross; on is a condition, or
// nil.
func (df *DataFrame) JoinLateral(right *DataFrame, how string, on *Column) *DataFrame {
	if df.Err() != nil {
		return df
	}
	kind, err := joinType(how)
	if err == nil && kind != sparkpb.Join_JOIN_TYPE_INNER && kind != sparkpb.Join_JOIN_TYPE_LEFT_OUTER && kind != sparkpb.Join_JOIN_TYPE_CROSS {
		err = unsupportedJoin(how, []string{"inner", "leftouter", "left", "left_outer", "cross"})
	}
	if err != nil {
		return Invalid(err)
	}
	n := &node{op: "lateral join", detail: how}
	var columns []*Column
	if on != nil {
		columns = []*Column{on}
	}
	n.build = func(r *renderer, inputs []*sparkpb.Relation) *sparkpb.Relation {
		join := &sparkpb.LateralJoin{Left: inputs[0], Right: inputs[1], JoinType: kind}
		if on != nil {
			join.JoinCondition = on.build(r)
		}
		return &sparkpb.Relation{RelType: &sparkpb.Relation_LateralJoin{LateralJoin: join}}
	}
	return frame(n, []*DataFrame{df, right}, columns)
}

// maxNearest is Spark's own limit of rows that one row is joined with.
const maxNearest = 100_000

// JoinNearest joins each row with the rows of right that ranking puts first, as
// many as results says. how is inner or left, mode exact or approx, direction
// distance (the least first) or similarity (the greatest first).
func (df *DataFrame) JoinNearest(right *DataFrame, ranking *Column, results int32, how, mode, direction string) *DataFrame {
	if how == "" {
		how = "inner"
	}
	fail := func(condition, format string, args ...any) *DataFrame {
		return Invalid(&Error{
			Class: "org.apache.spark.sql.AnalysisException", Condition: "NEAREST_BY_JOIN." + condition,
			Message: fmt.Sprintf("[NEAREST_BY_JOIN."+condition+"] Nearest-by join: "+format, args...),
		})
	}
	switch {
	case df.Err() != nil:
		return df
	case results < 1 || results > maxNearest:
		return fail("NUM_RESULTS_OUT_OF_RANGE", "the number of results is from 1 to %d, not %d.", maxNearest, results)
	case !slices.Contains([]string{"inner", "left", "leftouter"}, strings.ReplaceAll(strings.ToLower(how), "_", "")):
		return fail("UNSUPPORTED_JOIN_TYPE", "the join is inner or left, not %q.", how)
	case !slices.Contains([]string{"exact", "approx"}, strings.ToLower(mode)):
		return fail("UNSUPPORTED_MODE", "the mode is exact or approx, not %q.", mode)
	case !slices.Contains([]string{"distance", "similarity"}, strings.ToLower(direction)):
		return fail("UNSUPPORTED_DIRECTION", "the direction is distance or similarity, not %q.", direction)
	}
	n := &node{op: "nearest-by join", detail: how}
	n.build = func(r *renderer, inputs []*sparkpb.Relation) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_NearestByJoin{NearestByJoin: &sparkpb.NearestByJoin{
			Left: inputs[0], Right: inputs[1], RankingExpression: ranking.build(r), NumResults: results,
			JoinType: how, Mode: mode, Direction: direction,
		}}}
	}
	return frame(n, []*DataFrame{df, right}, []*Column{ranking}).need(FeatureNearestJoin)
}
