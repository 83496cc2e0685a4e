package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/sdk/internal/pyjson"
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

// parseArguments reads what [abi.Host] has for TaskArgs.
func parseArguments(data []byte) (Arguments, error) {
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

// bind puts arguments into the fields of to, as Python binds them to a
// function's parameters, with its errors in its words.
func (t *task) bind(to reflect.Value, a Arguments) error {
	values, err := t.match(a)
	if err != nil {
		return err
	}
	for i, p := range t.params {
		if err := pyjson.Decode(values[i], to.FieldByIndex(p.index).Addr().Interface()); err != nil {
			return t.mistyped(p.Name, err)
		}
	}
	return nil
}

// match finds the value for each parameter. What is checked first when several
// things are wrong is as in CPython.
func (t *task) match(a Arguments) ([]json.RawMessage, error) {
	values := make([]json.RawMessage, len(t.params))
	copy(values, a.Args)
	for _, k := range a.Kwargs {
		i := t.position(k.Name)
		if i < 0 {
			return nil, t.typeError("got an unexpected keyword argument '%s'", k.Name)
		}
		if values[i] != nil {
			return nil, t.typeError("got multiple values for argument '%s'", k.Name)
		}
		values[i] = k.Value
	}
	if len(a.Args) > len(t.params) {
		return nil, t.tooMany(len(a.Args))
	}
	var missing []string
	for i, p := range t.params {
		if values[i] != nil {
			continue
		}
		if values[i] = p.Default; p.Default == nil {
			missing = append(missing, "'"+p.Name+"'")
		}
	}
	if len(missing) > 0 {
		return nil, t.typeError("missing %d required positional argument%s: %s", len(missing), plural(len(missing)), enumerate(missing))
	}
	return values, nil
}

func (t *task) position(name string) int {
	for i, p := range t.params {
		if p.Name == name {
			return i
		}
	}
	return -1
}

func (t *task) typeError(format string, args ...any) error {
	return abi.Errorf("TypeError", "%s() %s", t.function, fmt.Sprintf(format, args...))
}

func (t *task) tooMany(given int) error {
	required := 0
	for _, p := range t.params {
		if p.Default == nil {
			required++
		}
	}
	takes := fmt.Sprintf("%d positional argument%s", len(t.params), plural(len(t.params)))
	if required < len(t.params) {
		takes = fmt.Sprintf("from %d to %d positional arguments", required, len(t.params))
	}
	were := "were"
	if given == 1 {
		were = "was"
	}
	return t.typeError("takes %s but %d %s given", takes, given, were)
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

// mistyped makes an error of a value that does not fit its parameter one that
// names it.
func (t *task) mistyped(name string, err error) error {
	if e, ok := errors.AsType[*pyjson.TypeError](err); ok {
		return t.typeError("argument '%s%s' must be %s, not %s", name, e.Path, e.Want, e.Got)
	}
	if e, ok := errors.AsType[*pyjson.RangeError](err); ok {
		class := "ValueError"
		if e.Overflow {
			class = "OverflowError"
		}
		return abi.Errorf(class, "%s() argument '%s%s' %s", t.function, name, e.Path, e.Reason)
	}
	return abi.Errorf("ValueError", "%s() argument '%s' is not JSON: %v", t.function, name, err)
}
