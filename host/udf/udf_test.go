package udf_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
	"github.com/sparkstalk/sparkstalk/host/udf"
	"github.com/sparkstalk/sparkstalk/host/udf/udftest" // its functions, natively
	"github.com/sparkstalk/sparkstalk/sdk"
)

func TestMain(m *testing.M) { proctest.Main(m) }

// guests are what executors run of udftest, by its versions.
var guests = [...]func() ([]byte, error){1: guest("1"), 2: guest("2")}

func guest(version string) func() ([]byte, error) {
	return sync.OnceValues(func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "udftest")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir) // it is in memory by then
		out := filepath.Join(dir, "guest.wasm")
		flags := "-ldflags=-s -w -X github.com/sparkstalk/sparkstalk/host/udf/udftest.version=" + version
		build := exec.Command("go", "build", "-buildmode=c-shared", "-tags=sparkstalk_functions", flags, "-o", out, "./udftest/guest")
		build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			return nil, errors.New(string(text))
		}
		return os.ReadFile(out)
	})
}

const hash = "0123456789abcdef0123456789abcdef"

// library is that of a version of udftest. Its names begin with a hash that begins so.
func library(t *testing.T, version int, begins string) *udf.Library {
	t.Helper()
	file, err := guests[version]()
	if err != nil {
		t.Fatal(err)
	}
	return udf.New(file, begins+hash[len(begins):], sdk.Manifest().Functions, 64)
}

// multiplying is a module whose export triple multiplies a number by a small one,
// 3 unless it is another version: executors compile it at once.
func multiplying(factor byte) []byte {
	return []byte("\x00asm\x01\x00\x00\x00" +
		"\x01\x06\x01\x60\x01\x7e\x01\x7e" + // a type: i64 to i64
		"\x03\x02\x01\x00" + // a function of it
		"\x07\x0a\x01\x06triple\x00\x00" +
		"\x0a\x09\x01\x07\x00\x20\x00\x42" + string(rune(factor)) + "\x7e\x0b") // local.get 0, i64.const, i64.mul
}

// tripling is a library of such a module, whose names begin with a hash that
// begins so.
func tripling(begins string) *udf.Library { return multiplyingBy(3, begins) }

func multiplyingBy(factor byte, begins string) *udf.Library {
	return udf.New(multiplying(factor), begins+hash[len(begins):], []abi.FunctionSpec{{
		Name: "triple", Params: []abi.FunctionParam{{Name: "n", Type: "bigint"}}, Returns: "bigint", Export: "triple",
	}}, 64)
}

func open(t *testing.T, remote string) *spark.Session {
	t.Helper()
	s, err := spark.Open(spark.Config{Remote: remote})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// rows runs a query that calls the library's functions.
func rows(t *testing.T, s *spark.Session, l *udf.Library, query string) (string, error) {
	t.Helper()
	text, functions := l.SQL(query)
	return collect(t.Context(), s, spark.SQL(text, nil, nil).Using(functions))
}

func collect(ctx context.Context, s *spark.Session, df *spark.DataFrame) (string, error) {
	return collectTelling(ctx, s, df, nil)
}

func collectTelling(ctx context.Context, s *spark.Session, df *spark.DataFrame, progress func(spark.Progress)) (string, error) {
	stream, err := s.Collect(ctx, df, spark.Options{Progress: progress})
	if err != nil {
		return "", err
	}
	defer func() { _ = stream.Close() }() // WriteJSON reads to the end or fails
	var out strings.Builder
	err = spark.WriteJSON(&out, stream, spark.RowArrays, 1<<20)
	return out.String(), err
}

// TestGoFunctions runs in one session, since each has executors compile a module
// anew, and one of Go's takes seconds.
func TestGoFunctions(t *testing.T) {
	s, l := open(t, proctest.Spark(t)), library(t, 1, "a1")
	t.Run("ValuesOfEveryTypeGoInAndOut", func(t *testing.T) { valuesOfEveryTypeGoInAndOut(t, s, l) })
	t.Run("CallsInExpressionsAndInSQL", func(t *testing.T) { callsInExpressionsAndInSQL(t, s, l) })
	t.Run("WrongCallsSayWhatIsWrong", func(t *testing.T) { wrongCallsSayWhatIsWrong(t, s, l) })
	t.Run("RunawayFunctionsEndWithTheirQuery", func(t *testing.T) { runawayFunctionsEndWithTheirQuery(t, s, l) })
}

func valuesOfEveryTypeGoInAndOut(t *testing.T, s *spark.Session, l *udf.Library) {
	for name, values := range udftest.Values {
		for _, kind := range []string{"same_", "plain_"} {
			if _, err := l.Call(kind+name, []*spark.Column{spark.Col("v")}); err != nil {
				continue // plain ones are there for some types
			}
			t.Run(kind+name, func(t *testing.T) {
				const through = "SELECT %s AS v FROM VALUES %s AS t(v)"
				of := func(value string) string {
					query := strings.NewReplacer("%s AS v", value+" AS v", "VALUES %s", "VALUES "+values).Replace(through)
					got, err := rows(t, s, l, query)
					if err != nil {
						t.Fatal(err)
					}
					return got
				}
				cast := "CAST(v AS " + udftest.Type(name) + ")"
				want, got := of(cast), of(kind+name+"("+cast+")")
				if got != want {
					t.Errorf("%s%s gives %s; want %s", kind, name, got, want)
				}
			})
		}
	}
}

func callsInExpressionsAndInSQL(t *testing.T, s *spark.Session, l *udf.Library) {
	for query, want := range map[string]string{
		"SELECT none()": `[["nothing in"]]`,
		"SELECT JOIN_ALL('a', 1, 2.5, true, array('x', 'y'), 'f', 'g', 'h', 'i', 'j')": `[["a-f-g-h-i-j-x-y"]]`,
		"SELECT three(1, 'b', 2)":                                                                                                            `[["b"]]`,
		"SELECT triple(5), triple(CAST(NULL AS BIGINT))":                                                                                     `[[22,null]]`,
		"SELECT explode(words('the quick fox')) AS w ORDER BY w":                                                                             `[["fox"],["quick"],["the"]]`,
		"SELECT transform(array(1L, 2L), x -> triple(x))":                                                                                    `[[[10,13]]]`,
		"SELECT 'triple(1)' AS t -- triple(2)":                                                                                               `[["triple(1)"]]`,
		"SELECT sum(triple(id)) FROM range(0, 1000, 1, 4)":                                                                                   `[[1505500]]`,
		"SELECT count(DISTINCT v) > 90 FROM (SELECT dice() AS v FROM range(100))":                                                            `[[true]]`,
		"SELECT count(DISTINCT v) > 90 FROM (SELECT noisy(0) AS v FROM range(100))":                                                          `[[true]]`,
		"SELECT max(triple(id)) FROM range(10) GROUP BY triple(1) ORDER BY triple(1)":                                                        `[[34]]`,
		"SELECT sum_squares(id) FROM range(0, 100, 1, 5)":                                                                                    `[[328350.0]]`,
		"SELECT id % 2 AS k, sum_squares(id) FROM range(0, 10, 1, 3) GROUP BY k ORDER BY k":                                                  `[[0,120.0],[1,165.0]]`,
		"SELECT length(spread(CAST(id AS STRING))) FROM range(0, 10, 1, 3)":                                                                  `[[19]]`,
		"SELECT longest(v), longest(CAST(NULL AS STRING)) FROM VALUES ('a'), ('ccc'), (NULL), ('bb') AS t(v)":                                `[["ccc",null]]`,
		"SELECT max(s), max(q) FROM (SELECT sum(triple(id)) OVER (ORDER BY id) AS s, sum_squares(id) OVER (ORDER BY id) AS q FROM range(4))": `[[46,14.0]]`,
		"SELECT sum_squares(id) FROM range(0)":                                                                                               `[[0.0]]`,
		"SELECT length(same_string(repeat('xö', 50000)))":                                                                                    `[[100000]]`,
		"SELECT length(join_all(repeat('a', 1000), 1, 2.5, true, array('x', 'y'), repeat('f', 3000), 'g', 'h', 'i', 'j'))":                   `[[4013]]`,
		"SELECT hex(same_string(CAST(X'61FF62' AS STRING))), hex(plain_string(CAST(X'61FF' AS STRING)))":                                     `[["61EFBFBD62","61EFBFBD"]]`,
		"SELECT same_string(7)":           `[["7"]]`,
		"SELECT size(long_array(100000))": `[[100000]]`,
	} {
		got, err := rows(t, s, l, query)
		if err != nil || got != want {
			t.Errorf("%s gives %s, %v; want %s", query, got, err, want)
		}
	}
	column, err := l.Call("triple", []*spark.Column{spark.Lit("14")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := collect(t.Context(), s, spark.Range(0, 1, 1, 1).Select(column.Alias("t")))
	if err != nil || got != "[[49]]" {
		t.Errorf("a text that is a number gives %s, %v; it is cast as Spark casts it", got, err)
	}
}

func wrongCallsSayWhatIsWrong(t *testing.T, s *spark.Session, l *udf.Library) {
	call := func(name string, args ...*spark.Column) error {
		column, err := l.Call(name, args)
		if err != nil {
			return err
		}
		_, err = collect(t.Context(), s, spark.Range(0, 1, 1, 1).Select(column))
		return err
	}
	query := func(text string) error {
		_, err := rows(t, s, l, text)
		return err
	}
	for name, c := range map[string]struct {
		err   error
		words []string
	}{
		"name":            {call("tripel", spark.Lit(1)), []string{"tripel", "triple(bigint)"}},
		"number":          {call("triple"), []string{"triple", "1 arguments", "(bigint)", "got 0"}},
		"type":            {call("triple", spark.Call("array", []*spark.Column{spark.Lit(1)}, false)), []string{"argument 1 of triple(bigint): ", "DATATYPE_MISMATCH", "ARRAY<INT>", "BIGINT"}},
		"a value":         {call("three", spark.Lit("x"), spark.Lit("y"), spark.Lit(1)), []string{"argument 1 of three(bigint, string, double): ", "CAST_INVALID_INPUT"}},
		"a constant":      {call("triple", spark.Literal("array<int>", []byte("[1]"))), []string{"argument 1 of triple(bigint): ", "array<int>"}},
		"number in SQL":   {query("SELECT triple(1, 2)"), []string{"triple", "2"}},
		"type in SQL":     {query("SELECT triple('x')"), []string{"triple('x')", "argument 1", "bigint", "cast"}},
		"range in SQL":    {query("SELECT plain_tinyint(1000)"), []string{"plain_tinyint(1000)", "does not fit tinyint"}},
		"its own error":   {query("SELECT refuse('cats')"), []string{"refuse('cats')", "no cats here"}},
		"a panic":         {query("SELECT panics('abc', 17)"), []string{"panics('abc', 17)", "slice bounds out of range [17:3]"}},
		"much memory":     {query("SELECT eats(200)"), []string{"eats(200)", "out of memory"}},
		"a deep stack":    {query("SELECT overflows(1)"), []string{"overflows(1)", "stack"}},
		"a long argument": {query("SELECT refuse(repeat('ab', 1000))"), []string{"refuse('abab", "…"}},
	} {
		if c.err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, word := range c.words {
			if !strings.Contains(c.err.Error(), word) {
				t.Errorf("%s: the error lacks %q: %.1500s", name, word, c.err)
			}
		}
	}
	if got, err := rows(t, s, l, "SELECT triple(1)"); err != nil || got != "[[10]]" {
		t.Errorf("after all of this triple(1) is %s, %v", got, err)
	}
}

func runawayFunctionsEndWithTheirQuery(t *testing.T, s *spark.Session, l *udf.Library) {
	if _, err := rows(t, s, l, "SELECT triple(1)"); err != nil { // compiled by now
		t.Fatal(err)
	}
	for _, query := range []string{"SELECT loops(id) FROM range(4)", "SELECT recurses(90 + id) FROM range(4)"} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		text, functions := l.SQL(query)
		_, err := collect(ctx, s, spark.SQL(text, nil, nil).Using(functions))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, spark.ErrInterrupted) {
			t.Errorf("%s ends with %v", query, err)
		}
		// The cores are free again.
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		text, functions = l.SQL("SELECT sum(triple(id)) FROM range(0, 8, 1, 8)")
		got, err := collect(ctx, s, spark.SQL(text, nil, nil).Using(functions))
		cancel()
		if err != nil || got != "[[140]]" {
			t.Fatalf("after %s: %s, %v", query, got, err)
		}
	}
}

func unused() bool { return true }

func TestVersionsLiveSideBySideAndAreForgotten(t *testing.T) {
	s := open(t, proctest.Spark(t))
	one, two := tripling("b1"), tripling("b2")
	for _, l := range []*udf.Library{one, two} {
		if got, err := rows(t, s, l, "SELECT triple(1), triple(NULL)"); err != nil || got != "[[3,null]]" {
			t.Fatalf("%s, %v", got, err)
		}
	}
	if scope, err := s.Scope(t.Context()); err != nil || scope == "" {
		t.Errorf("functions of modules have plans mean what only this session knows: %q, %v", scope, err)
	}
	if err := s.Forget(t.Context(), one.Functions(), unused); err != nil {
		t.Fatal(err)
	}
	listed, err := collect(t.Context(), s, spark.SQL("SHOW USER FUNCTIONS", nil, nil))
	if err != nil || strings.Contains(listed, "triple_b1") || !strings.Contains(listed, "triple_b2") {
		t.Errorf("after one was forgotten: %s, %v", listed, err)
	}
	if got, err := rows(t, s, one, "SELECT triple(2)"); err != nil || got != "[[6]]" {
		t.Errorf("a plan that needs a forgotten function gives %s, %v", got, err)
	}
}

func TestFunctionsAreThereInTheNextSession(t *testing.T) {
	remote := proctest.Spark(t)
	s, l := open(t, remote), tripling("c1")
	text, functions := l.SQL("SELECT triple(1)")
	df := spark.SQL(text, nil, nil).Using(functions)
	if got, err := collect(t.Context(), s, df); err != nil || got != "[[3]]" {
		t.Fatalf("%s, %v", got, err)
	}
	sparktest.Release(t, remote, s.ID())
	if _, err := collect(t.Context(), s, df); !errors.Is(err, spark.ErrSessionLost) {
		t.Fatalf("in a session that was released: %v", err)
	}
	if got, err := collect(t.Context(), s, df); err != nil || got != "[[3]]" {
		t.Errorf("in the next session: %s, %v", got, err)
	}
}

func TestSailNamesTheWayOut(t *testing.T) {
	s, l := open(t, proctest.Sail(t)), tripling("a1")
	_, err := rows(t, s, l, "SELECT triple(1)")
	lacks, ok := errors.AsType[*spark.LacksError](err)
	if !ok || lacks.Feature != spark.FeatureJavaFunctions || !strings.Contains(err.Error(), "Spark") {
		t.Errorf("on Sail: %v", err)
	}
}

func TestTheManifestDescribesTheFunctions(t *testing.T) {
	data, err := json.Marshal(sdk.Manifest().Functions)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`{"name":"same_dates","params":[{"type":"array\u003cdate\u003e"}],"returns":"array\u003cdate\u003e"}`,
		`{"name":"dice","returns":"bigint","nondeterministic":true}`,
		`{"name":"sum_squares","params":[{"type":"double"}],"returns":"double","aggregate":true}`,
	} {
		if !strings.Contains(string(data), part) {
			t.Errorf("%s is not in %s", part, data)
		}
	}
}
