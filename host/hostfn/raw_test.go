package hostfn

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

func raw(t *testing.T, rel *sparkpb.Relation) []byte {
	t.Helper()
	data, err := proto.Marshal(rel)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func rawRange(n int64) *sparkpb.Relation {
	id := int64(1)
	return &sparkpb.Relation{
		Common:  &sparkpb.RelationCommon{PlanId: &id},
		RelType: &sparkpb.Relation_Range{Range: &sparkpb.Range{End: n, Step: 1}},
	}
}

// rawFilter is rows of a range whose id is that of its own step 1, by number.
func rawFilter(n int64, condition *sparkpb.Expression) *sparkpb.Relation {
	return &sparkpb.Relation{RelType: &sparkpb.Relation_Filter{Filter: &sparkpb.Filter{Input: rawRange(n), Condition: condition}}}
}

func rawLess(than int32) *sparkpb.Expression {
	id := int64(1)
	return &sparkpb.Expression{ExprType: &sparkpb.Expression_UnresolvedFunction_{UnresolvedFunction: &sparkpb.Expression_UnresolvedFunction{
		FunctionName: "<", Arguments: []*sparkpb.Expression{
			{ExprType: &sparkpb.Expression_UnresolvedAttribute_{UnresolvedAttribute: &sparkpb.Expression_UnresolvedAttribute{UnparsedIdentifier: "id", PlanId: &id}}},
			{ExprType: &sparkpb.Expression_Literal_{Literal: &sparkpb.Expression_Literal{LiteralType: &sparkpb.Expression_Literal_Integer{Integer: than}}}},
		},
	}}}
}

func TestARawPlanIsAFrameLikeOthers(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		binder := New(Config{Session: w.session, Cache: w.cache, Grants: []Grant{{abi.CapabilityRawPlans, "*"}}})
		i := binder.Open(t.Context(), Task{ID: "id", Name: "demo.Raw", Capabilities: []string{abi.CapabilityRawPlans}})
		defer i.Close()
		// Both have a step 1 of their own.
		few, more := i.FrameRaw(raw(t, rawFilter(10, rawLess(3)))), i.FrameRaw(raw(t, rawFilter(10, rawLess(7))))
		both := i.FrameJoin(few, more, "inner", 0, []string{"id"})
		if rows, err := i.ActionCollect(i.FrameSort(both, []abi.Expr{i.ExprColumn("id")}, true), abi.RowArrays); err != nil || string(rows) != "[[0],[1],[2]]" {
			t.Errorf("rows = %s, %v", rows, err)
		}
		cached := i.FrameCache(few, "few")
		if n, err := i.ActionCount(i.FrameJoin(cached, more, "inner", 0, []string{"id"})); n != 3 || err != nil {
			t.Errorf("count of the cached one = %d, %v", n, err)
		}
	})
}

func TestARawPlanNeedsAGrantAndARequest(t *testing.T) {
	plan := raw(t, rawRange(3))
	for name, test := range map[string]struct {
		asks    []string
		setting []string
		words   []string // of the error; none for what is allowed
	}{
		"neither":          {nil, nil, []string{"does not ask", "raw_plans", "sdk.Needs"}},
		"granted only":     {nil, []string{"raw_plans"}, []string{"does not ask"}},
		"asked for only":   {[]string{"raw_plans"}, nil, []string{"does not grant", "demo.Count", "setting capabilities", "raw_plans:demo.Count"}},
		"to others":        {[]string{"raw_plans"}, []string{"raw_plans:reports.*", "raw_plans:demo.Counted"}, []string{"does not grant"}},
		"to all":           {[]string{"raw_plans"}, []string{"raw_plans"}, nil},
		"to this":          {[]string{"raw_plans"}, []string{"raw_plans:demo.Count"}, nil},
		"to all like this": {[]string{"raw_plans"}, []string{"raw_plans:x", "raw_plans:demo.*"}, nil},
	} {
		grants, err := ParseGrants(test.setting)
		if err != nil {
			t.Fatal(err)
		}
		i := openTask(t.Context(), &session{}, Config{Grants: grants}, Task{Name: "demo.Count", Capabilities: test.asks})
		err = actionError(i, i.FrameRaw(plan))
		if test.words == nil {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantError(t, err, "PermissionError", test.words...)
	}
	for _, bad := range []string{"fly", "raw_plans:"} {
		if _, err := ParseGrants([]string{bad}); err == nil {
			t.Errorf("the grant %q is taken", bad)
		}
	}
}

func TestARawPlanOnlyDescribesRows(t *testing.T) {
	deep := rawRange(3)
	for range 300 {
		deep = &sparkpb.Relation{RelType: &sparkpb.Relation_Limit{Limit: &sparkpb.Limit{Input: deep, Limit: 1}}}
	}
	sql := func(text string) *sparkpb.Relation {
		return &sparkpb.Relation{RelType: &sparkpb.Relation_Sql{Sql: &sparkpb.SQL{Query: text}}}
	}
	unknown := append(raw(t, rawRange(3)), 0xf8, 0x7f, 1) // a field of a later version
	for name, test := range map[string]struct {
		plan  []byte
		words []string
	}{
		"nothing":      {nil, []string{"no kind"}},
		"no message":   {[]byte("\xff\xff"), []string{"no serialized"}},
		"deep":         {raw(t, deep), []string{"200"}},
		"a command":    {raw(t, sql("DROP TABLE t")), []string{"no plain query", "DROP TABLE"}},
		"one within":   {raw(t, &sparkpb.Relation{RelType: &sparkpb.Relation_Limit{Limit: &sparkpb.Limit{Input: sql("INSERT INTO t VALUES (1)")}}}), []string{"no plain query"}},
		"the catalog":  {raw(t, &sparkpb.Relation{RelType: &sparkpb.Relation_Catalog{Catalog: &sparkpb.Catalog{CatType: &sparkpb.Catalog_ClearCache{ClearCache: &sparkpb.ClearCache{}}}}}), []string{"kind catalog"}},
		"an extension": {raw(t, &sparkpb.Relation{RelType: &sparkpb.Relation_Extension{Extension: &anypb.Any{}}}), []string{"kind extension"}},
		"another's rows": {raw(t, &sparkpb.Relation{RelType: &sparkpb.Relation_CachedRemoteRelation{CachedRemoteRelation: &sparkpb.CachedRemoteRelation{RelationId: "x"}}}),
			[]string{"kind cached_remote_relation"}},
		"a function of its own": {raw(t, rawFilter(3, &sparkpb.Expression{ExprType: &sparkpb.Expression_CommonInlineUserDefinedFunction{
			CommonInlineUserDefinedFunction: &sparkpb.CommonInlineUserDefinedFunction{FunctionName: "f"},
		}})), []string{"CommonInlineUserDefinedFunction"}},
		"one in a subquery": {raw(t, &sparkpb.Relation{RelType: &sparkpb.Relation_WithRelations{WithRelations: &sparkpb.WithRelations{
			Root: rawRange(3), References: []*sparkpb.Relation{sql("CREATE TABLE t (n int)")},
		}}}), []string{"no plain query"}},
		"a stream": {raw(t, &sparkpb.Relation{RelType: &sparkpb.Relation_Read{Read: &sparkpb.Read{IsStreaming: true}}}), []string{"stream"}},
		"unknown":  {unknown, []string{"does not know"}},
	} {
		t.Run(name, func(t *testing.T) {
			i := openTask(t.Context(), &session{}, Config{Grants: []Grant{{abi.CapabilityRawPlans, "*"}}},
				Task{Name: "demo.Count", Capabilities: []string{abi.CapabilityRawPlans}})
			err := actionError(i, i.FrameRaw(test.plan))
			typ := "ValueError"
			if name == "deep" {
				typ = "sparkstalk.LimitExceeded"
			}
			wantError(t, err, typ, test.words...)
		})
	}
}
