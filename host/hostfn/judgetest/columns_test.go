package judgetest_test

import (
	"math"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

func table(s *spark.Session) *spark.DataFrame {
	return s.SQL("SELECT * FROM VALUES (1, 'a', 10, array(3, 1, 2), map('k', 1), named_struct('x', 1, 'y', named_struct('z', 'q'))), " +
		"(2, 'a', 20, array(5), map('l', 2), named_struct('x', 2, 'y', named_struct('z', 'r'))), " +
		"(3, 'b', 30, array(), map('k', 3), named_struct('x', 3, 'y', named_struct('z', 's'))) AS t(id, g, v, arr, m, st)").OrderBy("id")
}

// of is a case over the table.
func of(columns ...spark.ColumnOrName) func(s *spark.Session) *spark.DataFrame {
	return func(s *spark.Session) *spark.DataFrame { return table(s).Select(columns...) }
}

// one is a case with one row.
func one(columns ...spark.ColumnOrName) func(s *spark.Session) *spark.DataFrame {
	return func(s *spark.Session) *spark.DataFrame { return s.Range(0, 1).Select(columns...) }
}

func ordered(df func(s *spark.Session) *spark.DataFrame, by ...spark.ColumnOrName) func(s *spark.Session) *spark.DataFrame {
	return func(s *spark.Session) *spark.DataFrame { return df(s).OrderBy(by...) }
}

type xy struct {
	X int    `json:"x"`
	Y string `json:"y"`
}

func TestColumnsAreThoseOfPySpark(t *testing.T) {
	id, g, v, arr, m, st := F.Col("id"), F.Col("g"), F.Col("v"), F.Col("arr"), F.Col("m"), F.Col("st")
	byG := spark.Window.PartitionBy("g").OrderBy(F.Desc("id"))
	byID := spark.Window.OrderBy("id")
	type col = spark.Column
	lambda1 := func(f func(x col) col) col { return spark.Lambda(1, func(p []col) col { return f(p[0]) }) }
	lambda2 := func(f func(x, y col) col) col { return spark.Lambda(2, func(p []col) col { return f(p[0], p[1]) }) }
	lambda3 := func(f func(x, y, z col) col) col {
		return spark.Lambda(3, func(p []col) col { return f(p[0], p[1], p[2]) })
	}
	at := time.Date(2024, 1, 2, 3, 4, 5, 678901000, time.UTC)
	judgetest.Run(t, judgetest.Suite{Script: "testdata/columns.py", Cases: []judgetest.Case{
		{Name: "windows", Frame: ordered(of("id", F.Call("row_number").Over(byG).As("n"), F.Sum("v").Over(byG).As("s"),
			F.Sum("v").Over(spark.Window.PartitionBy("g")).As("all"), F.Call("lag", v, F.Lit(1)).Over(byG).As("before")), "id")},
		{Name: "frames of windows", Frame: ordered(of("id",
			F.Sum("v").Over(byID.RowsBetween(spark.UnboundedPreceding, spark.CurrentRow)).As("a"),
			F.Sum("v").Over(byID.RowsBetween(-1, 1)).As("b"),
			F.Sum("v").Over(byID.RowsBetween(1, spark.UnboundedFollowing)).As("c"),
			F.Sum("v").Over(byID.RangeBetween(-1, 0)).As("d"),
			F.Sum("v").Over(byID.RangeBetween(spark.UnboundedPreceding, 1)).As("e")), "id")},
		{Name: "window over an interval", SailLacks: "window boundary", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.SQL("SELECT id, timestamp_seconds(id * 600) AS at FROM range(6)").
				Select("id", F.Count("*").Over(spark.Window.OrderBy("at").RangeBetween(-20*time.Minute, spark.CurrentRow)).As("n")).OrderBy("id")
		}},
		{Name: "named windows are named alike", SailDiffers: "a window without a name has its function's", Frame: func(s *spark.Session) *spark.DataFrame {
			return table(s).Select(F.Sum("v").Over(byG.RowsBetween(-1, 0)), st.GetField("y").GetItem("z"), v.Substr(1, 1)).Limit(0)
		}},
		{Name: "parts", Frame: func(s *spark.Session) *spark.DataFrame {
			return table(s).Where("id < 3").Select(arr.GetItem(0), m.GetItem("k"), st.GetField("x"), st.GetField("y").GetField("z"),
				F.Upper("st.y.z").As("u"), arr.GetItem(F.Lit(0)))
		}},
		{Name: "fields", Frame: of(st.WithField("w", F.Lit(1)).As("a"), st.WithField("y.z", F.Lit("new")).As("b"), st.DropFields("x").As("c"),
			st.WithField("y.w", F.Lit(1)).DropFields("x", "y.z").As("d"))},
		{Name: "lambdas", Frame: of(
			F.Call("transform", arr, lambda1(func(x col) col { return x.Plus(1) })).As("a"),
			F.Call("transform", arr, lambda2(func(x, i col) col { return x.Times(i) })).As("b"),
			F.Call("filter", arr, lambda1(func(x col) col { return x.Gt(1) })).As("c"),
			F.Call("aggregate", arr, F.Lit(0), lambda2(func(a, x col) col { return a.Plus(x) }), lambda1(func(a col) col { return a.Times(2) })).As("d"),
			F.Call("exists", arr, lambda1(func(x col) col { return x.Eq(5) })).As("e"),
			F.Call("forall", arr, lambda1(func(x col) col { return x.Gt(0) })).As("f"),
		)},
		{Name: "more lambdas", SailLacks: "zip_with", Frame: of(
			F.Call("zip_with", arr, F.Reverse("arr"), lambda2(func(x, y col) col { return x.Minus(y) })).As("g"),
			F.Call("map_filter", m, lambda2(func(_, v col) col { return v.Gt(1) })).As("h"),
			F.Call("transform_keys", m, lambda2(func(k, _ col) col { return F.Upper(k) })).As("i"),
			F.Call("transform_values", m, lambda2(func(_, v col) col { return v.Times(2) })).As("j"),
			F.Call("array_sort", arr, lambda2(func(x, y col) col { return y.Minus(x) })).As("k"),
			F.Call("map_zip_with", m, m, lambda3(func(_, a, b col) col { return a.Plus(b) })).As("l"))},
		{Name: "lambdas in lambdas", Frame: of("id", F.Call("transform", arr, lambda1(func(x col) col {
			return F.Call("aggregate", arr, F.Lit(0), lambda2(func(a, y col) col { return a.Plus(y.Times(x)).Plus(id) }))
		})).As("a"))},
		{Name: "conditions", Frame: of(
			F.When(v.Gt(20), "big").When(v.Gt(10), "middle").Otherwise("small").As("a"), F.When(v.Gt(20), 1).As("b"),
			v.Between(10, 20).As("c"), g.IsIn("a", "c").As("d"), g.IsIn().As("e"), g.Like("a%").As("f"), g.RLike("[ab]").As("h"),
			g.ILike("A").As("i"), g.Contains("a").As("j"), g.StartsWith("a").As("k"), g.EndsWith("b").As("l"),
			v.EqNullSafe(nil).As("m"), g.IsNull().As("n"), g.IsNotNull().As("o"), v.Cast("double").IsNaN().As("p"),
			v.Eq(10).Not().As("q"), v.NotEqual(10).As("r"), v.Gt(10).And(g.Eq("a")).Or(v.Ge(30)).As("s"))},
		{Name: "arithmetic", Frame: of(
			v.Plus(1).As("a"), v.Minus(1).As("b"), v.Times(2).As("c"), v.Divide(3).As("d"), v.Mod(7).As("e"), v.Negate().As("f"), v.Pow(2).As("g"),
			v.BitwiseAND(6).As("h"), v.BitwiseOR(1).As("i"), v.BitwiseXOR(3).As("j"), v.Cast("string").As("k"),
			g.TryCast("int").As("l"), v.Cast("decimal(10,2)").As("m"))},
		{Name: "nulls in order", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.SQL("SELECT * FROM VALUES (1, 2), (2, NULL), (3, 1) AS t(id, x)").OrderBy(F.DescNullsFirst("x"), "id")
		}},
		{Name: "many aliases", Frame: ordered(of("id", F.PosExplode("arr").As("at", "e")), "id", "at")},
		{Name: "metadata of columns", Frame: of(id.AliasMetadata("n", map[string]any{"unit": "m"}))},
		{Name: "literals", Frame: one(
			F.Lit(spark.Decimal("-12.50")).As("dec"), F.Lit(spark.Decimal("123456789012.5")).As("big"), F.Lit(at).As("ts"),
			spark.TypedLit(time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC), "date").As("day"), F.Lit(-90*time.Minute).As("dt"),
			F.Lit([]int{1, 2}).As("arr"), F.Lit(map[string]int{"a": 1, "b": 2}).As("m"), F.Lit(xy{1, "s"}).As("st"),
			F.Lit(int8(1)).As("i8"), F.Lit(int16(1)).As("i16"), F.Lit(float32(0.5)).As("f32"))},
		{Name: "typed literals", Frame: one(
			spark.TypedLit("2024-01-02T03:04:05.5", "timestamp_ntz").As("ntz"), spark.TypedLit(nil, "date").As("none"),
			spark.TypedLit([]any{[]any{1, nil}, []any{}}, "array<array<int>>").As("a"), spark.TypedLit(map[int]any{1: "x", 2: nil}, "map<int,string>").As("m"),
			spark.TypedLit([]any{1, []any{1.5}}, "struct<x:bigint not null,y:array<double>>").As("st"), spark.TypedLit(1.5, "decimal(5,2)").As("d"),
			spark.TypedLit([]byte{0, 255}, "binary").As("b"), spark.TypedLit(at, "date").As("day"),
			spark.TypedLit([]float64{math.NaN(), math.Inf(1)}, "array<double>").As("f"))},
		{Name: "intervals", Frame: one(spark.TypedLit(14, "interval year to month").Cast("string").As("ym"),
			spark.TypedLit([3]int64{1, 2, 3_000_000}, "interval").Cast("string").As("c"))},
		{Name: "named arguments", SailLacks: "does not have named_arguments", Frame: one(F.Call("mask", F.Lit("AbC-1"), spark.NamedArg("lowerChar", "q")).As("m"))},
		{Name: "functions of the catalog", Frame: of(spark.CallFunction("upper", g).As("a"), spark.CallFunction("`concat`", g, F.Lit("x")).As("b"))},
		{Name: "columns by pattern", Frame: func(s *spark.Session) *spark.DataFrame {
			df := table(s)
			return df.Select(df.ColRegex("`[gv]`"))
		}},
		{Name: "stars", Frame: func(s *spark.Session) *spark.DataFrame { return table(s).Select("st").As("t").Select("st.*", "t.*") }},
		{Name: "version", SailDiffers: "its own", Value: func(s *spark.Session) (any, error) { return s.Version() }},
		{Name: "no rows", Frame: func(s *spark.Session) *spark.DataFrame { return s.EmptyDataFrame("a INT, b STRING") }},
	}})
}
