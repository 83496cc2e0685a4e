package spark

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// words is a plan with a join of a frame with itself, built anew each time.
func words() *DataFrame {
	lines := Read("text", "", map[string]string{"wholetext": "false", "lineSep": "\n"}, []string{"/tmp/a"})
	split := Call("explode", []*Column{Call("split", []*Column{Call("lower", []*Column{Col("value")}, false), Lit(`[^\pL']+`)}, false)}, false)
	words := lines.Select(split.Alias("word")).Filter(Call("!=", []*Column{Col("word"), Lit("")}, false))
	counts := words.Aggregate(GroupBy, []*Column{Col("word")}, []*Column{Call("count", []*Column{Lit(1)}, false).Alias("n")})
	return counts.Join(words, "left_semi", Call("==", []*Column{ColOf(counts, "word"), ColOf(words, "word")}, false), nil).
		Sort([]*Column{Col("n").SortOrder(true, true), Col("word")}, true).Limit(5)
}

func hashOf(t *testing.T, df *DataFrame) string {
	t.Helper()
	hash, err := df.Hash()
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestHashIsOfWhatThePlanSays(t *testing.T) {
	hash := hashOf(t, words())
	if again := hashOf(t, words()); again != hash {
		t.Errorf("equal plans have the hashes %s and %s", hash, again)
	}
	// It has to be the same in other processes; a change of the form of plans
	// changes hashVersion.
	const want = "a89802fc19b58258f25f2e234243eb9862133d88f54d49b7e48eee01fd1b909c"
	if hash != want {
		t.Errorf("got %s, want %s", hash, want)
	}
	a, b := Range(0, 3, 1, 0), Range(0, 3, 1, 0)
	frames := map[string]*DataFrame{
		"a range": a, "a longer one": Range(0, 4, 1, 0), "with partitions": Range(0, 3, 1, 2),
		"a join":                   a.Join(b, "", nil, nil),
		"by a column on the left":  a.Join(b, "", ColOf(a, "id"), nil),
		"by a column on the right": a.Join(b, "", ColOf(b, "id"), nil),
		"by any":                   a.Join(b, "", Col("id"), nil),
		"an int":                   a.Select(Lit(1)), "a double": a.Select(Lit(1.0)), "a bigint": a.Select(Lit(1 << 40)),
		"a text": a.Select(Lit("1")), "bytes": a.Select(Lit([]byte("1"))),
	}
	seen := make(map[string]string)
	for name, df := range frames {
		hash := hashOf(t, df)
		if other, clash := seen[hash]; clash {
			t.Errorf("%s and %s have one hash", name, other)
		}
		seen[hash] = name
	}
	if x, y := hashOf(t, a.Join(a, "", nil, nil)), hashOf(t, a.Join(b, "", nil, nil)); x != y {
		t.Error("which of two equal inputs is meant counts though no column asks")
	}
}

func TestErrorsSurfaceAtTheAction(t *testing.T) {
	boom := errors.New("boom")
	bad, good := Invalid(boom), Range(0, 3, 1, 0)
	badColumn := InvalidColumn(boom)
	for name, df := range map[string]*DataFrame{
		"select":          bad.Select(Col("a")),
		"a column":        good.Select(Col("a"), badColumn),
		"a nested column": good.Filter(Call("not", []*Column{badColumn.Cast("int", true).Alias("x")}, false)),
		"order":           good.Sort([]*Column{badColumn.SortOrder(true, true)}, true),
		"joined":          good.Join(bad, "", nil, nil),
		"join condition":  good.Join(good, "", badColumn, nil),
		"a united one":    good.SetOp(bad, Union, true, false, false),
		"cached":          bad.Cached("x").Limit(1),
		"column of it":    good.Select(ColOf(bad, "x")),
		"SQL argument":    SQL("SELECT ?", nil, []*Column{badColumn}),
		"all in a row":    bad.WithColumns([]string{"a"}, nil).Drop("a").Rename([]string{"a"}, nil).Aggregate(7, nil, nil).Offset(1).Distinct().Alias("a"),
	} {
		if !errors.Is(df.Err(), boom) {
			t.Errorf("%s: got %v", name, df.Err())
		}
		if _, err := df.Hash(); !errors.Is(err, boom) {
			t.Errorf("%s: Hash gives %v", name, err)
		}
		if _, err := query(df); !errors.Is(err, boom) {
			t.Errorf("%s: an action gives %v", name, err)
		}
	}
	for name, df := range map[string]*DataFrame{
		"nil frame":         good.Join(nil, "", nil, nil),
		"nil column":        good.Select(nil),
		"nil order":         good.Sort([]*Column{nil}, true),
		"no order":          good.Sort(nil, true),
		"names and columns": good.WithColumns([]string{"a"}, nil),
		"names":             good.Rename([]string{"a"}, nil),
		"grouping":          good.Aggregate(3, nil, nil),
		"set operation":     good.SetOp(good, 3, true, false, false),
		"two conditions":    good.Join(good, "", Col("a"), []string{"a"}),
		"step":              Range(0, 1, 0, 0),
		"partitions":        Range(0, 1, 1, -1),
		"parameter names":   SQL("SELECT :a", []string{"a"}, nil),
		"parameter twice":   SQL("SELECT :a", []string{"a", "a"}, []*Column{Lit(1), Lit(2)}),
		"literal":           good.Select(Lit(struct{}{})),
		"function":          good.Select(Call("", nil, false)),
		"no alias":          good.Select(Col("a").Alias()),
	} {
		if df.Err() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestJoinNamesArePySparks(t *testing.T) {
	a := Range(0, 3, 1, 0)
	for _, how := range append(slices.Clone(joinNames), "", "LEFT", "Full_Outer") {
		if err := a.Join(a, how, nil, nil).Err(); err != nil {
			t.Errorf("%q: %v", how, err)
		}
	}
	e, ok := errors.AsType[*Error](a.Join(a, "sideways", nil, nil).Err())
	if !ok {
		t.Fatal("sideways is taken for a join")
	}
	const want = "[UNSUPPORTED_JOIN_TYPE] Unsupported join type: 'sideways'. Supported join types include: 'inner', 'outer', 'full', " +
		"'fullouter', 'full_outer', 'leftouter', 'left', 'left_outer', 'rightouter', 'right', 'right_outer', 'leftsemi', 'left_semi', " +
		"'semi', 'leftanti', 'left_anti', 'anti', 'cross'."
	if e.Error() != want {
		t.Errorf("got  %s\nwant %s", e, want)
	}
	if module, name := e.Exception(); module != "pyspark.errors" || name != "AnalysisException" {
		t.Errorf("got %s.%s", module, name)
	}
}

func TestPlansThatWouldBreakTheEngineAreRefused(t *testing.T) {
	deep, column, double := Range(0, 3, 1, 0), Lit(1), Range(0, 3, 1, 0)
	for range MaxDepth + 1 {
		deep = deep.Limit(1)
		column = Call("+", []*Column{column, Lit(1)}, false)
		double = double.SetOp(double, Union, true, false, false)
	}
	long := strings.Repeat("x", 1<<20)
	wide := Range(0, 3, 1, 0)
	for range 129 {
		wide = wide.WithColumns([]string{"a"}, []*Column{Lit(long)})
	}
	for name, err := range map[string]error{
		"steps": deep.Err(), "expressions": Range(0, 3, 1, 0).Select(column).Err(), "both": func() error {
			df, c := Range(0, 3, 1, 0), Lit(1)
			for range 110 {
				df, c = df.Limit(1), Call("+", []*Column{c, Lit(1)}, false)
			}
			df = df.Select(c)
			for range 110 {
				df = df.Limit(1)
			}
			return df.Err()
		}(),
		"doubled": double.Err(), "wide": wide.Err(),
		"parentheses": SQL("SELECT "+strings.Repeat("(", 301)+"1"+strings.Repeat(")", 301), nil, nil).Err(),
		"operators":   SQLExpr("1" + strings.Repeat("+1", 301)).fault(),
	} {
		if !errors.Is(err, ErrPlanLimit) {
			t.Errorf("%s: got %v, want ErrPlanLimit", name, err)
		}
	}
	// What one definition hides from another does not count.
	cached := Range(0, 3, 1, 0)
	for n := range 3 * MaxDepth {
		if cached = cached.Limit(1); n%100 == 99 {
			cached = cached.Cached("x")
		}
	}
	if err := cached.Err(); err != nil {
		t.Errorf("over cached frames: %v", err)
	}
}

func TestCachedFramesStandForTheirRows(t *testing.T) {
	base := words()
	cached := base.Cached("words")
	in := cached.CachedInputs()
	if len(in) != 1 || in[0].ID != "sparkstalk:"+hashOf(t, base) || in[0].Hash != hashOf(t, base) || in[0].Name != "words" || in[0].Plan != base {
		t.Fatalf("got %+v", in)
	}
	if again := cached.Cached("words again"); again != cached {
		t.Error("a cached frame is cached again")
	}
	other := Range(0, 3, 1, 0).Join(cached, "cross", nil, nil).Cached("other")
	joined := cached.Filter(ColOf(base, "word")).Join(other.SetOp(cached, Union, true, false, false), "", ColOf(cached, "n"), nil)
	in = joined.CachedInputs()
	if len(in) != 2 || in[0].Name != "words" || in[1].Name != "other" {
		t.Fatalf("got %+v, want each once from left to right, and not what is inside them", in)
	}
	if nested := in[1].Plan.CachedInputs(); len(nested) != 1 || nested[0].ID != in[0].ID {
		t.Errorf("got %+v inside the other", nested)
	}
	if _, err := query(joined); err == nil || !strings.Contains(err.Error(), "words") {
		t.Errorf("a plan with placeholders is sent: %v", err)
	}
	before := text(joined.relation())
	half := joined.Substitute(map[string]string{in[0].ID: "relation-1", "unknown": "x"})
	if left := half.CachedInputs(); len(left) != 1 || left[0].Name != "other" {
		t.Errorf("got %+v left", left)
	}
	full := half.Substitute(map[string]string{in[1].ID: "relation-2"})
	if _, err := query(full); err != nil {
		t.Error(err)
	}
	if after := text(joined.relation()); after != before {
		t.Errorf("the original has changed:\n%s\n%s", before, after)
	}
	// But for the relations, it is the plan that it was, ids of steps included.
	want := strings.NewReplacer(in[0].ID, "relation-1", in[1].ID, "relation-2").Replace(before)
	if got := text(full.relation()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestQueriesAreThoseOfThePlanItself(t *testing.T) {
	a := SQL("SELECT 1", nil, nil)
	df := a.Limit(1).Join(SQL("SELECT 2", nil, nil), "", nil, nil).SetOp(a, Union, true, false, false).
		SetOp(SQL("DROP TABLE t", nil, nil).Cached("x"), Union, true, false, false)
	if got := df.Queries(); !slices.Equal(got, []string{"SELECT 1", "SELECT 2"}) {
		t.Errorf("got %q", got)
	}
	for text, want := range map[string]bool{
		"SELECT 1": true, " (select 1)": true, "VALUES (1)": true, "table t": true, "": false,
		"INSERT INTO t VALUES (1)": false, "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a": false,
		"-- SELECT\nDROP TABLE t": false, "SELECTED": false,
	} {
		if got := SQL(text, nil, nil).Limit(1).repeatable(); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}

func TestStringIsOneLineWithoutData(t *testing.T) {
	got := words().Filter(Call("==", []*Column{Col("a"), Lit("secret")}, false)).String()
	const want = "filter ← limit 5 ← sort ← join left_semi ← (aggregate ← filter ← select ← read text /tmp/a; filter ← select ← read text /tmp/a)"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	double := SQL("SELECT\n 1", nil, nil)
	for range 20 {
		double = double.SetOp(double, Union, true, false, false)
	}
	if text := double.String(); len(text) > 1000 || strings.Contains(text, "\n") || !strings.Contains(text, "sql SELECT 1") {
		t.Errorf("got %d bytes: %s", len(text), text)
	}
	if text := Invalid(errors.New("boom")).String(); text != "invalid: boom" {
		t.Errorf("got %s", text)
	}
}

func TestFramesDoNotChangeWithWhatTheyWereMadeOf(t *testing.T) {
	paths, names, columns, data := []string{"a"}, []string{"x"}, []*Column{Col("a")}, []byte("abc")
	options := map[string]string{"k": "v"}
	df := Read("text", "", options, paths).WithColumns(names, columns).Select(append(columns, Lit(data))...).Drop(names...)
	before := hashOf(t, df)
	paths[0], names[0], columns[0], data[0], options["k"] = "b", "y", Col("b"), 'x', "w"
	if after := hashOf(t, df); after != before {
		t.Error("the plan has changed")
	}
}

// text prints a message. Its spaces vary from one process to the next, not
// within one.
func text(m *sparkpb.Relation) string { return prototext.Format(m) }
