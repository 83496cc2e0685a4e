package sdktest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pipe"
)

// What `sparkstalk test` tells the tests: the socket of a host with an engine,
// and whether its answers are to be recorded.
const (
	envHost   = "SPARKSTALK_TEST_HOST"
	envRecord = "SPARKSTALK_TEST_RECORD"
)

// NamedTB is what [Recorded] needs of a *testing.T.
type NamedTB interface {
	TB
	Name() string
	Cleanup(func())
}

// Recorded returns a Host whose actions are answered by an engine, or as an
// engine has answered them before.
//
// "sparkstalk test --spark sail" (or 'local[*]') runs the test with that engine.
// With --record its answers are kept, in testdata/recorded of the package, by
// the plan and the action; under plain "go test" they are given again, without
// an engine. A plan that was not recorded fails the test and says how to.
// [Host.Given] gives the rows that a task reads.
func Recorded(tb NamedTB) *Host {
	tb.Helper()
	return recorded(New(tb), tb, Recording{
		Folder: filepath.Join("testdata", "recorded"), Socket: os.Getenv(envHost), Keep: os.Getenv(envRecord) != "",
	})
}

// A Recording says where an engine's answers to the tests are.
type Recording struct {
	// Folder has a file for each test.
	Folder string
	// Socket is that of a host whose engine answers; empty gives again what is in
	// the file. Keep writes the engine's answers there.
	Socket string
	Keep   bool
	// optional says that a test may ask the engine nothing, and have no file.
	optional bool
}

func recorded(h *Host, tb NamedTB, where Recording) *Host {
	tb.Helper()
	r := &recording{
		tb: tb, socket: where.Socket, record: where.Socket != "" && where.Keep, answers: map[string][]answer{}, asked: map[string]int{},
		path: filepath.Join(where.Folder, fileName(tb.Name())+".json"), optional: where.optional,
	}
	switch {
	case r.record:
		tb.Cleanup(r.save)
	case r.socket == "":
		r.load()
	}
	h.recording = r
	return h
}

func fileName(test string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>| `, r) {
			return '_'
		}
		return r
	}, test)
}

// A recording is the answers of an engine for one test.
type recording struct {
	tb     NamedTB
	path   string
	socket string // of a host; empty gives the answers again
	record bool
	// optional says that there need be no file.
	optional bool
	answers  map[string][]answer // by what was asked, in that order
	order    []string            // of what was asked first
	asked    map[string]int      // how often so far
}

// An answer is what an action came to. One of the fields is set.
type answer struct {
	JSON   json.RawMessage `json:"json,omitempty"`
	Text   *string         `json:"text,omitempty"`
	Base64 *string         `json:"base64,omitempty"` // bytes that are no JSON
	Error  *abi.Error      `json:"error,omitempty"`
}

// An entry is a question with its answers, as it is in the file.
type entry struct {
	Action  string   `json:"action"`
	Plan    []string `json:"plan"` // lines
	Answers []answer `json:"answers"`
}

const again = "record it with `sparkstalk test --spark sail --record`"

func (r *recording) load() {
	r.tb.Helper()
	data, err := os.ReadFile(r.path)
	if r.optional && errors.Is(err, fs.ErrNotExist) {
		return
	}
	var entries []entry
	if err == nil {
		err = json.Unmarshal(data, &entries)
	}
	if err != nil {
		r.tb.Fatalf("sdktest: no recording of this test: %v; %s", err, again)
	}
	for _, e := range entries {
		r.answers[e.Action+"\n"+strings.Join(e.Plan, "\n")] = e.Answers
	}
}

func (r *recording) save() {
	r.tb.Helper()
	if r.optional && len(r.order) == 0 {
		return
	}
	var entries []string
	for _, key := range r.order {
		action, plan, _ := strings.Cut(key, "\n")
		entries = append(entries, fmt.Sprintf("{\n  \"action\": %s,\n  \"plan\": %s,\n  \"answers\": %s\n}",
			line(action), lines(strings.Split(plan, "\n")), lines(r.answers[key])))
	}
	err := os.MkdirAll(filepath.Dir(r.path), 0o777)
	if err == nil {
		err = os.WriteFile(r.path, []byte("["+strings.Join(entries, ", ")+"]\n"), 0o666)
	}
	if err != nil {
		r.tb.Fatalf("sdktest: save the recording: %v", err)
	}
}

// lines is a list as JSON with a line for each value, which versions of a file
// can be compared by.
func lines[T any](values []T) string {
	var list []string
	for _, v := range values {
		list = append(list, "\n    "+line(v))
	}
	return "[" + strings.Join(list, ",") + "\n  ]"
}

func line(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // strings, and JSON that was looked at
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// replay gives the answer to the next question of that kind; the last one counts
// for all that follow.
func (r *recording) replay(key string, result any) error {
	list := r.answers[key]
	if len(list) == 0 {
		action, plan, _ := strings.Cut(key, "\n")
		r.tb.Fatalf("sdktest: %s has no answer to %s of this plan; %s:\n%s", r.path, action, again, plan)
		return abi.Errorf("RuntimeError", "sdktest: no answer")
	}
	n := min(r.asked[key], len(list)-1)
	r.asked[key]++
	return list[n].give(result)
}

func (r *recording) keep(key string, result any, err error) {
	if _, ok := r.answers[key]; !ok {
		r.order = append(r.order, key)
	}
	r.answers[key] = append(r.answers[key], answerOf(result, err))
}

func answerOf(result any, err error) answer {
	if e, ok := errors.AsType[*abi.Error](err); ok {
		return answer{Error: e}
	}
	switch v := result.(type) {
	case nil:
		return answer{}
	case *string:
		return answer{Text: v}
	case *[]byte:
		if json.Valid(*v) {
			return answer{JSON: slices.Clone(*v)}
		}
		return answer{Base64: new(base64.StdEncoding.EncodeToString(*v))}
	}
	data, err := json.Marshal(result)
	if err != nil { // numbers and bools
		panic(err)
	}
	return answer{JSON: data}
}

func (a answer) give(result any) error {
	if a.Error != nil {
		return a.Error
	}
	var err error
	switch v := result.(type) {
	case nil:
	case *string:
		if a.Text != nil {
			*v = *a.Text
		}
	case *[]byte:
		if a.Base64 != nil {
			*v, err = base64.StdEncoding.DecodeString(*a.Base64)
			break
		}
		*v = slices.Clone(a.JSON)
	default:
		err = json.Unmarshal(a.JSON, result)
	}
	if err != nil {
		return abi.Errorf("RuntimeError", "sdktest: the recording cannot be read: %v", err)
	}
	return nil
}

// A recordedCall is the host of one call: plans are built as text and, with an
// engine, there as well; actions are the engine's or the recording's.
type recordedCall struct {
	*recording
	call   *call
	local  func(method string, result any, args ...any) error // of call
	engine func(method string, result any, args ...any) error // nil without
	// frames and exprs are the engine's handles by those of the call.
	frames map[abi.Frame]abi.Frame
	exprs  map[abi.Expr]abi.Expr
	// fetching is the last HTTP request, and scripted says that the test answers it.
	fetching string
	scripted bool
}

// open returns the host for a call, and what ends it.
func (r *recording) open(c *call) (abi.Host, func()) {
	x := &recordedCall{
		recording: r, call: c, local: pipe.Local(c),
		frames: map[abi.Frame]abi.Frame{0: 0}, exprs: map[abi.Expr]abi.Expr{0: 0},
	}
	end := func() {}
	if r.socket != "" {
		var err error
		var hangUp func() error
		x.engine, hangUp, err = pipe.Dial(r.socket, pipe.Task{
			ID: c.request.ID, Name: c.request.Task, Args: c.arguments, Request: c.TaskRequest(), Capabilities: c.host.manifest().Capabilities,
		})
		if err != nil {
			r.tb.Fatalf("sdktest: reach the engine: %v (is `sparkstalk test` still running?)", err)
			return c, end
		}
		end = func() { _ = hangUp() } // nothing is under way
	}
	return &pipe.Client{Do: x.do}, end
}

func (x *recordedCall) do(method string, result any, args ...any) error {
	x.tb.Helper()
	switch {
	case method == "ResultFrame":
		var rows []byte
		if err := x.act("ActionCollect", &rows, args...); err != nil {
			return err
		}
		return x.call.ResultJSON(rows)
	case strings.HasPrefix(method, "Action"), strings.HasPrefix(method, "Cursor"):
		return x.act(method, result, args...)
	case method == "TaskHTTP", method == "TaskHTTPBody":
		return x.fetch(method, result, args)
	}
	// All else is the test's to answer, or builds.
	switch result.(type) {
	case *abi.Frame, *abi.Expr:
		return x.build(method, result, args)
	}
	return x.local(method, result, args...)
}

// build makes a frame or an expression on both sides.
func (x *recordedCall) build(method string, result any, args []any) error {
	method, args = x.replaced(method, args)
	if err := x.local(method, result, args...); err != nil || x.engine == nil {
		return err
	}
	switch here := result.(type) {
	case *abi.Frame:
		var there abi.Frame
		err := x.ask(method, &there, args)
		x.frames[*here] = there
		return err
	case *abi.Expr:
		var there abi.Expr
		err := x.ask(method, &there, args)
		x.exprs[*here] = there
		return err
	}
	return nil
}

// replaced has given rows read in place of tables and files.
func (x *recordedCall) replaced(method string, args []any) (string, []any) {
	var g given
	ok := false
	switch method {
	case "FrameTable":
		g, ok = x.call.host.givens[args[0].(string)]
	case "FrameRead":
		g, ok = x.call.host.givenPaths(args[3].([]string))
	}
	if !ok {
		return method, args
	}
	return "FrameLocal", []any{g.schema, g.rows}
}

// theirs are arguments with the engine's handles.
func (x *recordedCall) theirs(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case abi.Frame:
			out[i] = x.frames[a]
		case abi.Expr:
			out[i] = x.exprs[a]
		case []abi.Expr:
			list := make([]abi.Expr, len(a))
			for j, e := range a {
				list[j] = x.exprs[e]
			}
			out[i] = list
		default:
			out[i] = a
		}
	}
	return out
}

// act runs an action, or answers as it was answered.
func (x *recordedCall) act(method string, result any, args ...any) error {
	key := x.key(method, args)
	h := x.call.host
	for _, a := range args {
		if frame, ok := a.(abi.Frame); ok {
			if err := x.call.Err(frame); err != nil {
				return err
			}
			x.call.record(frame)
		}
	}
	var err error
	here, isFrame := result.(*abi.Frame)
	if isFrame { // a command's rows, which are a frame again
		var there abi.Frame
		err = x.engineOr(key, method, &there, args)
		if err == nil {
			*here, err = x.call.ActionSQL(args[0].(string), args[1].([]string), args[2].([]abi.Expr))
			x.frames[*here] = there
		}
		return err
	}
	if err = x.engineOr(key, method, result, args); err != nil {
		return err
	}
	switch method { // what the plans that follow, or the test, must know of
	case "ActionView":
		return x.call.ActionView(args[0].(abi.Frame), args[1].(string), args[2].(bool), args[3].(bool))
	case "ActionWrite", "ActionWriteTo", "ActionMerge":
		h.plans = h.plans[:len(h.plans)-1] // it is recorded with the write
		return x.local(method, nil, args...)
	}
	return nil
}

// ask has the engine answer.
func (x *recordedCall) ask(method string, result any, args []any) error {
	err := x.engine(method, result, x.theirs(args)...)
	if _, ok := errors.AsType[*abi.Error](err); err != nil && !ok {
		x.tb.Fatalf("sdktest: the engine is gone: %v", err)
	}
	return err
}

// fetch makes an HTTP request, or answers as it was answered, unless the test has
// an answer of its own for it.
func (x *recordedCall) fetch(method string, result any, args []any) error {
	x.tb.Helper()
	if method == "TaskHTTP" {
		r, err := x.call.host.httpRequest(args[0].([]byte), args[1].([]byte))
		if err != nil {
			return err
		}
		// Headers are left out: they hold secrets, and a recording is in the sources.
		x.fetching = strings.ReplaceAll(fmt.Sprintf("%s %s %s", r.Method, r.URL, r.Body), "\n", " ")
		if x.scripted = x.call.host.httpAnswer(r) != nil; !x.scripted {
			x.call.host.httpRequests = append(x.call.host.httpRequests, r)
		}
	}
	if x.scripted {
		return x.local(method, result, args...)
	}
	return x.engineOr(method+" "+x.fetching+"\n", method, result, args)
}

// engineOr asks the engine, and keeps its answer if it is to be, or the recording.
func (x *recordedCall) engineOr(key, method string, result any, args []any) error {
	if x.engine == nil {
		return x.replay(key, result)
	}
	err := x.ask(method, result, args)
	if x.record {
		x.keep(key, result, err)
	}
	return err
}

// key tells questions apart: the action with its arguments that are no plans,
// and then the plans as text.
func (x *recordedCall) key(method string, args []any) string {
	head := strings.TrimPrefix(method, "Action")
	var plans []string
	for _, a := range args {
		switch a := a.(type) {
		case abi.Frame:
			plans = append(plans, x.call.Text(a))
		case abi.Expr:
			head += " " + x.call.ExprText(a)
		case []abi.Expr:
			for _, e := range a {
				head += " " + x.call.ExprText(e)
			}
		case []byte:
			head += " " + strings.ReplaceAll(string(a), "\n", " ")
		default:
			if v := reflect.ValueOf(a); v.Kind() == reflect.String || v.Kind() == reflect.Slice {
				head += fmt.Sprintf(" %q", a)
			} else {
				head += fmt.Sprintf(" %v", a)
			}
		}
	}
	return head + "\n" + strings.Join(plans, "\n")
}
