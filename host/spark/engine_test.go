package spark_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// onEachEngine runs a test with a session of its own on each local engine.
func onEachEngine(t *testing.T, test func(t *testing.T, session *spark.Session, engine string)) {
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		session := openWith(t, spark.Config{Remote: remote})
		test(t, session, t.Name()[strings.LastIndexByte(t.Name(), '/')+1:])
	})
}

// rows returns what an engine answers, as JSON.
func rows(ctx context.Context, session *spark.Session, df *spark.DataFrame, form spark.RowForm) (string, error) {
	stream, err := session.Collect(ctx, df, spark.Options{})
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = spark.WriteJSON(&out, stream, form, 1<<20)
	return out.String(), errors.Join(err, stream.Close())
}

func cols(names ...string) []*spark.Column {
	out := make([]*spark.Column, len(names))
	for i, name := range names {
		out[i] = spark.Col(name)
	}
	return out
}

func call(fn string, args ...*spark.Column) *spark.Column { return spark.Call(fn, args, false) }

// people is a small table with a null and a duplicate.
var people = spark.SQL("SELECT * FROM VALUES (1,'ann',10), (2,'bob',20), (3,'cid',NULL), (2,'bob',20) AS t(id, name, age)", nil, nil)

func TestEveryStepOnEachEngine(t *testing.T) {
	cities := spark.SQL("SELECT * FROM VALUES (1,'oslo'), (2,'rome'), (9,'bern') AS t(id, city)", nil, nil)
	byID := []*spark.Column{spark.Col("id")}
	three := spark.Range(0, 3, 1, 2)
	sorted := func(df *spark.DataFrame, names ...string) *spark.DataFrame { return df.Sort(cols(names...), true) }
	on := func(a, b *spark.DataFrame) *spark.Column {
		return call("==", spark.ColOf(a, "id"), spark.ColOf(b, "id"))
	}
	folder := t.TempDir()
	for name, text := range map[string]string{"a.csv": "id,name\n1,ann\n2,\n", "b.json": `{"n":1,"s":"x"}`} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		df   *spark.DataFrame
		want string
	}{
		{"range", spark.Range(5, 0, -2, 0).Sort(byID, true), `[[1],[3],[5]]`},
		{"csv with options", sorted(spark.Read("csv", "", map[string]string{"header": "true", "inferSchema": "true"}, []string{filepath.Join(folder, "a.csv")}), "id"), `[[1,"ann"],[2,null]]`},
		{"csv with schema", sorted(spark.Read("csv", "id BIGINT, name STRING", map[string]string{"header": "true"}, []string{filepath.Join(folder, "a.csv")}), "id"), `[[1,"ann"],[2,null]]`},
		{"json", spark.Read("json", "", nil, []string{filepath.Join(folder, "b.json")}), `[[1,"x"]]`},
		{"sql by position", spark.SQL("SELECT ? + ?", nil, []*spark.Column{spark.Lit(1), spark.Lit(2)}), `[[3]]`},
		{"sql by name", spark.SQL("SELECT :a || :b", []string{"a", "b"}, []*spark.Column{spark.Lit("x"), spark.Lit("y")}), `[["xy"]]`},
		{"select", three.Select(spark.Col("*"), call("*", spark.Col("id"), spark.Lit(2)).Alias("twice")).Sort(byID, true), `[[0,0],[1,2],[2,4]]`},
		{"literals", spark.Range(0, 1, 1, 1).Select(spark.Lit(nil), spark.Lit(true), spark.Lit(7), spark.Lit(int64(1)<<40), spark.Lit(1.5), spark.Lit("a'b"), spark.Lit([]byte{255})),
			`[[null,true,7,1099511627776,1.5,"a'b",{"__type__":"base64","__value__":"/w=="}]]`},
		{"cast", spark.Range(0, 1, 1, 1).Select(spark.Lit("12").Cast("decimal(5,2)", false), spark.Lit("x").Cast("int", true)), `[[{"__type__":"decimal","__value__":"12.00"},null]]`},
		{"sql expression", three.Select(spark.SQLExpr("id + 1 AS n")).Sort(cols("n"), true), `[[1],[2],[3]]`},
		{"filter", three.Filter(call("and", call(">", spark.Col("id"), spark.Lit(0)), call("!=", spark.Col("id"), spark.Lit(2)))), `[[1]]`},
		{"with columns", sorted(three.WithColumns([]string{"id", "b"}, []*spark.Column{call("+", spark.Col("id"), spark.Lit(1)), spark.Lit("x")}), "id"), `[[1,"x"],[2,"x"],[3,"x"]]`},
		{"drop", sorted(people.Drop("age", "unknown").Distinct(), "id"), `[[1,"ann"],[2,"bob"],[3,"cid"]]`},
		{"rename", cities.Rename([]string{"city", "unknown"}, []string{"town", "x"}).Filter(spark.SQLExpr("town = 'oslo'")), `[[1,"oslo"]]`},
		{"aggregate", sorted(people.Aggregate(spark.GroupBy, cols("name"), []*spark.Column{
			call("count", spark.Lit(1)).Alias("n"), spark.Call("count", cols("age"), true).Alias("ages"), call("sum", spark.Col("age")).Alias("sum"),
		}), "name"), `[["ann",1,1,10],["bob",2,1,40],["cid",1,0,null]]`},
		{"aggregate of all", people.Aggregate(spark.GroupBy, nil, []*spark.Column{call("max", spark.Col("age"))}), `[[20]]`},
		{"rollup", people.Aggregate(spark.Rollup, cols("name"), []*spark.Column{call("count", spark.Lit(1)).Alias("n")}).Sort([]*spark.Column{spark.Col("n").SortOrder(true, true), spark.Col("name")}, true),
			`[[null,4],["bob",2],["ann",1],["cid",1]]`},
		{"cube", people.Aggregate(spark.Cube, cols("id", "name"), []*spark.Column{call("count", spark.Lit(1)).Alias("n")}).Aggregate(spark.GroupBy, nil, []*spark.Column{call("count", spark.Lit(1))}), `[[10]]`},
		{"inner join", people.Join(cities, "inner", nil, []string{"id"}).Distinct().Sort(byID, true), `[[1,"ann",10,"oslo"],[2,"bob",20,"rome"]]`},
		{"join on a condition", people.Distinct().Alias("p").Join(cities.Alias("c"), "left", spark.SQLExpr("p.id = c.id"), nil).Select(spark.Col("p.id"), spark.Col("city")).Sort(byID, true), `[[1,"oslo"],[2,"rome"],[3,null]]`},
		{"join on columns of frames", people.Join(cities, "right_outer", on(people, cities), nil).Select(spark.ColOf(cities, "id"), spark.ColOf(people, "name")).Distinct().Sort(byID, true), `[[1,"ann"],[2,"bob"],[9,null]]`},
		{"full join", people.Join(cities, "FULL_OUTER", nil, []string{"id"}).Distinct().Select(cols("id", "city")...).Sort(byID, true), `[[1,"oslo"],[2,"rome"],[3,null],[9,"bern"]]`},
		{"semi join", sorted(cities.Join(people, "semi", nil, []string{"id"}), "id"), `[[1,"oslo"],[2,"rome"]]`},
		{"anti join", cities.Join(people, "leftanti", nil, []string{"id"}), `[[9,"bern"]]`},
		{"cross join", three.Join(cities, "cross", nil, nil).Aggregate(spark.GroupBy, nil, []*spark.Column{call("count", spark.Lit(1))}), `[[9]]`},
		{"union all", sorted(three.SetOp(spark.Range(2, 4, 1, 1), spark.Union, true, false, false), "id"), `[[0],[1],[2],[2],[3]]`},
		{"union", sorted(three.SetOp(spark.Range(2, 4, 1, 1), spark.Union, false, false, false), "id"), `[[0],[1],[2],[3]]`},
		{"union by name", sorted(cities.SetOp(three, spark.Union, true, true, true), "id", "city"), `[[0,null],[1,null],[1,"oslo"],[2,null],[2,"rome"],[9,"bern"]]`},
		{"union by name without duplicates", sorted(cities.SetOp(cities.Select(cols("city", "id")...), spark.Union, false, true, false), "id"), `[[1,"oslo"],[2,"rome"],[9,"bern"]]`},
		{"intersect", people.SetOp(people, spark.Intersect, false, false, false).Aggregate(spark.GroupBy, nil, []*spark.Column{call("count", spark.Lit(1))}), `[[3]]`},
		{"intersect all", people.SetOp(people, spark.Intersect, true, false, false).Aggregate(spark.GroupBy, nil, []*spark.Column{call("count", spark.Lit(1))}), `[[4]]`},
		{"except", sorted(three.SetOp(spark.Range(1, 9, 1, 1), spark.Except, false, false, false), "id"), `[[0]]`},
		{"except all", people.SetOp(people.Distinct(), spark.Except, true, false, false), `[[2,"bob",20]]`},
		{"sort, nulls first", people.Distinct().Select(cols("age")...).Sort([]*spark.Column{spark.Col("age").SortOrder(false, false)}, true), `[[null],[10],[20]]`},
		{"sort, nulls last", people.Distinct().Select(cols("age")...).Sort([]*spark.Column{spark.Col("age").SortOrder(false, true)}, true), `[[10],[20],[null]]`},
		{"sort, downwards", people.Distinct().Select(cols("age")...).Sort([]*spark.Column{spark.Col("age").SortOrder(true, true)}, true), `[[20],[10],[null]]`},
		{"sort, downwards, nulls first", people.Distinct().Select(cols("age")...).Sort([]*spark.Column{spark.Col("age").SortOrder(true, false)}, true), `[[null],[20],[10]]`},
		{"sort within partitions", spark.Range(0, 3, 1, 1).Sort([]*spark.Column{spark.Col("id").SortOrder(true, true)}, false), `[[2],[1],[0]]`},
		{"limit and offset", three.Sort(byID, true).Offset(1).Limit(1), `[[1]]`},
		{"distinct by a column", people.Distinct("name").Aggregate(spark.GroupBy, nil, []*spark.Column{call("count", spark.Lit(1))}), `[[3]]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEachEngine(t, func(t *testing.T, session *spark.Session, _ string) {
				got, err := rows(t.Context(), session, c.df, spark.RowArrays)
				if err != nil || got != c.want {
					t.Errorf("%s\ngot  %s, %v\nwant %s", c.df, got, err, c.want)
				}
			})
		})
	}
}

func TestWordCountOnEachEngine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text.txt")
	if err := os.WriteFile(file, []byte("The cat, the DOG\nand the cat.\n\nÉté, été!\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	word := call("explode", call("split", call("lower", spark.Col("value")), spark.Lit(`[^\pL']+`))).Alias("word")
	words := spark.Read("text", "", nil, []string{file}).Select(word).Filter(call("!=", spark.Col("word"), spark.Lit("")))
	counts := words.Aggregate(spark.GroupBy, cols("word"), []*spark.Column{call("count", spark.Lit(1)).Alias("count")}).
		Sort([]*spark.Column{spark.Col("count").SortOrder(true, true), spark.Col("word")}, true)
	onEachEngine(t, func(t *testing.T, session *spark.Session, _ string) {
		got, err := rows(t.Context(), session, counts.Limit(3), spark.RowObjects)
		if want := `[{"word":"the","count":3},{"word":"cat","count":2},{"word":"été","count":2}]`; err != nil || got != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
		if n, err := session.Count(t.Context(), words, spark.Options{}); n != 9 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	})
}

func TestManyBatchesOnEachEngine(t *testing.T) {
	onEachEngine(t, func(t *testing.T, session *spark.Session, _ string) {
		got, err := ids(t.Context(), session, spark.Range(0, 200_000, 1, 2), spark.Options{})
		if err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for _, id := range got {
			sum += id
		}
		if len(got) != 200_000 || sum != 199_999*100_000 {
			t.Errorf("got %d rows with sum %d", len(got), sum)
		}
	})
}

func TestSchemaAndExplainOnEachEngine(t *testing.T) {
	df := spark.SQL("SELECT 1 AS a, 'x' AS b, 1.5d AS c, CAST(1 AS DECIMAL(10,2)) AS d, DATE'2026-01-02' AS e, array(1L) AS f, "+
		"map('a', 1) AS g, named_struct('x y', 1, 'z', 'w') AS h, binary('a') AS i, TIMESTAMP'2026-01-02 00:00:00' AS j, INTERVAL '1' DAY AS k, true AS l", nil, nil)
	onEachEngine(t, func(t *testing.T, session *spark.Session, _ string) {
		fields, err := session.Schema(t.Context(), df)
		if err != nil {
			t.Fatal(err)
		}
		var types []string
		for _, f := range fields {
			types = append(types, f.Name+" "+f.Type)
		}
		want := "a int, b string, c double, d decimal(10,2), e date, f array<bigint>, g map<string,int>, h struct<`x y`:int,z:string>, i binary, j timestamp, k interval day, l boolean"
		if got := strings.Join(types, ", "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		for _, mode := range []string{"", "simple", "extended", "formatted"} {
			if text, err := session.Explain(t.Context(), spark.Range(0, 3, 1, 1), mode); err != nil || !strings.Contains(text, "Range") {
				t.Errorf("%s: got %q, %v", mode, text, err)
			}
		}
		if _, err := session.Explain(t.Context(), df, "loud"); err == nil || !strings.Contains(err.Error(), "formatted") {
			t.Errorf("got %v, want the modes there are", err)
		}
	})
}

func TestErrorsOnEachEngine(t *testing.T) {
	for _, c := range []struct {
		name                            string
		df                              *spark.DataFrame
		spark, condition, state, onSail string
	}{
		{"syntax", spark.SQL("SELEC 1", nil, nil), "ParseException", "PARSE_SYNTAX_ERROR", "42601", "IllegalArgumentException"},
		{"no column", spark.Range(0, 1, 1, 1).Select(spark.Col("nope")), "AnalysisException", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", "AnalysisException"},
		{"no table", spark.Table("nope", nil), "AnalysisException", "TABLE_OR_VIEW_NOT_FOUND", "42P01", "AnalysisException"},
		{"no function", spark.Range(0, 1, 1, 1).Select(call("nope")), "AnalysisException", "UNRESOLVED_ROUTINE", "42883", "UnsupportedOperationException"},
		{"raised", spark.SQL("SELECT raise_error('boom')", nil, nil), "SparkRuntimeException", "USER_RAISED_EXCEPTION", "P0001", "AnalysisException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEachEngine(t, func(t *testing.T, session *spark.Session, engine string) {
				_, err := rows(t.Context(), session, c.df, spark.RowArrays)
				e, ok := errors.AsType[*spark.Error](err)
				if !ok {
					t.Fatalf("got %v, want the engine's error", err)
				}
				want, condition, state := c.spark, c.condition, c.state
				if engine == "sail" {
					want, condition, state = c.onSail, "", ""
				}
				if module, name := e.Exception(); module != "pyspark.errors" || name != want {
					t.Errorf("got exception %s.%s, want %s: %v", module, name, want, e)
				}
				if e.Condition != condition || e.SQLState != state {
					t.Errorf("got %s, %s, want %s, %s", e.Condition, e.SQLState, condition, state)
				}
				if e.Operation == "" || e.Message == "" {
					t.Errorf("got %+v", e)
				}
				// The session is not harmed.
				if err := session.Ping(t.Context()); err != nil || session.Generation() != 1 {
					t.Errorf("got generation %d, %v", session.Generation(), err)
				}
			})
		})
	}
}

func TestALongErrorOfSparkIsWhole(t *testing.T) {
	session := openWith(t, spark.Config{Remote: proctest.Spark(t)})
	long := strings.Repeat("x", 5000)
	_, err := session.Count(t.Context(), spark.SQL("SELECT raise_error('"+long+"') AS x", nil, nil).Filter(spark.SQLExpr("x IS NULL")), spark.Options{})
	if e, ok := errors.AsType[*spark.Error](err); !ok || !strings.Contains(e.Message, long) {
		t.Errorf("got %v", err)
	}
}

func TestCheckpointsOnEachEngine(t *testing.T) {
	df := spark.Range(0, 1000, 1, 2).Select(call("%", spark.Col("id"), spark.Lit(10)).Alias("k"))
	onEachEngine(t, func(t *testing.T, session *spark.Session, engine string) {
		ctx := t.Context()
		checkpoint, err := session.Checkpoint(ctx, df, spark.Options{Tags: []string{"test"}})
		if err != nil {
			t.Fatal(err)
		}
		if checkpoint.Generation != session.Generation() || checkpoint.RelationID == "" {
			t.Errorf("got %+v", checkpoint)
		}
		cached := df.Cached("keys")
		at := func(relation string) *spark.DataFrame {
			read := cached.Filter(call("<", spark.ColOf(df, "k"), spark.Lit(2)))
			return read.Substitute(map[string]string{cached.CachedInputs()[0].ID: relation})
		}
		if n, err := session.Count(ctx, at(checkpoint.RelationID), spark.Options{}); n != 200 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		if n, err := session.Count(ctx, at(uuid.NewString()), spark.Options{}); !errors.Is(err, spark.ErrRelationGone) {
			t.Errorf("got %d, %v, want ErrRelationGone", n, err)
		}
		if err := session.Release(ctx, checkpoint); err != nil {
			t.Error(err)
		}
		if _, err := session.Count(ctx, at(checkpoint.RelationID), spark.Options{}); engine == "spark" && !errors.Is(err, spark.ErrRelationGone) {
			t.Errorf("got %v, want ErrRelationGone", err)
		}
		checkpoint.Generation++
		if err := session.Release(ctx, checkpoint); !errors.Is(err, spark.ErrRelationGone) {
			t.Errorf("got %v for another generation, want ErrRelationGone", err)
		}
	})
}

func TestCommandsOnEachEngine(t *testing.T) {
	onEachEngine(t, func(t *testing.T, session *spark.Session, _ string) {
		ctx := t.Context()
		if err := session.Exec(ctx, "CREATE OR REPLACE TEMPORARY VIEW v AS SELECT 7 AS n", spark.Options{}); err != nil {
			t.Fatal(err)
		}
		if got, err := rows(ctx, session, spark.Table("v", nil), spark.RowArrays); got != "[[7]]" || err != nil {
			t.Errorf("got %s, %v", got, err)
		}
		if err := session.Exec(ctx, "CREATE NONSENSE", spark.Options{}); err == nil {
			t.Error("nonsense was accepted")
		}
	})
}

// slow runs for many minutes. It has no join: Sail can be interrupted between
// batches, and a large join without keys makes none for long.
var slow = spark.SQL("SELECT id % 3 AS k, count(*) AS n FROM range(200000000000) WHERE hash(id) % 1000003 = 7 GROUP BY 1", nil, nil)

func TestInterruptOnEachEngine(t *testing.T) {
	onEachEngine(t, func(t *testing.T, session *spark.Session, _ string) {
		if err := session.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		revoked := errors.New("revoked")
		ctx, cancel := contextWithCause(t)
		time.AfterFunc(500*time.Millisecond, func() { cancel(revoked) })
		start := time.Now()
		_, err := rows(ctx, session, slow, spark.RowArrays)
		if !errors.Is(err, spark.ErrInterrupted) || !errors.Is(err, revoked) {
			t.Errorf("got %v, want ErrInterrupted and the cause", err)
		}
		if took := time.Since(start); took > 2*time.Minute {
			t.Errorf("ended after %s", took)
		}
		// The engine is free again: its threads do not go on with what nobody wants.
		start = time.Now()
		if n, err := session.Count(t.Context(), spark.Range(0, 10, 1, 4).SetOp(people.Select(spark.Col("id")), spark.Union, true, false, false), spark.Options{}); n != 14 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		if took := time.Since(start); took > 2*time.Minute {
			t.Errorf("the engine was busy for %s", took)
		}
	})
}

func TestSessionsEndAtTheEngine(t *testing.T) {
	onEachEngine(t, func(t *testing.T, first *spark.Session, engine string) {
		if err := first.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		remote := proctest.Sail(t)
		if engine == "spark" {
			remote = proctest.Spark(t)
		}
		second := openWith(t, spark.Config{Remote: remote + "/;session_id=" + first.ID()})
		if err := second.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		// The id that both used is gone: the other finds out and goes on with a new one.
		if _, err := second.Count(t.Context(), anything, spark.Options{}); !errors.Is(err, spark.ErrSessionLost) {
			t.Errorf("got %v, want ErrSessionLost", err)
		}
		if n, err := second.Count(t.Context(), anything, spark.Options{}); n != 3 || err != nil || second.Generation() != 2 {
			t.Errorf("got %d, %v in generation %d", n, err, second.Generation())
		}
	})
}

func TestAnEngineThatIsKilledIsFoundAgain(t *testing.T) {
	engine := proctest.StartEngine(t, "sail")
	session := openWith(t, spark.Config{Remote: engine.Remote(), Address: engine.Address})
	ctx := t.Context()
	if err := session.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	if err := session.Exec(ctx, "CREATE TEMPORARY VIEW v AS SELECT 1", spark.Options{}); err != nil {
		t.Fatal(err)
	}
	running := make(chan error, 1)
	go func() {
		_, err := rows(ctx, session, slow, spark.RowArrays)
		running <- err
	}()
	time.Sleep(300 * time.Millisecond)
	kill(t, engine.Status().Running[0].PID)
	start := time.Now()
	if err := <-running; !errors.Is(err, spark.ErrSessionLost) {
		t.Errorf("got %v, want ErrSessionLost", err)
	}
	if n, err := session.Count(ctx, anything, spark.Options{}); n != 3 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if took := time.Since(start); took > 2*time.Minute {
		t.Errorf("found again after %s", took)
	}
	if session.Generation() != 2 {
		t.Errorf("got generation %d, want 2", session.Generation())
	}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Python's own decoder judges what rows become at a client.
func TestRowsAreReadByPython(t *testing.T) {
	file := filepath.Join(t.TempDir(), "read.py")
	const script = `
import sys
from kombu.utils.json import loads
for row in loads(sys.stdin.read()):
    print(repr(row))
`
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	df := spark.SQL(`SELECT 1 AS a, 9223372036854775807 AS b, CAST('1.10' AS DECIMAL(38,2)) AS c, DATE'2026-01-02' AS d,
		CAST('2026-01-02 03:04:05.000006' AS TIMESTAMP_NTZ) AS e, array(1, NULL) AS f, map('k', 1.5D) AS g, named_struct('x', 'y') AS h,
		unhex('00ff') AS i, NULL AS j, CAST('NaN' AS DOUBLE) AS k, CAST('-Infinity' AS DOUBLE) AS l, 'é"\\n' AS m, true AS n, map(1, 'a') AS o`, nil, nil)
	want := `{'a': 1, 'b': 9223372036854775807, 'c': Decimal('1.10'), 'd': datetime.date(2026, 1, 2), 'e': datetime.datetime(2026, 1, 2, 3, 4, 5, 6), ` +
		`'f': [1, None], 'g': {'k': 1.5}, 'h': {'x': 'y'}, 'i': b'\x00\xff', 'j': None, 'k': nan, 'l': -inf, 'm': 'é"\\n', 'n': True, 'o': [[1, 'a']]}`
	onEachEngine(t, func(t *testing.T, session *spark.Session, _ string) {
		text, err := rows(t.Context(), session, df, spark.RowObjects)
		if err != nil {
			t.Fatal(err)
		}
		python := exec.CommandContext(t.Context(), proctest.Python(t), file)
		python.Stdin = strings.NewReader(text)
		python.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8")
		out, err := python.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || strings.ReplaceAll(got, `\\\\n`, `\\n`) != want {
			t.Errorf("%s\ngot  %s, %v\nwant %s", text, got, err, want)
		}
	})
}

func BenchmarkTrivialPlan(b *testing.B) {
	for name, remote := range map[string]func(testing.TB) string{"sail": proctest.Sail, "spark": proctest.Spark} {
		b.Run(name, func(b *testing.B) {
			session := openWith(b, spark.Config{Remote: remote(b)})
			if err := session.Ready(b.Context()); err != nil {
				b.Fatal(err)
			}
			df := spark.Range(0, 1, 1, 1)
			for b.Loop() {
				if _, err := rows(b.Context(), session, df, spark.RowArrays); err != nil {
					b.Fatal(fmt.Errorf("%s: %w", df, err))
				}
			}
		})
	}
}
