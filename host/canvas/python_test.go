package canvas

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/result"
	"github.com/sparkstalk/sparkstalk/host/result/resulttest"
)

// A maker makes signatures as clients serialize them, and stranger ones.
type maker struct{ *rand.Rand }

func (m maker) pick(list ...string) string { return list[m.IntN(len(list))] }

func (m maker) chance(percent int) bool { return m.IntN(100) < percent }

func (m maker) signature(depth int) map[string]any {
	s := map[string]any{"args": []any{}, "kwargs": map[string]any{}, "options": m.options(depth), "subtask_type": nil, "immutable": false}
	kind := m.IntN(10)
	switch {
	case depth > 0 && kind < 2:
		s["task"], s["subtask_type"] = "celery.chain", "chain"
		s["kwargs"] = map[string]any{"tasks": m.list(depth-1, 4)}
	case depth > 0 && kind < 4:
		s["task"], s["subtask_type"] = "celery.group", "group"
		s["kwargs"] = map[string]any{"tasks": m.list(depth-1, 3)}
	case depth > 0 && kind < 6:
		s["task"], s["subtask_type"] = "celery.chord", "chord"
		var header any = m.list(depth-1, 3)
		if m.chance(30) {
			header = map[string]any{"task": "celery.group", "args": []any{}, "kwargs": map[string]any{"tasks": header}, "options": map[string]any{"task_id": uuid.NewString()}, "subtask_type": "group", "immutable": false}
		}
		s["kwargs"] = map[string]any{"kwargs": map[string]any{}, "header": header, "body": m.signature(depth - 1)}
	default:
		s["task"] = m.pick("tasks.a", "tasks.b", "other.unknown")
		s["immutable"] = m.chance(20)
		for n := m.IntN(3); n > 0; n-- {
			s["args"] = append(s["args"].([]any), n)
		}
		if m.chance(20) {
			s["kwargs"] = map[string]any{"k": "it's"}
		}
	}
	return s
}

func (m maker) list(depth, most int) []any {
	out := []any{}
	for range m.IntN(most + 1) {
		out = append(out, m.signature(depth))
	}
	return out
}

func (m maker) options(depth int) map[string]any {
	o := map[string]any{}
	if m.chance(40) {
		o["task_id"] = uuid.NewString()
	}
	if m.chance(20) {
		o["reply_to"] = "client"
	}
	if m.chance(10) {
		o["queue"] = "other"
	}
	if m.chance(10) {
		o["priority"] = nil
	}
	if m.chance(10) {
		o["stamped_headers"], o["mon"] = []any{"mon"}, m.pick("v1", "v2")
	}
	if depth > 0 && m.chance(15) {
		o["link_error"] = []any{m.plain()}
	}
	if depth > 0 && m.chance(10) {
		o["link"] = []any{m.plain()}
	}
	if m.chance(5) {
		o["time_limit"] = 30
	}
	m.perhaps(o, "ignore_result", true, false)
	m.perhaps(o, "shadow", "shown")
	m.perhaps(o, "countdown", 60, 0.5, 0)
	m.perhaps(o, "eta", "2026-11-26T12:00:00.000001+00:00")
	m.perhaps(o, "expires", 3600, "2031-01-02T03:04:05+00:00")
	m.perhaps(o, "soft_time_limit", 20.5)
	m.perhaps(o, "priority", 0, 4)
	m.perhaps(o, "headers", map[string]any{"x-mine": map[string]any{"a": []any{1, "b", nil}}})
	m.perhaps(o, "compression", "gzip", "zlib", "bzip2")
	m.perhaps(o, "serializer", "json", "yaml")
	m.perhaps(o, "delivery_mode", 1, 2)
	m.perhaps(o, "routing_key", "alone")
	if m.chance(4) {
		o["exchange"], o["routing_key"] = "elsewhere", "key"
	}
	return o
}

// perhaps gives an option one of some values.
func (m maker) perhaps(o map[string]any, name string, values ...any) {
	if m.chance(4) {
		o[name] = values[m.IntN(len(values))]
	}
}

func (m maker) plain() map[string]any { return m.signature(0) }

// request is a task in a canvas.
func (m maker) request() map[string]any {
	id := uuid.NewString()
	r := map[string]any{"id": id, "task": "judge.task", "root_id": id, "parent_id": nil, "ignore_result": false, "retries": 0,
		"callbacks": nil, "errbacks": nil, "chain": nil, "chord": nil, "priority": nil}
	if m.chance(40) {
		r["priority"] = m.IntN(10)
	}
	if m.chance(30) {
		r["root_id"] = uuid.NewString()
	}
	if m.chance(40) {
		r["callbacks"] = m.list(3, 2)
	}
	if m.chance(60) {
		r["chain"] = m.list(3, 2)
	}
	if m.chance(30) { // Celery cannot call others
		r["errbacks"] = m.list(0, 2)
	}
	if m.chance(20) {
		r["group"], r["group_index"], r["chord"] = uuid.NewString(), 1, m.signature(1)
	}
	return r
}

// A sent is one message and how it is sent.
type sent struct {
	Headers map[string]any  `json:"headers"`
	Body    json.RawMessage `json:"body"`
	ReplyTo string          `json:"reply_to"`
	Queue   *string         `json:"queue"`
	// Priority is zero where none is said.
	Priority uint8 `json:"priority"`
	// Options are exchange, routing_key, serializer, compression and delivery_mode,
	// as far as they are said.
	Options map[string]any `json:"options"`
}

// A heard is what one side sent and stored.
type heard struct {
	Sent   []sent  `json:"sent"`
	Stored [][]any `json:"stored"`
	Sizes  [][]any `json:"sizes"`
	Parts  [][]any `json:"parts"`
	Error  string  `json:"error"`
}

// counting is a backend that counts nothing and remembers what it is told.
type counting struct {
	*resulttest.Memory
	heard *heard
}

func (c counting) SetSize(_ context.Context, group string, size int) error {
	c.heard.Sizes = append(c.heard.Sizes, []any{group, size})
	return nil
}

func (c counting) Part(_ context.Context, p result.Part) (result.Claim, error) {
	var index any
	if p.Index != nil {
		index = *p.Index
	}
	c.heard.Parts = append(c.heard.Parts, []any{orNil(p.TaskID), orNil(p.Group), index, p.State})
	return nil, nil
}

func (c counting) Store(_ context.Context, r celery.Result, _ result.Reply) error {
	c.heard.Stored = append(c.heard.Stored, []any{r.TaskID, r.State, orNil(r.GroupID), orNil(r.ParentID)})
	return nil
}

func (counting) State(context.Context, string) (string, error) { return celery.StatePending, nil }

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// ours is what this package does after a task.
func ours(t *testing.T, request map[string]any, failed, headerErrbacks, inherit bool) (h heard) {
	t.Helper()
	raw := func(key string) json.RawMessage {
		if request[key] == nil {
			return nil
		}
		data, err := json.Marshal(request[key])
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	task := &celery.Task{
		Protocol: 2, ID: request["id"].(string), Name: "judge.task", RootID: request["root_id"].(string),
		Embed: celery.Embed{Callbacks: raw("callbacks"), Errbacks: raw("errbacks"), Chain: raw("chain"), Chord: raw("chord")},
	}
	if group, ok := request["group"].(string); ok {
		task.Group, task.GroupIndex = group, new(int)
		*task.GroupIndex = 1
	}
	if p, ok := request["priority"].(int); ok {
		task.Priority = new(uint8(p))
	}
	b := counting{resulttest.NewMemory(), &h}
	d := &Dispatcher{
		Publish: func(_ context.Context, m Message) error {
			out := celery.EncodeTask(m.Task)
			one := sent{Headers: out.Headers, Body: out.Body, ReplyTo: out.ReplyTo, Queue: &m.Queue, Options: map[string]any{}}
			if out.Priority != nil {
				one.Priority = *out.Priority
			}
			if m.Queue == "" {
				*one.Queue = "celery"
			}
			for name, value := range map[string]string{"exchange": m.Exchange, "routing_key": m.RoutingKey, "serializer": m.Serializer, "compression": m.Compression} {
				if value != "" && value != "json" { // which is what is not said as well
					one.Options[name] = value
				}
			}
			if m.Transient != nil {
				one.Options["delivery_mode"] = map[bool]float64{true: 1, false: 2}[*m.Transient]
			}
			h.Sent = append(h.Sent, one)
			return nil
		},
		HeaderErrbacks: headerErrbacks, InheritPriority: inherit,
		Chords: b, ReplyTo: "oid", Origin: "gen", NewID: uuid.NewString, Parent: task,
		Registered: func(name string) (abi.TaskOptions, bool) {
			if name == "tasks.b" {
				return abi.TaskOptions{
					IgnoreResult: new(true), TimeLimit: new(7.0), SoftTimeLimit: new(5.0),
					MessageOptions: abi.MessageOptions{Queue: new("heavy"), Priority: new(uint8(3))},
				}, true
			}
			return abi.TaskOptions{IgnoreResult: new(false)}, name != "other.unknown"
		},
		// Functions that take anything are called in Python's process.
		Inline: func(_ context.Context, s *Signature, _ *celery.Task, _ *celery.Exception) bool {
			return s.Task == "tasks.a" || s.Task == "tasks.b"
		},
	}
	var err error
	if failed {
		exc := celery.NewException("builtins", "ValueError", "boom")
		if err = b.Store(t.Context(), celery.Failure(task, exc), result.Reply{}); err == nil {
			err = d.Fail(t.Context(), b, celery.StateFailure, exc, true)
		}
	} else if err = d.Follow(t.Context(), json.RawMessage("7")); err == nil {
		if err = b.Store(t.Context(), celery.Success(task, json.RawMessage("7")), result.Reply{}); err == nil {
			err = d.Part(t.Context(), b, celery.StateSuccess, json.RawMessage("7"))
		}
	}
	if err != nil {
		return heard{Error: err.Error()}
	}
	return h
}

// TestRandomCanvasesAreSentAsByPython compares what follows a task with what
// Celery's own tracer sends, for canvases that nobody thought of.
func TestRandomCanvasesAreSentAsByPython(t *testing.T) {
	m := maker{rand.New(rand.NewPCG(7, 11))}
	var cases [][]any
	for n := range 600 {
		var exception any
		if n%4 == 0 {
			exception = "boom"
		}
		cases = append(cases, []any{m.request(), 7, exception, n%3 == 0, n%5 == 0})
	}
	input, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), "testdata/judge.py")
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("judge.py: %v\n%s", err, stderr.String())
	}
	var verdicts []heard
	if err := json.Unmarshal(out, &verdicts); err != nil || len(verdicts) != len(cases) {
		t.Fatalf("%d verdicts of %d: %v", len(verdicts), len(cases), err)
	}
	messages, bad := 0, 0
	for i, want := range verdicts {
		got := ours(t, cases[i][0].(map[string]any), cases[i][2] != nil, cases[i][3].(bool), cases[i][4].(bool))
		if why := differ(t, cases[i][0], want, got); why != "" {
			if bad++; bad <= 5 {
				request, _ := json.Marshal(cases[i])
				t.Errorf("case %d: %s\nrequest %.2000s", i, why, request)
			}
		}
		messages += len(want.Sent)
	}
	t.Logf("%d cases, %d messages, %d differ", len(cases), messages, bad)
}

func differ(t *testing.T, request any, want, got heard) string {
	t.Helper()
	if strings.HasPrefix(want.Error, "IndexError") {
		return "" // Celery trips over an empty chain inside; there is nothing to compare
	}
	if want.Error != "" || got.Error != "" {
		if (want.Error != "") == (got.Error != "") {
			return ""
		}
		return fmt.Sprintf("Python's error %q, ours %q", want.Error, got.Error)
	}
	data, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	same := &renaming{known: map[string]bool{}, to: map[string]string{}, from: map[string]string{}}
	for _, id := range ids.FindAllString(string(data), -1) {
		same.known[id] = true
	}
	if len(want.Sent) != len(got.Sent) {
		return fmt.Sprintf("sent %d messages, Python %d", len(got.Sent), len(want.Sent))
	}
	for i, w := range want.Sent {
		g := got.Sent[i]
		delete(w.Headers, "origin")
		delete(g.Headers, "origin")
		for _, when := range []string{"eta", "expires"} {
			if alike(w.Headers[when], g.Headers[when]) {
				g.Headers[when] = w.Headers[when]
			}
		}
		a, b := canonicalOf(t, w.Headers), canonicalOf(t, g.Headers)
		if !same.same(a, b) {
			return fmt.Sprintf("message %d: headers\n got %s\nwant %s", i, b, a)
		}
		if a, b := canonical(t, w.Body), canonical(t, g.Body); !same.same(a, b) {
			return fmt.Sprintf("message %d: body\n got %s\nwant %s", i, b, a)
		}
		if a, b := canonicalOf(t, w.Options), canonicalOf(t, g.Options); a != b {
			return fmt.Sprintf("message %d: options\n got %s\nwant %s", i, b, a)
		}
		if w.ReplyTo != g.ReplyTo || w.Queue != nil && *w.Queue != *g.Queue || w.Priority != g.Priority {
			return fmt.Sprintf("message %d: to %s, %v, priority %d, Python's %s, %v, %d", i, g.ReplyTo, *g.Queue, g.Priority, w.ReplyTo, *w.Queue, w.Priority)
		}
	}
	for _, pair := range [][2]any{{want.Stored, got.Stored}, {want.Sizes, got.Sizes}, {want.Parts, got.Parts}} {
		a, b := strings.ReplaceAll(canonicalOf(t, pair[0]), "null", "[]"), strings.ReplaceAll(canonicalOf(t, pair[1]), "null", "[]")
		if !same.same(a, b) {
			return fmt.Sprintf("backend was told\n got %s\nwant %s", b, a)
		}
	}
	return ""
}

// alike reports whether two times differ by no more than the two sides may have
// been apart when they added to now.
func alike(a, b any) bool {
	at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(a))
	bt, err2 := time.Parse(time.RFC3339Nano, fmt.Sprint(b))
	return err == nil && err2 == nil && at.Sub(bt).Abs() < 10*time.Minute
}

func canonicalOf(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return canonical(t, data)
}
