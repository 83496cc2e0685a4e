package hostfn

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

// row is a line of the table of types: its last two cells are an expression and
// its JSON, both as code.
var row = regexp.MustCompile("(?m)^\\| ([^|]+) \\|[^|]*\\|[^|]*\\| `([^|]+)` \\| `([^|]+)` \\|$")

// absent are an engine's words for types that the table says it may lack.
var absent = []string{"UNSUPPORTED_TIME_TYPE", "FEATURE_NOT_ENABLED", "cast Timestamp(Nanosecond, "}

// The table of abi/README.md says how every type of Spark's looks as JSON. Both
// engines must agree with it, and so must a cursor's JSON.
func TestRowsAreAsTheTableSays(t *testing.T) {
	page, err := os.ReadFile("../../abi/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "**Rows**, from")
	table, _, _ = strings.Cut(table, "**A cursor's columns**")
	lines := row.FindAllStringSubmatch(table, -1)
	if n := strings.Count(table, "\n|") - 2; len(lines) != n || n < 20 {
		t.Fatalf("%d of the table's %d lines were understood", len(lines), n)
	}
	onEngines(t, func(t *testing.T, w *world) {
		for _, line := range lines {
			kind, expression, want := line[1], line[2], line[3]
			i := w.open(t, "demo.Rows")
			frame := i.FrameSQL("SELECT "+expression+" AS v", nil, nil)
			rows, err := i.ActionCollect(frame, abi.RowArrays)
			if err != nil && slices.ContainsFunc(absent, func(words string) bool { return strings.Contains(err.Error(), words) }) {
				continue // the table says so
			}
			if got := string(rows); err != nil || got != "[["+want+"]]" {
				t.Errorf("%s: %s is %s, %v; want %s", kind, expression, got, err, want)
				continue
			}
			rows, err = i.ActionCollect(frame, abi.RowObjects)
			if got := string(rows); err != nil || got != `[{"v":`+want+`}]` {
				t.Errorf("%s: %s is %s, %v; want it as an object", kind, expression, got, err)
			}
			c, err := i.CursorOpen(frame)
			if err != nil {
				t.Errorf("%s: %v", kind, err)
				continue
			}
			if n, err := i.CursorNext(c, 0); n != 1 || err != nil {
				t.Errorf("%s: next = %d, %v", kind, n, err)
				continue
			}
			if got, err := i.CursorColumn(c, 0, abi.JSONValues); err != nil || string(got) != want {
				t.Errorf("%s: the cursor's JSON is %s, %v; want %s", kind, got, err, want)
			}
		}
	})
}
