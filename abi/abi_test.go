package abi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

func TestErrorf(t *testing.T) {
	for _, c := range []struct{ typ, module, name string }{
		{"ValueError", "builtins", "ValueError"},
		{"pyspark.errors.AnalysisException", "pyspark.errors", "AnalysisException"},
		{"sparkstalk.HostError", "sparkstalk", "HostError"},
	} {
		e := abi.Errorf(c.typ, "%d < %s", 1, `"é"`)
		if e.Module != c.module || e.Type != c.name || e.Message() != `1 < "é"` {
			t.Errorf("%s: got module %q, type %q, message %q", c.typ, e.Module, e.Type, e.Message())
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		args []json.RawMessage
		want string
	}{
		{nil, "KeyError"},
		{[]json.RawMessage{[]byte(`""`)}, "KeyError"},
		{[]json.RawMessage{[]byte(`"a"`), []byte(`2`)}, "KeyError: a"},
		{[]json.RawMessage{[]byte(`1`), []byte(`{"b": 2}`)}, `KeyError: [1,{"b":2}]`},
		{[]json.RawMessage{[]byte(`{`)}, `KeyError: ["{"]`},
	} {
		e := &abi.Error{Type: "KeyError", Args: c.args}
		if got := e.Error(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.args, got, c.want)
		}
	}
}

func TestErrorCrossesAsJSON(t *testing.T) {
	want := &abi.Error{Type: "T", Module: "m", Args: []json.RawMessage{[]byte(`"a"`), []byte(`[1]`)}, Traceback: "one\ntwo"}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := new(abi.Error)
	if err := json.Unmarshal(text, got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
}

func TestParseManifest(t *testing.T) {
	for _, c := range []struct{ name, text, problem string }{
		{"the least", `{"abi":1,"tasks":[{"name":"a"}]}`, ""},
		{"fields of a later version", `{"abi":1,"tasks":[{"name":"a","new":1}],"new":{}}`, ""},
		{"nothing", ``, "unexpected end"},
		{"no JSON", `abi: 1`, "invalid character"},
		{"text after it", `{"abi":1,"tasks":[{"name":"a"}]} x`, "after top-level value"},
		{"a wrong type", `{"abi":"1"}`, "abi"},
		{"no version", `{"tasks":[{"name":"a"}]}`, "version 0"},
		{"a later version", `{"abi":2,"tasks":[{"name":"a"}]}`, "version 2"},
		{"no tasks", `{"abi":1,"tasks":[]}`, "no tasks"},
		{"a task without a name", `{"abi":1,"tasks":[{"name":"a"},{"doc":"b"}]}`, "task 1 has no name"},
		{"two of a name", `{"abi":1,"tasks":[{"name":"a"},{"name":"a"}]}`, `two tasks are named "a"`},
		{"parameters", `{"abi":1,"tasks":[{"name":"a","params":[{"name":"x"},{"name":"y","default":null},{"name":"z","default":1}]}]}`, ""},
		{"a parameter without a name", `{"abi":1,"tasks":[{"name":"a","params":[{"name":"x"},{}]}]}`, "task a: parameter 1 has no name"},
		{"two parameters of a name", `{"abi":1,"tasks":[{"name":"a","params":[{"name":"x"},{"name":"x"}]}]}`, `task a: two parameters are named "x"`},
		{"a required parameter behind an optional one", `{"abi":1,"tasks":[{"name":"a","params":[{"name":"x","default":null},{"name":"y"}]}]}`,
			`task a: parameter "y" has no default and follows "x", which has one`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := abi.ParseManifest([]byte(c.text))
			if c.problem == "" {
				if err != nil || len(m.Tasks) != 1 || m.Tasks[0].Name != "a" {
					t.Errorf("got %+v, %v", m, err)
				}
				return
			}
			if !errors.Is(err, abi.ErrManifest) || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("got %v, want an ErrManifest that says %q", err, c.problem)
			}
			if !reflect.DeepEqual(m, abi.Manifest{}) {
				t.Errorf("got %+v beside the error", m)
			}
		})
	}
}

// The page's manifest is read with the page's meaning.
func TestManifestOfTheReadme(t *testing.T) {
	page := readme(t)
	_, rest, _ := strings.Cut(page, "```json\n")
	text, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the page has no JSON")
	}
	m, err := abi.ParseManifest([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	yes, no, limit := true, false, 600.0
	want := abi.Manifest{ABI: 1, SDK: "rust/0.1.0", Caches: []string{"numbers"}, Capabilities: []string{abi.CapabilityRawPlans}, Limits: abi.Limits{MemoryMiB: 64, Rows: 1000}, Warm: []abi.WarmSpec{{Cache: "numbers", Key: []byte("100")}}, Tasks: []abi.TaskSpec{{
		Name: "demo.Count", Doc: "how many rows a file has", Returns: "int64",
		Params: []abi.Param{
			{Name: "path", Type: "string", Doc: "file, folder or glob"},
			{Name: "format", Type: "string", Default: []byte(`"parquet"`)},
		},
		Schedule: []abi.Schedule{
			{Every: 300, Args: []json.RawMessage{[]byte(`"/data"`)}, Options: map[string]json.RawMessage{"expires": []byte("60")}},
			{Crontab: "0 4 * * mon-fri", Kwargs: map[string]json.RawMessage{"path": []byte(`"/data"`)}},
		},
		TaskOptions: abi.TaskOptions{AcksLate: &yes, IgnoreResult: &no, TrackStarted: &yes, TimeLimit: &limit},
	}}}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got %+v\nwant %+v", m, want)
	}
}

// A field that is added to what crosses as JSON is added to the page.
func TestReadmeNamesEveryField(t *testing.T) {
	page := readme(t)
	for _, v := range []any{abi.Manifest{}, abi.Limits{}, abi.WarmSpec{}, abi.TaskSpec{}, abi.TaskOptions{}, abi.Param{}, abi.Request{}, abi.Retry{}, abi.Error{}, abi.HTTPRequest{}, abi.HTTPResponse{}, abi.Schema{}, abi.ColumnSchema{}} {
		typ := reflect.TypeOf(v)
		for f := range typ.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				continue // embedded
			}
			if !strings.Contains(page, "`"+name+"`") && !strings.Contains(page, `"`+name+`":`) {
				t.Errorf("%s.%s: the page does not name %q", typ.Name(), f.Name, name)
			}
		}
	}
	for _, name := range []string{abi.ImportModule, abi.ExportDescribe, abi.ExportRun, abi.ExportMemory} {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("the page does not name %s", name)
		}
	}
}

func readme(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestUnsupportedRefusesEveryCall(t *testing.T) {
	host := reflect.ValueOf(abi.Unsupported{Reason: "for a test"})
	for m := range reflect.TypeFor[abi.Host]().Methods() {
		args := make([]reflect.Value, m.Type.NumIn())
		for i := range args {
			args[i] = reflect.Zero(m.Type.In(i))
		}
		var refusal any
		func() {
			defer func() {
				if r := recover(); r != nil {
					refusal = r
				}
			}()
			results := host.MethodByName(m.Name).Call(args)
			refusal = results[len(results)-1].Interface()
		}()
		e, ok := refusal.(*abi.Error)
		if !ok || e.Type != "NotImplementedError" || !strings.Contains(e.Message(), m.Name) || !strings.Contains(e.Message(), "for a test") {
			t.Errorf("%s: got %v, want a NotImplementedError with its name and the reason", m.Name, refusal)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"abi":1,"tasks":[{"name":"a","params":[{"name":"n","default":1}],"time_limit":1.5}]}`))
	f.Add([]byte(`{"abi":1,"tasks":[null]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := abi.ParseManifest(text)
		if err != nil {
			if !errors.Is(err, abi.ErrManifest) {
				t.Errorf("got %v, want an ErrManifest", err)
			}
			return
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := abi.ParseManifest(again); err != nil {
			t.Errorf("%s was parsed, and %s not: %v", text, again, err)
		}
	})
}

func ExampleErrorf() {
	err := abi.Errorf("pyspark.errors.AnalysisException", "no column %q", "wrod")
	text, _ := json.Marshal(err)
	fmt.Println(err)
	fmt.Println(string(text))
	// Output:
	// AnalysisException: no column "wrod"
	// {"type":"AnalysisException","module":"pyspark.errors","args":["no column \"wrod\""]}
}

// countingHost answers one call and refuses the others.
type countingHost struct {
	abi.Unsupported
}

func (countingHost) ActionCount(abi.Frame) (int64, error) { return 3, nil }

func ExampleUnsupported() {
	var h abi.Host = countingHost{abi.Unsupported{Reason: "this host only counts"}}
	fmt.Println(h.ActionCount(1))
	_, err := h.ActionSchema(1)
	fmt.Println(err)
	// Output:
	// 3 <nil>
	// NotImplementedError: ActionSchema is not supported here: this host only counts
}
