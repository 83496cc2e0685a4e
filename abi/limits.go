package abi

import (
	"fmt"
	"reflect"
	"strings"
)

// Limits are what a module may use. The host's settings say what it may have at
// most, its manifest and the key that signed it may ask for less, and the
// smallest holds. Zero leaves a limit to the others.
type Limits struct {
	// MemoryMiB is the linear memory of an instance, StackMiB the stack that its
	// calls may need, and TableEntries how far a table may grow. They hold for
	// WebAssembly alone.
	MemoryMiB    int `json:"memory_mib,omitempty"`
	StackMiB     int `json:"stack_mib,omitempty"`
	TableEntries int `json:"table_entries,omitempty"`
	// Instances is how many calls run at once; further ones wait.
	Instances int `json:"instances,omitempty"`

	// TimeLimit is the most seconds that a call may take, whatever its task or
	// message says.
	TimeLimit float64 `json:"time_limit,omitempty"`
	// CPULimit is the most seconds of the machine's processors that the module's
	// own code may take in one call.
	CPULimit float64 `json:"cpu_limit,omitempty"`
	// HostCalls is how many host functions one call may call.
	HostCalls int `json:"host_calls,omitempty"`
	// Handles is how many frames and expressions one call may make, Cursors how
	// many cursors it may have open.
	Handles int `json:"handles,omitempty"`
	Cursors int `json:"cursors,omitempty"`
	// PlanBytes is how many bytes of texts and literals one call may hand over, and
	// about how large one plan may get.
	PlanBytes int64 `json:"plan_bytes,omitempty"`
	// Rows and CollectedBytes are how many rows and bytes of JSON or columns one
	// call may collect, in all its actions and cursors.
	Rows           int64 `json:"rows,omitempty"`
	CollectedBytes int64 `json:"collected_bytes,omitempty"`
	// ResultLimit is how many bytes a result may have.
	ResultLimit int64 `json:"result_limit,omitempty"`
	// Messages is how many tasks one call may send.
	Messages int `json:"messages,omitempty"`
	// HTTPRequests is how many HTTP requests one call may make, redirects
	// included; HTTPBytes is how many bytes their bodies and those of the answers
	// may have together.
	HTTPRequests int   `json:"http_requests,omitempty"`
	HTTPBytes    int64 `json:"http_bytes,omitempty"`
	// LogLines is how many lines one call may log.
	LogLines int `json:"log_lines,omitempty"`
	// CacheBytes is how many bytes the cached DataFrames may hold that the module
	// has asked for, as far as the engine tells.
	CacheBytes int64 `json:"cache_bytes,omitempty"`
}

// DefaultLimits are those of a host whose settings say nothing. What is zero has
// no limit.
var DefaultLimits = Limits{
	MemoryMiB: 512, StackMiB: 16, TableEntries: 16384, Instances: 64,
	HostCalls: 10_000_000, Handles: 10_000, Cursors: 8, PlanBytes: 64 << 20, ResultLimit: 8 << 20,
	Messages: 10_000, HTTPRequests: 1000, HTTPBytes: 64 << 20, LogLines: 1000,
}

// largest are the limits that cannot be more.
var largest = Limits{MemoryMiB: 4096, StackMiB: 512, TableEntries: 1 << 20}

// Over returns the limits, with those of base where they have none.
func (l Limits) Over(base Limits) Limits {
	return l.combine(base, func(own, other float64) bool { return own == 0 })
}

// Within returns for each limit the smaller of l's and most's. One that only one
// of them has is that.
func (l Limits) Within(most Limits) Limits {
	return l.combine(most, func(own, other float64) bool { return own == 0 || other != 0 && other < own })
}

// combine takes the other's value for the limits of which take says so.
func (l Limits) combine(other Limits, take func(own, other float64) bool) Limits {
	mine, others := reflect.ValueOf(&l).Elem(), reflect.ValueOf(other)
	for i := range mine.NumField() {
		if take(number(mine.Field(i)), number(others.Field(i))) {
			mine.Field(i).Set(others.Field(i))
		}
	}
	return l
}

// Check returns an error for the first limit that cannot be.
func (l Limits) Check() error {
	v, most := reflect.ValueOf(l), reflect.ValueOf(largest)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		n, m := number(v.Field(i)), number(most.Field(i))
		switch {
		case n < 0:
			return fmt.Errorf("%s is %v: it cannot be negative", name, n)
		case m > 0 && n > m:
			return fmt.Errorf("%s is %v: it cannot be more than %v", name, n, m)
		}
	}
	return nil
}

func number(v reflect.Value) float64 {
	if v.CanFloat() {
		return v.Float()
	}
	return float64(v.Int())
}
