package abi

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A FunctionSpec describes a function for Spark's expressions, which the
// executors of the cluster run: see "Functions on executors" in README.md.
type FunctionSpec struct {
	// Name is what plans and SQL text of the module call it: letters, digits and
	// underscores, at most 64, and not of a digit first. Case does not count.
	Name string `json:"name"`
	// Doc is one line for people.
	Doc string `json:"doc,omitempty"`
	// Params are the parameters in order, at most [MaxFunctionParams].
	Params []FunctionParam `json:"params,omitempty"`
	// Returns is the type of the result, one of [CheckFunctionType].
	Returns string `json:"returns"`
	// Nondeterministic says that equal arguments may give unequal results, so
	// that Spark must not move, repeat or leave out calls.
	Nondeterministic bool `json:"nondeterministic,omitempty"`
	// Aggregate makes one value of many rows.
	Aggregate bool `json:"aggregate,omitempty"`
	// Export is an export of the module that takes and returns plain WASM values;
	// it is faster than [ExportFunction], which empty means. Only types of one
	// number, and string and binary, can be had so, and NULL in any argument is
	// NULL without a call.
	Export string `json:"export,omitempty"`
}

// A FunctionParam is a parameter of a function for Spark's expressions.
type FunctionParam struct {
	Name string `json:"name,omitempty"` // for people
	Type string `json:"type"`           // one of CheckFunctionType
}

// Exports with which a module answers for its functions.
const (
	// ExportFunction takes the function's index in the manifest (i32) and how many
	// bytes of arguments lie in the buffer (i32), and returns where the result
	// lies (i64): the low half is the pointer, and the high half the length, in
	// bytes. If the highest bit is set, it is an error's text instead.
	ExportFunction = "sparkstalk_udf"
	// ExportFunctionBuffer takes a size in bytes (i32) and returns the pointer to
	// a buffer of that size (i32), which stays where it is until a larger one is
	// asked for.
	ExportFunctionBuffer = "sparkstalk_udf_buffer"
)

// FunctionsSection is a custom section of a module with another WebAssembly
// module, as it is or by gzip, which has the same functions and none of the
// tasks: executors get that instead.
const FunctionsSection = "sparkstalk.functions"

// MaxFunctionParams is how many parameters a function may have.
const MaxFunctionParams = 10

// An AggregateStep is the first byte of an aggregate's arguments. A state is a
// value of type binary, which only the module reads; NULL is that of no rows.
type AggregateStep byte

// The steps of an aggregate.
const (
	AggregateUpdate AggregateStep = 0 // state, the function's arguments: the new state
	AggregateMerge  AggregateStep = 1 // state, state: the state of both
	AggregateFinish AggregateStep = 2 // state: the result
)

// CheckFunctionType returns an error unless functions take and return values of
// the type: boolean, tinyint, smallint, int, bigint, float, double, string,
// binary, date, timestamp, decimal(p,s), and array<…> of any of these.
func CheckFunctionType(ddl string) error {
	switch ddl {
	case "boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "string", "binary", "date", "timestamp":
		return nil
	}
	if digits, ok := strings.CutPrefix(ddl, "decimal("); ok {
		precision, rest, _ := strings.Cut(digits, ",")
		scale, rest, closed := strings.Cut(rest, ")")
		p, err1 := strconv.ParseUint(precision, 10, 8)
		s, err2 := strconv.ParseUint(scale, 10, 8)
		if err1 == nil && err2 == nil && closed && rest == "" && p >= 1 && p <= 38 && s <= p {
			return nil
		}
	}
	if element, ok := strings.CutPrefix(ddl, "array<"); ok && strings.HasSuffix(element, ">") && len(ddl) < 200 {
		return CheckFunctionType(strings.TrimSuffix(element, ">"))
	}
	return fmt.Errorf("functions have no values of type %q: there are boolean, tinyint, smallint, int, bigint, float, double, "+
		"string, binary, date, timestamp, decimal(p,s), and array<…> of these", ddl)
}

// plain reports whether an export can take and return the type's values.
func plain(ddl string) bool {
	return !strings.HasPrefix(ddl, "array<") && !strings.HasPrefix(ddl, "decimal")
}

func checkFunctions(functions []FunctionSpec) error {
	seen := make(map[string]bool, len(functions))
	for i, f := range functions {
		name := strings.ToLower(f.Name)
		switch {
		case !isFunctionName(f.Name):
			return fmt.Errorf("function %d is named %q; a name has at most 64 letters, digits and underscores", i, f.Name)
		case seen[name]:
			return fmt.Errorf("two functions are named %q", f.Name)
		}
		seen[name] = true
		if err := f.check(); err != nil {
			return fmt.Errorf("function %q: %w", f.Name, err)
		}
	}
	return nil
}

// isFunctionName reports whether SQL takes a name as it is.
func isFunctionName(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// isExportName reports whether a name is plain ASCII, or empty.
func isExportName(name string) bool {
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(name) <= 128
}

func (f *FunctionSpec) check() error {
	most := MaxFunctionParams
	if f.Nondeterministic {
		most-- // the host passes one more
	}
	switch {
	case len(f.Params) > most:
		return fmt.Errorf("it has %d parameters; there may be %d", len(f.Params), most)
	case f.Aggregate && len(f.Params) == 0:
		return fmt.Errorf("an aggregate has a parameter at least")
	case f.Aggregate && (f.Nondeterministic || f.Export != ""):
		return fmt.Errorf("an aggregate is deterministic and has no export of its own")
	case !isExportName(f.Export):
		return fmt.Errorf("its export is named %q", f.Export)
	}
	types := []string{f.Returns}
	for _, p := range f.Params {
		types = append(types, p.Type)
	}
	for _, t := range types {
		if err := CheckFunctionType(t); err != nil {
			return err
		}
		if f.Export != "" && !plain(t) {
			return fmt.Errorf("an export of its own cannot have values of type %s", t)
		}
	}
	return nil
}

const secondsPerDay = 24 * 60 * 60

// Days is the date of a time, the day on its own calendar, as functions have it:
// days since 1970-01-01.
func Days(t time.Time) int32 {
	year, month, day := t.Date()
	return int32(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
}

// Date is the date of [Days], a midnight in UTC.
func Date(days int32) time.Time { return time.Unix(int64(days)*secondsPerDay, 0).UTC() }
