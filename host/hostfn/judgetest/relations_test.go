package judgetest_test

import (
	"testing"

	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type columns = []spark.ColumnOrName

func people(s *spark.Session) *spark.DataFrame {
	return s.SQL("SELECT * FROM VALUES (1,'ann',10,2.5D), (2,'bob',20,1.5D), (3,'cid',NULL,0.5D), (2,'bob',20,1.5D) AS t(id, name, age, w)")
}

func letters(s *spark.Session) *spark.DataFrame {
	return s.SQL("SELECT * FROM VALUES (1,'x'), (2,'y'), (9,'z') AS t(id, s)")
}

func trades(s *spark.Session) *spark.DataFrame {
	return s.SQL("SELECT * FROM VALUES (10,'a',1), (20,'a',2), (25,'b',3), (40,'a',4) AS t(time, sym, n)")
}

func quotes(s *spark.Session) *spark.DataFrame {
	return s.SQL("SELECT * FROM VALUES (9,'a',100), (20,'a',101), (26,'b',200), (38,'a',102) AS t(time, sym, price)")
}

func numbers(s *spark.Session) *spark.DataFrame {
	return s.RangeStep(0, 1000, 1, 1).WithColumn("k", F.Col("id").Mod(3))
}

func TestJoinsAreThoseOfPySpark(t *testing.T) {
	judgetest.Run(t, judgetest.Suite{Script: "testdata/joins.py", Cases: []judgetest.Case{
		{Name: "broadcast", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Join(letters(s).Hint("broadcast"), "id", "").OrderBy("name")
		}},
		{Name: "hints with parameters", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Hint("rebalance", F.Col("id")).Hint("nonsense", 3, "a", 1.5).Hint("repartition", 2).OrderBy("id")
		}},
		{Name: "several conditions", Frame: func(s *spark.Session) *spark.DataFrame {
			p, l := people(s), letters(s)
			return p.Join(l, []spark.Column{p.Col("id").Eq(l.Col("id")), l.Col("s").Eq("y")}, "").OrderBy("name")
		}},
		{Name: "columns of aliases", Frame: func(s *spark.Session) *spark.DataFrame {
			a, b := people(s).Alias("a"), people(s).Alias("b")
			return a.Join(b, F.Col("a.id").Lt(F.Col("b.id")), "").Select("a.name", F.Col("b.name").As("other")).OrderBy("name", "other")
		}},
		{Name: "drop one of two", Frame: func(s *spark.Session) *spark.DataFrame {
			p, l := people(s), letters(s)
			return p.Join(l, p.Col("id").Eq(l.Col("id")), "").Drop(l.Col("id"), "age", "nothing").OrderBy("id")
		}},
		{Name: "as of", SailLacks: "does not have as_of_join", Frame: func(s *spark.Session) *spark.DataFrame {
			t := trades(s)
			return t.JoinAsOf(quotes(s), "time", "time", spark.AsOf{}).OrderBy(t.Col("time"))
		}},
		{Name: "as of with all", SailLacks: "run on Apache Spark", Frame: func(s *spark.Session) *spark.DataFrame {
			t, q := trades(s), quotes(s)
			as := spark.AsOf{On: "sym", How: "left", Tolerance: 5, NotExact: true, Direction: "nearest"}
			return t.JoinAsOf(q, t.Col("time"), q.Col("time"), as).OrderBy(t.Col("time"))
		}},
		{Name: "as of in no direction", Fails: "direction", Frame: func(s *spark.Session) *spark.DataFrame {
			return trades(s).JoinAsOf(quotes(s), "time", "time", spark.AsOf{Direction: "sideways"})
		}},
		{Name: "lateral", Frame: func(s *spark.Session) *spark.DataFrame {
			right := letters(s).Alias("l").Where(F.Col("p.id").Outer().Eq(F.Col("l.id")))
			return people(s).Alias("p").LateralJoin(right, nil, "").OrderBy("name")
		}},
		{Name: "lateral left", Frame: func(s *spark.Session) *spark.DataFrame {
			right := letters(s).Alias("l").Where(F.Col("p.id").Outer().Eq(F.Col("l.id"))).Select("s")
			return people(s).Alias("p").LateralJoin(right, F.Col("s").NotEqual("y"), "left").OrderBy("name")
		}},
		{Name: "lateral full", Fails: "UNSUPPORTED_JOIN_TYPE", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).LateralJoin(letters(s), nil, "full")
		}},
		{Name: "join of no type", Fails: "UNSUPPORTED_JOIN_TYPE", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Join(letters(s), "id", "sideways")
		}},
		{Name: "lateral table function", SailLacks: "does not have table_functions", Frame: func(s *spark.Session) *spark.DataFrame {
			x := s.SQL("SELECT 1 AS id, array(1, 2) AS a").Alias("x")
			return x.LateralJoin(s.TVF().Explode(F.Col("x.a").Outer()), nil, "")
		}},
		{Name: "table functions", SailLacks: "select the function from a DataFrame", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.TVF().PosExplode(spark.Call("array", F.Lit("a"), F.Lit("b"))).CrossJoin(s.TVF().Stack(F.Lit(2), F.Lit(1), F.Lit(2))).OrderBy(1, -3)
		}},
		{Name: "table function range", Frame: func(s *spark.Session) *spark.DataFrame { return s.TVF().Range(1, 8, 3, 1) }},
		{Name: "nearest by", SailLacks: "does not have nearest_by_join", Frame: func(s *spark.Session) *spark.DataFrame {
			p, l := people(s), letters(s)
			return p.NearestByJoin(l, F.Abs(p.Col("id").Minus(l.Col("id"))), 2, "exact", "distance", "left").OrderBy(p.Col("name"), l.Col("id"))
		}},
		{Name: "nearest by none", Fails: "NEAREST_BY_JOIN.NUM_RESULTS_OUT_OF_RANGE", Frame: func(s *spark.Session) *spark.DataFrame {
			p, l := people(s), letters(s)
			return p.NearestByJoin(l, p.Col("id").Minus(l.Col("id")), 0, "exact", "distance", "")
		}},
		{Name: "nearest by nothing", Fails: "NEAREST_BY_JOIN.UNSUPPORTED_MODE", Frame: func(s *spark.Session) *spark.DataFrame {
			p, l := people(s), letters(s)
			return p.NearestByJoin(l, p.Col("id").Minus(l.Col("id")), 1, "guess", "distance", "")
		}},
		{Name: "zip", SailLacks: "does not have zip", Frame: func(s *spark.Session) *spark.DataFrame {
			p := people(s).OrderBy("name", "w")
			return p.Select("id", F.Upper("name").As("name")).Zip(p.WithColumn("twice", F.Col("age").Times(2)).Drop("w"))
		}},
		{Name: "zip with itself", SailLacks: "run on Apache Spark", Frame: func(s *spark.Session) *spark.DataFrame {
			l := letters(s)
			return l.Zip(l).Zip(l.Select("s"))
		}},
		{Name: "zip of two", Fails: "ZIP", SailLacks: "does not have zip", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Zip(letters(s))
		}},
		{Name: "union all", Frame: func(s *spark.Session) *spark.DataFrame {
			return letters(s).UnionAll(letters(s)).OrderBy("id")
		}},
		{Name: "union by name with missing columns", SailDiffers: "a column that the left side lacks has the type void", Frame: func(s *spark.Session) *spark.DataFrame {
			return letters(s).UnionByName(people(s).Select("name", "id"), true).OrderBy("id", "s", "name")
		}},
		{Name: "intersect all", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).IntersectAll(people(s)).OrderBy("id")
		}},
		{Name: "except all", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).ExceptAll(people(s).Distinct()).OrderBy("id")
		}},
		{Name: "intersect", Frame: func(s *spark.Session) *spark.DataFrame { return people(s).Intersect(people(s)).OrderBy("id") }},
		{Name: "subtract", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Subtract(people(s).Where("id = 2")).OrderBy("id")
		}},
	}})
}

func TestGroupsAreThoseOfPySpark(t *testing.T) {
	judgetest.Run(t, judgetest.Suite{Script: "testdata/groups.py", Cases: []judgetest.Case{
		{Name: "grouping sets", Frame: func(s *spark.Session) *spark.DataFrame {
			sets := [][]spark.ColumnOrName{{"id", "name"}, {"name"}, {}}
			return people(s).GroupingSets(sets, "id", "name").Agg(F.Count("*").As("n"), F.Sum("age").As("s")).OrderBy("id", "name", "n")
		}},
		{Name: "grouping sets by number", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).GroupingSets([][]spark.ColumnOrName{{1}, {2}, {2, 1}}, 1, 2).Count().OrderBy(1, 2, 3)
		}},
		{Name: "grouping sets in part", SailLacks: "does not have grouping_sets_in_part", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).GroupingSets([][]spark.ColumnOrName{{"name"}, {"id"}}, "id", "name").Count().OrderBy(1, 2, 3)
		}},
		{Name: "rollup", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Rollup("id", "name").Agg(F.Count("*").As("n")).OrderBy("id", "name", "n")
		}},
		{Name: "cube", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Cube("id", "name").Count().OrderBy("id", "name", "count")
		}},
		{Name: "pivot", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).GroupBy("id").Pivot("name").Sum("age").OrderBy("id")
		}},
		{Name: "pivot by values", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).GroupBy("id").Pivot("name", "ann", "bob").Agg(F.Sum("age").As("s"), F.Max("w").As("w")).OrderBy("id")
		}},
		{Name: "pivot by numbers", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).GroupBy().Pivot("id", 1, 2).Count()
		}},
		{Name: "pivot after a cube", Fails: "Pivot is possible once", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Cube("id").Pivot("name").Count()
		}},
		{Name: "aggregates by map", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).GroupBy("id").AggMap(map[string]string{"*": "count", "age": "sum", "w": "max"}).OrderBy("id")
		}},
		{Name: "sums of all numbers", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).GroupBy("name").Sum().OrderBy("name")
		}},
		{Name: "means of some", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).GroupBy("name").Mean("age", "w").OrderBy("name")
		}},
		{Name: "least of all numbers", Frame: func(s *spark.Session) *spark.DataFrame { return people(s).GroupBy().Min() }},
		{Name: "greatest of all numbers", Frame: func(s *spark.Session) *spark.DataFrame { return people(s).GroupBy().Max() }},
		{Name: "groups by number", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).GroupBy(2).Count().OrderBy(-1)
		}},
		{Name: "unpivot", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Unpivot(columns{"name"}, columns{"id", F.Col("w")}, "k", "v").OrderBy("name", "k", "v")
		}},
		{Name: "unpivot all others", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Drop("age").Melt(columns{"name"}, nil, "k", "v").OrderBy("name", "k", "v")
		}},
		{Name: "unpivot with nulls", SailLacks: "inconsistent types", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Unpivot(columns{"name"}, columns{"id", "age"}, "k", "v").OrderBy("name", "k", "v")
		}},
		{Name: "transpose", SailLacks: "does not have transpose", Frame: func(s *spark.Session) *spark.DataFrame { return letters(s).Transpose() }},
		{Name: "transpose by a column", SailLacks: "unpivot and pivot", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.SQL("SELECT * FROM VALUES (1, 2), (3, 4) AS t(a, b)").Transpose("b")
		}},
	}})
}

func TestRowsAreThoseOfPySpark(t *testing.T) {
	judgetest.Run(t, judgetest.Suite{Script: "testdata/rows.py", Cases: []judgetest.Case{
		{Name: "sample", Frame: func(s *spark.Session) *spark.DataFrame { return numbers(s).Sample(false, 0.05, 7) }},
		{Name: "sample with replacement", SailDiffers: "random numbers of its own", Unordered: true, Frame: func(s *spark.Session) *spark.DataFrame {
			return numbers(s).Sample(true, 0.1, 7)
		}},
		{Name: "sample of too much", Fails: "sample: 1.5 is more than all rows", Frame: func(s *spark.Session) *spark.DataFrame {
			return numbers(s).Sample(false, 1.5, 7)
		}},
		{Name: "sample by", Frame: func(s *spark.Session) *spark.DataFrame {
			return numbers(s).SampleBy("k", map[any]float64{0: 0.1, 2: 0.05}, 3).OrderBy("id")
		}},
		{Name: "sample by more than all", Fails: "a fraction is from 0 to 1", Frame: func(s *spark.Session) *spark.DataFrame {
			return numbers(s).SampleBy("k", map[any]float64{0: 1.5}, 3)
		}},
		{Name: "random split", Unordered: true, Frame: func(s *spark.Session) *spark.DataFrame {
			parts := numbers(s).RandomSplit([]float64{1, 3, 2}, 5)
			return parts[0].Agg(F.Count("*").As("n")).Union(parts[1].Agg(F.Count("*"))).Union(parts[2].Agg(F.Count("*")))
		}},
		{Name: "tail", Value: func(s *spark.Session) (any, error) {
			rows, err := numbers(s).Tail(2)
			if err != nil {
				return nil, err
			}
			return []any{rows[0].Get("id"), rows[1].Get("id"), len(rows)}, nil
		}},
		{Name: "watermark", SailLacks: "does not have watermark", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.SQL("SELECT TIMESTAMP'2024-01-01 00:00:00' AS ts").WithWatermark("ts", "5 minutes")
		}},
		{Name: "distinct within watermark", Fails: "dropDuplicatesWithinWatermark is not supported", SailLacks: "does not have watermark", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.SQL("SELECT TIMESTAMP'2024-01-01 00:00:00' AS ts").WithWatermark("ts", "5 minutes").DropDuplicatesWithinWatermark("ts")
		}},
		{Name: "repartition", Frame: func(s *spark.Session) *spark.DataFrame {
			return numbers(s).Repartition(3).Select(spark.Call("spark_partition_id").As("p")).Distinct().OrderBy("p")
		}},
		{Name: "repartition by columns", Frame: func(s *spark.Session) *spark.DataFrame {
			parts := numbers(s).Repartition(4, "k").Select("k", spark.Call("spark_partition_id").As("p")).Distinct()
			return parts.GroupBy("k").Count().OrderBy("k")
		}},
		{Name: "repartition by range", Frame: func(s *spark.Session) *spark.DataFrame {
			return numbers(s).RepartitionByRange(2, F.Desc("id")).GroupBy("k").Count().OrderBy("k")
		}},
		{Name: "repartition by id", SailLacks: "does not have repartition_by_id", Frame: func(s *spark.Session) *spark.DataFrame {
			return numbers(s).RepartitionById(3, F.Col("k").Cast("int")).Select("k", spark.Call("spark_partition_id").As("p")).Distinct().OrderBy("k")
		}},
		{Name: "coalesce", Frame: func(s *spark.Session) *spark.DataFrame {
			return numbers(s).Repartition(4).Coalesce(1).Select(spark.Call("spark_partition_id").As("p")).Distinct()
		}},
		{Name: "fill numbers", Frame: func(s *spark.Session) *spark.DataFrame { return people(s).FillNA(0).OrderBy("id") }},
		{Name: "fill floats", Frame: func(s *spark.Session) *spark.DataFrame { return people(s).FillNA(1.5).OrderBy("id") }},
		{Name: "fill some", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Na().Fill("?", "name", "age").OrderBy("id")
		}},
		{Name: "fill by map", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).FillNA(map[string]any{"age": 5, "name": "?"}).OrderBy("id")
		}},
		{Name: "drop missing", Frame: func(s *spark.Session) *spark.DataFrame { return people(s).DropNA("").OrderBy("id") }},
		{Name: "drop missing of some", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).DropNA("all", "age", "w").OrderBy("id")
		}},
		{Name: "drop missing by threshold", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Na().DropThresh(4).OrderBy("id")
		}},
		{Name: "replace numbers", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Replace(map[any]any{10: 11, 20: nil}, "age").OrderBy("id")
		}},
		{Name: "replace strings", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Na().Replace(map[any]any{"bob": "rob"}).OrderBy("id")
		}},
		{Name: "replace of two kinds", Fails: "values of one type are replaced in one step", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Replace(map[any]any{1: "x", "bob": "rob"})
		}},
		{Name: "replace by another kind", Fails: "values of one type are replaced in one step", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Replace(map[any]any{"bob": 5})
		}},
	}})
}

func TestStatisticsAreThoseOfPySpark(t *testing.T) {
	judgetest.Run(t, judgetest.Suite{Script: "testdata/statistics.py", Cases: []judgetest.Case{
		{Name: "describe", Frame: func(s *spark.Session) *spark.DataFrame { return people(s).Select("id", "name", "w").Describe() }},
		{Name: "describe some", Frame: func(s *spark.Session) *spark.DataFrame { return people(s).Describe("id", "name") }},
		{Name: "summary", SailDiffers: "percentiles are interpolated", Unordered: true, Frame: func(s *spark.Session) *spark.DataFrame { return people(s).Select("id", "w").Summary() }},
		{Name: "summary of some", Frame: func(s *spark.Session) *spark.DataFrame { return people(s).Summary("max", "count", "min") }},
		{Name: "summary of distinct", SailLacks: "does not have summary_of_distinct", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Summary("count", "count_distinct", "approx_count_distinct")
		}},
		{Name: "crosstab", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Stat().Crosstab("id", "name").OrderBy("id_name")
		}},
		{Name: "frequent items", SailLacks: "does not have freq_items", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Stat().FreqItems([]string{"id"}, 0.4)
		}},
		{Name: "covariance", Value: func(s *spark.Session) (any, error) { return people(s).Stat().Cov("id", "w") }},
		{Name: "correlation", Value: func(s *spark.Session) (any, error) { return people(s).Where("w > 1").Stat().Corr("id", "w") }},
		{Name: "quantiles", SailLacks: "does not have quantiles", Value: func(s *spark.Session) (any, error) {
			return people(s).Stat().ApproxQuantile([]string{"id", "w"}, []float64{0.5, 1}, 0)
		}},
		{Name: "quantile above one", Fails: "a probability is from 0 to 1", Value: func(s *spark.Session) (any, error) {
			return people(s).ApproxQuantile([]string{"id"}, []float64{2}, 0)
		}},
		{Name: "statistics of no column", Fails: "nothing", Frame: func(s *spark.Session) *spark.DataFrame { return people(s).Stat().Crosstab("id", "nothing") }},
		{Name: "observed", SailLacks: "does not have observe", Value: func(s *spark.Session) (any, error) {
			o := spark.NewObservation()
			df := people(s).Observe(o, F.Count("*").As("n"), F.Max("age").As("m"), F.Avg("w").As("w"), F.Expr("max(array(id))").As("a"),
				F.Expr("max(named_struct('x', id, 'y', name))").As("s"), F.Expr("max(date'2024-01-02')").As("d"), F.Expr("max(1.50)").As("dec"), F.Expr("max(NULL)").As("null"))
			if _, err := df.Where("id > 1").Count(); err != nil {
				return nil, err
			}
			row, err := o.Get()
			if err != nil {
				return nil, err
			}
			return []any{row.Get("n"), row.Get("m"), row.Get("w"), row.Get("a"), row.Get("s"), row.Get("null"), row.Columns()}, nil
		}},
		{Name: "observed by name", SailLacks: "aggregate in a plan of its own", Frame: func(s *spark.Session) *spark.DataFrame {
			return people(s).Observe("m", F.Count("*")).OrderBy("id")
		}},
	}})
}

func TestShapesAreThoseOfPySpark(t *testing.T) {
	json := func(s *spark.Session) *spark.DataFrame {
		return s.SQL(`SELECT explode(array('{"a":1,"b":"x"}', '{"a":2}')) AS value`)
	}
	judgetest.Run(t, judgetest.Suite{Script: "testdata/shapes.py", Cases: []judgetest.Case{
		{Name: "to df", Frame: func(s *spark.Session) *spark.DataFrame { return letters(s).ToDF("a", "b").OrderBy("a") }},
		{Name: "to df of too few", Fails: "ASSIGNMENT_ARITY_MISMATCH", SailLacks: "number of column names", Frame: func(s *spark.Session) *spark.DataFrame { return letters(s).ToDF("a") }},
		{Name: "to a schema", SailLacks: "does not have to_schema", Frame: func(s *spark.Session) *spark.DataFrame { return letters(s).To("s STRING, id BIGINT").OrderBy("id") }},
		{Name: "to a schema with more", SailLacks: "select the columns and cast them", Frame: func(s *spark.Session) *spark.DataFrame {
			return letters(s).To("extra INT, id INT").OrderBy("id")
		}},
		{Name: "to a schema that loses", Fails: "INVALID_COLUMN_OR_FIELD_DATA_TYPE", SailLacks: "does not have to_schema", Frame: func(s *spark.Session) *spark.DataFrame { return letters(s).To("s INT") }},
		{Name: "parse json", SailLacks: "does not have parse", Frame: func(s *spark.Session) *spark.DataFrame { return s.Read().ParseJSON(json(s)).OrderBy("a") }},
		{Name: "parse json with schema", SailLacks: "from_json", Frame: func(s *spark.Session) *spark.DataFrame {
			return s.Read().Schema("a INT, c STRING").ParseJSON(json(s)).OrderBy("a")
		}},
		{Name: "parse csv", SailLacks: "does not have parse", Frame: func(s *spark.Session) *spark.DataFrame {
			texts := s.SQL("SELECT explode(array('a;b', '1;x')) AS value")
			return s.Read().Option("header", true).Option("sep", ";").Option("inferSchema", true).ParseCSV(texts)
		}},
		{Name: "columns by pattern", Frame: func(s *spark.Session) *spark.DataFrame {
			p := people(s)
			return p.Select(p.ColRegex("`(id|w)`")).OrderBy("id")
		}},
		{Name: "metadata", Frame: func(s *spark.Session) *spark.DataFrame {
			return letters(s).WithMetadata("id", map[string]any{"unit": "m"}).OrderBy("id")
		}},
		{Name: "zip with index", SailLacks: "does not have zip_with_index", Frame: func(s *spark.Session) *spark.DataFrame { return letters(s).ZipWithIndex() }},
		{Name: "zip with a named index", SailLacks: "row_number", Frame: func(s *spark.Session) *spark.DataFrame { return letters(s).ZipWithIndex("n") }},
		{Name: "transform", Frame: func(s *spark.Session) *spark.DataFrame {
			return letters(s).Transform(func(df *spark.DataFrame) *spark.DataFrame { return df.Limit(1) })
		}},
		{Name: "a frame used many times", Frame: func(s *spark.Session) *spark.DataFrame {
			counted := people(s).GroupBy("name").Count()
			return counted.Join(counted.Agg(F.Max("count").As("most")), nil, "cross").Where("count = most").Union(counted.WithColumn("most", F.Lit(0))).OrderBy("name", "most")
		}},
	}})
}
