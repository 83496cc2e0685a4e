package control

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// arguments are those of a request, with errors in Python's words.
type arguments struct {
	celery.Object
	method string
}

// need says which required arguments are missing, as Python's call does.
func (a arguments) need(names ...string) error {
	var missing []string
	for _, name := range names {
		if a.Get(name) == nil {
			missing = append(missing, "'"+name+"'")
		}
	}
	switch n := len(missing); n {
	case 0:
		return nil
	case 1:
		return raise("TypeError", fmt.Sprintf("%s() missing 1 required positional argument: %s", a.method, missing[0]))
	case 2:
		return raise("TypeError", fmt.Sprintf("%s() missing 2 required positional arguments: %s and %s", a.method, missing[0], missing[1]))
	default:
		return raise("TypeError", fmt.Sprintf("%s() missing %d required positional arguments: %s, and %s", a.method, n,
			strings.Join(missing[:n-1], ", "), missing[n-1]))
	}
}

// only refuses arguments that a command does not know. Most of Celery's take
// any; some do not.
func (a arguments) only(names ...string) error {
	for _, m := range a.Object {
		if !slices.Contains(names, m.Key) {
			return raise("TypeError", fmt.Sprintf("%s() got an unexpected keyword argument '%s'", a.method, m.Key))
		}
	}
	return nil
}

func (a arguments) text(name string) string {
	s, _ := celery.Text(a.Get(name))
	return s
}

// texts reads a list of strings, or one string as a list of it. Other values
// are taken by their text, as Python's set does not mind them.
func (a arguments) texts(name string) ([]string, error) {
	return texts(a.Get(name))
}

func texts(raw json.RawMessage) ([]string, error) {
	if celery.IsNull(raw) {
		return nil, nil
	}
	list := []json.RawMessage{raw}
	if raw[0] == '[' {
		var err error
		if list, err = celery.Elements(raw); err != nil {
			return nil, raise("ValueError", err.Error())
		}
	}
	out := make([]string, 0, len(list))
	for _, v := range list {
		s, ok := celery.Text(v)
		if !ok {
			s = celery.Repr(v)
		}
		out = append(out, s)
	}
	return out, nil
}

func (a arguments) bool(name string) bool {
	raw := a.Get(name)
	return len(raw) > 0 && string(raw) != "null" && string(raw) != "false" && string(raw) != "0"
}

// int reads a whole number, nil when it is absent or null. Celery's command
// line sends numbers as text.
func (a arguments) int(name string) (*int, error) {
	raw := a.Get(name)
	if celery.IsNull(raw) {
		return nil, nil
	}
	s, ok := celery.Text(raw)
	if !ok {
		s = string(raw)
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return nil, raise("ValueError", fmt.Sprintf("invalid literal for int() with base 10: %s", celery.Repr(celery.Quote(s))))
	}
	return &n, nil
}

func (a arguments) float(name string) (*float64, error) {
	raw := a.Get(name)
	if celery.IsNull(raw) {
		return nil, nil
	}
	s, ok := celery.Text(raw)
	if !ok {
		s = string(raw)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != f {
		return nil, raise("ValueError", fmt.Sprintf("could not convert string to float: %s", celery.Repr(celery.Quote(s))))
	}
	if f == 0 {
		return nil, nil
	}
	return &f, nil
}

// setRepr is a set of strings as Python prints it.
func setRepr(list []string) string {
	if len(list) == 0 {
		return "set()"
	}
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = celery.Repr(celery.Quote(s))
	}
	return "{" + strings.Join(quoted, ", ") + "}"
}

// unique keeps the first of each.
func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
