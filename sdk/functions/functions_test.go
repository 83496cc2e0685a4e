package functions_test

import (
	"fmt"
	"testing"

	F "github.com/sparkstalk/sparkstalk/sdk/functions"
)

// TestArgumentsAreInSparksOrder covers the functions that do more than pass
// their one column on.
func TestArgumentsAreInSparksOrder(t *testing.T) {
	for _, c := range []struct {
		column F.Column
		want   string
	}{
		{F.Lower("a"), "lower(a)"},
		{F.Lower(F.Lit("A")), "lower('A')"},
		{F.Substring("a", 1, 2), "substring(a, 1, 2)"},
		{F.Split("a", " "), "split(a, ' ', -1)"},
		{F.Split("a", " ", 2), "split(a, ' ', 2)"},
		{F.SplitPart("a", ",", -1), "split_part(a, ',', -1)"},
		{F.Concat("a", F.Lit("-"), "b"), "concat(a, '-', b)"},
		{F.ConcatWs("-", "a", "b"), "concat_ws('-', a, b)"},
		{F.RegexpReplace("a", "x+", "y"), "regexp_replace(a, 'x+', 'y')"},
		{F.RegexpExtract("a", "(x)", 1), "regexp_extract(a, '(x)', 1)"},
		{F.Replace("a", "x", "y"), "replace(a, 'x', 'y')"},
		{F.Translate("a", "xy", "z"), "translate(a, 'xy', 'z')"},
		{F.Instr("a", "x"), "instr(a, 'x')"},
		{F.LPad("a", 5, "0"), "lpad(a, 5, '0')"},
		{F.RPad("a", 5, "0"), "rpad(a, 5, '0')"},
		{F.Repeat("a", 2), "repeat(a, 2)"},
		{F.FormatNumber("a", 2), "format_number(a, 2)"},
		{F.SHA2("a", 256), "sha2(a, 256)"},
		{F.Round("a", 2), "round(a, 2)"},
		{F.Pow("a", F.Lit(2)), "power(a, 2)"},
		{F.Greatest("a", "b"), "greatest(a, b)"},
		{F.Least("a", "b"), "least(a, b)"},
		{F.Rand(7), "rand(7)"},
		{F.MonotonicallyIncreasingID(), "monotonically_increasing_id()"},
		{F.Hash("a", "b"), "hash(a, b)"},
		{F.XXHash64("a"), "xxhash64(a)"},
		{F.Count("*"), "count(1)"},
		{F.Count("a"), "count(a)"},
		{F.Count(F.Col("a")), "count(a)"},
		{F.CountDistinct("a", "b"), "count(DISTINCT a, b)"},
		{F.SumDistinct("a"), "sum(DISTINCT a)"},
		{F.MaxBy("a", "b"), "max_by(a, b)"},
		{F.MinBy("a", "b"), "min_by(a, b)"},
		{F.PercentileApprox("a", 0.5), "percentile_approx(a, 0.5, 10000)"},
		{F.Corr("a", "b"), "corr(a, b)"},
		{F.Array("a", F.Lit(1)), "array(a, 1)"},
		{F.Struct("a", "b"), "struct(a, b)"},
		{F.NamedStruct(F.Lit("x"), "a"), "named_struct('x', a)"},
		{F.CreateMap(F.Lit("k"), "a"), "map('k', a)"},
		{F.ArrayContains("a", "x"), "array_contains(a, 'x')"},
		{F.ArrayJoin("a", ","), "array_join(a, ',')"},
		{F.ArrayPosition("a", F.Col("b")), "array_position(a, b)"},
		{F.ArrayUnion("a", "b"), "array_union(a, b)"},
		{F.ArrayIntersect("a", "b"), "array_intersect(a, b)"},
		{F.ArrayExcept("a", "b"), "array_except(a, b)"},
		{F.SortArray("a", false), "sort_array(a, false)"},
		{F.Slice("a", 1, 2), "slice(a, 1, 2)"},
		{F.ElementAt("a", 1), "element_at(a, 1)"},
		{F.Sequence(F.Lit(1), "a"), "sequence(1, a)"},
		{F.GetJSONObject("a", "$.x"), "get_json_object(a, '$.x')"},
		{F.ToJSON("a"), "to_json(a)"},
		{F.FromJSON("a", "x INT"), "from_json(a, 'x INT')"},
		{F.CurrentDate(), "current_date()"},
		{F.CurrentTimestamp(), "current_timestamp()"},
		{F.ToDate("a"), "to_date(a)"},
		{F.ToDate("a", "yyyy"), "to_date(a, 'yyyy')"},
		{F.ToTimestamp("a", "yyyy"), "to_timestamp(a, 'yyyy')"},
		{F.DateFormat("a", "yyyy"), "date_format(a, 'yyyy')"},
		{F.DateTrunc("hour", "a"), "date_trunc('hour', a)"},
		{F.DateAdd("a", 1), "date_add(a, 1)"},
		{F.DateSub("a", 1), "date_sub(a, 1)"},
		{F.AddMonths("a", 1), "add_months(a, 1)"},
		{F.DateDiff("b", "a"), "datediff(b, a)"},
		{F.UnixTimestamp("a"), "unix_timestamp(a, 'yyyy-MM-dd HH:mm:ss')"},
		{F.FromUnixTime("a", "yyyy"), "from_unixtime(a, 'yyyy')"},
		{F.Coalesce("a", F.Lit(0)), "coalesce(a, 0)"},
		{F.NullIf("a", "b"), "nullif(a, b)"},
		{F.Nvl("a", "b"), "nvl(a, b)"},
		{F.Not("a"), "not(a)"},
		{F.Negate("a"), "negative(a)"},
		{F.IsNull("a"), "isnull(a)"},
		{F.IsNotNull("a"), "isnotnull(a)"},
		{F.IsNaN("a"), "isnan(a)"},
		{F.Asc("a"), "a ASC"},
		{F.AscNullsLast("a"), "a ASC NULLS LAST"},
		{F.Desc("a"), "a DESC"},
		{F.DescNullsFirst("a"), "a DESC NULLS FIRST"},
		{F.Call("f", "a", F.Lit(1)), "f(a, 1)"},
		{F.CallUDF("f", "a"), "f(a)"},
		{F.CallFunction("db.f", "a"), "db.f(a)"},
		{F.TypedLit(1, "tinyint"), "TINYINT 1"},
		{F.AscNullsFirst("a"), "a ASC"},
		{F.DescNullsLast("a"), "a DESC"},
		{F.Log("a"), "ln(a)"},
		{F.Log(2, "a"), "log(2, a)"},
		{F.Log("a", "b", "c"), "invalid column: TypeError: Log takes a number, or a base and a number, not 3 arguments"},
		{F.ConvertTimezone(nil, "UTC", "a"), "convert_timezone('UTC', a)"},
		{F.ConvertTimezone("UTC", "Asia/Tokyo", "a"), "convert_timezone('UTC', 'Asia/Tokyo', a)"},
		{F.MakeTimestamp("d", "t"), "make_timestamp(d, t)"},
		{F.MakeTimestampNtz("d", "t"), "make_timestamp_ntz(d, t)"},
		{F.TryMakeTimestamp("d", "t"), "try_make_timestamp(d, t)"},
		{F.TryMakeTimestampNtz("d", "t"), "try_make_timestamp_ntz(d, t)"},
		{F.Instr("a", "b", 2), "instr(a, 'b', 2)"},
		{F.Instr("a", "b", 2, 3), "instr(a, 'b', 2, 3)"},
		{F.Instr("a", "b", 2, 3, 4), "invalid column: TypeError: at most 2 arguments may follow the first 2, and 3 do"},
		{F.Trim("a", F.Lit("x")), "trim('x', a)"},
		{F.Mask("a"), "mask(a, 'X', 'x', 'n', NULL)"},
		{F.MakeYMInterval(), "make_ym_interval(0, 0)"},
		{F.MakeYMInterval("a"), "make_ym_interval(a, 0)"},
		{F.ToJSON("a", map[string]string{"b": "1", "a": "2"}), "to_json(a, map('a', '2', 'b', '1'))"},
		{F.AddMonths("a", "b"), "add_months(a, b)"},
		{F.ListAggDistinct("a", ","), "listagg(DISTINCT a, ',')"},
		{F.JSONTuple("a", "b", "c"), "json_tuple(a, 'b', 'c')"},
		{F.Transform("a", func(x F.Column) F.Column { return x.Plus(1) }), "transform(a, x_1 -> (x_1 + 1))"},
		{F.Transform("a", func(x, i F.Column) F.Column { return x.Plus(i) }), "transform(a, (x_1, y_1) -> (x_1 + y_1))"},
		{F.Filter("a", func(x F.Column) F.Column { return x.Gt(1) }), "filter(a, x_1 -> (x_1 > 1))"},
		{F.Exists("a", F.Column.IsNull), "exists(a, x_1 -> isnull(x_1))"},
		{F.ForAll("a", F.Column.IsNull), "forall(a, x_1 -> isnull(x_1))"},
		{F.Aggregate("a", F.Lit(0), plus), "aggregate(a, 0, (x_1, y_1) -> (x_1 + y_1))"},
		{F.Reduce("a", F.Lit(0), plus, F.Column.Negate), "reduce(a, 0, (x_1, y_1) -> (x_1 + y_1), x_1 -> negative(x_1))"},
		{F.ZipWith("a", "b", plus), "zip_with(a, b, (x_1, y_1) -> (x_1 + y_1))"},
		{F.ArraySort("a"), "array_sort(a)"},
		{F.ArraySort("a", plus), "array_sort(a, (x_1, y_1) -> (x_1 + y_1))"},
		{F.MapFilter("a", plus), "map_filter(a, (x_1, y_1) -> (x_1 + y_1))"},
		{F.MapZipWith("a", "b", func(_, x, y F.Column) F.Column { return plus(x, y) }), "map_zip_with(a, b, (x_1, y_1, z_1) -> (y_1 + z_1))"},
		{F.TransformKeys("a", plus), "transform_keys(a, (x_1, y_1) -> (x_1 + y_1))"},
		{F.TransformValues("a", plus), "transform_values(a, (x_1, y_1) -> (x_1 + y_1))"},
		{F.CallFunction("f"), "f()"},
	} {
		if got := c.column.String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func plus(x, y F.Column) F.Column { return x.Plus(y) }

func Example() {
	words := F.Explode(F.Split(F.Lower("value"), " ")).As("word")
	fmt.Println(words)
	fmt.Println(F.Coalesce(F.Sum("id"), F.Lit(0)))
	fmt.Println(F.Call("weekday", "day"))
	// Output:
	// explode(split(lower(value), ' ', -1)) AS word
	// coalesce(sum(id), 0)
	// weekday(day)
}
