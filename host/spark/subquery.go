package spark

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// SubqueryKind says what [Subquery] makes of a frame's rows.
type SubqueryKind int32

// The kinds of subqueries.
const (
	ScalarSubquery SubqueryKind = 0 // the one value of its one row, NULL if there is no row
	ExistsSubquery SubqueryKind = 1 // whether it has a row
	InSubquery     SubqueryKind = 2 // whether the given values are one of its rows
)

// Subquery is a value made of the rows of df. Columns of the outer frame in it,
// by that one's alias, make it correlated. values are what InSubquery looks for, and
// empty for the other kinds.
func Subquery(df *DataFrame, kind SubqueryKind, values []*Column) *Column {
	kinds := map[SubqueryKind]sparkpb.SubqueryExpression_SubqueryType{
		ScalarSubquery: sparkpb.SubqueryExpression_SUBQUERY_TYPE_SCALAR,
		ExistsSubquery: sparkpb.SubqueryExpression_SUBQUERY_TYPE_EXISTS,
		InSubquery:     sparkpb.SubqueryExpression_SUBQUERY_TYPE_IN,
	}
	typ, known := kinds[kind]
	switch {
	case df.Err() != nil:
		return InvalidColumn(df.Err())
	case !known:
		return InvalidColumn(fmt.Errorf("subquery: kind %d is unknown", kind))
	case kind == InSubquery && len(values) == 0:
		return InvalidColumn(errors.New("subquery: no value is given that is to be in it"))
	case kind != InSubquery && len(values) > 0:
		return InvalidColumn(fmt.Errorf("subquery: %d values are given, and only one that is looked in takes any", len(values)))
	}
	values = slices.Clone(values)
	id := df.node.id
	c := column(8, values, func(r *renderer) *sparkpb.Expression {
		return &sparkpb.Expression{ExprType: &sparkpb.Expression_SubqueryExpression{SubqueryExpression: &sparkpb.SubqueryExpression{
			PlanId: *r.reference(id), SubqueryType: typ, InSubqueryValues: r.exprs(values),
		}}}
	})
	if c.err != nil {
		return c
	}
	// Its plan is sent with the step that has the expression, which counts its weight.
	c.plans = mergePlans(c.plans, []*DataFrame{df})
	c.depth = max(c.depth, df.node.depth+1)
	if err := checkPlan(c.depth, c.weight); err != nil {
		return InvalidColumn(err)
	}
	return c
}

// WithRelations is a SQL statement's frame with frames that its text reads like
// tables: each of relations is the result of [DataFrame.Alias], and its name is
// the table's. Each is sent once, however often the text reads it. A name in
// `backticks` is no other request's; one without is seen by all of the session
// while the engine reads the text.
func (df *DataFrame) WithRelations(relations ...*DataFrame) *DataFrame {
	switch {
	case df.Err() != nil:
		return df
	case len(relations) == 0:
		return df
	case df.node.op != opSQL:
		return Invalid(errors.New("with relations: only a SQL statement reads frames by their names"))
	}
	for _, in := range relations {
		if in.Err() == nil && in.node.op != opAlias {
			return Invalid(fmt.Errorf("with relations: %s has no name; give it one with an alias", in))
		}
	}
	n := &node{op: "with relations"}
	n.build = func(r *renderer, inputs []*sparkpb.Relation) *sparkpb.Relation {
		root, references := inputs[0], inputs[1:]
		if r.number == nil {
			root, references = ownNames(root, references)
		}
		return &sparkpb.Relation{RelType: &sparkpb.Relation_WithRelations{WithRelations: &sparkpb.WithRelations{
			Root: root, References: references,
		}}}
	}
	return frame(n, append([]*DataFrame{df}, relations...), nil)
}

// ownNames gives the frames that a SQL text reads in `backticks` names that
// nothing else has. Spark makes them temporary views of the session while it
// reads the text: two requests with the same names would read each other's.
func ownNames(root *sparkpb.Relation, references []*sparkpb.Relation) (*sparkpb.Relation, []*sparkpb.Relation) {
	own := proto.CloneOf(root)
	sql := own.GetSql()
	renamed := make([]*sparkpb.Relation, len(references))
	suffix := "_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	for i, reference := range references {
		alias := reference.GetSubqueryAlias()
		name := alias.GetAlias()
		renamed[i] = reference
		text := strings.ReplaceAll(sql.GetQuery(), "`"+name+"`", "`"+name+suffix+"`")
		if text == sql.GetQuery() {
			continue
		}
		sql.Query = text
		renamed[i] = &sparkpb.Relation{Common: reference.GetCommon(), RelType: &sparkpb.Relation_SubqueryAlias{
			SubqueryAlias: &sparkpb.SubqueryAlias{Input: alias.GetInput(), Alias: name + suffix, Qualifier: alias.GetQualifier()},
		}}
	}
	return own, renamed
}

// subqueriesOf returns the plans of the subqueries in columns, each once.
func subqueriesOf(columns []*Column) []*DataFrame {
	var plans []*DataFrame
	for _, c := range columns {
		plans = mergePlans(plans, c.plans)
	}
	return plans
}

// mergePlans appends what a does not have yet. It changes neither.
func mergePlans(a, b []*DataFrame) []*DataFrame {
	if len(a) == 0 {
		return b
	}
	out := slices.Clip(a)
	for _, df := range b {
		if !slices.ContainsFunc(out, func(have *DataFrame) bool { return have.node == df.node }) {
			out = append(out, df)
		}
	}
	return out
}
