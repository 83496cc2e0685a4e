package abi

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Manifest is what a module says of itself, as JSON, in sparkstalk_describe.
type Manifest struct {
	// ABI is the [Version] that the module was built for.
	ABI int `json:"abi"`
	// SDK names what the module was built with, such as "go/0.1.0". For logs only.
	SDK string `json:"sdk,omitempty"`
	// Tasks are the tasks that the module serves. The index of a task is the
	// argument of sparkstalk_run.
	Tasks []TaskSpec `json:"tasks"`
	// Caches names the cached DataFrames that the tasks share. For people only.
	Caches []string `json:"caches,omitempty"`
	// Capabilities are the rights that the module asks for: "sql", "raw_plans", or
	// one with a pattern of what it is about, such as "read:/data/**",
	// "write_table:reports.*" or "send:mail.*". The host grants them or not. A
	// module that names none of read, write, read_table, write_table, sql, send
	// and conf has of these what the host grants; if it names some, it has no
	// others. All other rights must be asked for.
	Capabilities []string `json:"capabilities,omitempty"`
	// Limits are what the module is content with; the host may allow less.
	Limits Limits `json:"limits,omitzero"`
	// Warm lists the cached DataFrames that the host should build as soon as the
	// module is loaded. With n tasks, sparkstalk_run(n) describes the first of
	// them, and so on: it gives a frame of FrameCache to ResultFrame, which the
	// host builds and does not read.
	Warm []WarmSpec `json:"warm,omitempty"`
	// Functions are the module's functions for Spark's expressions. The index of
	// one is the argument of sparkstalk_udf.
	Functions []FunctionSpec `json:"functions,omitempty"`
}

// A WarmSpec names a cached DataFrame that is built ahead of the tasks that
// will need it.
type WarmSpec struct {
	// Cache is one of [Manifest.Caches].
	Cache string `json:"cache"`
	// Key is what the cache makes this DataFrame for, as JSON. For people only.
	Key json.RawMessage `json:"key,omitempty"`
}

// DataCapabilities are the rights that a module has as far as the host grants
// them if its manifest names none of them.
var DataCapabilities = []string{"read", "write", "read_table", "write_table", "sql", "send", "conf"}

// CapabilityRawPlans lets a module hand over serialized plans, with
// [Host.FrameRaw].
const CapabilityRawPlans = "raw_plans"

// RowsObjects is the [TaskSpec.Rows] of results that are rows with names.
const RowsObjects = "objects"

// A TaskSpec describes one task.
type TaskSpec struct {
	// Name is the Celery task name that clients call, such as "demo.WordCount".
	Name string `json:"name"`
	// Doc is one line for people.
	Doc string `json:"doc,omitempty"`
	// Params are the parameters in positional order.
	Params []Param `json:"params,omitempty"`
	// Returns is the result's type in the SDK's words, such as "int64" or "DataFrame".
	Returns string `json:"returns,omitempty"`
	// Rows is [RowsObjects] if the rows of a DataFrame that is returned are
	// objects; empty, they are arrays.
	Rows string `json:"rows,omitempty"`
	// Schedule are the times at which the host's beat, where it has one, sends
	// the task by itself.
	Schedule []Schedule `json:"schedule,omitempty"`
	TaskOptions
}

// A Schedule has a task sent at certain times. One of Every and Crontab is given.
type Schedule struct {
	// Every is the distance between two runs in seconds.
	Every float64 `json:"every,omitempty"`
	// Relative has the runs of Every when the clock is at whole days, hours or
	// minutes, whichever is the largest that Every reaches.
	Relative bool `json:"relative,omitempty"`
	// Crontab is "minute hour day-of-month month day-of-week" with Celery's
	// values, such as "*/5 * * * mon-fri". Both days must fit.
	Crontab string `json:"crontab,omitempty"`
	// Args and Kwargs are the arguments of the call.
	Args   []json.RawMessage          `json:"args,omitempty"`
	Kwargs map[string]json.RawMessage `json:"kwargs,omitempty"`
	// Options are Celery's for the message: queue, priority, expires and so on.
	Options map[string]json.RawMessage `json:"options,omitempty"`
}

// TaskOptions are Celery's options of a task, and Idempotent. A nil field leaves
// the choice to the worker's configuration; what a message says wins over both.
type TaskOptions struct {
	// AcksLate acknowledges the message after the task ended instead of before it began.
	AcksLate *bool `json:"acks_late,omitempty"`
	// IgnoreResult stores no result.
	IgnoreResult *bool `json:"ignore_result,omitempty"`
	// TrackStarted stores the state STARTED when the task begins.
	TrackStarted *bool `json:"track_started,omitempty"`
	// TimeLimit is the time in seconds after which the task is interrupted; zero
	// means the worker's.
	TimeLimit *float64 `json:"time_limit,omitempty"`
	// SoftTimeLimit is the time in seconds after which the task gets
	// SoftTimeLimitExceeded, which it may catch; zero means the worker's.
	SoftTimeLimit *float64 `json:"soft_time_limit,omitempty"`
	// RateLimit is how often the task may begin on one worker: "10/s", "100/m",
	// "2/h", or a number for so many a second. Empty means no limit.
	RateLimit *string `json:"rate_limit,omitempty"`
	// AcksOnFailure and AcksOnTimeout acknowledge a late-acked message also when
	// the task failed or exceeded its time limit. The default is true.
	AcksOnFailure *bool `json:"acks_on_failure,omitempty"`
	AcksOnTimeout *bool `json:"acks_on_timeout,omitempty"`
	// RejectOnWorkerLost returns a late-acked message to its queue when what ran
	// the task died.
	RejectOnWorkerLost *bool `json:"reject_on_worker_lost,omitempty"`
	// RetryOnWorkerLost tries the call again as a retry does, with MaxRetries and
	// DefaultRetryDelay, when what ran the task died; it goes before RejectOnWorkerLost.
	RetryOnWorkerLost *bool `json:"retry_on_worker_lost,omitempty"`
	// Idempotent says that the task may be run twice with the effect of once. The
	// host runs it once more, from its beginning, when it fails with
	// sparkstalk.SparkSessionLost and has sent no message.
	Idempotent *bool `json:"idempotent,omitempty"`
	// SendEvents tells monitors what becomes of the task, where the worker sends
	// events of tasks. The default is true.
	SendEvents *bool `json:"send_events,omitempty"`
	// StoreErrorsEvenIfIgnored stores failures of tasks whose result is ignored.
	StoreErrorsEvenIfIgnored *bool `json:"store_errors_even_if_ignored,omitempty"`
	// MaxRetries is how often a call is tried again: 3 by default, negative
	// without end.
	MaxRetries *int `json:"max_retries,omitempty"`
	// DefaultRetryDelay is the time in seconds before a retry that names none:
	// 180 by default.
	DefaultRetryDelay *float64 `json:"default_retry_delay,omitempty"`
	// AutoretryFor names the exceptions after which the task is tried again by
	// itself: class names, with their module unless they are Python's own,
	// of which what Python and PySpark derive from them is as well; "Exception" is
	// all. DontAutoretryFor names exceptions to that.
	AutoretryFor     []string `json:"autoretry_for,omitempty"`
	DontAutoretryFor []string `json:"dont_autoretry_for,omitempty"`
	// RetryBackoff makes the wait before automatic retries grow: so many seconds,
	// doubled with each retry. Zero waits DefaultRetryDelay.
	RetryBackoff *float64 `json:"retry_backoff,omitempty"`
	// RetryBackoffMax bounds that wait: 600 seconds by default.
	RetryBackoffMax *float64 `json:"retry_backoff_max,omitempty"`
	// RetryJitter draws the wait from between zero and that, so that tasks that
	// failed together are not retried together. The default is true.
	RetryJitter *bool `json:"retry_jitter,omitempty"`
	MessageOptions
}

// MessageOptions are how the host sends the task when another one, a workflow
// or beat asks it to: what Celery's apply_async takes from a task that its
// process knows. Clients that send by name alone know nothing of them. A nil
// field leaves the choice to the worker's configuration, of which task_routes
// counts only where none of Queue, Exchange and RoutingKey is set; what the
// signature says wins over both.
type MessageOptions struct {
	// Queue is the name of the queue; Exchange and RoutingKey together go before it.
	Queue      *string `json:"queue,omitempty"`
	Exchange   *string `json:"exchange,omitempty"`
	RoutingKey *string `json:"routing_key,omitempty"`
	// Priority is between 0 and 255.
	Priority *uint8 `json:"priority,omitempty"`
	// Expires is after how many seconds the task is not to be begun any more.
	Expires *float64 `json:"expires,omitempty"`
	// Serializer is "json", "msgpack" or "yaml", Compression "gzip", "brotli" or "zstd".
	Serializer  *string `json:"serializer,omitempty"`
	Compression *string `json:"compression,omitempty"`
	// DeliveryMode is 2 for a message that outlives a restart of the broker, and 1
	// for one that need not.
	DeliveryMode *int `json:"delivery_mode,omitempty"`
}

// Over returns the options with those of base where they leave a choice.
func (o MessageOptions) Over(base MessageOptions) MessageOptions {
	prefer(&base.Queue, o.Queue)
	prefer(&base.Exchange, o.Exchange)
	prefer(&base.RoutingKey, o.RoutingKey)
	prefer(&base.Priority, o.Priority)
	prefer(&base.Expires, o.Expires)
	prefer(&base.Serializer, o.Serializer)
	prefer(&base.Compression, o.Compression)
	prefer(&base.DeliveryMode, o.DeliveryMode)
	return base
}

// Over returns the options with those of base where they leave a choice.
func (o TaskOptions) Over(base TaskOptions) TaskOptions {
	prefer(&base.AcksLate, o.AcksLate)
	prefer(&base.IgnoreResult, o.IgnoreResult)
	prefer(&base.TrackStarted, o.TrackStarted)
	prefer(&base.TimeLimit, o.TimeLimit)
	prefer(&base.SoftTimeLimit, o.SoftTimeLimit)
	prefer(&base.RateLimit, o.RateLimit)
	prefer(&base.AcksOnFailure, o.AcksOnFailure)
	prefer(&base.AcksOnTimeout, o.AcksOnTimeout)
	prefer(&base.RejectOnWorkerLost, o.RejectOnWorkerLost)
	prefer(&base.RetryOnWorkerLost, o.RetryOnWorkerLost)
	prefer(&base.Idempotent, o.Idempotent)
	prefer(&base.SendEvents, o.SendEvents)
	prefer(&base.StoreErrorsEvenIfIgnored, o.StoreErrorsEvenIfIgnored)
	prefer(&base.MaxRetries, o.MaxRetries)
	prefer(&base.DefaultRetryDelay, o.DefaultRetryDelay)
	prefer(&base.RetryBackoff, o.RetryBackoff)
	prefer(&base.RetryBackoffMax, o.RetryBackoffMax)
	prefer(&base.RetryJitter, o.RetryJitter)
	if o.AutoretryFor != nil {
		base.AutoretryFor = o.AutoretryFor
	}
	if o.DontAutoretryFor != nil {
		base.DontAutoretryFor = o.DontAutoretryFor
	}
	base.MessageOptions = o.MessageOptions.Over(base.MessageOptions)
	return base
}

func prefer[T any](field **T, own *T) {
	if own != nil {
		*field = own
	}
}

// A Retry says how a call is to be tried again. Its zero value is a retry after
// the task's own delay, with the same arguments.
type Retry struct {
	// Countdown is the wait in seconds; ETA, ISO 8601, names the time instead.
	Countdown *float64 `json:"countdown,omitempty"`
	ETA       string   `json:"eta,omitempty"`
	// MaxRetries replaces the task's own, for this time; negative is without end.
	MaxRetries *int `json:"max_retries,omitempty"`
	// Exception is why: the client sees it while the call waits, and gets it
	// when no retries are left.
	Exception *Error `json:"exc,omitempty"`
	// Args and Kwargs replace the call's arguments; nil keeps them.
	Args   []json.RawMessage          `json:"args,omitempty"`
	Kwargs map[string]json.RawMessage `json:"kwargs,omitempty"`
	// Options are more of Celery's for the message: queue, priority, expires,
	// time_limit and so on.
	Options map[string]json.RawMessage `json:"options,omitempty"`
}

// A Param describes one parameter of a task.
type Param struct {
	Name string `json:"name"`
	// Type is the type in the SDK's words, such as "string" or "[]int64".
	Type string `json:"type,omitempty"`
	// Default is the value of an argument that is not given; a parameter
	// without one is required, and comes before those that have one.
	Default json.RawMessage `json:"default,omitempty"`
	Doc     string          `json:"doc,omitempty"`
}

// ErrManifest is wrapped by every error of [ParseManifest].
var ErrManifest = errors.New("bad manifest")

// ParseManifest decodes and checks a manifest. Its errors say what is wrong
// and wrap [ErrManifest].
func ParseManifest(data []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	if m.ABI < 1 || m.ABI > Version {
		return Manifest{}, fmt.Errorf("%w: built for ABI version %d, this host speaks 1 to %d", ErrManifest, m.ABI, Version)
	}
	if len(m.Tasks) == 0 {
		return Manifest{}, fmt.Errorf("%w: no tasks", ErrManifest)
	}
	seen := make(map[string]bool, len(m.Tasks))
	for i, t := range m.Tasks {
		if t.Name == "" {
			return Manifest{}, fmt.Errorf("%w: task %d has no name", ErrManifest, i)
		}
		if seen[t.Name] {
			return Manifest{}, fmt.Errorf("%w: two tasks are named %q", ErrManifest, t.Name)
		}
		seen[t.Name] = true
		if err := checkParams(t.Params); err != nil {
			return Manifest{}, fmt.Errorf("%w: task %s: %w", ErrManifest, t.Name, err)
		}
	}
	if err := m.Limits.Check(); err != nil {
		return Manifest{}, fmt.Errorf("%w: limits: %w", ErrManifest, err)
	}
	if err := checkFunctions(m.Functions); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	return m, nil
}

// checkParams holds parameters to the rules that Python has for a function's.
func checkParams(params []Param) error {
	seen := make(map[string]bool, len(params))
	optional := ""
	for i, p := range params {
		switch {
		case p.Name == "":
			return fmt.Errorf("parameter %d has no name", i)
		case seen[p.Name]:
			return fmt.Errorf("two parameters are named %q", p.Name)
		case p.Default != nil:
			optional = p.Name
		case optional != "":
			return fmt.Errorf("parameter %q has no default and follows %q, which has one", p.Name, optional)
		}
		seen[p.Name] = true
	}
	return nil
}

// A Request is what a task may know of the call it answers. The names are
// those of Celery's task request.
type Request struct {
	ID       string `json:"id"`
	Task     string `json:"task"`
	RootID   string `json:"root_id,omitempty"`
	ParentID string `json:"parent_id,omitempty"`
	Group    string `json:"group,omitempty"`
	Retries  int    `json:"retries"`
	// Hostname is the worker's node name, such as "sparkstalk1@host".
	Hostname string `json:"hostname,omitempty"`
	// TimeLimit is the time in seconds that the task may take; zero means no limit.
	TimeLimit float64 `json:"timelimit,omitempty"`
	// SoftTimeLimit is the time in seconds after which the task is asked to end.
	SoftTimeLimit float64 `json:"soft_timelimit,omitempty"`
	// InChord says that the task is part of a chord's header.
	InChord bool `json:"in_chord,omitempty"`
	// Redelivered says that the broker has delivered the message before.
	Redelivered bool `json:"redelivered,omitempty"`
	// Exchange and RoutingKey are those that the message was published with: in
	// the default exchange the routing key is the queue's name.
	Exchange   string `json:"exchange,omitempty"`
	RoutingKey string `json:"routing_key,omitempty"`
	// Priority is the message's; nil where the sender gave none.
	Priority *uint8 `json:"priority,omitempty"`
	// ETA is when the task was to run at the earliest, and Expires when it was no
	// longer to begin; nil where the sender set no such time.
	ETA     *time.Time `json:"eta,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
	// GroupIndex is the task's place in its group; nil outside of groups.
	GroupIndex *int `json:"group_index,omitempty"`
	// ReplacedTaskNesting counts the tasks that this one stands for: see
	// Context.Replace of the SDK.
	ReplacedTaskNesting int `json:"replaced_task_nesting,omitempty"`
	// Headers are the sender's own, and Stamps the values it stamped the call with,
	// as JSON. What JSON has no form for, such as an infinite number, is a text.
	Headers map[string]json.RawMessage `json:"headers,omitempty"`
	Stamps  map[string]json.RawMessage `json:"stamps,omitempty"`
}

// A Schema is the columns of a frame.
type Schema struct {
	Columns []ColumnSchema `json:"columns"`
}

// A ColumnSchema is a column's name and its type in Spark's DDL form, such as
// "array<string>".
type ColumnSchema struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Nullable bool   `json:"nullable"`
}

// A CursorSchema is the columns of a cursor.
type CursorSchema struct {
	Columns []CursorColumn `json:"columns"`
}

// A CursorColumn is a column of a cursor: its name, its type in Spark's DDL
// form, and how its values are laid out.
type CursorColumn struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Nullable bool   `json:"nullable"`
	Layout   Layout `json:"layout"`
}

// Layout says what the buffers of a cursor's column hold. All numbers are
// little-endian. A row that is NULL has some value, which means nothing.
type Layout string

// The layouts.
const (
	LayoutNull    Layout = "null"    // no buffers: all rows are NULL
	LayoutBool    Layout = "bool"    // a bit for each row, least significant first
	LayoutInt8    Layout = "int8"    // tinyint
	LayoutInt16   Layout = "int16"   // smallint
	LayoutInt32   Layout = "int32"   // int; date, in days since 1970; year-month intervals, in months
	LayoutInt64   Layout = "int64"   // bigint; timestamps and day-time intervals, in microseconds; time and finer timestamps, in nanoseconds
	LayoutFloat32 Layout = "float32" // float
	LayoutFloat64 Layout = "float64" // double
	LayoutDecimal Layout = "decimal" // 16 bytes for each row: the number without its point, in two's complement
	LayoutUTF8    Layout = "utf8"    // string, char, varchar: offsets into UTF-8
	LayoutBinary  Layout = "binary"  // binary: offsets into bytes
	LayoutJSON    Layout = "json"    // arrays, maps, structs, variant and all else: offsets into JSON, as rows have it
)

// A StorageLevel says where a frame is persisted, as PySpark's of that name.
type StorageLevel struct {
	UseDisk      bool `json:"use_disk"`
	UseMemory    bool `json:"use_memory"`
	UseOffHeap   bool `json:"use_off_heap"`
	Deserialized bool `json:"deserialized"`
	Replication  int  `json:"replication"`
}
