package sdk

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// A task is a registered function.
type task struct {
	spec   abi.TaskSpec
	params []param
	rows   abi.RowForm
	key    []byte // of a cached DataFrame to be warmed, as JSON
	// call decodes the arguments and runs the body.
	call func(ctx *Context, arguments Arguments) (any, error)
}

// registry is what a module serves.
type registry struct {
	mu     sync.Mutex // natively, tests may look while an init of a late package registers
	tasks  []*task
	caches []string
	warm   []*task // what describes the DataFrames that caches want warm

	functions    []*Function
	capabilities []string
	limits       abi.Limits
}

// target is where what registers itself goes: see [Load].
var target = func() *atomic.Pointer[registry] {
	p := new(atomic.Pointer[registry])
	p.Store(new(registry))
	return p
}()

func registered() *registry { return target.Load() }

// define describes a task, or panics.
func define(name string, args, result reflect.Type, options []Option) *task {
	if name == "" {
		panic("sdk.Task: a task needs a name")
	}
	params, err := parameters(args)
	if err != nil {
		panic(fmt.Sprintf("sdk.Task %q: %v", name, err))
	}
	t := &task{
		spec:   abi.TaskSpec{Name: name, Returns: returns(result), Params: specs(params)},
		params: params,
		rows:   abi.RowArrays,
	}
	for _, o := range options {
		o(t)
	}
	return t
}

// Needs asks for a right: "sql", "raw_plans" (for [spark.Session.Raw]), or one
// with a pattern of what it is about, such as "read:/data/**",
// "write_table:reports.*", "send:mail.*", "http:api.example.com" or "env:TZ".
// Call it in init. The worker's setting
// modules grants it or not; without it, what needs it is a PermissionError. A
// module that asks for none of read, write, read_table, write_table, sql, send and
// conf has of these what the worker grants; one that asks for some, no others.
func Needs(capability string) {
	r := registered()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.capabilities, capability) {
		r.capabilities = append(r.capabilities, capability)
	}
}

// Limits are what a module may use: of memory, time, host calls, rows and more.
type Limits = abi.Limits

// Limit says that the module is content with less than the worker grants. Of each
// limit the smaller holds, so that a task with a mistake in it ends sooner. Call
// it in init; of several the smaller hold as well. One that cannot be is a panic.
func Limit(l Limits) {
	if err := l.Check(); err != nil {
		panic(fmt.Sprintf("sdk.Limit: %v", err))
	}
	r := registered()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limits = r.limits.Within(l)
}

func (r *registry) add(t *task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, other := range r.tasks {
		if other.spec.Name == t.spec.Name {
			panic(fmt.Sprintf("sdk.Task %q: a task of that name is registered already", t.spec.Name))
		}
	}
	r.tasks = append(r.tasks, t)
}

func (r *registry) addCache(name string, warm ...*task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, other := range r.caches {
		if other == name {
			panic(fmt.Sprintf("sdk.Cached %q: a cache of that name is registered already", name))
		}
	}
	r.caches = append(r.caches, name)
	r.warm = append(r.warm, warm...)
}

// task returns a task by its place in the manifest, or what describes a warm
// DataFrame by its place behind the tasks, or nil.
func (r *registry) task(index int32) *task {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := int(index)
	switch {
	case i < 0 || i >= len(r.tasks)+len(r.warm):
		return nil
	case i < len(r.tasks):
		return r.tasks[i]
	}
	return r.warm[i-len(r.tasks)]
}

// returns names a result type for the manifest.
func returns(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[*spark.DataFrame]():
		return "DataFrame"
	case isVoid(t):
		return "null"
	}
	return pyjson.Words(t)
}

// An Option changes how a task is run or described. See [Task].
type Option func(*task)

// Doc describes the task in one line for people.
func Doc(text string) Option { return func(t *task) { t.spec.Doc = text } }

// AcksLate has the message acknowledged after the task has ended instead of
// before it begins: if the host dies meanwhile, the task runs again. It is
// Celery's acks_late.
func AcksLate() Option { return func(t *task) { t.spec.AcksLate = new(true) } }

// IgnoreResult stores neither result nor state. It is Celery's ignore_result.
func IgnoreResult() Option { return func(t *task) { t.spec.IgnoreResult = new(true) } }

// TrackStarted stores the state STARTED when the task begins. It is Celery's
// track_started.
func TrackStarted() Option { return func(t *task) { t.spec.TrackStarted = new(true) } }

// TimeLimit is the time after which the task is interrupted, with its work in
// Spark; zero means the worker's limit, as one that is not given. It is Celery's
// time_limit.
func TimeLimit(limit time.Duration) Option {
	return func(t *task) {
		if limit < 0 {
			panic(fmt.Sprintf("sdk.Task %q: the time limit %v is negative", t.spec.Name, limit))
		}
		t.spec.TimeLimit = new(limit.Seconds())
	}
}

// RowsAsObjects gives the rows of a result that is a DataFrame as objects with
// the columns' names instead of lists.
func RowsAsObjects() Option {
	return func(t *task) { t.rows, t.spec.Rows = abi.RowObjects, abi.RowsObjects }
}
