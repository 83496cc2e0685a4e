package spark_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/internal/plantext"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// plans is a host that has plans as text and answers every action with them.
type plans struct {
	plantext.Plans
	rows string
}

func (p *plans) ActionCollect(f abi.Frame, _ abi.RowForm) ([]byte, error) {
	return []byte(p.rows), p.Err(f)
}

func (p *plans) ActionCount(abi.Frame) (int64, error) { return 3, nil }

func (p *plans) ActionExplain(f abi.Frame, mode string) (string, error) {
	return mode + ":\n" + p.Text(f), p.Err(f)
}

// planOf returns a plan as text.
func planOf(t *testing.T, df *spark.DataFrame) string {
	t.Helper()
	text, err := df.Explain("plan")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(text, "plan:\n")
}

func TestFramesArePlans(t *testing.T) {
	s := spark.NewSession(new(plans))
	r, other := s.Range(0, 3), s.Table("other")
	word := F.Col("word")
	for _, c := range []struct {
		df   *spark.DataFrame
		want string // without the input "range 0 to 3" at the end
	}{
		{r.Select("a", word, F.Upper("b").As("c")), "select a, word, upper(b) AS c"},
		{r.SelectExpr("a + 1 AS b"), "select sql(a + 1 AS b)"},
		{r.Where(word.Gt(1)), "filter (word > 1)"},
		{r.Filter("a > 1"), "filter sql(a > 1)"},
		{r.WithColumn("x", F.Lit(nil)), "with x = NULL"},
		{r.WithColumns(map[string]spark.Column{"b": F.Lit(2), "a": F.Lit(true)}), "with a = true, b = 2"},
		{r.WithColumnRenamed("a", "b"), "rename a to b"},
		{r.WithColumnsRenamed(map[string]string{"c": "d", "a": "b"}), "rename a to b, c to d"},
		{r.Drop("a", "b"), "drop a, b"},
		{r.GroupBy("a", word.Substr(1, 1)).Agg(F.Sum("x"), F.CountDistinct("y", "z").As("n")),
			"aggregate sum(x), count(DISTINCT y, z) AS n by a, substr(word, 1, 1)"},
		{r.GroupBy("a").Count(), "aggregate count(1) AS count by a"},
		{r.GroupBy("a").Sum("x", "y"), "aggregate sum(x) AS sum(x), sum(y) AS sum(y) by a"},
		{r.GroupBy("a").Mean("x"), "aggregate avg(x) AS avg(x) by a"},
		{r.GroupBy("a").Min("x"), "aggregate min(x) AS min(x) by a"},
		{r.GroupBy("a").Max("x"), "aggregate max(x) AS max(x) by a"},
		{r.Rollup("a").Count(), "aggregate count(1) AS count by rollup a"},
		{r.Cube("a", "b").Count(), "aggregate count(1) AS count by cube a, b"},
		{r.Agg(F.Max("a"), F.Count("*"), F.Count("b")), "aggregate max(a), count(1), count(b)"},
		{r.OrderBy("a", F.Desc("b"), word.AscNullsLast(), word.DescNullsFirst(), F.Desc("c").Asc()), "sort a ASC, b DESC, word ASC NULLS LAST, word DESC NULLS FIRST, c ASC"},
		{r.SortWithinPartitions("a"), "sort a ASC within partitions"},
		{r.Limit(5), "limit 5"},
		{r.Offset(5), "offset 5"},
		{r.Distinct(), "distinct"},
		{r.DropDuplicates("a", "b"), "distinct a, b"},
		{r.As("r"), "as r"},
		{r.Cache("c"), "cache c"},
		{r.Select(other.Limit(1).Scalar()), "select scalar(limit 1 ← table other)"},
		{r.Where(other.Union(r).Exists().Not()), "filter not(exists(union all ← (table other; range 0 to 3)))"},
		{r.Where(word.IsIn(other)), "filter (word) in (table other)"},
		{r.Where(spark.Call("struct", word, F.Col("n").Outer()).IsIn(other)), "filter (word, n) in (table other)"},
	} {
		if got := planOf(t, c.df); got != c.want+"\n  range 0 to 3" {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
	for _, c := range []struct {
		df   *spark.DataFrame
		want string // without both inputs
	}{
		{r.Join(other, "id", ""), "join inner using id"},
		{r.Join(other, []string{"a", "b"}, "left"), "join left using a, b"},
		{r.Join(other, F.Col("a").Eq(F.Col("b")), "outer"), "join outer on (a == b)"},
		{r.Join(other, nil, "inner"), "join inner"},
		{r.CrossJoin(other), "join cross"},
		{r.Union(other), "union all"},
		{r.UnionByName(other, true), "union all by name allowing missing columns"},
		{r.Intersect(other), "intersect"},
		{r.IntersectAll(other), "intersect all"},
		{r.Subtract(other), "except"},
		{r.Except(other), "except"},
		{r.ExceptAll(other), "except all"},
	} {
		if got := planOf(t, c.df); got != c.want+"\n  range 0 to 3\n  table other" {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
	if got, want := planOf(t, r.Join(other, r.Col("id").Eq(other.Col("id")), "")), "join inner on (id#1 == id#2)\n  range 0 to 3 #1\n  table other #2"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSources(t *testing.T) {
	s := spark.NewSession(new(plans))
	read := s.Read().Option("header", true).Option("sep", ";")
	for _, c := range []struct {
		df   *spark.DataFrame
		want string
	}{
		{s.Read().Text("/a", "/b"), `read text "/a", "/b"`},
		{s.Read().Parquet("/a"), `read parquet "/a"`},
		{s.Read().JSON("/a"), `read json "/a"`},
		{s.Read().ORC("/a"), `read orc "/a"`},
		{s.Read().Load("/a"), `read "/a"`},
		{s.Read().XML("/a"), `read xml "/a"`},
		{s.Read().Options(map[string]any{"b": 1, "a": true}).CSV("/a"), `read csv "/a" (a=true, b=1)`},
		{s.Read().JDBC("jdbc:x", "t", map[string]string{"user": "u"}, "a < 1", "a >= 1"), `read jdbc (user=u, url=jdbc:x, dbtable=t) where "a < 1", "a >= 1"`},
		{s.Read().Option("startingVersion", 1).Changes("t"), `changes of t (startingVersion=1)`},
		{read.Schema("a INT").CSV("/a"), `read csv "/a" (header=true, sep=;) schema "a INT"`},
		{read.Option("HEADER", false).Format("csv").Load("/a"), `read csv "/a" (sep=;, HEADER=false)`},
		{read.Table("t"), `table t (header=true, sep=;)`},
		{s.SQL("SELECT 1"), `sql "SELECT 1"`},
		{s.SQL("SELECT ? + ?", 1, "a"), `sql "SELECT ? + ?" (?=1, ?='a')`},
		{s.SQL("SELECT :a", map[string]any{"b": 2.0, "a": F.Col("x")}), `sql "SELECT :a" (a=x, b=2.0)`},
		{s.SQL("SELECT * FROM {t} WHERE a > :a", map[string]any{"t": s.Range(0, 1), "a": 2}),
			"with relations\n  sql \"SELECT * FROM `_t` WHERE a > :a\" (a=2)\n  as _t\n    range 0 to 1"},
		{s.RangeStep(10, 0, -2, 4), "range 10 to 0 by -2 in 4 partitions"},
	} {
		if got := planOf(t, c.df); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestColumnsAreExpressions(t *testing.T) {
	a, n := F.Col("a"), 3
	for _, c := range []struct {
		column spark.Column
		want   string
	}{
		{a.EqualTo("x"), "(a == 'x')"},
		{a.NotEqual(1), "not((a == 1))"},
		{a.EqNullSafe(nil), "(a <=> NULL)"},
		{a.Lt(1).And(a.Le(2)).Or(a.Ge(int8(3)).Not()), "(((a < 1) and (a <= 2)) or not((a >= TINYINT 3)))"},
		{a.Plus(1).Minus(uint(2)).Times(3.5).Divide(float32(0.5)).Mod(2).Negate(), "negative((((((a + 1) - 2) * 3.5) / FLOAT 0.5) % 2))"},
		{a.StartsWith("x").And(a.EndsWith(F.Col("b"))).And(a.Contains("c")), "((startswith(a, 'x') and endswith(a, b)) and contains(a, 'c'))"},
		{a.Like("x%"), "(a like 'x%')"},
		{a.ILike("x%"), "(a ilike 'x%')"},
		{a.RLike("^x"), "(a rlike '^x')"},
		{a.IsNull().Or(a.IsNotNull()).Or(a.IsNaN()), "((isnull(a) or isnotnull(a)) or isnan(a))"},
		{a.IsIn(1, 2), "in(a, 1, 2)"},
		{a.IsIn(), "false"},
		{a.Between(1, 2), "((a >= 1) and (a <= 2))"},
		{a.GetItem(0), "a[0]"},
		{a.GetItem("k"), "a['k']"},
		{a.GetField("b").GetField("c"), "a['b']['c']"},
		{a.Cast("bigint"), "cast(a AS bigint)"},
		{a.TryCast("date"), "try_cast(a AS date)"},
		{F.Explode("m").As("k", "v"), "explode(m) AS (k, v)"},
		{a.Desc(), "a DESC"},
		{F.When(a.Gt(1), "x").When(a.Gt(0), F.Col("b")).Otherwise(nil), "when((a > 1), 'x', (a > 0), b, NULL)"},
		{F.Lit([]any{1, "b", nil}), "array(1, 'b', NULL)"},
		{F.Lit([]byte{1, 255}), "X'01ff'"},
		{F.Lit(&n), "3"},
		{F.Lit((*int)(nil)), "NULL"},
		{F.Lit([]byte(nil)), "NULL"},
		{F.Lit(json.Number("12")), "12"},
		{F.Lit(json.Number("1.5")), "1.5"},
		{F.Lit(math.Inf(1)), "+Inf"},
		{F.Lit(time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600))), `TIMESTAMP "2026-01-02T03:04:05.000006+01:00"`},
		{F.Lit("it's \"\n\""), `'it\'s "\n"'`},
		{F.Expr("a+1"), "sql(a+1)"},
		{F.Call("weekday", "d"), "weekday(d)"},
	} {
		if got := c.column.String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestGrowingACaseLeavesItsBeginningAlone(t *testing.T) {
	begin := F.When(F.Col("a"), 1).When(F.Col("b"), 2)
	x, y := begin.Otherwise(3), begin.Otherwise(4)
	if x.String() != "when(a, 1, b, 2, 3)" || y.String() != "when(a, 1, b, 2, 4)" {
		t.Errorf("got %s and %s", x, y)
	}
}

func TestWhatIsWrongSurfacesAtTheAction(t *testing.T) {
	s, other := spark.NewSession(new(plans)), spark.NewSession(new(plans))
	r := s.Range(0, 3)
	for _, c := range []struct {
		df   *spark.DataFrame
		want string
	}{
		{r.Select(5), "TypeError: a column or its name is expected, not int; F.Lit makes a column of a value"},
		{r.Select(F.Lower(F.Trim(7))), "TypeError: a column or its name is expected, not int; F.Lit makes a column of a value"},
		{r.Where(true), "TypeError: a condition is a Column or SQL text, not bool"},
		{r.Where(F.Col("a").Gt(struct{}{})), "TypeError: a struct {} is no value of a column"},
		{r.Where(F.Col("a").Gt(uint64(math.MaxUint64))), "TypeError: 18446744073709551615 does not fit a bigint, the largest integer of a column"},
		{r.Select(F.Lit(r)), "TypeError: a DataFrame is no value of a column"},
		{r.Select(F.Lit(json.Number("x"))), `TypeError: "x" is no number that a column can hold`},
		{r.Select(spark.Column{}), "ValueError: a Column without a value; make one with F.Col, F.Lit or F.Expr"},
		{r.OrderBy(spark.Column{}), "ValueError: a Column without a value; make one with F.Col, F.Lit or F.Expr"},
		{r.Select(F.Col("a").As()), "ValueError: Alias of a without a name"},
		{r.Select(F.Col("a").Otherwise(1)), "ValueError: Otherwise goes on a CASE that F.When began and no Otherwise ended, not on a"},
		{r.Select(F.When(F.Col("a"), 1).Otherwise(1).When(F.Col("b"), 2)), "ValueError: When goes on a CASE that F.When began and no Otherwise ended, not on when(a, 1, 1)"},
		{r.Join(nil, "id", ""), "TypeError: a DataFrame is expected, not nil"},
		{r.Join(r, 5, ""), "TypeError: Join: on is a name, a []string of names, a Column, a []Column or nil, not int"},
		{r.Where(other.Range(0, 1).Exists()), "ValueError: a DataFrame of another task call cannot be used in this one"},
		{r.Where(F.Col("a").IsIn((*spark.DataFrame)(nil))), "TypeError: a DataFrame is expected, not nil"},
		{r.Union(other.Range(0, 1)), "ValueError: a DataFrame of another task call cannot be used in this one"},
		{r.GroupBy("a").Agg(), "ValueError: Agg: no aggregate is given"},
		{r.Limit(1 << 40), "ValueError: Limit: 1099511627776 does not fit 32 bits"},
		{s.RangeStep(0, 1, 1, 1<<40), "ValueError: RangeStep: 1099511627776 does not fit 32 bits"},
		{s.SQL("SELECT ?", make(chan int)), "TypeError: a chan int is no value of a column"},
		{(*spark.DataFrame)(nil).Select("a").Limit(1), "TypeError: a DataFrame is expected, not nil"},
		{spark.InvalidFrame(errors.New("no")).CrossJoin(r), "no"},
		{r.CrossJoin(spark.InvalidFrame(errors.New("no"))).Limit(1).Distinct(), "no"},
		{r.Select(spark.InvalidFrame(errors.New("no")).Col("a")), "no"},
	} {
		_, err := c.df.Count()
		if err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
		_, err = c.df.Collect()
		if _, schemaErr := c.df.Schema(); err == nil || schemaErr == nil {
			t.Errorf("%s: got %v and %v", c.want, err, schemaErr)
		}
	}
	if got := F.Lit(struct{}{}).String(); got != "invalid column: TypeError: a struct {} is no value of a column" {
		t.Errorf("got %s", got)
	}
}

func TestCollectGivesRows(t *testing.T) {
	h := &plans{rows: `[{"word":"and","n":3,"x":1.5,"n":null,"b":{"__type__":"bytes","__value__":"b"},"l":[1,{"k":true}]},{"word":"\u00e4"}]`}
	rows, err := spark.NewSession(h).Table("t").Collect()
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	row := rows[0]
	values := []any{row.Get("word"), row.Get("n"), row.At(2), row.At(3), row.Get("b"), row.Get("l"), row.Get("none")}
	want := []any{"and", int64(3), 1.5, nil, []byte("b"), []any{int64(1), map[string]any{"k": true}}, nil}
	if !reflect.DeepEqual(values, want) {
		t.Errorf("got %#v\nwant %#v", values, want)
	}
	if got := fmt.Sprint(row.Len(), row.Columns(), rows[1]); got != `6 [word n x n b l] Row(word="\u00e4")` {
		t.Errorf("got %s", got)
	}
	var word string
	var n *int
	if err := row.Scan(&word, nil, nil, &n, nil, nil); err != nil || word != "and" || n != nil {
		t.Errorf("got %s, %v, %v", word, n, err)
	}
	if err := row.Scan(&word); err == nil || err.Error() != "scan a row of 6 columns into 1 variables" {
		t.Errorf("got %v", err)
	}
	if err := row.Scan(nil, &word, nil, nil, nil, nil); err == nil || err.Error() != "column n is no string but int" {
		t.Errorf("got %v", err)
	}
	if data, err := json.Marshal(rows[1:]); err != nil || string(data) != `[["\u00e4"]]` {
		t.Errorf("got %s, %v", data, err)
	}
	if first, err := spark.NewSession(h).Table("t").First(); err != nil || first.Get("word") != "and" {
		t.Errorf("got %v, %v", first, err)
	}
	if _, err := spark.NewSession(&plans{rows: "[]"}).Table("t").First(); !errors.Is(err, spark.ErrNoRows) {
		t.Errorf("got %v", err)
	}
}

type count struct {
	Word string
	N    int64 `json:"count"`
}

func collect[T any](rows string) (string, error) {
	got, err := spark.CollectAs[T](spark.NewSession(&plans{rows: rows}).Table("t"))
	data, _ := json.Marshal(got)
	return string(data), err
}

func TestCollectAsDecodesRows(t *testing.T) {
	objects, pairs, single := `[{"word":"and","count":3},{"word":"or","count":2}]`, `[["and",3],["or",2]]`, `[[1],[2]]`
	for _, c := range []struct {
		collect func(string) (string, error)
		rows    string
		want    string
	}{
		{collect[count], objects, `[{"Word":"and","count":3},{"Word":"or","count":2}]`},
		{collect[*count], objects, `[{"Word":"and","count":3},{"Word":"or","count":2}]`},
		{collect[map[string]any], objects, `[{"count":3,"word":"and"},{"count":2,"word":"or"}]`},
		{collect[[]any], pairs, pairs},
		{collect[[2]any], pairs, pairs},
		{collect[int8], single, `[1,2]`},
		{collect[*int64], `[[null],[2]]`, `[null,2]`},
		{collect[any], `[["a"],[null]]`, `["a",null]`},
		{collect[count], `[]`, `[]`},
	} {
		got, err := c.collect(c.rows)
		if err != nil || got != c.want {
			t.Errorf("got %s, %v, want %s", got, err, c.want)
		}
	}
	for _, c := range []struct {
		collect func(string) (string, error)
		rows    string
		want    string
	}{
		{collect[count], `[{"word":"and","n":3}]`, `collect as spark_test.count: no column "count" for field N; there are word, n`},
		{collect[count], `[{"word":"and","count":3},{"word":null,"count":3}]`, "row 1.word is no string but NULL; a pointer takes it"},
		{collect[int], `[[1],["x"]]`, "row 1 is no int but str"},
		{collect[int8], `[[1],[300]]`, "row 1: must be an int from -128 to 127, not 300"},
		{collect[int], `[[1,2]]`, "collect as int: the rows have 2 columns, not one"},
		{collect[chan int], `[]`, "collect as chan int: chan int cannot be decoded from JSON"},
	} {
		if _, err := c.collect(c.rows); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestScalar(t *testing.T) {
	scalar := func(rows string) (int64, error) {
		return spark.Scalar[int64](spark.NewSession(&plans{rows: rows}).Table("t"))
	}
	if got, err := scalar("[[5]]"); err != nil || got != 5 {
		t.Errorf("got %d, %v", got, err)
	}
	for rows, want := range map[string]string{
		"[]":       spark.ErrNoRows.Error(),
		"[[1,2]]":  "scalar: the rows have 2 columns, not one",
		"[[null]]": "the value is no int64 but NULL; a pointer takes it",
	} {
		if _, err := scalar(rows); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestAColumnMayBeUsedBySeveralSessions(t *testing.T) {
	shared := F.Col("a").Plus(1)
	var texts []string
	for range 2 {
		texts = append(texts, planOf(t, spark.NewSession(new(plans)).Table("t").Select(shared)))
	}
	if !slices.Equal(texts, []string{"select (a + 1)\n  table t", "select (a + 1)\n  table t"}) {
		t.Errorf("got %q", texts)
	}
}

func ExampleColumn() {
	price, count := F.Col("price"), F.Col("count")
	fmt.Println(price.Times(count).As("total"))
	fmt.Println(price.Gt(10).And(F.Lower("name").StartsWith("a")))
	fmt.Println(F.When(count.Eq(0), "none").Otherwise("some"))
	// Output:
	// (price * count) AS total
	// ((price > 10) and startswith(lower(name), 'a'))
	// when((count == 0), 'none', 'some')
}
