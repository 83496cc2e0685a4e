package judgetest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

var update = flag.Bool("update", false, "write sdk/functions/SAIL.md anew")

const sailPath = "../../../sdk/functions/SAIL.md"

// TestWhatSailLacksOfTheFunctions runs every function on Sail and compares with
// Spark. What Sail lacks and what it answers otherwise is listed: -update writes
// the list.
func TestWhatSailLacksOfTheFunctions(t *testing.T) {
	binder := judgetest.Binder(t, proctest.Spark(t))
	want, err := sparkValues(judgetest.Session(t, binder))
	if err != nil {
		t.Fatal(err)
	}
	// Of its own: a function that Sail has a fault in may end it.
	sail := judgetest.Binder(t, proctest.StartEngine(t, "sail").Remote())
	var lacks, differs bytes.Buffer
	missing, other, called := 0, 0, 0
	for _, x := range samples {
		if x.use == "transform" || x.use == "error" {
			continue
		}
		called++
		s := judgetest.Session(t, sail)
		for i, c := range x.columns() {
			got, err := frame(s, x, c).CollectJSON(abi.RowArrays)
			if err != nil {
				missing++
				fmt.Fprintf(&lacks, "| `%s` | %s |\n", x.name, sailSays(err))
				break
			}
			if certain(x) && !ofTheEngine[x.name] && !judgetest.Same(t, got, want[x.name][i]) {
				other++
				fmt.Fprintf(&differs, "| `%s` | `%s` | `%s` |\n", x.name, short(string(got)), short(string(want[x.name][i])))
				break
			}
		}
	}
	text := fmt.Sprintf("# Functions on Sail\n\nOf the %d functions that have a value, Sail 0.7.2 lacks %d and answers %d otherwise than Apache Spark 4.3, for the\n"+
		"arguments that are tried. What is lacking is an error of the action. Written by\n"+
		"`go test ./host/hostfn/judgetest -run TestWhatSailLacks -update`, which compares both engines.\n\n"+
		"| lacking | what Sail says |\n| --- | --- |\n%s\n| otherwise | Sail's rows | Spark's |\n| --- | --- | --- |\n%s",
		called, missing, other, lacks.Bytes(), differs.Bytes())
	if *update {
		if err := os.WriteFile(sailPath, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	listed, err := os.ReadFile(sailPath)
	if err != nil {
		t.Fatal(err)
	}
	if string(listed) != text {
		t.Errorf("%s is not what Sail does any more; run this test with -update. Now it would be\n%s", sailPath, text)
	}
}

// ofTheEngine are functions whose values are the engine's or the user's own, or in
// no certain order.
var ofTheEngine = map[string]bool{"version": true, "user": true, "current_user": true, "session_user": true, "current_catalog": true, "collect_set": true, "collect_union": true}

// sparkValues returns the rows of each call of the functions, by their names.
func sparkValues(s *spark.Session) (map[string][]json.RawMessage, error) {
	if err := switchOnNewTypes(s); err != nil {
		return nil, err
	}
	values := make(map[string][]json.RawMessage)
	for _, b := range batches(certain) {
		data, err := frame(s, b.samples[0], b.calls()...).CollectJSON(abi.RowArrays)
		if err != nil {
			return nil, fmt.Errorf("batch %s: %w", b.name, err)
		}
		if len(b.samples) == 1 && b.samples[0].alone() {
			values[b.name] = []json.RawMessage{data} // as many columns as the function makes
			continue
		}
		var rows [][]json.RawMessage
		if err := json.Unmarshal(data, &rows); err != nil {
			return nil, fmt.Errorf("batch %s: %w in %s", b.name, err, data)
		}
		column := 0
		for _, x := range b.samples {
			for range x.columns() {
				var cells []string
				for _, row := range rows {
					cells = append(cells, "["+string(row[column])+"]")
				}
				values[x.name] = append(values[x.name], json.RawMessage("["+strings.Join(cells, ",")+"]"))
				column++
			}
		}
	}
	return values, nil
}

// sailSays is the first line of an error without what differs from run to run.
func sailSays(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*abi.Error](err); ok {
		text = e.Message()
	}
	line, _, _ := strings.Cut(text, "\n")
	line, _, _ = strings.Cut(line, " (Sail does not have this")
	return short(columnID.ReplaceAllString(line, "#"))
}

// columnID is how Sail numbers columns.
var columnID = regexp.MustCompile(`#\d+`)

func short(text string) string {
	text = strings.NewReplacer("|", `\|`, "`", "'").Replace(text)
	if len(text) > 100 {
		return strings.ToValidUTF8(text[:100], "") + "…"
	}
	return text
}
