package policy

import "fmt"

// Limits are what a module's calls may use, where that differs from the host's
// own settings. Zero leaves a limit as it is.
type Limits struct {
	// TimeLimit is the most seconds that a call may take, whatever its task or
	// message says.
	TimeLimit float64 `json:"time_limit,omitempty"`
	// CPULimit is the most seconds of this machine's processors that the module's
	// own code may take in one call.
	CPULimit float64 `json:"cpu_limit,omitempty"`
	// HostCalls is how many host functions one call may call.
	HostCalls int `json:"host_calls,omitempty"`
	// Handles is how many frames and expressions one call may make, Cursors how
	// many cursors it may have open.
	Handles int `json:"handles,omitempty"`
	Cursors int `json:"cursors,omitempty"`
	// Rows and CollectedBytes are how many rows and bytes of JSON or columns one
	// call may collect, in all its actions and cursors.
	Rows           int64 `json:"rows,omitempty"`
	CollectedBytes int64 `json:"collected_bytes,omitempty"`
	// ResultLimit is how many bytes a result may have.
	ResultLimit int64 `json:"result_limit,omitempty"`
	// HTTPRequests is how many HTTP requests one call may make, redirects
	// included; HTTPBytes is how many bytes their bodies and those of the answers
	// may have together.
	HTTPRequests int   `json:"http_requests,omitempty"`
	HTTPBytes    int64 `json:"http_bytes,omitempty"`
	// LogLines is how many lines one call may log.
	LogLines int `json:"log_lines,omitempty"`
	// Instances is how many calls run at once.
	Instances int `json:"instances,omitempty"`
}

// over returns the limits, with those of base where they have none.
func (l Limits) over(base Limits) Limits {
	or(&l.TimeLimit, base.TimeLimit)
	or(&l.CPULimit, base.CPULimit)
	or(&l.HostCalls, base.HostCalls)
	or(&l.Handles, base.Handles)
	or(&l.Cursors, base.Cursors)
	or(&l.Rows, base.Rows)
	or(&l.CollectedBytes, base.CollectedBytes)
	or(&l.ResultLimit, base.ResultLimit)
	or(&l.HTTPRequests, base.HTTPRequests)
	or(&l.HTTPBytes, base.HTTPBytes)
	or(&l.LogLines, base.LogLines)
	or(&l.Instances, base.Instances)
	return l
}

func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (l Limits) check() error {
	for name, v := range map[string]float64{
		"time_limit": l.TimeLimit, "cpu_limit": l.CPULimit, "host_calls": float64(l.HostCalls), "handles": float64(l.Handles),
		"cursors": float64(l.Cursors), "rows": float64(l.Rows), "collected_bytes": float64(l.CollectedBytes),
		"http_requests": float64(l.HTTPRequests), "http_bytes": float64(l.HTTPBytes),
		"result_limit": float64(l.ResultLimit), "log_lines": float64(l.LogLines), "instances": float64(l.Instances),
	} {
		if v < 0 {
			return fmt.Errorf("%s is %v: it cannot be negative", name, v)
		}
	}
	return nil
}
