package celery

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// The tests here ask Python's Celery itself: see testdata/judge.py.

type question struct {
	Op   string `json:"op"`
	Args []any  `json:"args"`
}

// ask puts all questions to one Python process.
func ask(t *testing.T, questions []question) []json.RawMessage {
	t.Helper()
	in, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), "testdata/judge.py")
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("judge.py: %v\n%s", err, stderr.String())
	}
	var answers []json.RawMessage
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(questions) {
		t.Fatalf("judge.py gave %d answers to %d questions: %v", len(answers), len(questions), err)
	}
	return answers
}

// askText is ask for answers that are text; one that is an error is "".
func askText(t *testing.T, questions []question) []string {
	t.Helper()
	var out []string
	for _, a := range ask(t, questions) {
		var s string
		if json.Unmarshal(a, &s) != nil {
			s = ""
		}
		out = append(out, s)
	}
	return out
}

// values are JSON values that print in every way there is.
var values = []string{
	`null`, `true`, `false`, `0`, `-0`, `1`, `-17`, `1180591620717411303424`, `2.0`, `-0.0`, `0.1`, `1e5`, `1e16`, `1e15`, `123456789012345678.0`,
	`1e-4`, `0.00001`, `1.5e-7`, `1e+300`, `1e400`, `-1e400`, `NaN`, `Infinity`, `-Infinity`, `5e-324`, `9007199254740993.0`, `1E2`, `3.14159265358979`,
	`""`, `"a"`, `"it's"`, `"say \"hi\""`, `"it's \"both\""`, `"tab\tnewline\nreturn\rback\\slash"`, `"\u0000\u0001\u007f\u0080\u009f\u00a0\u00ad"`,
	`"é😀ß"`, `"\u00e9\ud83d\ude00"`, `"\u200b\u2028\u2029\ufeff\ue000\uffff"`, `"\ud83d\ude00 \udb40\udc01"`, `"日本語"`, `"\/"`, `"\b\f"`, `"a\u0301"`,
	`[]`, `{}`, `[1]`, `[1, 2, 3]`, `[[]]`, `[[[]]]`, `[[[[]]]]`, `[[[[1]]]]`, `{"a": 1}`, `{"a": {"b": {"c": {"d": 1}}}}`, `{"a":1,"a":2,"b":3}`,
	`{"it's": [1, "x", null, true, 2.5]}`, `{"\u0000": 1}`, `[{"a": [1, {"b": [2]}]}]`,
	`{"__type__": "datetime", "__value__": "2026-01-02T03:04:05.678901+00:00"}`, `{"__type__": "datetime", "__value__": "2026-01-02T03:04:05"}`,
	`{"__type__": "datetime", "__value__": "2026-01-02T03:04:00+02:00"}`, `{"__type__": "datetime", "__value__": "2026-01-02T00:00:00-05:30"}`,
	`{"__type__": "date", "__value__": "2026-01-02"}`, `{"__type__": "time", "__value__": "03:04:05.000006"}`, `{"__type__": "time", "__value__": "03:04:00"}`,
	`{"__type__": "uuid", "__value__": {"hex": "00000000000000000000000000000005"}}`, `{"__type__": "decimal", "__value__": "1.10"}`,
	`{"__type__": "bytes", "__value__": "abc'"}`, `{"__type__": "base64", "__value__": "//4="}`, `[{"__type__": "decimal", "__value__": "1.10"}, 2]`,
	`{"__type__": "decimal", "__value__": "1", "more": 1}`, `{"__type__": "x"}`,
}

// randomValue makes a JSON value of its own.
func randomValue(r *rand.Rand, depth int) string {
	switch n := r.IntN(12); {
	case n < 3 && depth < 6:
		parts := make([]string, r.IntN(5))
		for i := range parts {
			parts[i] = randomValue(r, depth+1)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case n < 6 && depth < 6:
		parts := make([]string, r.IntN(4))
		for i := range parts {
			parts[i] = fmt.Sprintf(`"k%d": %s`, i, randomValue(r, depth+1))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case n < 8:
		alphabet := []string{"a", "b", " ", " ", "'", `\"`, `\\`, `\n`, "é", "😀", `\u00a0`, "z", "word"}
		var b strings.Builder
		for range r.IntN(30) {
			b.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		return `"` + b.String() + `"`
	case n < 10:
		return fmt.Sprint(r.IntN(100000) - 50000)
	case n < 11:
		return string(float(r.NormFloat64() * 1e10))
	default:
		return []string{"null", "true", "false"}[r.IntN(3)]
	}
}

func TestReprIsPythons(t *testing.T) {
	all := values
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		all = append(all, randomValue(random, 0))
	}
	var questions []question
	var got []string
	for _, v := range all {
		raw := json.RawMessage(v)
		questions = append(questions, question{"repr", []any{v}})
		got = append(got, Repr(raw))
		for _, limit := range []int{0, 1, 5, 10, 25, 60, ReprLimit} {
			questions = append(questions, question{"saferepr", []any{v, limit}})
			got = append(got, SafeRepr(raw, limit))
		}
		if list, err := Elements(raw); err == nil {
			for _, limit := range []int{0, 3, 20, 50} {
				questions = append(questions, question{"argsrepr", []any{v, limit}})
				got = append(got, ArgsRepr(list, limit))
			}
		}
	}
	for i, want := range askText(t, questions) {
		if got[i] != want {
			t.Errorf("%v\n got %s\nwant %s", questions[i], got[i], want)
		}
	}
}

func TestReprOfLoneSurrogates(t *testing.T) {
	// Python cannot print these either, but its repr escapes them.
	if got := Repr(json.RawMessage(`"\ud800x\udc00"`)); got != `'\ud800x\udc00'` {
		t.Errorf("got %s", got)
	}
}

func TestValidIsPythons(t *testing.T) {
	cases := append([]string{
		"", " ", "1 ", " 1", "\n[1,\t2]\r\n", "[1,]", "[,1]", "[1 2]", "{", "[", "{]", "[}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{1:2}`, "01", "1.", ".5", "+1",
		"-", "--1", "1e", "1e+", "1.5e", "- 1", "nul", "nulll", "NAN", "nan", "-NaN", "infinity", "+Infinity", "Infinityx", "tru", "'a'", `"a`, `"\x"`, `"\u12"`, `"\u12g4"`,
		"\"a\tb\"", "\"a\x7fb\"", `"\ud800"`, `"\udc00\ud800"`, "1 2", "[1][2]", "{}{}", "//", "/* */1", "\ufeff1", "1e5", "1E+05", "-0", "-0.0e-0", "00", "-01", "\u00a01", "\v1", "\f1",
		strings.Repeat("9", MaxDigits), strings.Repeat("9", MaxDigits+1), "-" + strings.Repeat("9", MaxDigits), "0." + strings.Repeat("9", MaxDigits+1),
		strings.Repeat("[", 150) + strings.Repeat("]", 150),
		`{"__type__": "nonsense", "__value__": 1}`, `[{"__value__": "x", "\u005f_type__": "nonsense"}]`, `{"__type__": "date", "__value__": "no"}`, `{"__type__": 1, "__value__": 1}`,
	}, values...)
	var questions []question
	for _, c := range cases {
		questions = append(questions, question{"valid", []any{c}})
	}
	for i, answer := range ask(t, questions) {
		want := string(answer) == "true"
		err := Valid([]byte(cases[i]))
		if err == nil {
			err = checkSpecials([]byte(cases[i]))
		}
		if (err == nil) != want {
			t.Errorf("%.100q: got %v, Python %s", cases[i], err, answer)
		}
	}
}

func TestParseTimeIsDateutils(t *testing.T) {
	cases := []string{
		"2026-11-23T14:15:06.311636+00:00", "2030-01-01T12:00:00.123456+02:00", "2030-01-01T12:00:00", "2030-01-01 12:00:00", "2030-01-01", "2030-01", "2030", "20300101",
		"203001", "2030-001", "2030001", "2030-366", "2032366", "2030-W01", "2030-W01-1", "2030W017", "2030W01", "2030-W011", "2030W01-1", "2020-W53-7", "2030-W54",
		"20300101T120000", "20300101T1200", "2030-01-01T12", "2030-01-01T12:00", "2030-01-01T120000", "2030-01-01T12:0000", "2030-01-01T1200:00", "2030-01-01T24:00", "2030-01-01T24:00:00.0",
		"2030-01-01T24:01", "2030-01-01T25:00", "2030-01-01T12:60", "2030-01-01T12:00:60", "2030-01-01T12:00:00.1", "2030-01-01T12:00:00,123456789", "2030-01-01T12:00:00.", "2030-01-01T12:00.5",
		"2030-01-01T12:00Z", "2030-01-01T12:00z", "2030-01-01T12:00+01", "2030-01-01T12:00+0130", "2030-01-01T12:00-01:30", "2030-01-01T12:00+24:00", "2030-01-01T12:00+01:60", "2030-01-01T12:00+1",
		"2030-01-01T12:00:00 +01:00", "2030-13-01", "2030-02-29", "2032-02-29", "2030-00-01", "2030-01-00", "0000-01-01", "9999-12-31T23:59:59.999999Z", "tomorrow", "", "T", "2030-01-01T", "2030-01-01T1",
		"2030-1-1", "30-01-01", "2030-01-01T+01:00", "2030-01-01X12:00", "2030-01-01TT12:00", "1795443357", "2030-01-01T12:00:00+00:00Z",
	}
	var questions []question
	for _, c := range cases {
		questions = append(questions, question{"time", []any{c}})
	}
	for i, want := range askText(t, questions) {
		got := ""
		if at, err := ParseTime(cases[i]); err == nil {
			got = FormatTime(at.UTC())
		}
		if got != want {
			t.Errorf("%q: got %q, dateutil %q", cases[i], got, want)
		}
	}
}

func TestStringsAreQuotedAsPythonDoes(t *testing.T) {
	cases := []string{"", "plain", `quote " and \ and /`, "\x00\x1f\x7f\u0080", "é😀\u2028\uffff", "\n\r\t\b\f", "日本"}
	var questions []question
	for _, c := range cases {
		questions = append(questions, question{"string", []any{c}})
	}
	for i, want := range askText(t, questions) {
		if got := string(Quote(cases[i])); got != want {
			t.Errorf("%q: got %s, want %s", cases[i], got, want)
		}
		if back, ok := text(Quote(cases[i])); !ok || back != cases[i] {
			t.Errorf("%q came back as %q", cases[i], back)
		}
	}
}

func TestExceptionReprIsPythons(t *testing.T) {
	cases := []*Exception{
		NewException("builtins", "ValueError", "boom"), NewException("builtins", "ValueError"), NewException("builtins", "TypeError", "it's", "two"),
		NewException("builtins", "KeyError", "k"), {Type: "RuntimeError", Module: "builtins", Args: []json.RawMessage{json.RawMessage(`{"a": [1, 2.0, null]}`), json.RawMessage("7")}},
	}
	var questions []question
	for _, e := range cases {
		questions = append(questions, question{"exception", []any{e.Type, string(AppendArray(nil, e.Args))}})
	}
	for i, want := range askText(t, questions) {
		if got := cases[i].Repr(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestPythonReadsOurTasks(t *testing.T) {
	eta := time.Date(2030, 1, 2, 3, 4, 5, 600_000_000, time.FixedZone("", 7200))
	expires := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	hard, soft, ignore, index := 20.0, 2.5, true, 3
	full, err := NewTask("id-1", "judge.add", []json.RawMessage{json.RawMessage("2.0"), json.RawMessage(`"é"`)}, map[string]json.RawMessage{"y": json.RawMessage("1180591620717411303424"), "a": json.RawMessage("[NaN]")})
	if err != nil {
		t.Fatal(err)
	}
	full.ETA, full.Expires, full.TimeLimit, full.SoftTimeLimit, full.IgnoreResult, full.GroupIndex = &eta, &expires, &hard, &soft, &ignore, &index
	full.Group, full.ParentID, full.Origin, full.Shadow = "g", "p", "gen1@host", "shown"
	full.StampedHeaders, full.Stamps = []string{"on"}, map[string]any{"on": "x"}
	full.Embed.Callbacks = json.RawMessage(`[{"task": "judge.add", "args": [], "kwargs": {}, "options": {}, "subtask_type": null, "immutable": false}]`)
	plain, err := NewTask("id-2", "judge.add", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	tasks := []*Task{full, plain}
	var questions []question
	for _, task := range tasks {
		out := EncodeTask(task)
		questions = append(questions, question{"task", []any{out.Headers, base64.StdEncoding.EncodeToString(out.Body), out.ContentType, out.ContentEncoding, out.CorrelationID, out.ReplyTo}})
	}
	for i, answer := range ask(t, questions) {
		var got struct {
			ID, Name, Args, Kwargs, Embed, Eta, Expires, Argsrepr, Kwargsrepr, Error string
			Limits                                                                   []any
			RootID                                                                   string `json:"root_id"`
			IgnoreResult                                                             bool   `json:"ignore_result"`
		}
		if err := json.Unmarshal(answer, &got); err != nil || got.Error != "" {
			t.Fatalf("%s", answer)
		}
		task := tasks[i]
		wantEmbed := string(task.Embed.append(nil))
		if got.ID != task.ID || got.Name != task.ShownName() || !sameJSON(got.Args, string(AppendArray(nil, task.Args))) || got.RootID != task.ID && task.ParentID == "" ||
			got.Embed != wantEmbed || got.Argsrepr != task.ArgsRepr || got.Kwargsrepr != task.KwargsRepr {
			t.Errorf("Python read %s\nof %+v", answer, task)
		}
		if i == 0 && (got.Eta != "2030-01-02T03:04:05.600000+02:00" || got.Expires != "2031-01-02T03:04:05+00:00" || !reflect.DeepEqual(got.Limits, []any{20.0, 2.5}) || !got.IgnoreResult) {
			t.Errorf("Python read %s", answer)
		}
	}
}

func TestWeReadPythonsTasks(t *testing.T) {
	type options map[string]any
	var questions []question
	cases := []struct {
		args, kwargs string
		options      options
	}{
		{`[1, 2.0, "é", NaN]`, `{"k": {"n": null}}`, options{}},
		{`[]`, `{}`, options{"countdown": 5, "expires": 10, "retries": 2, "time_limit": 9, "soft_time_limit": 8.5}},
		{`[[[[1]]]]`, `{}`, options{"group_id": "g", "group_index": 1, "shadow": "s", "ignore_result": true}},
	}
	for _, protocol := range []int{1, 2} {
		for _, c := range cases {
			o := options{}
			for k, v := range c.options {
				if protocol == 2 || k != "shadow" && k != "ignore_result" {
					o[k] = v
				}
			}
			questions = append(questions, question{"make_task", []any{protocol, "judge.add", c.args, c.kwargs, o}})
		}
	}
	for i, answer := range ask(t, questions) {
		c, protocol := cases[i%len(cases)], 1+i/len(cases)
		var got struct {
			Headers                            map[string]any
			Body, ContentType, Encoding, Error string
		}
		if err := json.Unmarshal(bytes.Replace(answer, []byte(`"content_type"`), []byte(`"contenttype"`), 1), &got); err != nil || got.Error != "" {
			t.Fatalf("%v: %s", err, answer)
		}
		task, err := Decode(Incoming{Headers: got.Headers, Body: []byte(got.Body), ContentType: got.ContentType, ContentEncoding: got.Encoding})
		if err != nil {
			t.Errorf("%s: %v", answer, err)
			continue
		}
		if want := fmt.Sprintf(`{"args": %s, "kwargs": %s}`, c.args, c.kwargs); task.ID != "the-id" || task.Protocol != protocol || !sameJSON(string(task.Arguments()), want) {
			t.Errorf("protocol %d: got %s, want %s", task.Protocol, task.Arguments(), want)
		}
		if protocol == 2 && string(EncodeTask(task).Body) != got.Body {
			t.Errorf("encoded again: %s, want %s", EncodeTask(task).Body, got.Body)
		}
		if c.options["retries"] == 2 && (task.Retries != 2 || task.ETA == nil || task.Expires == nil || *task.TimeLimit != 9 || *task.SoftTimeLimit != 8.5) {
			t.Errorf("%+v", task)
		}
		if c.options["group_id"] == "g" && (task.Group != "g" || protocol == 2 && (*task.GroupIndex != 1 || task.ShownName() != "s" || !*task.IgnoreResult)) {
			t.Errorf("%+v", task)
		}
	}
}

// sameJSON compares but for how strings are escaped.
func sameJSON(a, b string) bool {
	return Repr(json.RawMessage(a)) == Repr(json.RawMessage(b))
}

func TestPythonReadsOurResults(t *testing.T) {
	task := &Task{ID: "id-1", Name: "judge.add", Group: "g"}
	parse := NewException("pyspark.errors", "ParseException", "[PARSE_SYNTAX_ERROR] near 'x'")
	parse.Traceback = "line 1\nline 2"
	cases := []struct {
		result Result
		want   string
	}{
		{Success(task, json.RawMessage(`[["and", 38658], 2.0]`)), `{"children":"[]","status":"SUCCESS","task_id":"id-1","traceback":null,"value":"[[\"and\", 38658], 2.0]"}`},
		{Success(task, nil), `{"children":"[]","status":"SUCCESS","task_id":"id-1","traceback":null,"value":"null"}`},
		{Started(task, 7, "w@h"), `{"children":"[]","status":"STARTED","task_id":"id-1","traceback":null,"value":"{\"pid\": 7, \"hostname\": \"w@h\"}"}`},
		{State(task, "PROGRESS", json.RawMessage(`{"done":1}`)), `{"children":"[]","status":"PROGRESS","task_id":"id-1","traceback":null,"value":"{\"done\": 1}"}`},
		{Failure(task, NewException("builtins", "TypeError", "it's")), `{"args":["\"it's\""],"children":"[]","module":"builtins","repr":"TypeError(\"it's\")","status":"FAILURE","task_id":"id-1","traceback":null,"type":"TypeError"}`},
		{Failure(task, parse), `{"args":["\"[PARSE_SYNTAX_ERROR] near 'x'\""],"children":"[]","module":"celery.exceptions","repr":"ParseException(\"[PARSE_SYNTAX_ERROR] near 'x'\")","status":"FAILURE","task_id":"id-1","traceback":"line 1\nline 2","type":"ParseException"}`},
		{Failure(task, NotRegistered("x.y")), `{"args":["'x.y'"],"children":"[]","module":"celery.exceptions","status":"FAILURE","task_id":"id-1","traceback":null,"type":"NotRegistered"}`},
		{Failure(task, Revoked("expired")), `{"args":["'expired'"],"children":"[]","module":"celery.exceptions","repr":"TaskRevokedError('expired')","status":"REVOKED","task_id":"id-1","traceback":null,"type":"TaskRevokedError"}`},
		{Failure(task, TimeLimitExceeded(1)), `{"args":["1"],"children":"[]","module":"billiard.exceptions","status":"FAILURE","task_id":"id-1","traceback":null,"type":"TimeLimitExceeded"}`},
		{Failure(task, TimeLimitExceeded(0.5)), `{"args":["0.5"],"children":"[]","module":"billiard.exceptions","status":"FAILURE","task_id":"id-1","traceback":null,"type":"TimeLimitExceeded"}`},
		{Failure(task, SoftTimeLimitExceeded()), `{"args":[],"children":"[]","module":"billiard.exceptions","status":"FAILURE","task_id":"id-1","traceback":null,"type":"SoftTimeLimitExceeded"}`},
		{Failure(task, WorkerLost("gone")), `{"args":["'gone'"],"children":"[]","module":"billiard.exceptions","status":"FAILURE","task_id":"id-1","traceback":null,"type":"WorkerLostError"}`},
		{Failure(task, InvalidTask("bad")), `{"args":["'bad'"],"children":"[]","module":"celery.exceptions","status":"FAILURE","task_id":"id-1","traceback":null,"type":"InvalidTaskError"}`},
		{Failure(task, NewException("sparkstalk", "WasmTrap", "unreachable")), `{"args":["'unreachable'"],"children":"[]","module":"celery.exceptions","repr":"WasmTrap('unreachable')","status":"FAILURE","task_id":"id-1","traceback":null,"type":"WasmTrap"}`},
		{Failure(task, MaxRetriesExceeded(task)), `{"args":["\"Can't retry judge.add[id-1] args:() kwargs:{}\""],"children":"[]","module":"celery.exceptions","status":"FAILURE","task_id":"id-1","traceback":null,"type":"MaxRetriesExceededError"}`},
		{Retrying(task, nil), `{"children":"[[[\"id-1\", null], null]]","status":"RETRY","task_id":"id-1","traceback":null,"value":"null"}`},
		{Retrying(task, NewException("builtins", "ValueError", "flaky")), `{"args":["'flaky'"],"children":"[[[\"id-1\", null], null]]","module":"builtins","repr":"ValueError('flaky')","status":"RETRY","task_id":"id-1","traceback":null,"type":"ValueError"}`},
	}
	var questions []question
	for _, c := range cases {
		questions = append(questions, question{"result", []any{string(c.result.Encode())}})
	}
	for i, answer := range ask(t, questions) {
		var got, want map[string]any
		if err := json.Unmarshal(answer, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(cases[i].want), &want); err != nil {
			t.Fatal(err)
		}
		if want["repr"] == nil { // a class of Celery's that prints itself its own way
			delete(got, "repr")
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nPython read %s\n       want %s", cases[i].result.Encode(), answer, cases[i].want)
		}
	}
}

func TestSelectedIsKombus(t *testing.T) {
	node := "w1@host1"
	cases := []Request{
		{Pattern: "w*@host1", Matcher: "glob"}, {Pattern: "w?@host[0-9]", Matcher: "glob"}, {Pattern: "w[!1]@*", Matcher: "glob"}, {Pattern: "w[!2]@*", Matcher: "glob"}, {Pattern: "w1", Matcher: "glob"},
		{Pattern: "[]w]1*", Matcher: "glob"}, {Pattern: "w1@host[", Matcher: "glob"}, {Pattern: "w.*", Matcher: "glob"}, {Pattern: `[\w]1*`, Matcher: "glob"}, {Pattern: "[^w]*", Matcher: "glob"}, {Pattern: "*", Matcher: "glob"},
		{Pattern: "w[0-9]@h.*", Matcher: "pcre"}, {Pattern: "w", Matcher: "pcre"}, {Pattern: "host1", Matcher: "pcre"}, {Pattern: "^w1@host1$", Matcher: "pcre"}, {Pattern: "x|w1", Matcher: "pcre"}, {Pattern: "(", Matcher: "pcre"},
	}
	var questions []question
	for _, r := range cases {
		questions = append(questions, question{"match", []any{node, r.Pattern, r.Matcher}})
	}
	for i, answer := range ask(t, questions) {
		if got, want := cases[i].Selected(node), string(answer) == "true"; got != want {
			t.Errorf("%s %q: got %v, kombu %s", cases[i].Matcher, cases[i].Pattern, got, answer)
		}
	}
	if r := (Request{Destination: []string{node}, Pattern: "x", Matcher: "glob"}); !r.Selected(node) || r.Selected("other") {
		t.Error("destination does not decide")
	}
}
