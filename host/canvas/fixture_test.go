package canvas

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
	"github.com/sparkstalk/sparkstalk/host/result/resulttest"
)

// A capture is a task message that Python's client or worker sent.
type capture struct {
	celery.Incoming
	name     string
	byWorker bool
}

// captures are the recorded canvases, in the order of sending.
func captures(t *testing.T) map[string][]capture {
	t.Helper()
	paths, err := filepath.Glob("../celery/testdata/canvas-*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	sort.Strings(paths)
	all := map[string][]capture{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Properties struct {
				CorrelationID string `json:"correlation_id"`
				ReplyTo       string `json:"reply_to"`
				Priority      *uint8 `json:"priority"`
			} `json:"properties"`
			Headers    map[string]any `json:"headers"`
			Exchange   string         `json:"exchange"`
			RoutingKey string         `json:"routing_key"`
			Body       []byte         `json:"-"`
			Base64     string         `json:"body_base64"`
		}
		if err := json.Unmarshal(data, &f); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if f.Body, err = base64.StdEncoding.DecodeString(f.Base64); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		scenario := strings.Split(name, "-")[1]
		all[scenario] = append(all[scenario], capture{name: name, byWorker: strings.HasSuffix(name, "-by-worker"), Incoming: celery.Incoming{
			Headers: f.Headers, Body: f.Body, ContentType: celery.ContentType, CorrelationID: f.Properties.CorrelationID, ReplyTo: f.Properties.ReplyTo,
			DeliveryInfo: celery.DeliveryInfo{Exchange: f.Exchange, RoutingKey: f.RoutingKey, Priority: f.Properties.Priority},
		}})
	}
	return all
}

// pythonWorker runs the tasks of the captures as the recorded worker did, with
// this package for what follows them.
type pythonWorker struct {
	t     *testing.T
	store *resulttest.Memory
	sent  []Message
	queue []*celery.Task
}

func (w *pythonWorker) Store(ctx context.Context, r celery.Result, to result.Reply) error {
	return w.store.Store(ctx, r, to)
}

func (w *pythonWorker) State(ctx context.Context, id string) (string, error) {
	r, found, err := w.store.Get(ctx, id)
	if !found {
		return celery.StatePending, err
	}
	return r.State, err
}

// The tasks of the recorded application that take part in canvases.
func (w *pythonWorker) body(d *Dispatcher, t *celery.Task) (value json.RawMessage, exc *celery.Exception, replaced bool) {
	number := func(raw json.RawMessage) (n int) {
		if err := json.Unmarshal(raw, &n); err != nil {
			w.t.Fatalf("%s: argument %s", t.Name, raw)
		}
		return n
	}
	sig := func(name string, args ...int) *Signature {
		s := &Signature{Task: name}
		for _, a := range args {
			s.Args = append(s.Args, fmt.Appendf(nil, "%d", a))
		}
		return s
	}
	replace := func(s *Signature) {
		if _, err := d.Replace(w.t.Context(), s); err != nil {
			w.t.Fatal(err)
		}
		replaced = true
	}
	switch t.Name {
	case "tasks.add":
		return fmt.Appendf(nil, "%d", number(t.Args[0])+number(t.Args[1])), nil, false
	case "tasks.identity":
		return t.Args[0], nil, false
	case "tasks.tsum":
		var list []int
		if err := json.Unmarshal(t.Args[0], &list); err != nil {
			w.t.Fatalf("tsum of %s", t.Args[0])
		}
		sum := 0
		for _, n := range list {
			sum += n
		}
		return fmt.Appendf(nil, "%d", sum), nil, false
	case "tasks.fail":
		message, _ := celery.Text(t.Args[0])
		return nil, celery.NewException("builtins", "ValueError", message), false
	case "tasks.errback_old":
		return t.Args[0], nil, false
	case "celery.accumulate":
		return t.Args[0], nil, false
	case "tasks.replace_me":
		replace(sig("tasks.add", number(t.Args[0]), 1))
	case "tasks.replace_group":
		replace(newGroup([]*Signature{sig("tasks.add", number(t.Args[0]), 1), sig("tasks.add", number(t.Args[0]), 2)}))
	case "tasks.replace_chain":
		replace(&Signature{Task: "celery.chain", kind: chain, tasks: []*Signature{sig("tasks.add", number(t.Args[0]), 1), sig("tasks.add", 10)}})
	case "tasks.add_to_chord_t":
		if _, err := d.AddToChord(w.t.Context(), sig("tasks.add", number(t.Args[0]), 100)); err != nil {
			w.t.Fatal(err)
		}
		return t.Args[0], nil, false
	default:
		return json.RawMessage("null"), nil, false
	}
	return nil, nil, replaced
}

func (w *pythonWorker) run(t *celery.Task) {
	ctx := w.t.Context()
	d := &Dispatcher{
		Publish: func(_ context.Context, m Message) error {
			w.sent = append(w.sent, m)
			w.queue = append(w.queue, m.Task)
			return nil
		},
		Chords: w.store, ReplyTo: "worker", Origin: "gen1@host1", NewID: uuid.NewString, Parent: t,
		Registered: func(name string) (abi.TaskOptions, bool) {
			return abi.TaskOptions{IgnoreResult: new(false)}, !strings.HasPrefix(name, "nope.") && name != "other.unknown"
		},
		Inline: func(_ context.Context, s *Signature, _ *celery.Task, _ *celery.Exception) bool {
			return s.Task == "tasks.errback_new"
		},
	}
	value, exc, replaced := w.body(d, t)
	var err error
	switch {
	case replaced:
	case exc != nil:
		if err := w.Store(ctx, celery.Failure(t, exc), result.Reply{}); err != nil {
			w.t.Fatal(err)
		}
		err = d.Fail(ctx, w, celery.StateFailure, exc, true)
	default:
		if err = d.Follow(ctx, value); err != nil {
			break
		}
		if err := w.Store(ctx, celery.Success(t, value), result.Reply{}); err != nil {
			w.t.Fatal(err)
		}
		err = d.Part(ctx, w, celery.StateSuccess, value)
	}
	if err != nil {
		w.t.Errorf("%s[%s]: %v", t.Name, t.ID, err)
	}
}

func TestWhatWeSendIsWhatPythonsWorkerSent(t *testing.T) {
	for scenario, messages := range captures(t) {
		t.Run(scenario, func(t *testing.T) {
			w := &pythonWorker{t: t, store: resulttest.NewMemory()}
			var want []capture
			var client []*celery.Task
			known := map[string]bool{}
			for _, m := range messages {
				if m.byWorker {
					want = append(want, m)
					continue
				}
				task, err := celery.Decode(m.Incoming)
				if err != nil {
					t.Fatal(err)
				}
				client = append(client, task)
				for _, id := range ids.FindAllString(m.text(), -1) {
					known[id] = true
				}
			}
			w.sizes(t, messages)
			// In the order in which they were sent, which is nearly that in which
			// the recorded worker ran them.
			next := func(list *[]*celery.Task) {
				if len(*list) > 0 {
					task := (*list)[0]
					*list = (*list)[1:]
					w.run(task)
				}
			}
			for _, m := range messages {
				if m.byWorker {
					next(&w.queue)
				} else {
					next(&client)
				}
			}
			for n := 0; len(w.queue) > 0 && n < 100; n++ {
				next(&w.queue)
			}
			if len(w.sent) != len(want) {
				t.Errorf("sent %d messages, Python's worker %d", len(w.sent), len(want))
			}
			same := &renaming{known: known, to: map[string]string{}, from: map[string]string{}}
			for _, m := range want {
				at := slices.IndexFunc(w.sent, func(s Message) bool {
					return s.Task.Name == m.Headers["task"] && s.Task.ArgsRepr == same.args(m)
				})
				if at < 0 {
					t.Errorf("%s: %v%v was not sent", m.name, m.Headers["task"], m.Headers["argsrepr"])
					continue
				}
				compare(t, m, w.sent[at], same)
				w.sent = slices.Delete(w.sent, at, at+1)
			}
		})
	}
}

// sizes sets the sizes of the chords that the client sent, which are not in
// its messages: one for each header task, or what chordSizes says.
func (w *pythonWorker) sizes(t *testing.T, messages []capture) {
	sizes := map[string]int{}
	for _, m := range messages {
		if task, err := celery.Decode(m.Incoming); err == nil && !m.byWorker && task.Group != "" {
			sizes[task.Group]++
		}
	}
	maps.Copy(sizes, chordSizes)
	for id, n := range sizes {
		if err := w.store.SetSize(t.Context(), id, n); err != nil {
			t.Fatal(err)
		}
	}
}

// chordSizes are those of chords whose header the client did not send alone.
var chordSizes = map[string]int{
	"3a257c6a-005d-4152-8b5f-1b5ef5847cdb": 2, // nestedchord: a chord's body, and a task
	"96c9f59a-3db5-46e2-9466-3d46189a4113": 2, // grouphdrchain: a chain's last task, and a task
}

var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

func (c capture) text() string {
	h, err := json.Marshal(c.Headers)
	if err != nil {
		panic(err)
	}
	return string(h) + string(c.Body) + c.ReplyTo + c.CorrelationID
}

// A renaming tells which of our ids stands for which of the recorded ones: ids
// that a worker makes differ in each run, but must be the same in the same places.
type renaming struct {
	known    map[string]bool
	to, from map[string]string
}

// args is the text of a recorded message's arguments with our ids.
func (r *renaming) args(c capture) string {
	text, _ := c.Headers["argsrepr"].(string)
	return ids.ReplaceAllStringFunc(text, func(id string) string {
		if ours, ok := r.to[id]; ok {
			return ours
		}
		return id
	})
}

// same reports whether two texts are equal but for the names of new ids.
func (r *renaming) same(recorded, ours string) bool {
	a, b := ids.FindAllString(recorded, -1), ids.FindAllString(ours, -1)
	if len(a) != len(b) || ids.ReplaceAllString(recorded, "#") != ids.ReplaceAllString(ours, "#") {
		return false
	}
	for i := range a {
		if r.known[a[i]] || r.known[b[i]] {
			if a[i] != b[i] {
				return false
			}
			continue
		}
		if to, ok := r.to[a[i]]; ok && to != b[i] {
			return false
		}
		if from, ok := r.from[b[i]]; ok && from != a[i] {
			return false
		}
		r.to[a[i]], r.from[b[i]] = b[i], a[i]
	}
	return true
}

func compare(t *testing.T, want capture, got Message, same *renaming) {
	t.Helper()
	out := celery.EncodeTask(got.Task)
	for key, value := range want.Headers {
		if key == "origin" { // another process
			continue
		}
		a, errA := json.Marshal(value)
		b, errB := json.Marshal(out.Headers[key])
		if errA != nil || errB != nil || !same.same(string(a), string(b)) {
			t.Errorf("%s: header %s is %s, Python's %s", want.name, key, b, a)
		}
	}
	for key := range out.Headers {
		if _, ok := want.Headers[key]; !ok {
			t.Errorf("%s: header %s is not Python's", want.name, key)
		}
	}
	workers := strings.NewReplacer(`"worker"`, `"`+same.workerOID(want)+`"`)
	if !same.same(canonical(t, want.Body), canonical(t, []byte(workers.Replace(string(out.Body))))) {
		t.Errorf("%s: body\n got %s\nwant %s", want.name, canonical(t, []byte(workers.Replace(string(out.Body)))), canonical(t, want.Body))
	}
	if reply := out.ReplyTo; reply != "worker" && reply != want.ReplyTo || reply == "worker" && same.known[want.ReplyTo] {
		t.Errorf("%s: reply_to %s, Python's %s", want.name, reply, want.ReplyTo)
	}
	if !same.same(want.CorrelationID, out.CorrelationID) || !reflect.DeepEqual(out.Priority, want.Priority) {
		t.Errorf("%s: correlation id %s, priority %v", want.name, out.CorrelationID, out.Priority)
	}
}

// workerOID is the oid of the recorded worker, which is in no client's message.
func (r *renaming) workerOID(c capture) string {
	for _, oid := range regexp.MustCompile(`"reply_to": "([^"]*)"`).FindAllStringSubmatch(string(c.Body), -1) {
		if !r.known[oid[1]] {
			return oid[1]
		}
	}
	return c.ReplyTo
}

// canonical writes JSON with its keys sorted.
func canonical(t *testing.T, data []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
