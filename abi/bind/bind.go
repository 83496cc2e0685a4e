// Package bind finds the value of each parameter of a task in a call's
// arguments, as Python binds them to a function's parameters, with its errors in
// its words. The Go SDK binds in the module; for other languages the host does.
package bind

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// Arguments are a call's arguments as the client sent them.
type Arguments struct {
	// Args are the positional arguments.
	Args []json.RawMessage
	// Kwargs are the keyword arguments, in the order in which they were sent.
	Kwargs []Kwarg
}

// A Kwarg is a keyword argument.
type Kwarg struct {
	Name  string
	Value json.RawMessage
}

// Parse reads what [abi.Host] has for TaskArgs.
func Parse(data []byte) (Arguments, error) {
	members, err := pyjson.Object(data)
	if err != nil {
		return Arguments{}, fmt.Errorf("read the arguments: %w", err)
	}
	var a Arguments
	for _, m := range members {
		switch {
		case string(m.Value) == "null":
		case m.Name == "args":
			if a.Args, err = pyjson.Array(m.Value); err != nil {
				return Arguments{}, fmt.Errorf("read the positional arguments: %w", err)
			}
		case m.Name == "kwargs":
			kwargs, err := pyjson.Object(m.Value)
			if err != nil {
				return Arguments{}, fmt.Errorf("read the keyword arguments: %w", err)
			}
			for _, k := range kwargs {
				a.Kwargs = append(a.Kwargs, Kwarg(k))
			}
		}
	}
	return a, nil
}

// Function is what Python would call a task in its errors.
func Function(task string) string { return task[strings.LastIndexByte(task, '.')+1:] }

// Match finds the value for each parameter of a task. What is checked first
// when several things are wrong is as in CPython.
func Match(task string, params []abi.Param, a Arguments) ([]json.RawMessage, error) {
	values := make([]json.RawMessage, len(params))
	copy(values, a.Args)
	for _, k := range a.Kwargs {
		i := position(params, k.Name)
		if i < 0 {
			return nil, typeError(task, "got an unexpected keyword argument '%s'", k.Name)
		}
		if values[i] != nil {
			return nil, typeError(task, "got multiple values for argument '%s'", k.Name)
		}
		values[i] = k.Value
	}
	if len(a.Args) > len(params) {
		return nil, tooMany(task, params, len(a.Args))
	}
	var missing []string
	for i, p := range params {
		if values[i] != nil {
			continue
		}
		if values[i] = p.Default; p.Default == nil {
			missing = append(missing, "'"+p.Name+"'")
		}
	}
	if len(missing) > 0 {
		return nil, typeError(task, "missing %d required positional argument%s: %s", len(missing), plural(len(missing)), enumerate(missing))
	}
	return values, nil
}

func position(params []abi.Param, name string) int {
	for i, p := range params {
		if p.Name == name {
			return i
		}
	}
	return -1
}

func typeError(task, format string, args ...any) error {
	return abi.Errorf("TypeError", "%s() %s", Function(task), fmt.Sprintf(format, args...))
}

func tooMany(task string, params []abi.Param, given int) error {
	required := 0
	for _, p := range params {
		if p.Default == nil {
			required++
		}
	}
	takes := fmt.Sprintf("%d positional argument%s", len(params), plural(len(params)))
	if required < len(params) {
		takes = fmt.Sprintf("from %d to %d positional arguments", required, len(params))
	}
	were := "were"
	if given == 1 {
		were = "was"
	}
	return typeError(task, "takes %s but %d %s given", takes, given, were)
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// enumerate is "a", "a and b", "a, b, and c".
func enumerate(names []string) string {
	switch last := len(names) - 1; last {
	case 0:
		return names[0]
	case 1:
		return names[0] + " and " + names[1]
	default:
		return strings.Join(names[:last], ", ") + ", and " + names[last]
	}
}

// Mistyped makes an error of [pyjson.Decode] for a parameter one that names it.
func Mistyped(task, name string, err error) error {
	if e, ok := errors.AsType[*pyjson.TypeError](err); ok {
		return typeError(task, "argument '%s%s' must be %s, not %s", name, e.Path, e.Want, e.Got)
	}
	if e, ok := errors.AsType[*pyjson.RangeError](err); ok {
		class := "ValueError"
		if e.Overflow {
			class = "OverflowError"
		}
		return abi.Errorf(class, "%s() argument '%s%s' %s", Function(task), name, e.Path, e.Reason)
	}
	return abi.Errorf("ValueError", "%s() argument '%s' is not JSON: %v", Function(task), name, err)
}

// types are the manifest's words for types that [Values] holds arguments to. A
// star before one says that None will do.
var types = map[string]func() any{
	"bool": func() any { return new(bool) }, "*bool": func() any { return new(*bool) },
	"int32": func() any { return new(int32) }, "*int32": func() any { return new(*int32) },
	"int64": func() any { return new(int64) }, "*int64": func() any { return new(*int64) },
	"float64": func() any { return new(float64) }, "*float64": func() any { return new(*float64) },
	"string": func() any { return new(string) }, "*string": func() any { return new(*string) },
	"[]bool": func() any { return new([]bool) }, "[]int64": func() any { return new([]int64) },
	"[]float64": func() any { return new([]float64) }, "[]string": func() any { return new([]string) },
}

// Values returns the value of each of a task's parameters as JSON, held to the
// types in the manifest's words: bool, int32, int64, float64 and string, a star
// before them where None will do, and lists of bool, int64, float64 and string.
// Other types may be anything. arguments is what [abi.Host] has for TaskArgs.
func Values(task string, params []abi.Param, arguments []byte) ([]json.RawMessage, error) {
	a, err := Parse(arguments)
	if err != nil {
		return nil, err
	}
	values, err := Match(task, params, a)
	if err != nil {
		return nil, err
	}
	for i, p := range params {
		if to, ok := types[p.Type]; ok {
			if err := pyjson.Decode(values[i], to()); err != nil {
				return nil, Mistyped(task, p.Name, err)
			}
		}
	}
	return values, nil
}
