package spark_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type point struct {
	X int     `json:"x"`
	Y float64 `json:"y"`
}

func TestPartsWindowsAndLambdasAreExpressions(t *testing.T) {
	a, at := F.Col("a"), time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	add := func(p []spark.Column) spark.Column { return p[0].Plus(p[1]) }
	for _, c := range []struct {
		column spark.Column
		want   string
	}{
		{F.Lower("a").GetField("b"), "lower(a)['b']"},
		{a.GetItem(F.Col("i")), "a[i]"},
		{a.WithField("b.c", F.Lit(1)), "with_field(a, b.c = 1)"},
		{a.DropFields("b", "c"), "drop_fields(a, b, c)"},
		{a.Pow(2).BitwiseAND(1).BitwiseOR(2).BitwiseXOR(4), "(((power(a, 2) & 1) | 2) ^ 4)"},
		{a.Astype("int").Name("n").Outer(), "cast(a AS int) AS n"},
		{a.Transform(spark.Column.Not), "not(a)"},
		{a.AliasMetadata("n", map[string]any{"k": 1}), `a AS n {"k":1}`},
		{a.AliasMetadata("n", nil), `a AS n {}`},
		{F.Call("f", a, spark.NamedArg("x", 1)), "f(a, x => 1)"},
		{spark.CallFunction("db.f", a), "db.f(a)"},
		{spark.ShufflePartition(a), "shuffle_partition(a)"},
		{F.Sum("a").Over(spark.Window), "sum(a) OVER ()"},
		{F.Sum("a").Over(spark.Window.PartitionBy("b", "c").OrderBy("d", F.Desc("e"))), "sum(a) OVER (PARTITION BY b, c ORDER BY d ASC, e DESC)"},
		{F.Sum("a").Over(spark.Window.OrderBy("b").RowsBetween(-2, spark.CurrentRow)), "sum(a) OVER (ORDER BY b ASC ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)"},
		{F.Sum("a").Over(spark.Window.RowsBetween(spark.UnboundedPreceding, spark.UnboundedFollowing)), "sum(a) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"},
		{F.Sum("a").Over(spark.Window.OrderBy("b").RangeBetween(0, 5)), "sum(a) OVER (ORDER BY b ASC RANGE BETWEEN CURRENT ROW AND BIGINT 5 FOLLOWING)"},
		{F.Sum("a").Over(spark.Window.OrderBy("b").RangeBetween(spark.UnboundedPreceding, time.Hour)), "sum(a) OVER (ORDER BY b ASC RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL DAY TO SECOND 3600000000 FOLLOWING)"},
		{F.Call("transform", a, spark.Lambda(1, func(p []spark.Column) spark.Column {
			return F.Call("aggregate", p[0], F.Lit(0), spark.Lambda(2, add))
		})), "transform(a, x_1 -> aggregate(x_1, 0, (x_2, y_2) -> (x_2 + y_2)))"},
		{F.Lit(int8(1)), "TINYINT 1"},
		{F.Lit(int16(1)), "SMALLINT 1"},
		{F.Lit(float32(0.5)), "FLOAT 0.5"},
		{F.Lit(spark.Decimal("-12.50")), `DECIMAL(10,2) "-12.50"`},
		{F.Lit(spark.Decimal("123456789012.5")), `DECIMAL(13,1) "123456789012.5"`},
		{F.Lit(90 * time.Minute), "INTERVAL DAY TO SECOND 5400000000"},
		{F.Lit(map[string]int{"b": 2, "a": 1}), "map('a', 1, 'b', 2)"},
		{F.Lit(map[string]int(nil)), "NULL"},
		{F.Lit(point{1, 2}), "named_struct('x', 1, 'y', 2.0)"},
		{spark.TypedLit(at, "date"), `DATE "2026-01-02T03:04:05+01:00"`},
		{spark.TypedLit(nil, "int"), "INT null"},
		{spark.TypedLit([]int{}, "array<int>"), "ARRAY<INT> []"},
		{spark.TypedLit([]int(nil), "array<int>"), "ARRAY<INT> null"},
		{spark.TypedLit([]byte{255}, "binary"), `BINARY "/w=="`},
		{spark.TypedLit(map[int]any{2: nil, 1: "x"}, "map<int,string>"), `MAP<INT,STRING> [[1,"x"],[2,null]]`},
		{spark.TypedLit(&point{1, math.NaN()}, "struct<x:int,y:double>"), `STRUCT<X:INT,Y:DOUBLE> [1,"NaN"]`},
		{spark.TypedLit([]any{math.Inf(1), float32(1), math.Inf(-1), json.Number("2")}, "array<double>"), `ARRAY<DOUBLE> ["Infinity",1,"-Infinity",2]`},
	} {
		if got := c.column.String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestColumnsOfAFrameKeepIt(t *testing.T) {
	r := spark.NewSession(new(plans)).Table("t")
	for _, c := range []struct {
		column    spark.Column
		plan, own string
	}{
		{r.ColRegex("`a.*`"), "regex(`a.*`)#1", "regex(`a.*`)"},
		{r.MetadataColumn("_metadata"), "metadata(_metadata)#1", "_metadata"},
		{F.Sum(r.Col("a")).Over(spark.Window.PartitionBy(r.Col("b"))), "sum(a#1) OVER (PARTITION BY b#1)", "sum(a) OVER (PARTITION BY b)"},
		{F.Call("filter", r.Col("a"), spark.Lambda(1, func(p []spark.Column) spark.Column { return p[0].Gt(r.Col("b")) })),
			"filter(a#1, x_1 -> (x_1 > b#1))", "filter(a, x_1 -> (x_1 > b))"},
	} {
		if got, want := planOf(t, r.Select(c.column)), "select "+c.plan+"\n  table t #1"; got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if got := c.column.String(); got != c.own {
			t.Errorf("got %s, want %s", got, c.own)
		}
	}
}

func TestWrongPartsWindowsAndLambdas(t *testing.T) {
	r := spark.NewSession(new(plans)).Range(0, 3)
	a := F.Col("a")
	var leaked spark.Column
	F.Call("transform", a, spark.Lambda(1, func(p []spark.Column) spark.Column { leaked = p[0]; return p[0] }))
	for _, c := range []struct {
		column spark.Column
		want   string
	}{
		{leaked.Plus(1), "ValueError: the parameter x of a lambda function is used outside of it"},
		{spark.Lambda(4, nil), "ValueError: a lambda function has 1 to 3 parameters, not 4"},
		{a.DropFields(), "ValueError: DropFields of a without a name"},
		{F.Sum("a").Over(spark.Window.RowsBetween(1<<40, spark.UnboundedFollowing)), "ValueError: RowsBetween: 1099511627776 does not fit 32 bits"},
		{F.Sum("a").Over(spark.Window.PartitionBy(5)), "TypeError: a column or its name is expected, not int; F.Lit makes a column of a value"},
		{a.AliasMetadata("n", map[string]any{"k": func() {}}), "TypeError: the metadata of n cannot be encoded as JSON: json: unsupported type: func()"},
		{spark.TypedLit([]any{make(chan int)}, "array<int>"), "TypeError: a chan int is no value of a column"},
		{spark.TypedLit(struct{}{}, "int"), "TypeError: a struct {} is no value of a column"},
		{F.Lit(map[string]any{"a": make(chan int)}), "TypeError: a chan int is no value of a column"},
	} {
		if _, err := r.Select(c.column).Count(); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestVersionLeavesTheRevisionOut(t *testing.T) {
	for rows, want := range map[string]string{`[["4.3.0 98bc"]]`: "4.3.0", `[["0.7.2"]]`: "0.7.2"} {
		if got, err := spark.NewSession(&plans{rows: rows}).Version(); err != nil || got != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
}
