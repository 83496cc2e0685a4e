package celery

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// headers2 are those of a task of protocol 2, with changes; a change to nil
// removes the header.
func headers2(changes map[string]any) map[string]any {
	h := map[string]any{"task": "t", "id": "i", "lang": "py"}
	for k, v := range changes {
		if h[k] = v; v == nil {
			delete(h, k)
		}
	}
	return h
}

const body2 = `[[1], {"k": 2}, {}]`

func TestMalformedMessages(t *testing.T) {
	const reject, answer, ack = "reject", "reject and answer", "ack"
	deep := strings.Repeat("[", MaxDepth+2) + strings.Repeat("]", MaxDepth+2)
	cases := []struct {
		name string
		m    Incoming
		want string // empty: it is a task
		why  string // in the reason
	}{
		{"no task header, body not JSON", Incoming{Body: []byte("{x")}, ack, "byte 1"},
		{"no task header, a list", Incoming{Body: []byte(body2)}, reject, "no object"},
		{"no task header, an object without task", Incoming{Body: []byte(`{"id": "i"}`)}, reject, "name a task"},
		{"no task header, no content type", Incoming{Body: []byte(`{"task": "t", "id": "i"}`), ContentType: "none"}, reject, "not decoded"},
		{"no task header, refused content type", Incoming{Body: []byte(`{}`), ContentType: "text/plain"}, ack, "refused"},
		{"protocol 1, kwargs null", Incoming{Body: []byte(`{"task": "t", "id": "i", "kwargs": null}`)}, reject, "mapping"},
		{"protocol 1, no id", Incoming{Body: []byte(`{"task": "t"}`)}, reject, "no id"},
		{"protocol 1, minimal", Incoming{Body: []byte(`{"task": "t", "id": "i"}`)}, "", ""},
		{"protocol 1, eta no time", Incoming{Body: []byte(`{"task": "t", "id": "i", "eta": "soon"}`)}, reject, "eta"},
		{"body not JSON", Incoming{Headers: headers2(nil), Body: []byte("[[1], {}")}, ack, "end"},
		{"body not UTF-8", Incoming{Headers: headers2(nil), Body: []byte("[[\"\xff\"], {}, {}]")}, ack, "UTF-8"},
		{"body too deep", Incoming{Headers: headers2(nil), Body: []byte(`[[` + deep + `], {}, {}]`)}, ack, "levels"},
		{"said to be gzip but is not", Incoming{Headers: headers2(map[string]any{"compression": "application/x-gzip"}), Body: []byte(body2)}, ack, "gzip"},
		{"unknown compression", Incoming{Headers: headers2(map[string]any{"compression": "application/x-snappy"}), Body: []byte(body2)}, ack, "snappy"},
		{"unknown special type", Incoming{Headers: headers2(nil), Body: []byte(`[[{"__type__": "x", "__value__": 1}], {}, {}]`)}, ack, "special"},
		{"content type refused", Incoming{Headers: headers2(nil), Body: []byte(body2), ContentType: "text/plain"}, reject, "text/plain"},
		{"content type with a charset", Incoming{Headers: headers2(nil), Body: []byte(body2), ContentType: "application/json; charset=utf-8"}, reject, "charset"},
		{"pickle", Incoming{Headers: headers2(nil), Body: []byte("\x80\x04."), ContentType: "application/x-python-serialize"}, reject, "refused"},
		{"eta no time", Incoming{Headers: headers2(map[string]any{"eta": "soon"}), Body: []byte(body2)}, reject, "eta"},
		{"eta a number", Incoming{Headers: headers2(map[string]any{"eta": int64(5)}), Body: []byte(body2)}, reject, "eta"},
		{"expires no time", Incoming{Headers: headers2(map[string]any{"expires": "never"}), Body: []byte(body2)}, reject, "expires"},
		{"embed empty", Incoming{Headers: headers2(nil), Body: []byte(`[[], {}, {}]`)}, "", ""},
		{"embed null", Incoming{Headers: headers2(nil), Body: []byte(`[[], {}, null]`)}, "", ""},
		{"timelimit null", Incoming{Headers: headers2(map[string]any{"timelimit": nil}), Body: []byte(body2)}, "", ""},
		{"timelimit of nulls", Incoming{Headers: headers2(map[string]any{"timelimit": []any{nil, nil}}), Body: []byte(body2)}, "", ""},
		{"args an object", Incoming{Headers: headers2(nil), Body: []byte(`[{"a": 1}, {}, {}]`)}, "", ""},
		{"hybrid", Incoming{Headers: headers2(nil), Body: []byte(`{"task": "other", "id": "other", "args": [1], "kwargs": {"k": 2}, "eta": "2030-01-01"}`)}, "", ""},
		{"kwargs null", Incoming{Headers: headers2(nil), Body: []byte(`[[], null, {}]`)}, answer, "kwargs is None"},
		{"args a number", Incoming{Headers: headers2(nil), Body: []byte(`[7, {}, {}]`)}, answer, "args is 7"},
		{"two parts", Incoming{Headers: headers2(nil), Body: []byte(`[[], {}]`)}, answer, "2 parts"},
		{"four parts", Incoming{Headers: headers2(nil), Body: []byte(`[[], {}, {}, 1]`)}, answer, "4 parts"},
		{"empty body", Incoming{Headers: headers2(nil)}, answer, "empty"},
		{"blank body", Incoming{Headers: headers2(nil), Body: []byte("  ")}, ack, "end"},
		{"body a text", Incoming{Headers: headers2(nil), Body: []byte(`"x"`)}, answer, "no [args"},
		{"object without args", Incoming{Headers: headers2(nil), Body: []byte(`{"kwargs": {}}`)}, answer, "without args"},
		{"embed a list", Incoming{Headers: headers2(nil), Body: []byte(`[[], {}, [1]]`)}, answer, "embed"},
		{"no content type", Incoming{Headers: headers2(nil), Body: []byte(body2), ContentType: "none"}, answer, "not decoded"},
		{"application/data", Incoming{Headers: headers2(nil), Body: []byte(body2), ContentType: "application/data"}, answer, "application/data"},
		{"timelimit a number", Incoming{Headers: headers2(map[string]any{"timelimit": int64(3)}), Body: []byte(body2)}, answer, "timelimit"},
		{"timelimit of text", Incoming{Headers: headers2(map[string]any{"timelimit": []any{"x", nil}}), Body: []byte(body2)}, answer, "timelimit"},
		{"no id", Incoming{Headers: headers2(map[string]any{"id": nil}), Body: []byte(body2)}, reject, "no id"},
		{"task no text", Incoming{Headers: headers2(map[string]any{"task": []any{}}), Body: []byte(body2)}, answer, "no name"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			switch c.m.ContentType {
			case "":
				c.m.ContentType = ContentType
			case "none":
				c.m.ContentType = ""
			}
			task, err := Decode(c.m)
			if c.want == "" {
				if err != nil || task.ID != "i" || task.Name != "t" {
					t.Fatalf("got %+v, %v", task, err)
				}
				return
			}
			e, ok := errors.AsType[*DecodeError](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			got := e.Action.String()
			if e.Answer {
				got += " and answer"
			}
			if got != c.want || !strings.Contains(e.Reason, c.why) {
				t.Errorf("got %s because %s, want %s because of %s", got, e.Reason, c.want, c.why)
			}
			if e.Answer && e.TaskID != "i" || e.Answer && e.Exception().Type != "InvalidTaskError" {
				t.Errorf("answer to %q with %v", e.TaskID, e.Exception())
			}
		})
	}
}

func TestHybridTakesHeadersOverBody(t *testing.T) {
	task, err := Decode(Incoming{
		Headers: headers2(map[string]any{"retries": int32(3), "mine": "x"}), ContentType: ContentType,
		Body: []byte(`{"task": "other", "id": "other", "args": [1], "retries": 1, "taskset": "g", "expires": "2030-01-01T00:00:00", "callbacks": [1], "chain": [2]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if task.Name != "t" || task.ID != "i" || task.Retries != 3 || task.Group != "g" || task.Headers["mine"] != "x" || task.Expires.Year() != 2030 ||
		string(task.Embed.Callbacks) != "[1]" || task.Embed.Chain != nil {
		t.Errorf("%+v", task)
	}
}

func TestArgumentsKeepTheirBytes(t *testing.T) {
	m := Incoming{Headers: headers2(nil), ContentType: ContentType,
		Body: []byte("[ [2.0 , 1e400,\t-0, \"\\u00e9\\ud800\", {\"b\" :1,\"a\":[ ]}] , {\"k\\u0065y\":1.0,\"k\":12345678901234567890123,\"k\":NaN} , null ]")}
	task, err := Decode(m)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"args": [2.0, 1e400, -0, "\u00e9\ud800", {"b" :1,"a":[ ]}], "kwargs": {"k\u0065y": 1.0, "k": NaN}}`
	if got := string(task.Arguments()); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if task.Kwargs[0].Key != "key" || string(task.Kwargs.Get("key")) != "1.0" || task.Kwargs.Get("none") != nil {
		t.Errorf("%+v", task.Kwargs)
	}
}

func TestManyKeywordArguments(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"k0": 0`)
	for range 3 {
		for i := range 100 {
			b.WriteString(`, "k` + string(integer(int64(i))) + `": ` + string(integer(int64(i))))
		}
	}
	b.WriteString(`}`)
	o, err := Members([]byte(b.String()))
	if err != nil || len(o) != 100 || string(o[99].Value) != "99" {
		t.Errorf("%d members, %v", len(o), err)
	}
}

func TestDecompressionIsBounded(t *testing.T) {
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	zeros := `[["` + strings.Repeat("0", 1<<20) + `"], {}, {}]`
	if _, err := w.Write([]byte(zeros)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	m := Incoming{Headers: headers2(map[string]any{"compression": "zlib"}), ContentType: ContentType, Body: packed.Bytes()}
	if task, err := Decode(m); err != nil || len(task.Args[0]) != 1<<20+2 {
		t.Errorf("within the default limit: %v", err)
	}
	if _, err := (Decoder{MaxBody: int64(len(zeros))}).Decode(m); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	_, err := Decoder{MaxBody: int64(len(zeros)) - 1}.Decode(m)
	if e, ok := errors.AsType[*DecodeError](err); !ok || e.Action != Ack || !strings.Contains(e.Reason, "more than") {
		t.Errorf("over the limit: %v", err)
	}
	m.Body = m.Body[:len(m.Body)-10]
	if _, err := Decode(m); err == nil {
		t.Error("a cut stream was decoded")
	}
}

func TestNewTaskNamesBadArguments(t *testing.T) {
	_, err := NewTask("i", "t", []json.RawMessage{json.RawMessage("1"), json.RawMessage("x")}, map[string]json.RawMessage{"k": json.RawMessage("")})
	if err == nil || !strings.Contains(err.Error(), "argument 1 of t") || !strings.Contains(err.Error(), "argument k of t") {
		t.Errorf("got %v", err)
	}
	if _, err := NewTask("", "t", nil, nil); err == nil {
		t.Error("no id is accepted")
	}
}

func TestSentOnTasksLoseDeadLetterHeaders(t *testing.T) {
	m := Incoming{Headers: headers2(map[string]any{"x-death": []any{}, "x-last-death-queue": "q", "mine": int64(7)}), ContentType: ContentType, Body: []byte(body2)}
	task, err := Decode(m)
	if err != nil {
		t.Fatal(err)
	}
	h := EncodeTask(task).Headers
	if h["mine"] != int64(7) || h["x-death"] != nil || h["x-last-death-queue"] != nil {
		t.Errorf("%v", h)
	}
	if task.Headers["x-death"] == nil {
		t.Error("the task itself does not see them")
	}
}

func TestExpirationFollowsExpires(t *testing.T) {
	task, err := NewTask("i", "t", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[time.Duration][2]time.Duration{time.Hour: {59 * time.Minute, time.Hour}, -time.Hour: {time.Millisecond, time.Millisecond}} {
		at := time.Now().Add(in)
		task.Expires = &at
		if got := EncodeTask(task).Expiration; got < want[0] || got > want[1] {
			t.Errorf("expires in %v: broker keeps it %v", in, got)
		}
	}
}

func TestComposed(t *testing.T) {
	for body, want := range map[string]bool{
		`{}`: false, `null`: false, `{"callbacks": null, "errbacks": null, "chain": null, "chord": null}`: false, `{"chain": [], "callbacks": [ ]}`: false,
		`{"callbacks": [{}]}`: true, `{"errbacks": [{}]}`: true, `{"chain": [{}]}`: true, `{"chord": {"task": "t"}}`: true,
	} {
		task, err := Decode(Incoming{Headers: headers2(nil), ContentType: ContentType, Body: []byte(`[[], {}, ` + body + `]`)})
		if err != nil || task.Embed.Composed() != want {
			t.Errorf("%s: %v, %v", body, task.Embed.Composed(), err)
		}
	}
}

func TestMandatoryHeadersOfAnyIntegerType(t *testing.T) {
	for _, n := range []any{int32(2), int64(2), 2, 2.0, uint8(2), json.Number("2"), int16(2), uint64(2)} {
		task, err := Decode(Incoming{Headers: headers2(map[string]any{"retries": n, "timelimit": []any{n, 0}}), ContentType: ContentType, Body: []byte(body2)})
		if err != nil || task.Retries != 2 || *task.TimeLimit != 2 || task.SoftTimeLimit != nil {
			t.Errorf("%T: %+v, %v", n, task, err)
		}
	}
}

// typical is the body and headers of add.delay(2, 3) as RabbitMQ delivers them.
func typical() Incoming {
	return Incoming{
		Headers: map[string]any{"lang": "py", "task": "tasks.add", "id": "9dbbc57e-5920-4dea-8649-641563701b1f", "shadow": nil, "eta": nil, "expires": nil,
			"group": nil, "group_index": nil, "retries": int64(0), "timelimit": []any{nil, nil}, "root_id": "9dbbc57e-5920-4dea-8649-641563701b1f", "parent_id": nil,
			"argsrepr": "(2, 3)", "kwargsrepr": "{}", "origin": "gen20407@host1", "ignore_result": false, "replaced_task_nesting": int64(0),
			"stamped_headers": nil, "stamps": map[string]any{}},
		Body:        []byte(`[[2, 3], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]`),
		ContentType: ContentType, ContentEncoding: "utf-8", CorrelationID: "9dbbc57e-5920-4dea-8649-641563701b1f", ReplyTo: "cf1c03a0-132d-3811-b0d1-3146f49250a5",
	}
}

func BenchmarkDecode(b *testing.B) {
	m := typical()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeLarge(b *testing.B) {
	m := typical()
	m.Body = []byte(`[[` + strings.Repeat(`{"name": "value of some length", "n": 12345.678}, `, 2000) + `1], {}, {}]`)
	b.SetBytes(int64(len(m.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeResult(b *testing.B) {
	task, err := Decode(typical())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = Success(task, json.RawMessage("5")).Encode()
	}
}

func BenchmarkEncodeEvent(b *testing.B) {
	task, err := Decode(typical())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = EncodeEvents([]Event{TaskReceived(task)})
	}
}
