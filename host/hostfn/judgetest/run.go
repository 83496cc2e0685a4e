package judgetest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/hostfn"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
	sdkspark "github.com/sparkstalk/sparkstalk/sdk/spark"
)

// Run runs a suite's cases on both local engines, each as a subtest
// engine/case. Go on both must answer as PySpark does on Apache Spark.
func Run(t *testing.T, suite Suite) {
	t.Helper()
	judged := func(Case) bool { return true }
	differs := func(c Case) bool { return c.SailDiffers != "" }
	onSpark := suite.ask(t, proctest.Spark(t), judged)
	onSail := suite.ask(t, proctest.Sail(t), differs)
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		if suite.SparkOnly && remote != proctest.Spark(t) {
			return
		}
		binder := Binder(t, remote)
		sail := strings.HasSuffix(t.Name(), "/sail")
		for _, c := range suite.Cases {
			t.Run(c.Name, func(t *testing.T) {
				got := c.run(t, binder)
				switch {
				case sail && c.SailLacks != "":
					wantWords(t, got, c.SailLacks)
				case sail && c.SailDiffers != "":
					c.compare(t, got, onSail())
				default:
					c.compare(t, got, onSpark())
				}
			})
		}
	})
}

// Binder returns the host functions over a session of their own on an engine.
func Binder(t *testing.T, remote string) *hostfn.Binder {
	t.Helper()
	session, err := spark.Open(spark.Config{Remote: remote})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Errorf("close the session: %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := session.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return hostfn.New(hostfn.Config{
		Session: session, Cache: cache.New(cache.Config{Session: session}), TaskConf: []string{"spark.sql.*"},
		Grants: []hostfn.Grant{{Capability: abi.CapabilityRawPlans, Tasks: "*"}},
	})
}

// Session returns what a task sees of Spark, until the test's end.
func Session(t *testing.T, binder *hostfn.Binder) *sdkspark.Session {
	i := binder.Open(t.Context(), hostfn.Task{
		ID: proctest.Name(t), Name: "judge", Request: []byte(`{"id": "judge"}`), Capabilities: []string{abi.CapabilityRawPlans},
	})
	t.Cleanup(i.Close)
	return sdkspark.NewSession(i)
}

// run answers a case in Go.
func (c Case) run(t *testing.T, binder *hostfn.Binder) answer {
	s := Session(t, binder)
	a, err := c.answer(s)
	if err == nil {
		return a
	}
	e, ok := errors.AsType[*abi.Error](err)
	if !ok {
		return answer{Error: "Exception", Message: err.Error()}
	}
	return answer{Error: e.Type, Message: e.Message()}
}

func (c Case) answer(s *sdkspark.Session) (a answer, err error) {
	if c.Value != nil {
		value, err := c.Value(s)
		if err != nil {
			return a, err
		}
		a.Value, err = json.Marshal(value)
		return a, err
	}
	df := c.Frame(s)
	schema, err := df.Schema()
	if err != nil {
		return a, err
	}
	for _, column := range schema.Columns {
		a.Schema = append(a.Schema, [2]string{column.Name, column.Type})
	}
	a.Rows, err = df.CollectJSON(abi.RowArrays)
	return a, err
}

// compare checks what Go answered against what PySpark did.
func (c Case) compare(t *testing.T, got answer, judge map[string]answer) {
	t.Helper()
	want, ok := judge[c.function()]
	switch {
	case !ok:
		t.Errorf("PySpark gave no answer for %s", c.function())
	case c.Fails != "":
		wantWords(t, got, c.Fails)
		if want.Error == "" {
			t.Errorf("PySpark does not fail: %s %s%s", want.Schema, want.Rows, want.Value)
		}
		// PySpark's own checks, unlike Spark's, have classes and words of PySpark's.
		if strings.HasPrefix(want.Message, "[") && strings.Contains(want.Message, "SQLSTATE") && got.Error != want.Error {
			t.Errorf("got a %s, want PySpark's %s: %s", got.Error, want.Error, want.Message)
		}
	case want.Error != "":
		t.Errorf("PySpark fails: %s: %s\ngot %s", want.Error, want.Message, got)
	case got.Error != "":
		t.Errorf("got %s: %s", got.Error, got.Message)
	case !slices.Equal(got.Schema, want.Schema):
		t.Errorf("columns\ngot  %s\nwant %s", got.Schema, want.Schema)
	case !same(t, got.Rows, want.Rows, c.Unordered) || !sameValue(t, got.Value, want.Value):
		t.Errorf("got  %s%s\nwant %s%s", got.Rows, got.Value, want.Rows, want.Value)
	}
}

func wantWords(t *testing.T, got answer, words string) {
	t.Helper()
	if got.Error == "" || !strings.Contains(got.Message, words) {
		t.Errorf("got %s, want an error with %q", got, words)
	}
}
