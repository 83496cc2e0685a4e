package abi

import (
	"encoding/json"
	"errors"
	"fmt"
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
	// Warm lists the cached DataFrames that the host should build as soon as the
	// module is loaded. With n tasks, sparkstalk_run(n) describes the first of
	// them, and so on: it gives a frame of FrameCache to ResultFrame, which the
	// host builds and does not read.
	Warm []WarmSpec `json:"warm,omitempty"`
}

// A WarmSpec names a cached DataFrame that is built ahead of the tasks that
// will need it.
type WarmSpec struct {
	// Cache is one of [Manifest.Caches].
	Cache string `json:"cache"`
	// Key is what the cache makes this DataFrame for, as JSON. For people only.
	Key json.RawMessage `json:"key,omitempty"`
}

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
	TaskOptions
}

// TaskOptions are Celery's options of a task. A nil field leaves the choice to
// the worker's configuration; what a message says wins over both.
type TaskOptions struct {
	// AcksLate acknowledges the message after the task ended instead of before it began.
	AcksLate *bool `json:"acks_late,omitempty"`
	// IgnoreResult stores no result.
	IgnoreResult *bool `json:"ignore_result,omitempty"`
	// TrackStarted stores the state STARTED when the task begins.
	TrackStarted *bool `json:"track_started,omitempty"`
	// TimeLimit is the time in seconds after which the task is interrupted; zero means none.
	TimeLimit *float64 `json:"time_limit,omitempty"`
}

// A Param describes one parameter of a task.
type Param struct {
	Name string `json:"name"`
	// Type is the type in the SDK's words, such as "string" or "[]int64".
	Type string `json:"type,omitempty"`
	// Default is the value of an argument that is not given; a parameter
	// without one is required.
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
	}
	return m, nil
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
	// Redelivered says that the broker has delivered the message before.
	Redelivered bool `json:"redelivered,omitempty"`
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
	LayoutInt64   Layout = "int64"   // bigint; timestamps and day-time intervals, in microseconds; time, in nanoseconds
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
