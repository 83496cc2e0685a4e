package hostfn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// logged returns an invocation and what it logs, as text without the time.
func logged(t *testing.T, level slog.Level) (*Invocation, *bytes.Buffer) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	return open(t, &session{}, Config{Log: log}), &out
}

func TestLogLinesNameTheTask(t *testing.T) {
	i, out := logged(t, slog.LevelDebug)
	i.TaskLog(0, "counting", []byte(`{"words":3,"task":"evil","list":[1, 2],"s":"a b"}`))
	want := `level=INFO msg=counting task=demo.Count task_id=id-1 fields.words=3 fields.task=evil fields.list="[1, 2]" fields.s="a b"` + "\n"
	if out.String() != want {
		t.Errorf("logged %s want %s", out, want)
	}
}

func TestLogLevelsAreSlogs(t *testing.T) {
	i, out := logged(t, slog.LevelDebug)
	for _, level := range []abi.Level{-100, -4, -1, 0, 3, 4, 7, 8, 1 << 30} {
		i.TaskLog(level, "x", nil)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		level, _, _ := strings.Cut(strings.TrimPrefix(line, "level="), " ")
		got = append(got, level)
	}
	want := []string{"DEBUG", "DEBUG", "DEBUG", "INFO", "INFO", "WARN", "WARN", "ERROR", "ERROR"}
	if !slices.Equal(got, want) {
		t.Errorf("levels %v, want %v", got, want)
	}
}

func TestLogLinesCannotBeForgedOrFlooded(t *testing.T) {
	i, out := logged(t, slog.LevelInfo)
	i.TaskLog(0, "a\nlevel=ERROR msg=b\x1b[31m\u2028\u202e\xff", []byte("not json\n"))
	if got, want := out.String(), `msg="a\\nlevel=ERROR msg=b\\x1b[31m\\u2028\\u202e\\xff" task=demo.Count task_id=id-1 fields.attrs="not json\\n"`; !strings.Contains(got, want) {
		t.Errorf("logged %s want %s", got, want)
	}
	out.Reset()
	i.TaskLog(0, strings.Repeat("é", 100_000), []byte(`{"a":"`+strings.Repeat("y", 100_000)+`"}`))
	if got := out.String(); len(got) > 9_000 || !strings.Contains(got, "… (200000 bytes)") || !strings.Contains(got, "dropped: 100008 bytes") {
		t.Errorf("logged %d bytes: %.200s", len(got), got)
	}
	out.Reset()
	for range 200 { // below the level: costs nothing
		i.TaskLog(-4, "debug", nil)
	}
	for n := range 2000 {
		i.TaskLog(0, fmt.Sprint("line ", n), nil)
	}
	lines := slices.Collect(strings.Lines(out.String()))
	if len(lines) != 999 || !strings.Contains(lines[998], "dropped") || !strings.Contains(lines[998], "WARN") {
		t.Errorf("%d lines, the last is %s; want 998 more and a word on the rest", len(lines), lines[len(lines)-1])
	}
}

func TestManyLogAttributesAreCut(t *testing.T) {
	i, out := logged(t, slog.LevelInfo)
	m := make(map[string]int)
	for n := range 100 {
		m[fmt.Sprint("k", n)] = n
	}
	i.TaskLog(0, "x", marshal(t, m))
	if got := strings.Count(out.String(), "fields."); got != maxLogAttrs+1 {
		t.Errorf("%d attributes, want %d and a word on the rest", got, maxLogAttrs)
	}
	out.Reset()
	for _, attrs := range []string{`[1]`, `{"a"`, "null", "\xff", `{`, `{"a":1`} {
		i.TaskLog(0, "x", []byte(attrs))
	}
	// What breaks off between two attributes is as good as what came before.
	if got := strings.Count(out.String(), "fields.attrs="); got != 4 {
		t.Errorf("%d of the malformed attributes are shown as they are, want 4:\n%s", got, out)
	}
}

func TestStatesReachTheTask(t *testing.T) {
	var got []string
	down := errors.New("broker is away")
	task := Task{State: func(_ context.Context, state string, meta json.RawMessage) error {
		if state == "BROKEN" {
			return down
		}
		got = append(got, state+" "+string(meta))
		return nil
	}}
	i := openTask(t.Context(), &session{}, Config{}, task)
	for state, meta := range map[string]string{"PROGRESS": `{"done": 2.0}`} {
		if err := i.TaskState(state, []byte(meta)); err != nil {
			t.Errorf("TaskState(%s) = %v", state, err)
		}
	}
	if err := i.TaskState("STEP 2", nil); err != nil {
		t.Error(err)
	}
	if want := []string{`PROGRESS {"done": 2.0}`, "STEP 2 null"}; !slices.Equal(got, want) {
		t.Errorf("states %q, want %q", got, want)
	}
	for _, state := range []string{"SUCCESS", "FAILURE", "REVOKED"} {
		wantError(t, i.TaskState(state, nil), "ValueError", state, "when the task ends")
	}
	wantError(t, i.TaskState("", nil), "ValueError", "no name")
	wantError(t, i.TaskState("A\nB", nil), "ValueError", "no name")
	wantError(t, i.TaskState("PROGRESS", []byte("{")), "ValueError", "not one JSON value")
	err := i.TaskState("BROKEN", nil)
	wantError(t, err, "RuntimeError", "report state BROKEN", "broker is away")
	if !errors.Is(err, down) {
		t.Errorf("%v lacks its cause", err)
	}
}

func TestAnInvocationWithoutStatesTakesThem(t *testing.T) {
	if err := open(t, &session{}, Config{}).TaskState("PROGRESS", nil); err != nil {
		t.Errorf("TaskState = %v, want nil", err)
	}
}

func TestArgumentsAndRequestAreThoseOfTheTask(t *testing.T) {
	i := openTask(t.Context(), &session{}, Config{}, Task{Args: []byte(`{"args": [2.0]}`), Request: []byte(`{"id":"x"}`)})
	if string(i.TaskArgs()) != `{"args": [2.0]}` || string(i.TaskRequest()) != `{"id":"x"}` {
		t.Errorf("args %s, request %s", i.TaskArgs(), i.TaskRequest())
	}
}

func TestActionsAreTaggedWithTheTask(t *testing.T) {
	var tags []string
	s := &session{count: func(_ context.Context, _ *spark.DataFrame, opt spark.Options) (int64, error) {
		tags = opt.Tags
		return 12, nil
	}}
	i := openTask(t.Context(), s, Config{}, Task{ID: "i,d", Name: "a,b"})
	n, err := i.ActionCount(i.FrameRange(0, 12, 1, 0))
	if n != 12 || err != nil {
		t.Errorf("count = %d, %v; want 12", n, err)
	}
	if want := []string{"i_d", "task:a_b"}; !slices.Equal(tags, want) {
		t.Errorf("tags %q, want %q: a tag must not hold a comma", tags, want)
	}
}

func TestSchemaIsTheABIsJSON(t *testing.T) {
	s := &session{schema: []spark.Field{{Name: "w", Type: "array<string>"}, {Name: "n", Type: "bigint", Nullable: true}}}
	i := open(t, s, Config{})
	got, err := i.ActionSchema(i.FrameRange(0, 1, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	var schema abi.Schema
	if err := json.Unmarshal(got, &schema); err != nil {
		t.Fatal(err)
	}
	want := []abi.ColumnSchema{{Name: "w", Type: "array<string>"}, {Name: "n", Type: "bigint", Nullable: true}}
	if !slices.Equal(schema.Columns, want) {
		t.Errorf("schema = %s, want %v", got, want)
	}
}

func TestExplainTakesPySparksModes(t *testing.T) {
	s := &session{explain: func(mode string) (string, error) { return "plan " + mode, nil }}
	i := open(t, s, Config{})
	frame := i.FrameRange(0, 1, 1, 0)
	for mode, want := range map[string]string{"": "plan simple", "formatted": "plan formatted"} {
		if got, err := i.ActionExplain(frame, mode); got != want || err != nil {
			t.Errorf("explain(%q) = %q, %v; want %q", mode, got, err, want)
		}
	}
	_, err := i.ActionExplain(frame, "nice")
	wantError(t, err, "ValueError", `"nice"`, "formatted")
}
