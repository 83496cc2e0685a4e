package spark

import (
	"errors"
	"strings"
	"testing"
)

// withSubquery keeps the numbers that are in a cached frame.
func withSubquery(cached *DataFrame) *DataFrame {
	return Range(0, 9, 1, 1).Filter(Call("or", []*Column{
		Subquery(cached, InSubquery, []*Column{Col("id")}),
		Subquery(cached, ExistsSubquery, nil),
	}, false))
}

func TestSubqueriesAreSentBesideTheStepThatHasThem(t *testing.T) {
	base := Range(0, 3, 1, 1)
	df := withSubquery(base)
	relation := df.relation()
	with := relation.GetWithRelations()
	if with.GetRoot().GetFilter() == nil || len(with.GetReferences()) != 1 || with.GetReferences()[0].GetRange() == nil {
		t.Fatalf("got %s, want the filter and, once, the range", text(relation))
	}
	condition := with.GetRoot().GetFilter().GetCondition().GetUnresolvedFunction().GetArguments()[0].GetSubqueryExpression()
	if id := with.GetReferences()[0].GetCommon().GetPlanId(); condition.GetPlanId() != id || id != base.node.id {
		t.Errorf("the subquery is of plan %d, and %d was sent", condition.GetPlanId(), id)
	}
	if relation.GetCommon().GetPlanId() != df.node.id {
		t.Error("columns of the frame would not be found")
	}
	if a, b := hashOf(t, withSubquery(Range(0, 3, 1, 1))), hashOf(t, withSubquery(Range(0, 4, 1, 1))); a == b || a != hashOf(t, df) {
		t.Error("the hash is not of what the subquery says")
	}
}

func TestSubqueriesMayReadCachedFrames(t *testing.T) {
	df := withSubquery(Range(0, 3, 1, 1).Cached("three"))
	in := df.CachedInputs()
	if len(in) != 1 || in[0].Name != "three" {
		t.Fatalf("got %+v", in)
	}
	full := df.Substitute(map[string]string{in[0].ID: "relation-1"})
	if _, err := query(full); err != nil {
		t.Error(err)
	}
	if got := text(full.relation()); !strings.Contains(got, "relation-1") || strings.Contains(got, placeholderPrefix) {
		t.Errorf("got %s", got)
	}
}

func TestSubqueriesThatCannotBe(t *testing.T) {
	df := Range(0, 3, 1, 1)
	for _, c := range []struct {
		column *Column
		want   string
	}{
		{Subquery(nil, ScalarSubquery, nil), "a DataFrame is missing"},
		{Subquery(df, 7, nil), "subquery: kind 7 is unknown"},
		{Subquery(df, InSubquery, nil), "subquery: no value is given that is to be in it"},
		{Subquery(df, ExistsSubquery, []*Column{Lit(1)}), "subquery: 1 values are given, and only one that is looked in takes any"},
		{Subquery(df, InSubquery, []*Column{nil}), "a column is missing"},
	} {
		if err := df.Filter(c.column).Err(); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	for range MaxDepth {
		df = Range(0, 1, 1, 1).Filter(Subquery(df, ExistsSubquery, nil))
	}
	if err := df.Err(); !errors.Is(err, ErrPlanLimit) {
		t.Errorf("subqueries nested without end: got %v", err)
	}
	if err := Range(0, 1, 1, 1).WithRelations(SQL("SELECT 1", nil, nil)).Err(); err == nil {
		t.Error("a range reads frames by their names")
	}
	if err := SQL("SELECT 1", nil, nil).WithRelations(Range(0, 1, 1, 1)).Err(); err == nil || !strings.Contains(err.Error(), "has no name") {
		t.Errorf("got %v", err)
	}
}
