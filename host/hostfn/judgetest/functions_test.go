package judgetest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// sampleTable has a column for each type that functions take.
const sampleTable = `SELECT * FROM VALUES
 ('Spark SQL', '  spark s ', 3, 5, 7L, 2.5D, 0.5D, true, X'537061726B', DATE'2024-01-31', DATE'2024-03-15', TIMESTAMP'2024-01-31 12:34:56.789', TIMESTAMP'2024-02-03 01:02:03', array(3, 1, 2, 1), array(2, 4), array('x', 'y'), array(array(1, 2), array(3)), map('k', 1, 'l', 2), named_struct('x', 1, 'y', 'q'), '{"a":1,"b":[1,2]}', '<r><a>1</a><a>2</a></r>', 'https://user@spark.apache.org:80/p/a?q=1&r=2#f', array(1.0F, 2.0F), array(3.0F, 4.0F)),
 ('other', 'S', 4, 6, 65L, 1.5D, 0.25D, false, X'00FF10AB00', DATE'2023-12-01', DATE'2024-02-29', TIMESTAMP'2023-12-01 00:00:01', TIMESTAMP'2023-12-01 00:30:00', array(9), array(9, NULL), array('a', 'b'), array(array(5)), map('m', 5), named_struct('x', 2, 'y', 'r'), '{"a":2,"b":[]}', '<r><a>7</a></r>', 'http://example.org/?q=a%20b', array(0.5F, 0.5F), array(2.0F, 1.0F))
 AS t(s, n, i, j, l, d, e, b, bin, dt, dt2, ts, ts2, a, a2, sa, aa, m, st, js, x, u, f, f2)`

// newTypes switches on what Spark 4.3 has and does not show yet.
var newTypes = []string{"spark.sql.timeType.enabled", "spark.sql.timestampNanosTypes.enabled"}

func switchOnNewTypes(s *spark.Session) error {
	for _, name := range newTypes {
		if err := s.Conf().Set(name, "true"); err != nil {
			return err
		}
	}
	return nil
}

// frame calls functions of one use; from counts if there is one function only.
func frame(s *spark.Session, of sample, calls ...spark.Column) *spark.DataFrame {
	df := s.SQL(sampleTable)
	if of.from != "" {
		df = df.GroupBy("s").Agg(F.Expr(of.from).As("sk"))
	}
	columns := make([]spark.ColumnOrName, len(calls))
	for i, c := range calls {
		columns[i] = c
	}
	switch of.use {
	case "aggregate":
		return df.Agg(calls...)
	case "grouping":
		return df.Cube("i").Agg(calls...).OrderBy("i").Drop("i")
	}
	return df.Select(columns...)
}

// batch is functions that one query can call.
type batch struct {
	name    string
	samples []sample
}

func (b batch) calls() []spark.Column {
	var calls []spark.Column
	for _, x := range b.samples {
		calls = append(calls, x.columns()...)
	}
	return calls
}

// columns are the calls as a query can have them.
func (x sample) columns() []spark.Column {
	calls := x.calls()
	if x.alone() {
		calls = calls[len(calls)-1:]
	}
	for i, c := range calls {
		switch {
		case x.use == "window":
			calls[i] = c.Over(spark.Window.OrderBy("i"))
		case x.group == "variants":
			calls[i] = c.Cast("string")
		}
	}
	return calls
}

// alone says whether a query can have one such call only.
func (x sample) alone() bool { return x.use == "generator" || x.use == "alone" }

// batches puts functions of one use together: a query for each would take long.
func batches(of func(sample) bool) []batch {
	const most = 40
	var out []batch
	open := make(map[string]int) // by use, in out
	for _, x := range samples {
		if !of(x) {
			continue
		}
		i, ok := open[x.use]
		if alone := x.from != "" || x.alone(); alone || !ok || len(out[i].samples) == most {
			out = append(out, batch{name: x.name})
			i = len(out) - 1
			if !alone {
				open[x.use] = i
			}
		}
		out[i].samples = append(out[i].samples, x)
	}
	return out
}

// certain says whether PySpark's answer can be compared with.
func certain(x sample) bool {
	switch x.name {
	case "st_geogfromwkb", "st_geomfromwkb", "st_setsrid":
		return false // geometries have no form in the judge's JSON
	case "make_interval", "make_ym_interval", "try_make_interval", "timestamp_nanos":
		return false // PySpark's client cannot collect them
	}
	return !x.volatile && x.use != "transform" && x.use != "error"
}

// TestFunctionsAreThoseOfPySpark compares the names that Spark gives the columns,
// which say how a function was called, their types and their values.
func TestFunctionsAreThoseOfPySpark(t *testing.T) {
	suite := judgetest.Suite{Script: "testdata/functions.py", SparkOnly: true, Args: map[string]string{"list": "../../../sdk/functions/functions.json"}}
	suite.Cases = append(suite.Cases, judgetest.Case{Name: "switch on new types", Value: func(s *spark.Session) (any, error) {
		return nil, switchOnNewTypes(s)
	}})
	names := make(map[string][]string)
	for _, b := range batches(certain) {
		suite.Cases = append(suite.Cases, judgetest.Case{Name: "batch " + b.name, Frame: func(s *spark.Session) *spark.DataFrame {
			return frame(s, b.samples[0], b.calls()...)
		}})
		for _, x := range b.samples {
			names["batch_"+b.name] = append(names["batch_"+b.name], x.name)
		}
	}
	data, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	suite.Args["batches"], suite.Args["table"] = string(data), sampleTable
	suite.Args["types"] = strings.Join(newTypes, " ")
	judgetest.Run(t, suite)
}

// TestFunctionsWithoutACertainValue are those that PySpark's answer says nothing
// about.
func TestFunctionsWithoutACertainValue(t *testing.T) {
	s := judgetest.Session(t, judgetest.Binder(t, proctest.Spark(t)))
	if err := switchOnNewTypes(s); err != nil {
		t.Fatal(err)
	}
	for _, x := range samples {
		if certain(x) {
			continue
		}
		for i, c := range x.columns() {
			_, err := frame(s, x, c).Collect()
			switch {
			case x.use == "transform":
				// Known to writers only: what partitions a table is no value.
				if err == nil {
					t.Errorf("%s: call %d has a value", x.name, i)
				}
			case x.use == "error":
				if err == nil || !strings.Contains(err.Error(), "USER_RAISED_EXCEPTION") {
					t.Errorf("%s: got %v", x.name, err)
				}
			case err != nil:
				t.Errorf("%s: call %d: %v", x.name, i, err)
			}
		}
	}
}

// TestSparkKnowsEveryFunction compares with the engine's own list.
func TestSparkKnowsEveryFunction(t *testing.T) {
	s := judgetest.Session(t, judgetest.Binder(t, proctest.Spark(t)))
	shown, err := s.Exec("SHOW FUNCTIONS")
	if err != nil {
		t.Fatal(err)
	}
	known, err := spark.CollectAs[string](shown)
	if err != nil {
		t.Fatal(err)
	}
	var unknown []string
	for _, x := range samples {
		if x.use == "transform" || slices.Contains(known, x.sql) {
			continue
		}
		unknown = append(unknown, x.sql)
	}
	// Spark Connect alone has these.
	want := "[product timestampadd timestampdiff]"
	if got := fmt.Sprint(unknown); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
