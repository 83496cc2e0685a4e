package sdktest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/bind"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/internal/plantext"
)

// TB is what this package needs of a *testing.T.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// A Host stands for sparkstalk and Spark in a test. It may be used for several
// calls, one after the other; what it records is of all of them.
type Host struct {
	tb TB
	// manifest is that of the module under test.
	manifest func() abi.Manifest

	request abi.Request
	answers []*Answer
	logs    []Log
	states  []State
	plans   []string
	caches  []string
	writes  []Write

	givens    map[string]given
	recording *recording // of a Host of [Recorded]

	messages []Message
	overtime bool
	// observed are metrics by the observation's name, as JSON objects.
	observed map[string]json.RawMessage

	env          map[string]string
	httpAnswers  []*HTTPAnswer
	httpRequests []sdk.HTTPRequest
}

var _ abi.Host = (*call)(nil)

// New returns a Host whose failures are those of the test tb.
func New(tb TB) *Host { return &Host{tb: tb, manifest: sdk.Manifest} }

// SetRequest sets what the task is told of the next calls. A request without a
// task or an id gets the task's name and "test".
func (h *Host) SetRequest(r sdk.Request) { h.request = r }

// Kwargs are keyword arguments, as the last argument of [Host.Call].
type Kwargs map[string]any

// Call calls a task of the package under test by its name, as a Celery client
// would, and returns the JSON value and the error that the client gets; the
// error is an [*sdk.Error]. Keyword arguments are a [Kwargs] behind the
// positional ones. Arguments are encoded as kombu does it: []byte are bytes and
// time.Time are datetimes, also inside []any and map[string]any; a
// json.RawMessage stays as it is.
//
// The test fails if there is no such task, or if an action of the task has no
// answer.
func (h *Host) Call(task string, args ...any) (json.RawMessage, error) {
	h.tb.Helper()
	arguments, err := encodeArguments(args)
	if err != nil {
		h.tb.Fatalf("sdktest: call %s: %v", task, err)
		return nil, nil
	}
	return h.Run(task, arguments, func(host abi.Host, index int32) (int32, error) { return sdk.Run(host, index), nil })
}

// Run is [Host.Call] with arguments as [abi.Host] has them, and with what runs the
// task by its index in the manifest: it returns what a module's sparkstalk_run
// does, or the error that has kept it from returning.
func (h *Host) Run(task string, arguments []byte, run func(host abi.Host, index int32) (int32, error)) (json.RawMessage, error) {
	h.tb.Helper()
	specs := h.manifest().Tasks
	index := slices.IndexFunc(specs, func(t abi.TaskSpec) bool { return t.Name == task })
	if index < 0 {
		h.tb.Fatalf("sdktest: there is no task %q; there are %s", task, strings.Join(names(specs), ", "))
		return nil, nil
	}
	c := &call{host: h, arguments: arguments, request: h.request, spec: specs[index]}
	if c.request.Task == "" {
		c.request.Task = task
	}
	if c.request.ID == "" {
		c.request.ID = "test"
	}
	host, end := abi.Host(c), func() {}
	if h.recording != nil {
		host, end = h.recording.open(c)
	}
	defer end()
	code, err := run(host, int32(index))
	if err != nil && c.failure == nil {
		return nil, err
	}
	return c.result(code)
}

// Call is [Host.Call] for a task that asks nothing of Spark.
func Call(tb TB, task string, args ...any) (json.RawMessage, error) {
	tb.Helper()
	return New(tb).Call(task, args...)
}

func names(tasks []abi.TaskSpec) []string {
	var names []string
	for _, t := range tasks {
		names = append(names, t.Name)
	}
	return names
}

// Plan returns the plan of the last action as text: an operation a line, its
// inputs below it, indented by two spaces. It is empty if there was no action.
func (h *Host) Plan() string {
	if len(h.plans) == 0 {
		return ""
	}
	return h.plans[len(h.plans)-1]
}

// Plans returns the plans of all actions, in the order in which they ran.
func (h *Host) Plans() []string { return slices.Clone(h.plans) }

// Caches returns the names of the cached DataFrames that actions needed, in the
// order of their first use.
func (h *Host) Caches() []string { return slices.Clone(h.caches) }

// A Log is a line that a task logged.
type Log struct {
	Level   slog.Level
	Message string
	Attrs   map[string]any
}

// Logs returns what was logged.
func (h *Host) Logs() []Log { return slices.Clone(h.logs) }

// A State is a state that a task reported.
type State struct {
	State string
	Meta  json.RawMessage
}

// States returns the states that were reported.
func (h *Host) States() []State { return slices.Clone(h.states) }

// call is one call of a task. Its plans are its own, as its handles are.
type call struct {
	plantext.Plans
	host      *Host
	arguments []byte
	request   abi.Request
	spec      abi.TaskSpec
	value     json.RawMessage
	failure   *abi.Error
	cursors   []*cursor // nil where closed
	fetched   []byte    // body of the last HTTP answer
}

// result is what the client gets.
func (c *call) result(code int32) (json.RawMessage, error) {
	c.host.tb.Helper()
	switch {
	case c.failure != nil:
		return nil, c.failure
	case code != 0 || c.value == nil:
		c.host.tb.Fatalf("sdktest: the task returned %d without giving a result or an error", code)
	}
	return c.value, nil
}

func (c *call) TaskArgs() []byte { return c.arguments }

func (c *call) TaskBind() ([]byte, error) {
	values, err := bind.Values(c.spec.Name, c.spec.Params, c.arguments)
	return pyjson.Join('[', values), err
}

func (c *call) TaskRequest() []byte {
	data, err := pyjson.Marshal(c.request)
	if err != nil {
		panic(err) // strings, numbers and bools always marshal
	}
	return data
}

func (c *call) TaskLog(level abi.Level, message string, attrs []byte) {
	line := Log{Level: slog.Level(level), Message: message}
	if len(attrs) > 0 {
		if err := pyjson.Decode(attrs, &line.Attrs); err != nil {
			c.host.tb.Fatalf("sdktest: attributes of the log line %q: %v", message, err)
		}
	}
	c.host.logs = append(c.host.logs, line)
}

func (c *call) TaskState(state string, meta []byte) error {
	if err := pyjson.Valid(meta); err != nil {
		return abi.Errorf("ValueError", "the meta of state %s: %v", state, err)
	}
	c.host.states = append(c.host.states, State{state, slices.Clone(meta)})
	return nil
}

func (c *call) ResultJSON(value []byte) error {
	if err := pyjson.Valid(value); err != nil {
		return abi.Errorf("ValueError", "the result is not one JSON value: %v", err)
	}
	c.value, c.failure = slices.Clone(value), nil
	return nil
}

// ResultFrame runs the plan at once. Sparkstalk does so once the task has
// returned, which a task cannot tell from here.
func (c *call) ResultFrame(frame abi.Frame, form abi.RowForm) error {
	rows, err := c.ActionCollect(frame, form)
	if err != nil {
		return err
	}
	c.value, c.failure = rows, nil
	return nil
}

func (c *call) ResultError(failure []byte) error {
	e := new(abi.Error)
	if err := json.Unmarshal(failure, e); err != nil {
		return fmt.Errorf("read the error: %w", err)
	}
	c.value, c.failure = nil, e
	return nil
}
