package spark

import (
	"math"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

type lit = sparkpb.Expression_Literal

func TestMetricsAreWrittenAsRowsAre(t *testing.T) {
	text := func(s string) *lit { return &lit{LiteralType: &sparkpb.Expression_Literal_String_{String_: s}} }
	number := func(n int32) *lit { return &lit{LiteralType: &sparkpb.Expression_Literal_Integer{Integer: n}} }
	fields := &sparkpb.DataType{Kind: &sparkpb.DataType_Struct_{Struct: &sparkpb.DataType_Struct{
		Fields: []*sparkpb.DataType_StructField{{Name: "x"}, {Name: "y"}},
	}}}
	for _, c := range []struct {
		value *lit
		want  string
	}{
		{&lit{}, `null`},
		{&lit{LiteralType: &sparkpb.Expression_Literal_Boolean{Boolean: true}}, `true`},
		{&lit{LiteralType: &sparkpb.Expression_Literal_Long{Long: math.MaxInt64}}, `9223372036854775807`},
		{&lit{LiteralType: &sparkpb.Expression_Literal_Double{Double: 2}}, `2.0`},
		{&lit{LiteralType: &sparkpb.Expression_Literal_Double{Double: math.NaN()}}, `NaN`},
		{text("a\"b"), `"a\"b"`},
		{&lit{LiteralType: &sparkpb.Expression_Literal_Decimal_{Decimal: &sparkpb.Expression_Literal_Decimal{Value: "1.50"}}}, `{"__type__":"decimal","__value__":"1.50"}`},
		{&lit{LiteralType: &sparkpb.Expression_Literal_Date{Date: 1}}, `{"__type__":"date","__value__":"1970-01-02"}`},
		{&lit{LiteralType: &sparkpb.Expression_Literal_Timestamp{Timestamp: 1}}, `{"__type__":"datetime","__value__":"1970-01-01T00:00:00.000001+00:00"}`},
		{&lit{LiteralType: &sparkpb.Expression_Literal_Array_{Array: &sparkpb.Expression_Literal_Array{Elements: []*lit{number(1), {}}}}}, `[1,null]`},
		{&lit{LiteralType: &sparkpb.Expression_Literal_SpecializedArray_{SpecializedArray: &sparkpb.Expression_Literal_SpecializedArray{
			ValueType: &sparkpb.Expression_Literal_SpecializedArray_Ints{Ints: &sparkpb.Ints{Values: []int32{1, 2}}},
		}}}, `[1,2]`},
		{&lit{DataType: fields, LiteralType: &sparkpb.Expression_Literal_Struct_{Struct: &sparkpb.Expression_Literal_Struct{Elements: []*lit{number(1), text("s")}}}}, `{"x":1,"y":"s"}`},
		{&lit{LiteralType: &sparkpb.Expression_Literal_Map_{Map: &sparkpb.Expression_Literal_Map{Keys: []*lit{text("k")}, Values: []*lit{number(1)}}}}, `{"k":1}`},
	} {
		got, err := metricsJSON(&sparkpb.ExecutePlanResponse_ObservedMetrics{Keys: []string{"m"}, Values: []*lit{c.value}})
		if want := `{"m":` + c.want + `}`; err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	for name, m := range map[string]*sparkpb.ExecutePlanResponse_ObservedMetrics{
		"a name without a value": {Keys: []string{"m"}},
		"a struct without names": {Keys: []string{"m"}, Values: []*lit{{LiteralType: &sparkpb.Expression_Literal_Struct_{Struct: &sparkpb.Expression_Literal_Struct{Elements: []*lit{number(1)}}}}}},
		"a key that is a number": {Keys: []string{"m"}, Values: []*lit{{LiteralType: &sparkpb.Expression_Literal_Map_{Map: &sparkpb.Expression_Literal_Map{Keys: []*lit{number(1)}, Values: []*lit{number(1)}}}}}},
	} {
		if got, err := metricsJSON(m); err == nil {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestSetsForSailBeginWithAllKeys(t *testing.T) {
	a, b := Col("a"), Col("b")
	df := Range(0, 1, 1, 1).GroupingSets([][]*Column{{b}, {}, {b, a}}, []*Column{a, b}, nil)
	r := renderer{sail: true, done: make(map[*node]*sparkpb.Relation)}
	sets := r.relation(df.node).GetAggregate().GetGroupingSets()
	first := sets[0].GetGroupingSet()
	if r.err != nil || len(sets) != 3 || len(first) != 2 || first[0].GetUnresolvedAttribute().GetUnparsedIdentifier() != "a" {
		t.Errorf("got %v, %v", sets, r.err)
	}
	if spark := df.relation().GetAggregate(); len(spark.GetGroupingExpressions()) != 2 || len(spark.GetGroupingSets()[0].GetGroupingSet()) != 1 {
		t.Errorf("Spark gets %v", spark)
	}
	for name, sets := range map[string][][]*Column{"in part": {{a}, {b}}, "of others": {{a, b}, {Col("c")}}} {
		r := renderer{sail: true, done: make(map[*node]*sparkpb.Relation)}
		r.relation(Range(0, 1, 1, 1).GroupingSets(sets, []*Column{a, b}, nil).node)
		if r.err == nil {
			t.Errorf("sets %s are sent to Sail", name)
		}
	}
}
