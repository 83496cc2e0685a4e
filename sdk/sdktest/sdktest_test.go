package sdktest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type none struct{}

type pathArgs struct {
	Path string `arg:"path"`
}

func init() {
	sdk.Task("t.first", func(ctx *sdk.Context, a pathArgs) (string, error) {
		row, err := ctx.Spark().Read().Text(a.Path).First()
		if err != nil {
			return "", err
		}
		return fmt.Sprint(row.Get("value")), nil
	})
	sdk.Task("t.two", func(ctx *sdk.Context, _ none) ([]int64, error) {
		a, err := ctx.Spark().Range(0, 1).Count()
		if err != nil {
			return nil, err
		}
		b, err := ctx.Spark().Range(0, 2).Count()
		return []int64{a, b}, err
	})
	sdk.Task("t.meta", func(ctx *sdk.Context, _ none) ([]string, error) {
		df := ctx.Spark().Table("t")
		schema, err := df.Schema()
		if err != nil {
			return nil, err
		}
		names, err := df.Columns()
		if err != nil {
			return nil, err
		}
		plan, err := df.Explain("")
		return []string{fmt.Sprint(schema.Columns), fmt.Sprint(names), plan}, err
	})
}

// tb is a test whose failure can be looked at.
type tb struct{ failure string }

func (*tb) Helper() {}

func (t *tb) Fatalf(format string, args ...any) {
	t.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failure returns how a test fails that does f.
func failure(f func(t sdktest.TB)) string {
	t := new(tb)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(t)
	}()
	<-done
	return t.failure
}

func TestWhatIsMissingFailsTheTestAndShowsThePlan(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(tb sdktest.TB)
		want string
	}{
		{"no answer", func(tb sdktest.TB) { _, _ = sdktest.Call(tb, "t.first", "/x") },
			"sdktest: no answer for the rows of this plan:\nlimit 1\n  read text \"/x\"\nNone was given: use Host.On(\"\").Rows(…), for example."},
		{"no match", func(tb sdktest.TB) {
			h := sdktest.New(tb)
			h.On("parquet")
			h.Once("range 0 to 1")
			_, _ = h.Call("t.two")
		}, "sdktest: no answer for the count of this plan:\nrange 0 to 2\nThe answers given are for plans with\n  \"parquet\"\n  \"range 0 to 1\" (once, and used up)"},
		{"no names", func(tb sdktest.TB) {
			h := sdktest.New(tb)
			h.On("").Rows("a")
			_, _ = h.Call("t.first", "/x")
		}, `sdktest: row 0 of the answer for "": the task asks for rows with names: 1 values need as many names from Columns, which has 0`},
		{"no task", func(tb sdktest.TB) { _, _ = sdktest.Call(tb, "t.third") }, `sdktest: there is no task "t.third"; there are given.totals, on.both, http.rates, http.post, recorded.count, t.first, t.two, t.meta, sales.top, t.observed, t.archive, t.writes, t.views, t.command`},
		{"odd arguments", func(tb sdktest.TB) { _, _ = sdktest.Call(tb, "t.first", sdktest.Kwargs{}, 1) },
			"sdktest: call t.first: argument 0 is a Kwargs and not the last one"},
		{"no JSON", func(tb sdktest.TB) { _, _ = sdktest.Call(tb, "t.first", func() {}) },
			"sdktest: call t.first: argument 0: json: unsupported type: func()"},
		{"no columns", func(tb sdktest.TB) {
			h := sdktest.New(tb)
			h.On("table t")
			_, _ = h.Call("t.meta")
		}, `sdktest: the task asks for the schema, and the answer for "table t" has no Columns`},
	} {
		if got := failure(c.do); got != c.want {
			t.Errorf("%s: got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestAnswersAreTakenInOrder(t *testing.T) {
	h := sdktest.New(t)
	h.Once("").Count(10)
	h.Once("").Rows(1, 2, 3)
	if got, err := h.Call("t.two"); err != nil || string(got) != "[10,3]" {
		t.Errorf("got %s, %v", got, err)
	}
	if got := strings.Join(h.Plans(), "; "); got != "range 0 to 1; range 0 to 2" {
		t.Errorf("got %s", got)
	}
}

func TestSchemaAndExplain(t *testing.T) {
	h := sdktest.New(t)
	h.On("table t").Columns("id", "name").Types("bigint")
	got, err := h.Call("t.meta")
	if err != nil || string(got) != `["[{id bigint true} {name string true}]","[id name]","table t"]` {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestAnotherError(t *testing.T) {
	h := sdktest.New(t)
	h.On("").Err(fmt.Errorf("no luck"))
	if _, err := h.Call("t.first", "/x"); err == nil || err.Error() != "Exception: no luck" {
		t.Errorf("got %v", err)
	}
}

type topArgs struct {
	Path string `arg:"path"`
	N    int    `arg:"n,default=10"`
}

func init() {
	sdk.Task("sales.top", func(ctx *sdk.Context, a topArgs) (*spark.DataFrame, error) {
		totals := ctx.Spark().Read().Parquet(a.Path).GroupBy("customer").Agg(F.Sum("amount").As("total"))
		return totals.OrderBy(F.Desc("total")).Limit(a.N), nil
	})
}

// In a test, give New the *testing.T.
func Example() {
	var t testing.T
	h := sdktest.New(&t)
	h.On("read parquet").Rows([]any{"Ada", 12.5}, []any{"Bob", 7.25})
	got, err := h.Call("sales.top", "/data", sdktest.Kwargs{"n": 2})
	fmt.Println(string(got), err)
	fmt.Println(h.Plan())
	_, err = h.Call("sales.top")
	fmt.Println(err)
	// Output:
	// [["Ada",12.5],["Bob",7.25]] <nil>
	// limit 2
	//   sort total DESC
	//     aggregate sum(amount) AS total by customer
	//       read parquet "/data"
	// TypeError: top() missing 1 required positional argument: 'path'
}

func init() {
	sdk.Task("t.observed", func(ctx *sdk.Context, _ none) (any, error) {
		o := spark.NewObservation("m")
		if _, err := ctx.Spark().Range(0, 3).Observe(o, F.Count("*").As("n")).Count(); err != nil {
			return nil, err
		}
		row, err := o.Get()
		return row.Get("n"), err
	})
}

func TestMetricsAreThoseGiven(t *testing.T) {
	h := sdktest.New(t)
	h.On("observe m: count(1) AS n").Count(3)
	h.Observed("m", map[string]any{"n": 3})
	if got, err := h.Call("t.observed"); err != nil || string(got) != "3" {
		t.Errorf("got %s, %v", got, err)
	}
	if got := failure(func(tb sdktest.TB) {
		h := sdktest.New(tb)
		h.On("")
		_, _ = h.Call("t.observed")
	}); got != `sdktest: the task asks for the metrics of "m": give them with Host.Observed` {
		t.Errorf("got %s", got)
	}
}
