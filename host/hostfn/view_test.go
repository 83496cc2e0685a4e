package hostfn

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/abi"
)

// rowsOf is what a frame has, as JSON.
func rowsOf(t *testing.T, i *Invocation, f abi.Frame) string {
	t.Helper()
	rows, err := i.ActionCollect(f, abi.RowArrays)
	if err != nil {
		t.Error(err)
	}
	return string(rows)
}

// uniqueName is that of a table that no other test has.
func uniqueName() string { return "t" + strings.ReplaceAll(uuid.NewString(), "-", "") }

func TestViewsAreTheTasksOwn(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		a, b := w.open(t, "demo.A"), w.open(t, "demo.B")
		for _, i := range []*Invocation{a, b} {
			from := int64(1)
			if i == b {
				from = 7
			}
			if err := i.ActionView(i.FrameCache(i.FrameRange(from, from+2, 1, 1), "numbers"), "Nums", false, false); err != nil {
				t.Fatal(err)
			}
			wantError(t, i.ActionView(i.FrameRange(0, 1, 1, 1), "nums", false, false), "pyspark.errors.AnalysisException", "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS")
		}
		for query, want := range map[string]func(n int) string{
			"SELECT id FROM nums ORDER BY id DESC -- the last":                      func(n int) string { return fmt.Sprintf("[[%d],[%d]]", n+1, n) },
			"select NUMS.id + 1 AS n from NUMS order by n;":                         func(n int) string { return fmt.Sprintf("[[%d],[%d]]", n+1, n+2) },
			"WITH nums AS (SELECT id + 1 AS id FROM nums) SELECT sum(id) FROM nums": func(n int) string { return fmt.Sprintf("[[%d]]", 2*n+3) },
			"VALUES (1)": func(int) string { return "[[1]]" },
			"SELECT count(*) FROM nums a JOIN nums b ON a.id = b.id WHERE a.id > ?": func(int) string { return "[[2]]" },
		} {
			for i, n := range map[*Invocation]int{a: 1, b: 7} {
				var args []abi.Expr
				if strings.Contains(query, "?") {
					args = []abi.Expr{i.ExprInt(0)}
				}
				if got := rowsOf(t, i, i.FrameSQL(query, nil, args)); got != want(n) {
					t.Errorf("%s: got %s, want %s", query, got, want(n))
				}
			}
		}
		if got := rowsOf(t, b, b.FrameSort(b.FrameTable("NUMS", nil), []abi.Expr{b.ExprColumn("nums.id")}, true)); got != "[[7],[8]]" {
			t.Errorf("got %s", got)
		}
		// A third task has no such view, and the engine neither.
		c := w.open(t, "demo.C")
		_, err := c.ActionCollect(c.FrameSQL("SELECT * FROM nums", nil, nil), abi.RowArrays)
		wantError(t, err, "pyspark.errors.AnalysisException")
		// A command cannot read one, and says so.
		_, err = a.ActionSQL("CREATE TABLE copy AS SELECT * FROM nums", nil, nil)
		wantError(t, err, "ValueError", `the temporary view "Nums"`, "writer")
		for call, want := range map[string]string{
			`{"call":"tableExists","name":"nums"}`:                "true",
			`{"call":"getTable","name":"nums"}`:                   `"isTemporary":true,"name":"Nums"`,
			`{"call":"listTables","pattern":"n*ms"}`:              `"tableType":"TEMPORARY"`,
			`{"call":"listTables","pattern":"nosuch*"}`:           `[]`,
			`{"call":"tableExists","name":"nums","database":"d"}`: "false",
		} {
			if got, err := a.ActionCatalog([]byte(call)); err != nil || !strings.Contains(string(got), want) {
				t.Errorf("%s: got %s, %v", call, got, err)
			}
		}
		for _, want := range []string{"true", "false"} {
			if got, err := a.ActionCatalog([]byte(`{"call":"dropTempView","name":"NUMS"}`)); err != nil || string(got) != want {
				t.Errorf("got %s, %v", got, err)
			}
		}
	})
}

func TestTasksWithViewsOfOneNameDoNotMeet(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		var tasks sync.WaitGroup
		for n := range 6 {
			tasks.Go(func() {
				i := w.open(t, "demo.Same")
				for round := range 4 {
					if err := i.ActionView(i.FrameRange(int64(n), int64(n+1), 1, 1), "mine", true, false); err != nil {
						t.Error(err)
						return
					}
					if got, want := rowsOf(t, i, i.FrameSQL("SELECT id FROM mine", nil, nil)), fmt.Sprintf("[[%d]]", n); got != want {
						t.Errorf("round %d: got %s, want %s", round, got, want)
					}
				}
			})
		}
		tasks.Wait()
	})
}

func TestGlobalViews(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		i, other := w.open(t, "demo.Global"), w.open(t, "demo.Other")
		name := uniqueName()
		if err := i.ActionView(i.FrameCache(i.FrameRange(0, 3, 1, 1), "kept"), name, false, true); err != nil {
			t.Fatal(err)
		}
		if n, err := other.ActionCount(other.FrameTable("global_temp."+name, nil)); err != nil || n != 3 {
			t.Errorf("got %d, %v", n, err)
		}
		wantError(t, other.ActionView(other.FrameRange(0, 1, 1, 1), name, false, true), "pyspark.errors.AnalysisException", "already exists")
		if err := other.ActionView(other.FrameRange(0, 1, 1, 1), name, true, true); err != nil {
			t.Error(err)
		}
		if n, err := i.ActionCount(i.FrameSQL("SELECT * FROM global_temp."+name, nil, nil)); err != nil || n != 1 {
			t.Errorf("got %d, %v", n, err)
		}
		for _, want := range []string{"true", "false"} {
			if got, err := i.ActionCatalog(marshal(t, abi.CatalogCall{Call: "dropGlobalTempView", Name: name})); err != nil || string(got) != want {
				t.Errorf("got %s, %v", got, err)
			}
		}
	})
}

func TestSQLCommandsRunOnceAndAnswer(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		i := w.open(t, "demo.SQL")
		table := uniqueName()
		run := func(query string, args ...abi.Expr) abi.Frame {
			t.Helper()
			f, err := i.ActionSQL(query, nil, args)
			if err != nil {
				t.Fatalf("%s: %v", query, err)
			}
			return f
		}
		run("CREATE TABLE " + table + " (id BIGINT) USING parquet")
		inserted := run("INSERT INTO " + table + " SELECT 5")
		for range 2 { // reading the answer inserts nothing
			rowsOf(t, i, inserted)
		}
		if got := rowsOf(t, i, run("SELECT id + ? FROM "+table, i.ExprInt(1))); got != "[[6]]" {
			t.Errorf("got %s", got)
		}
		if got := rowsOf(t, i, run("SHOW TABLES LIKE '"+table+"'")); !strings.Contains(got, table) {
			t.Errorf("got %s", got)
		}
		_, err := i.ActionSQL("INSERT INTO "+table+" SELECT ?", nil, []abi.Expr{i.ExprInt(7)})
		if strings.HasSuffix(t.Name(), "/sail") {
			wantError(t, err, "pyspark.errors.IllegalArgumentException", "Sail does not have this")
		} else if err != nil {
			t.Error(err)
		}
		run("DROP TABLE " + table)
		_, err = i.ActionSQL("DROP TABLE "+table, nil, nil)
		wantError(t, err, "pyspark.errors.AnalysisException")
		_, err = i.ActionSQL("SELECT ?", nil, []abi.Expr{99})
		wantError(t, err, "sparkstalk.BadHandle")
	})
}

func TestBadViewNames(t *testing.T) {
	i := open(t, &session{}, Config{})
	frame := i.FrameRange(0, 1, 1, 1)
	for _, name := range []string{"", "a.b", "a b", "1a", "a`b", "a;drop"} {
		wantError(t, i.ActionView(frame, name, true, false), "ValueError", "view name")
	}
	wantError(t, i.ActionView(9, "v", true, false), "sparkstalk.BadHandle")
	for pattern, want := range map[string]bool{"": true, "*": true, "sal*": true, "*es": true, "s*l*s": true, "SALES": true, "x|sales": true, "sale": false, "*x*": false, "ales": false} {
		if got := likePattern(pattern, "sales"); got != want {
			t.Errorf("%q: got %t", pattern, got)
		}
	}
}
