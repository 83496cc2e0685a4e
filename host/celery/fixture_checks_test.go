package celery

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func decode(t *testing.T, m Incoming) *Task {
	t.Helper()
	task, err := Decode(m)
	if err != nil {
		t.Fatalf("Decode: %v", err)
	}
	return task
}

func checkTask2(t *testing.T, f fixture) {
	m := f.incoming(t)
	task := decode(t, m)
	if task.Protocol != 2 {
		t.Errorf("protocol %d", task.Protocol)
	}
	if task.ID != f.Headers["id"] || task.Name != f.Headers["task"] || task.CorrelationID != f.Properties.CorrelationID || task.ReplyTo != f.Properties.ReplyTo {
		t.Errorf("id, name, correlation id, reply to: %q %q %q %q", task.ID, task.Name, task.CorrelationID, task.ReplyTo)
	}
	if task.RoutingKey != f.RoutingKey || task.Exchange != f.Exchange || !reflect.DeepEqual(task.Priority, f.Properties.Priority) {
		t.Errorf("delivery info %+v", task.DeliveryInfo)
	}
	out := EncodeTask(task)
	wantBody := m.Body
	if method, ok := f.Headers["compression"].(string); ok {
		var err error
		if wantBody, err = decompress(method, m.Body, MaxBody); err != nil {
			t.Fatal(err)
		}
	}
	// Python adds what the operation needs to embed, nothing else: the same
	// bytes mean that nothing was lost on the way.
	if !bytes.Equal(out.Body, wantBody) {
		t.Errorf("body\n got %s\nwant %s", out.Body, wantBody)
	}
	want := make(map[string]any)
	for k, v := range f.Headers {
		if k != "compression" && !strings.HasPrefix(k, "x-death") && !strings.HasPrefix(k, "x-first-death") && !strings.HasPrefix(k, "x-last-death") {
			want[k] = v
		}
	}
	if strings.HasPrefix(f.name, "task-v2-eta-naive") { // the one difference: we send its zone along
		want["eta"] = want["eta"].(string) + "+00:00"
	}
	if got := throughJSON(t, out.Headers); !reflect.DeepEqual(got, want) {
		t.Errorf("headers\n got %v\nwant %v", got, want)
	}
	if f.name != "task-v2-queue-priority-delivery" && out.Persistent != (f.Properties.DeliveryMode == 2) { // asked for by the caller of that one
		t.Errorf("persistent %v, delivery mode %d", out.Persistent, f.Properties.DeliveryMode)
	}
	if out.ContentType != f.Properties.ContentType || out.ContentEncoding != f.Properties.ContentEncoding ||
		out.CorrelationID != f.Properties.CorrelationID || out.ReplyTo != f.Properties.ReplyTo || !reflect.DeepEqual(out.Priority, f.Properties.Priority) {
		t.Errorf("properties %+v, want %+v", out, f.Properties)
	}
}

// throughJSON gives header values the types that the fixtures' have.
func throughJSON(t *testing.T, h map[string]any) map[string]any {
	t.Helper()
	data, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func checkTask1(t *testing.T, f fixture) {
	m := f.incoming(t)
	task := decode(t, m)
	fields, err := Members(m.Body)
	if err != nil {
		t.Fatal(err)
	}
	if task.Protocol != 1 {
		t.Errorf("protocol %d", task.Protocol)
	}
	pairs := map[string]string{
		"id": task.ID, "task": task.Name, "group": task.Group, "eta": formatTimeOrEmpty(task.ETA), "expires": formatTimeOrEmpty(task.Expires),
	}
	for key, got := range pairs {
		if want, _ := text(fields.Get(key)); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	limits := [2]*float64{task.TimeLimit, task.SoftTimeLimit}
	list := []json.RawMessage{nil, nil}
	if raw := fields.Get("timelimit"); raw != nil {
		if list, err = Elements(raw); err != nil {
			t.Fatal(err)
		}
	}
	for i, l := range limits {
		if want, ok := asFloat(headerValueOrNil(list[i])); ok != (l != nil) || ok && *l != want {
			t.Errorf("time limit %d: got %v, want %s", i, l, list[i])
		}
	}
	if got := AppendArray(nil, task.Args); !bytes.Equal(got, fields.Get("args")) {
		t.Errorf("args %s, want %s", got, fields.Get("args"))
	}
	if got := task.Kwargs.Append(nil); !bytes.Equal(got, fields.Get("kwargs")) {
		t.Errorf("kwargs %s, want %s", got, fields.Get("kwargs"))
	}
	for key, got := range map[string]json.RawMessage{"callbacks": task.Embed.Callbacks, "errbacks": task.Embed.Errbacks, "chord": task.Embed.Chord} {
		want := fields.Get(key)
		if isNull(want) {
			want = nil
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s %s, want %s", key, got, want)
		}
	}
	if task.Embed.Chain != nil {
		t.Errorf("chain %s in protocol 1", task.Embed.Chain)
	}
	if again := decode(t, asIncoming(EncodeTask(task))); again.Protocol != 2 || !bytes.Equal(again.Arguments(), task.Arguments()) {
		t.Errorf("sent on as protocol 2: %+v", again)
	}
}

func headerValueOrNil(raw json.RawMessage) any {
	if raw == nil {
		return nil
	}
	return headerValue(raw)
}

func asIncoming(out Outgoing) Incoming {
	return Incoming{Headers: out.Headers, Body: out.Body, ContentType: out.ContentType, ContentEncoding: out.ContentEncoding,
		CorrelationID: out.CorrelationID, ReplyTo: out.ReplyTo, DeliveryInfo: DeliveryInfo{Priority: out.Priority}}
}

func checkCeleryNode(t *testing.T, f fixture) {
	task := decode(t, f.incoming(t))
	if task.ID != f.Headers["id"] || task.Name != "tasks.fail" || task.Lang != "js" || task.CorrelationID != task.ID || task.ReplyTo != "" || task.Priority != nil {
		t.Errorf("%+v", task)
	}
	if got := string(task.Arguments()); got != `{"args": ["zz"], "kwargs": {}}` {
		t.Errorf("arguments %s", got)
	}
	if task.ArgsRepr != "('zz',)" || task.KwargsRepr != "{}" || task.Embed.Composed() || task.Root() != task.ID {
		t.Errorf("%+v", task)
	}
}

func checkRefusedSerializer(t *testing.T, f fixture) {
	_, err := Decode(f.incoming(t))
	e, ok := err.(*DecodeError)
	if !ok || e.Action != Reject || e.Answer || e.TaskID != f.Headers["id"] || e.Name != f.Headers["task"] || !strings.Contains(e.Reason, f.Properties.ContentType) {
		t.Errorf("got %#v", err)
	}
}

func checkAcceptedSerializer(t *testing.T, f fixture) {
	checkRefusedSerializer(t, f)
	m := f.incoming(t)
	task, err := Decoder{Accept: []string{ContentType, m.ContentType}}.Decode(m)
	if err != nil {
		t.Fatal(err)
	}
	if got := ArgsRepr(task.Args, 0); got != f.Headers["argsrepr"] {
		t.Errorf("args %s, want %v", got, f.Headers["argsrepr"])
	}
	if got := KwargsRepr(task.Kwargs, 0); got != f.Headers["kwargsrepr"] {
		t.Errorf("kwargs %s, want %v", got, f.Headers["kwargsrepr"])
	}
}

func checkResult(t *testing.T, document []byte) Result {
	t.Helper()
	r, err := DecodeResult(document)
	if err != nil {
		t.Fatalf("DecodeResult: %v", err)
	}
	if got := r.Encode(); !bytes.Equal(got, document) && !bytes.HasPrefix(document, compressedResult) {
		t.Errorf("result\n got %s\nwant %s", got, document)
	}
	failed := r.State == StateFailure || r.State == StateRevoked
	if failed && (r.Exception == nil || r.Exception.Type == "") || r.State == StateSuccess && r.Exception != nil {
		t.Errorf("state %s with exception %v", r.State, r.Exception)
	}
	if r.TaskID == "" || r.Ready() != !r.DateDone.IsZero() {
		t.Errorf("%+v", r)
	}
	return r
}

func checkResultMessage(t *testing.T, f fixture) {
	r := checkResult(t, f.body(t))
	if r.TaskID != f.Properties.CorrelationID {
		t.Errorf("task id %s, correlation id %s", r.TaskID, f.Properties.CorrelationID)
	}
}

func checkStoredResults(t *testing.T, f fixture) {
	found := 0
	for _, call := range f.Redis {
		if call.Cmd[0] == "SETEX" || call.Cmd[0] == "PUBLISH" {
			found++
			document, ok := call.Cmd[len(call.Cmd)-1].(string)
			if packed, is := call.Cmd[len(call.Cmd)-1].(map[string]any); is {
				data, err := base64.StdEncoding.DecodeString(packed["b64"].(string))
				if err != nil {
					t.Fatal(err)
				}
				document, ok = string(data), true
			}
			if !ok {
				t.Fatalf("document %v", call.Cmd)
			}
			r := checkResult(t, []byte(document))
			if call.Cmd[1] != "celery-task-meta-"+r.TaskID {
				t.Errorf("key %v of task %s", call.Cmd[1], r.TaskID)
			}
		}
	}
	if found == 0 {
		t.Error("no result is stored")
	}
}

func checkChord(t *testing.T, f fixture) {
	if len(f.Redis) == 0 {
		t.Fatal("no commands")
	}
	for _, call := range f.Redis {
		for _, arg := range call.Cmd {
			if s, ok := arg.(string); ok && (strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[")) {
				if err := Valid([]byte(s)); err != nil {
					t.Errorf("%s: %v", s, err)
				}
			}
		}
	}
	if f.name != "redis-chord-client" {
		checkStoredResults(t, f)
	}
}

func checkEvents(t *testing.T, f fixture) {
	body := f.body(t)
	checkEventBody(t, body, f.RoutingKey, f.Headers["hostname"])
}

func checkEventBody(t *testing.T, body []byte, key string, hostname any) {
	t.Helper()
	events, err := DecodeEvents(body)
	if err != nil {
		t.Fatal(err)
	}
	got := EncodeEvents(events)
	if body[0] == '{' {
		got = events[0].Append(nil)
		if events[0].RoutingKey() != key {
			t.Errorf("routing key %s, want %s", events[0].RoutingKey(), key)
		}
	} else if key != MultiRoutingKey {
		t.Errorf("array with routing key %s", key)
	}
	if !bytes.Equal(got, body) {
		t.Errorf("events\n got %s\nwant %s", got, body)
	}
	for _, e := range events {
		if e.Hostname != hostname || e.PID == 0 || e.Clock == 0 || e.Timestamp == 0 {
			t.Errorf("%+v", e)
		}
		if made, ok := remade(t, e); ok && !bytes.Equal(made.Fields.Append(nil), e.Fields.Append(nil)) {
			t.Errorf("constructor\n got %s\nwant %s", made.Fields.Append(nil), e.Fields.Append(nil))
		}
	}
}

// remade builds an event of the same content by its constructor. Events whose
// text shows what we do not (a Python traceback's exception) are left out.
func remade(t *testing.T, e Event) (Event, bool) {
	str := func(key string) string { s, _ := text(e.Fields.Get(key)); return s }
	num := func(key string) float64 { f, _ := asFloat(headerValue(e.Fields.Get(key))); return f }
	task := &Task{ID: str("uuid"), Name: str("name"), ArgsRepr: str("args"), KwargsRepr: str("kwargs"), RootID: str("root_id"), ParentID: str("parent_id")}
	if e.Fields.Get("retries") != nil {
		task.Retries = int(num("retries"))
	}
	if s := str("eta"); s != "" {
		at, err := ParseTime(s)
		if err != nil {
			t.Fatal(err)
		}
		task.ETA = &at
	}
	exception := NewException("builtins", "ValueError", "boom")
	exception.Traceback = str("traceback")
	switch e.Type {
	case "task-received":
		return TaskReceived(task), true
	case "task-sent":
		return TaskSent(task, str("queue"), str("exchange"), str("routing_key")), true
	case "worker-elect":
		return WorkerElect(str("id"), str("topic"), e.Fields.Get("action")), true
	case "worker-elect-ack":
		return WorkerElectAck(str("id")), true
	case "task-started":
		return TaskStarted(task.ID), true
	case "task-succeeded":
		made := TaskSucceeded(task.ID, json.RawMessage(str("result")), 0)
		made.Fields[2].Value = e.Fields.Get("runtime") // a Duration has no picoseconds
		return made, true
	case "task-failed":
		return TaskFailed(task.ID, exception), str("exception") == "ValueError('boom')"
	case "task-retried":
		return TaskRetried(task.ID, NewException("builtins", "ValueError", "flaky"), exception.Traceback), true
	case "task-revoked":
		return TaskRevoked(task.ID, false, 0, true), true
	case "task-rejected":
		return TaskRejected(task.ID, true), true
	case "worker-online", "worker-heartbeat", "worker-offline":
		load, err := Elements(e.Fields.Get("loadavg"))
		if err != nil {
			t.Fatal(err)
		}
		state := WorkerState{Frequency: num("freq"), Active: int(num("active")), Processed: int(num("processed")), Version: str("sw_ver")}
		for i := range load {
			state.LoadAverage[i], _ = asFloat(headerValue(load[i]))
		}
		made := WorkerEvent(e.Type, state)
		made.Fields[4].Value = e.Fields.Get("sw_ident") // ours is another name
		return made, true
	}
	return Event{}, false
}

func checkControl(t *testing.T, f fixture) {
	m := f.incoming(t)
	if strings.Contains(f.name, "-reply") {
		reply, err := DecodeReply(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		if reply.Node != "w1@host1" && !strings.HasPrefix(reply.Node, "w") {
			t.Errorf("node %q", reply.Node)
		}
		if got := reply.Encode(); !bytes.Equal(got, m.Body) {
			t.Errorf("reply\n got %s\nwant %s", got, m.Body)
		}
		return
	}
	r, err := DecodeRequest(m)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Encode(); !bytes.Equal(got, m.Body) {
		t.Errorf("request\n got %s\nwant %s", got, m.Body)
	}
	if float64(r.Clock) != f.Headers["clock"] {
		t.Errorf("clock %d", r.Clock)
	}
	if want := !strings.Contains(f.name, "destination-other"); r.Selected("w1@host1") != want {
		t.Errorf("selected: %v, want %v", !want, want)
	}
}

// envelope reads a message as kombu keeps it in Redis.
func envelope(t *testing.T, f fixture) Incoming {
	t.Helper()
	var document string
	for _, arg := range f.RedisCommand {
		if i := strings.IndexByte(arg, '{'); i >= 0 {
			document = arg[i:]
		}
	}
	if document == "" {
		return f.incoming(t)
	}
	var e struct {
		Body        string         `json:"body"`
		ContentType string         `json:"content-type"`
		Headers     map[string]any `json:"headers"`
		Properties  struct {
			CorrelationID string `json:"correlation_id"`
			ReplyTo       string `json:"reply_to"`
			Priority      *uint8 `json:"priority"`
		} `json:"properties"`
	}
	if err := json.NewDecoder(strings.NewReader(document)).Decode(&e); err != nil {
		t.Fatalf("envelope: %v", err)
	}
	body, err := base64.StdEncoding.DecodeString(e.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Incoming{Headers: e.Headers, Body: body, ContentType: e.ContentType, CorrelationID: e.Properties.CorrelationID,
		ReplyTo: e.Properties.ReplyTo, DeliveryInfo: DeliveryInfo{Priority: e.Properties.Priority}}
}

func checkEnvelopeTask(t *testing.T, f fixture) {
	m := envelope(t, f)
	task := decode(t, m)
	if out := EncodeTask(task); !bytes.Equal(out.Body, m.Body) || task.ID != m.Headers["id"] || task.CorrelationID != m.CorrelationID || !reflect.DeepEqual(out.Priority, m.Priority) {
		t.Errorf("%+v", task)
	}
}

func checkEnvelopeEvents(t *testing.T, f fixture) {
	m := envelope(t, f)
	key := MultiRoutingKey
	if m.Body[0] == '{' {
		key = "worker.heartbeat"
	}
	checkEventBody(t, m.Body, key, m.Headers["hostname"])
}

func checkEnvelopeRequest(t *testing.T, f fixture) {
	m := envelope(t, f)
	r, err := DecodeRequest(m)
	if err != nil || r.Method != "ping" || !r.Selected("w1@host1") || !bytes.Equal(r.Encode(), m.Body) {
		t.Errorf("%+v, %v", r, err)
	}
}

func checkEnvelopeReply(t *testing.T, f fixture) {
	m := envelope(t, f)
	r, err := DecodeReply(m.Body)
	if err != nil || !bytes.Equal(r.Encode(), m.Body) {
		t.Errorf("%+v, %v", r, err)
	}
}

func checkStartup(t *testing.T, f fixture) {
	if len(f.AMQPMethods) == 0 {
		t.Error("no methods")
	}
}
