package tpchtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// A tpchQuery says how a task of plugins/tpch is made the query of Sail's text.
type tpchQuery struct {
	kwargs map[string]any
	// sorted are the columns that the query orders by. Rows that are equal in
	// them may come in any order.
	sorted []int
	// quotients are the columns that come of a division, in which engines differ:
	// Sail cuts where Spark rounds, and keeps other numbers of digits.
	quotients []int
}

// tpchQueries has the parameters that Sail's texts have in place of the
// specification's validation values.
var tpchQueries = [...]tpchQuery{
	1:  {map[string]any{"delta": 68}, []int{0, 1}, []int{6, 7, 8}},
	2:  {map[string]any{"size": 48, "type": "TIN", "region": "ASIA"}, []int{0, 2, 1, 3}, nil},
	3:  {map[string]any{"segment": "BUILDING", "date": "1995-03-15"}, []int{1, 2}, nil},
	4:  {map[string]any{"date": "1995-04-01"}, []int{0}, nil},
	5:  {map[string]any{"region": "AFRICA", "date": "1994-01-01"}, []int{1}, nil},
	6:  {map[string]any{"date": "1994-01-01", "discount": 0.04, "quantity": 24}, nil, nil},
	7:  {map[string]any{"nation1": "GERMANY", "nation2": "IRAQ"}, []int{0, 1, 2}, nil},
	8:  {map[string]any{"nation": "IRAQ", "region": "MIDDLE EAST", "type": "LARGE PLATED STEEL"}, []int{0}, []int{1}},
	9:  {map[string]any{"color": "moccasin"}, []int{0, 1}, nil},
	10: {map[string]any{"date": "1993-07-01"}, []int{2}, nil},
	11: {map[string]any{"nation": "ALGERIA", "fraction": json.RawMessage("0.0001000000")}, []int{1}, nil},
	12: {map[string]any{"shipmode1": "FOB", "shipmode2": "SHIP", "date": "1995-01-01"}, []int{0}, nil},
	13: {map[string]any{"word1": "express", "word2": "requests"}, []int{1, 0}, nil},
	14: {map[string]any{"date": "1995-02-01"}, nil, []int{0}},
	15: {map[string]any{"date": map[string]string{"__type__": "date", "__value__": "1996-08-01"}}, []int{0}, nil},
	16: {map[string]any{"brand": "Brand#14", "type": "SMALL PLATED", "sizes": []int{14, 6, 5, 31, 49, 15, 41, 47}}, []int{3, 0, 1, 2}, nil},
	17: {map[string]any{"brand": "Brand#42", "container": "LG BAG"}, nil, []int{0}},
	18: {map[string]any{"quantity": 313}, []int{4, 3}, nil},
	19: {map[string]any{"quantity1": 8, "quantity2": 20, "quantity3": 30, "brand1": "Brand#21", "brand2": "Brand#13", "brand3": "Brand#52"}, nil, nil},
	20: {map[string]any{"color": "blanched", "date": "1993-01-01", "nation": "KENYA"}, []int{0}, nil},
	21: {map[string]any{"nation": "ARGENTINA"}, []int{1, 0}, nil},
	22: {map[string]any{"codes": []string{"24", "34", "16", "30", "33", "14", "13"}}, []int{0}, nil},
}

func TestTPCHAnswersEqualSparksOwn(t *testing.T) {
	data := proctest.TPCH(t)
	want := sparksAnswers(t, data)
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		got := tpchAnswers(t, openTPCH(t, remote), data, allQueries(), func(int) {})
		compareTPCH(t, got, want, strings.HasSuffix(t.Name(), "/sail"))
	})
}

func allQueries() (numbers []int) {
	for n := 1; n < len(tpchQueries); n++ {
		numbers = append(numbers, n)
	}
	return numbers
}

func compareTPCH(t testing.TB, got, want map[int]tpchRows, onSail bool) {
	t.Helper()
	rows := 0
	for n := range got {
		query := tpchQueries[n]
		if !onSail {
			query.quotients = nil
		}
		if err := query.compare(got[n], want[n]); err != nil {
			t.Errorf("tpch.q%d: %v", n, err)
		}
		rows += len(got[n])
	}
	t.Logf("%d rows in all", rows)
}

// sparksAnswers has PySpark ask Spark the queries as SQL, once for all tests.
func sparksAnswers(t testing.TB, data string) map[int]tpchRows {
	t.Helper()
	if sparksSQL == nil {
		sparksSQL = askSpark(t, data)
	}
	return sparksSQL
}

var sparksSQL map[int]tpchRows

func askSpark(t testing.TB, data string) map[int]tpchRows {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), proctest.PySpark(t), "testdata/tpch_sql.py", proctest.Spark(t), data, proctest.TPCHQueries(t))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tpch_sql.py: %v\n%s", err, hosttest.Tail(stderr.String(), 4000))
	}
	return decodeRows[map[int]tpchRows](t, out)
}

// openTPCH opens a host without a broker, with the modules tpch, demo and the
// tests' own.
func openTPCH(t testing.TB, remote string) *host.Runtime {
	t.Helper()
	plugins := t.TempDir()
	hosttest.Drop(t, hosttest.Build(t, "../../plugins/tpch", "1"), plugins, "tpch.wasm")
	hosttest.Drop(t, hosttest.Build(t, "../../plugins/demo", "1"), plugins, "demo.wasm")
	hosttest.Drop(t, hosttest.Build(t, "../testdata/tasks", "1"), plugins, "tasks.wasm")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r, err := host.OpenRuntime(ctx, host.Config{Plugins: plugins, Spark: remote})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"tpch.q1", "demo.WordCount", "test.count"} {
		if !slices.Contains(r.Tasks(), name) {
			t.Fatalf("no module serves %s: %+v", name, r.Modules())
		}
	}
	return r
}

// tpchAnswers calls the tasks of some queries, two at a time. before is told how
// many have been answered, before each.
func tpchAnswers(t testing.TB, r *host.Runtime, data string, numbers []int, before func(answered int)) map[int]tpchRows {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	queries := make(chan int, len(numbers))
	for _, n := range numbers {
		queries <- n
	}
	close(queries)
	answers := make(map[int]tpchRows)
	var mu sync.Mutex
	var callers sync.WaitGroup
	for range 2 {
		callers.Go(func() {
			for n := range queries {
				mu.Lock()
				before(len(answers))
				mu.Unlock()
				answer, err := callTPCH(ctx, r, n, data)
				mu.Lock()
				if err != nil {
					t.Errorf("tpch.q%d: %v", n, err)
				} else {
					answers[n] = decodeRows[tpchRows](t, answer)
				}
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	return answers
}

// callTPCH asks for the query with the parameters of Sail's text.
func callTPCH(ctx context.Context, r *host.Runtime, n int, data string) (json.RawMessage, error) {
	kwargs := make(map[string]json.RawMessage)
	for name, value := range tpchQueries[n].kwargs {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		kwargs[name] = text
	}
	folder, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	return r.Call(ctx, fmt.Sprintf("tpch.q%d", n), []json.RawMessage{folder}, kwargs)
}

type tpchRows [][]any

func decodeRows[T any](t testing.TB, text []byte) (rows T) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&rows); err != nil {
		t.Errorf("%v in %s", err, hosttest.Tail(string(text), 500))
	}
	return rows
}

// compare compares all rows, and the order of what they are sorted by.
func (q tpchQuery) compare(got, want tpchRows) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		for _, c := range q.sorted {
			if !q.same(c, got[i][c], want[i][c]) {
				return fmt.Errorf("row %d is %v, and %v by the order", i, got[i], want[i])
			}
		}
	}
	rest := slices.Clone(want)
	for _, row := range got {
		at := slices.IndexFunc(rest, func(w []any) bool {
			for c := range row {
				if !q.same(c, row[c], w[c]) {
					return false
				}
			}
			return len(row) == len(w)
		})
		if at < 0 {
			return fmt.Errorf("row %v is not Spark's; of its rows are left %.500v", row, rest)
		}
		rest = slices.Delete(rest, at, at+1)
	}
	return nil
}

// same compares two values of a column: exactly, or quotients to the last digit
// that both have.
func (q tpchQuery) same(column int, got, want any) bool {
	if fmt.Sprint(got) == fmt.Sprint(want) {
		return true
	}
	a, b := decimalText(got), decimalText(want)
	x, ok := new(big.Rat).SetString(a)
	y, also := new(big.Rat).SetString(b)
	if !ok || !also || !slices.Contains(q.quotients, column) {
		return false
	}
	digits := int64(min(digitsAfterPoint(a), digitsAfterPoint(b)))
	unit := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(digits), nil))
	return x.Sub(x, y).Abs(x).Cmp(unit) <= 0
}

// decimalText is the text of a decimal as Celery has it, empty for other values.
func decimalText(v any) string {
	special, _ := v.(map[string]any)
	if special["__type__"] != "decimal" {
		return ""
	}
	return fmt.Sprint(special["__value__"])
}

func digitsAfterPoint(text string) int {
	_, digits, _ := strings.Cut(text, ".")
	return len(digits)
}
