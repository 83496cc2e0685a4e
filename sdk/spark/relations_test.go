package spark_test

import (
	"math"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type names = []spark.ColumnOrName

func TestStepsOfOneFrame(t *testing.T) {
	s := spark.NewSession(new(plans))
	r := s.Range(0, 3)
	r2 := s.Range(0, 3) // whose columns are referred to
	halves := r.RandomSplit([]float64{1, 3}, 5)
	for _, c := range []struct {
		df   *spark.DataFrame
		want string // without the input "range 0 to 3" at the end
	}{
		{r.Drop("a", F.Col("b"), "c"), "drop a, c\n  drop b"},
		{r.Drop(), "drop "},
		{r.Hint("broadcast"), "hint broadcast"},
		{r.Hint("repartition", 3, F.Col("a")), "hint repartition 3, a"},
		{r.GroupingSets([][]spark.ColumnOrName{{"a", "b"}, {"a"}, {}}, "a", "b").Count(), "aggregate count(1) AS count by grouping sets (a, b), (a), () of a, b"},
		{r.GroupingSets(nil, "a").Count(), "aggregate count(1) AS count by grouping sets of a"},
		{r.GroupBy("a").AggMap(map[string]string{"b": "max", "*": "count"}), "aggregate count(1) AS count(1), max(b) AS max(b) by a"},
		{r.AggMap(map[string]string{"b": "max"}), "aggregate max(b) AS max(b)"},
		{r.Unpivot(names{"a"}, names{"b", F.Col("c")}, "k", "v"), "unpivot b, c as k, v by a"},
		{r.Melt(nil, nil, "k", "v"), "unpivot others as k, v"},
		{r.Sample(false, 0.5, 7), "sample 0.5 seed 7"},
		{r.Sample(true, 1.5, 7), "sample 1.5 with replacement seed 7"},
		{halves[0], "sample 0 to 0.25 seed 5"},
		{halves[1], "sample 0.25 to 1 seed 5"},
		{r.SampleBy("a", map[any]float64{1: 0.5, 0: 1}, 7), "sample by a (0: 1.0, 1: 0.5) seed 7"},
		{r.Stat().SampleBy(F.Col("a"), map[any]float64{"x": 0.5}, 7), "sample by a ('x': 0.5) seed 7"},
		{r.WithWatermark("ts", "10 minutes").DropDuplicatesWithinWatermark("id"), "distinct within watermark id\n  watermark ts 10 minutes"},
		{r.DropDuplicatesWithinWatermark(), "distinct within watermark"},
		{r.Repartition(3), "repartition 3"},
		{r.Repartition(0, "a"), "repartition by a"},
		{r.Repartition(3, "a", F.Col("b")), "repartition 3 by a, b"},
		{r.RepartitionByRange(3, "a", F.Desc("b")), "repartition by range 3 by a ASC, b DESC"},
		{r.RepartitionById(3, "a"), "repartition 3 by shuffle_partition(a)"},
		{r.Coalesce(1), "coalesce 1"},
		{r.FillNA(0), "fill 0"},
		{r.FillNA("?", "a", "b"), "fill '?' in a, b"},
		{r.Na().Fill(map[string]any{"b": true, "a": 1.5}), "fill 1.5, true in a, b"},
		{r.DropNA(""), "drop na any"},
		{r.Na().Drop("all", "a", "b"), "drop na fewer than 1 in a, b"},
		{r.Na().DropThresh(2), "drop na fewer than 2"},
		{r.Replace(map[any]any{2: nil, 1: 10}), "replace 1 by 10, 2 by NULL"},
		{r.Na().Replace(map[any]any{"a": "b"}, "x"), "replace 'a' by 'b' in x"},
		{r.Describe("a", "b"), "describe a, b"},
		{r.Summary("count", "25%"), "summary count, 25%"},
		{r.Summary(), "summary"},
		{r.Stat().Crosstab("a", "b"), "crosstab a, b"},
		{r.Stat().FreqItems([]string{"a"}, 0), "freq items a with 0.01"},
		{r.Transpose(), "transpose"},
		{r.Transpose("a"), "transpose by a"},
		{r.Observe("m", F.Count("*").As("n"), F.Max("a")), "observe m: count(1) AS n, max(a)"},
		{r.ToDF("a", "b"), "to df a, b"},
		{r.To("a INT, b STRING"), `to schema "a INT, b STRING"`},
		{s.Read().Schema("a INT").Option("header", true).ParseCSV(r), `parse csv (header=true) schema "a INT"`},
		{s.Read().ParseJSON(r), "parse json"},
		{r.Transform(func(df *spark.DataFrame) *spark.DataFrame { return df.Limit(1) }), "limit 1"},
		{r.ZipWithIndex(), "select *, distributed_sequence_id() AS index"},
		{r.ZipWithIndex("n"), "select *, distributed_sequence_id() AS n"},
	} {
		if got := planOf(t, c.df); got != indentLast(c.want) {
			t.Errorf("got\n%s\nwant\n%s", got, indentLast(c.want))
		}
	}
	for _, c := range []struct {
		df   *spark.DataFrame
		want string
	}{
		{r2.GroupBy("a").Pivot("b").Sum("c"), "aggregate sum(c) AS sum(c) by a pivot b#1\n  range 0 to 3 #1"},
		{r2.GroupBy().Pivot("b", "x", 2).Agg(F.Max("c")), "aggregate max(c) pivot b#1 in 'x', 2\n  range 0 to 3 #1"},
		{r2.WithMetadata("a", map[string]any{"unit": "m"}), "with a = a#1 AS a {\"unit\":\"m\"}\n  range 0 to 3 #1"},
		{s.TVF().Explode(F.Col("a")), "table function explode(a)"},
		{s.TVF().Stack(F.Lit(2), F.Lit(1), F.Lit(3)), "table function stack(2, 1, 3)"},
		{s.TVF().Range(1, 5, 2, 0), "range 1 to 5 by 2"},
	} {
		if got := planOf(t, c.df); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

// indentLast adds the input below the last line of a plan.
func indentLast(plan string) string {
	depth := 2
	for i := range plan {
		if plan[i] == '\n' {
			depth += 2
		}
	}
	return plan + "\n" + "          "[:depth] + "range 0 to 3"
}

func TestStepsOfTwoFrames(t *testing.T) {
	s := spark.NewSession(new(plans))
	r, other := s.Range(0, 3), s.Table("other")
	for _, c := range []struct {
		df   *spark.DataFrame
		want string
	}{
		{r.Join(other, []spark.Column{F.Col("a").Gt(1), F.Col("b").Lt(2)}, ""), "join inner on ((a > 1) and (b < 2))"},
		{r.Join(other, []spark.Column{}, ""), "join inner"},
		{r.UnionAll(other), "union all"},
		{r.LateralJoin(other, nil, ""), "lateral join inner"},
		{r.LateralJoin(other, F.Col("a").Gt(1), "left"), "lateral join left on (a > 1)"},
		{r.Zip(other), "zip"},
		{r.NearestByJoin(other, F.Col("d"), 2, "exact", "distance", ""), "nearest-by join inner 2 exact by distance d"},
	} {
		if got := planOf(t, c.df); got != c.want+"\n  range 0 to 3\n  table other" {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
	as := spark.AsOf{On: "k", How: "left", Tolerance: 5, NotExact: true, Direction: "nearest"}
	for _, c := range []struct {
		df   *spark.DataFrame
		want string
	}{
		{r.JoinAsOf(other, "a", "b", spark.AsOf{}), "as-of join inner backward a#1 and b#2"},
		{r.JoinAsOf(other, "a", "b", as), "as-of join left nearest a#1 and b#2 not exact within 5 using k"},
	} {
		if got, want := planOf(t, c.df), c.want+"\n  range 0 to 3 #1\n  table other #2"; got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestWrongStepsSurfaceAtTheAction(t *testing.T) {
	s := spark.NewSession(new(plans))
	r := s.Range(0, 3)
	observation := spark.NewObservation()
	r.Observe(observation, F.Count("*"))
	for _, c := range []struct {
		df   *spark.DataFrame
		want string
	}{
		{r.Drop(5), "TypeError: a column or its name is expected, not int; F.Lit makes a column of a value"},
		{r.GroupBy("a").Pivot("b").Pivot("c").Count(), "PySparkNotImplementedError: Pivot is possible once, and after GroupBy only"},
		{r.Cube("a").Pivot("b").Count(), "PySparkNotImplementedError: Pivot is possible once, and after GroupBy only"},
		{r.GroupingSets([][]spark.ColumnOrName{{"a"}}, "a").Pivot("b").Count(), "PySparkNotImplementedError: Pivot is possible once, and after GroupBy only"},
		{r.Sample(false, math.NaN()), "ValueError: Sample: the fraction must be 0 or more, not NaN"},
		{r.Sample(false, 1, 2, 3), "ValueError: Sample takes one seed, not 2"},
		{r.RandomSplit([]float64{1, -1})[1], "ValueError: RandomSplit: a weight must be 0 or more, not -1"},
		{r.RandomSplit([]float64{0, 0})[1], "ValueError: RandomSplit: the weights must add up to more than 0"},
		{r.SampleBy("a", map[any]float64{struct{}{}: 1}, 1), "TypeError: a struct {} is no value of a column"},
		{r.Repartition(0), "ValueError: Repartition: the number of partitions must be 1 or more, not 0"},
		{r.Repartition(-1, "a"), "ValueError: Repartition: the number of partitions must be 1 or more, not -1"},
		{r.RepartitionByRange(3), "ValueError: RepartitionByRange: no column is given whose order counts"},
		{r.RepartitionById(0, "a"), "ValueError: RepartitionById: the number of partitions must be 1 or more, not 0"},
		{r.Coalesce(0), "ValueError: Coalesce: the number of partitions must be 1 or more, not 0"},
		{r.Coalesce(1 << 40), "ValueError: Coalesce: 1099511627776 does not fit 32 bits"},
		{r.FillNA(map[string]any{"a": 1}, "b"), "ValueError: Fill: the map names the columns; there is no subset besides"},
		{r.FillNA(map[string]any{}), "ValueError: Fill: no value is given"},
		{r.DropNA("some"), `ValueError: Drop: how is any or all, not "some"`},
		{r.Replace(nil), "ValueError: Replace: no value is given"},
		{r.Transpose("a", "b"), "ValueError: Transpose: rows are named by one column, not by 2"},
		{r.Observe(observation, F.Count("*")), "ValueError: Observe: an Observation is of one DataFrame; make another one"},
		{r.Observe(5, F.Count("*")), "TypeError: Observe: the observation is an Observation or a name, not int"},
		{r.Observe("m"), "ValueError: Observe: no metric is given"},
		{r.WithMetadata("a", map[string]any{"x": make(chan int)}), "TypeError: the metadata of a cannot be encoded as JSON: json: unsupported type: chan int"},
		{r.LateralJoin(r, "a", ""), "TypeError: LateralJoin: on is a Column, a []Column or nil, not names of columns"},
		{r.Zip(nil), "TypeError: a DataFrame is expected, not nil"},
		{r.JoinAsOf(nil, "a", "b", spark.AsOf{}), "TypeError: a DataFrame is expected, not nil"},
		{r.NearestByJoin(r, F.Col("a"), 1<<40, "exact", "distance", ""), "ValueError: NearestByJoin: 1099511627776 does not fit 32 bits"},
		{s.Read().ParseCSV(nil), "TypeError: a DataFrame is expected, not nil"},
	} {
		if _, err := c.df.Count(); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	if _, err := r.Tail(1 << 40); err == nil || err.Error() != "ValueError: Tail: 1099511627776 does not fit 32 bits" {
		t.Errorf("got %v", err)
	}
	if _, err := spark.NewObservation("m").Get(); err == nil || err.Error() != "RuntimeError: the Observation is of no DataFrame yet; give it to Observe" {
		t.Errorf("got %v", err)
	}
}

// called is a host of a call with an id, which knows a schema and metrics.
type called struct {
	plans
	id string
}

func (c *called) TaskRequest() []byte { return []byte(`{"id": "` + c.id + `"}`) }

func (c *called) ActionSchema(abi.Frame) ([]byte, error) {
	return []byte(`{"columns": [{"name": "a.b", "type": "int"}, {"name": "s", "type": "string"}, {"name": "d", "type": "decimal(5,2)"}]}`), nil
}

func (c *called) ActionObserved(name string) ([]byte, error) {
	return []byte(`{"n": 3, "name": "` + name + `"}`), nil
}

func TestSeedsAreOfTheCall(t *testing.T) {
	sample := func(id string) (string, string) {
		r := spark.NewSession(&called{id: id}).Range(0, 3)
		return planOf(t, r.Sample(false, 0.5)), planOf(t, r.RandomSplit([]float64{1, 1})[0])
	}
	a, split := sample("one")
	if again, splitAgain := sample("one"); a != again || split != splitAgain {
		t.Error("a retry takes other rows")
	}
	if other, _ := sample("two"); a == other {
		t.Errorf("another call takes the same rows: %s", a)
	}
	r := spark.NewSession(&called{}).Range(0, 3)
	if first, second := planOf(t, r.Sample(false, 0.5)), planOf(t, r.Sample(false, 0.5)); first == second {
		t.Error("two samples of one call are the same")
	}
	parts := r.RandomSplit([]float64{1, 1})
	first, second := planOf(t, parts[0]), planOf(t, parts[1])
	seed := func(plan string) string { return plan[strings.Index(plan, "seed"):] }
	if seed(first) != seed(second) {
		t.Errorf("the parts overlap:\n%s\n%s", first, second)
	}
}

func TestColumnsByNumberAndAllNumbers(t *testing.T) {
	r := spark.NewSession(new(called)).Range(0, 3)
	for _, c := range []struct {
		df   *spark.DataFrame
		want string
	}{
		{r.GroupBy(2, "x").Count(), "aggregate count(1) AS count by s#1, x"},
		{r.OrderBy(1, -3), "sort `a.b`#1 ASC, d#1 DESC"},
		{r.GroupBy("s").Sum(), "aggregate sum(`a.b`) AS sum(a.b), sum(d) AS sum(d) by s"},
	} {
		if got := planOf(t, c.df); got != c.want+"\n  range 0 to 3 #1" && got != c.want+"\n  range 0 to 3" {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
	for _, n := range []int{0, 4, -4} {
		if _, err := r.OrderBy(n).Count(); err == nil {
			t.Errorf("there is no column %d", n)
		}
	}
}

func TestObservationsHaveNamesOfTheirOwn(t *testing.T) {
	s := spark.NewSession(new(called))
	a, b := spark.NewObservation(), spark.NewObservation()
	df := s.Range(0, 3).Observe(a, F.Count("*").As("n")).Observe(b, F.Max("id"))
	if got, want := planOf(t, df), "observe observation 2: max(id)\n  observe observation 1: count(1) AS n\n    range 0 to 3"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	row, err := b.Get()
	if err != nil || row.Get("n") != int64(3) || row.Get("name") != "observation 2" {
		t.Errorf("got %v, %v", row, err)
	}
}
