package spark_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
)

// deepest returns, for each way to nest, the deepest plan that may be sent. One
// more level is refused.
func deepest(t *testing.T) map[string]*spark.DataFrame {
	t.Helper()
	one, three := spark.Lit(1), spark.Range(0, 3, 1, 1)
	row := call("named_struct", spark.Lit("a"), spark.Lit(1))
	list := call("array", one)
	columns := map[string]struct {
		from *spark.Column
		nest func(c *spark.Column, level int) *spark.Column
	}{
		"functions":  {one, func(c *spark.Column, _ int) *spark.Column { return call("+", c, one) }},
		"conditions": {one, func(c *spark.Column, _ int) *spark.Column { return call("when", spark.Lit(false), one, c) }},
		"casts":      {one, func(c *spark.Column, n int) *spark.Column { return c.Cast([]string{"int", "bigint"}[n%2], false) }},
		"fields":     {row, func(c *spark.Column, n int) *spark.Column { return c.WithField(fmt.Sprint("f", n%3), one) }},
		"lambdas": {list, func(c *spark.Column, n int) *spark.Column {
			return call("transform", list, spark.Lambda([]string{fmt.Sprint("x", n)}, call("size", c)))
		}},
		"windows": {spark.Col("id"), func(c *spark.Column, _ int) *spark.Column {
			return call("+", call("max", one).Over(spark.Window{Partitions: []*spark.Column{spark.Col("id")}}), c)
		}},
	}
	out := map[string]*spark.DataFrame{
		"expressions in SQL": spark.SQL("SELECT 1"+strings.Repeat("+1", spark.MaxNesting), nil, nil),
		"parentheses in SQL": spark.SQL("SELECT "+strings.Repeat("(", spark.MaxNesting)+"1"+strings.Repeat(")", spark.MaxNesting), nil, nil),
	}
	for name, c := range columns {
		level := c.from
		for n := range 2 * spark.MaxDepth {
			df := three.Select(c.nest(level, n))
			if df.Err() != nil {
				if !errors.Is(df.Err(), spark.ErrPlanLimit) || n < 8 {
					t.Errorf("%s: %v after %d levels", name, df.Err(), n)
				}
				break
			}
			out[name], level = df, c.nest(level, n)
		}
	}
	steps := map[string]func(df *spark.DataFrame) *spark.DataFrame{
		"limits": func(df *spark.DataFrame) *spark.DataFrame { return df.Limit(100) },
		"filters": func(df *spark.DataFrame) *spark.DataFrame {
			return df.Filter(call(">=", spark.Col("id"), spark.Lit(0)))
		},
		"columns added one by one": func(df *spark.DataFrame) *spark.DataFrame {
			return df.WithColumns([]string{"a"}, []*spark.Column{call("+", spark.Col("id"), one)})
		},
		"unions": func(df *spark.DataFrame) *spark.DataFrame { return df.SetOp(three, spark.Union, true, false, false) },
	}
	for name, step := range steps {
		df := three
		for step(df).Err() == nil {
			df = step(df)
		}
		out[name] = df
	}
	return out
}

// tooSlow plans take an engine many seconds at the limit, or it gives up with an
// error, which harms nobody else.
var tooSlow = map[string][]string{
	"sail":  {"fields"},
	"spark": {"filters", "windows", "columns added one by one", "unions"},
}

func TestTheDeepestPlansHarmNeitherEngine(t *testing.T) {
	sail := proctest.StartEngine(t, "sail") // one of its own, for it may die
	plans := deepest(t)
	for engine, remote := range map[string]string{"sail": sail.Remote(), "spark": proctest.Spark(t)} {
		t.Run(engine, func(t *testing.T) {
			session := openWith(t, spark.Config{Remote: remote})
			for name, df := range plans {
				if slices.Contains(tooSlow[engine], name) {
					continue
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				got, err := rows(ctx, session, df, spark.RowArrays)
				cancel()
				if err != nil {
					t.Errorf("%s: %v", name, err)
				} else if len(got) < 3 {
					t.Errorf("%s: no rows", name)
				}
			}
			if session.Generation() != 1 {
				t.Error("the session was lost")
			}
		})
	}
	if n := sail.Status().Running[0].Restarts; n != 0 {
		t.Errorf("Sail was started again %d times", n)
	}
}

func TestARequestThatIsTooLargeIsNotSent(t *testing.T) {
	server := sparktest.Start(t, twoBatches)
	session := connect(t, server)
	// A plan that is as large as a plan may be, and what goes beside it.
	text := strings.Repeat("x", spark.MaxMessage-300)
	df := spark.SQL("SELECT 1", nil, nil).Select(spark.Lit(text))
	if df.Err() != nil {
		t.Fatal(df.Err())
	}
	_, err := ids(t.Context(), session, df, spark.Options{Tags: []string{strings.Repeat("t", 400)}})
	if !errors.Is(err, spark.ErrPlanLimit) || !strings.Contains(err.Error(), "accepts 128") {
		t.Errorf("got %v, want ErrPlanLimit", err)
	}
	if n := len(server.Requests("ExecutePlan")); n != 0 {
		t.Errorf("%d plans were sent", n)
	}
}
