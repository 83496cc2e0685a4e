package stubs

import (
	"fmt"
	"go/format"
	"strings"
	"unicode"

	"github.com/sparkstalk/sparkstalk/abi"
)

var goReserved = strings.Fields(`break case chan const continue default defer else fallthrough for func go goto if import
	interface map package range return select struct switch type var`)

func goType(t typ, result bool) string {
	switch t.kind {
	case nullKind:
		return "struct{}"
	case boolKind:
		return "bool"
	case intKind:
		return "int64"
	case floatKind, numberKind:
		return "float64"
	case stringKind:
		return "string"
	case bytesKind:
		if result {
			return "[]byte" // base64 to encoding/json
		}
		return "Bytes"
	case timeKind:
		if result {
			return "time.Time"
		}
		return "Time"
	case listKind:
		return "[]" + goType(*t.elem, result)
	case mapKind:
		return "map[string]" + goType(*t.elem, result)
	case optionKind:
		return "*" + goType(*t.elem, result)
	case structKind:
		return "map[string]any"
	case rowsKind:
		return "[][]any"
	case objectsKind:
		return "[]map[string]any"
	}
	return "any"
}

const goHead = `// %s

// Package %s has typed clients of Celery tasks.
//
//	tasks := %s.New(func(ctx context.Context, name string, kwargs, options map[string]json.RawMessage) (json.RawMessage, error) {
//		return host.ApplyAsync(ctx, config, name, nil, kwargs, options) // or any other client of Celery
//	})
package %s

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// A Caller sends a task with its arguments and Celery's options of apply_async by
// their names, waits, and returns its result as JSON.
type Caller func(ctx context.Context, name string, kwargs, options map[string]json.RawMessage) (json.RawMessage, error)

// Options are Celery's of apply_async; what is left out is up to the worker.
type Options struct {
	// Queue is where the task goes, TaskID the id of the call.
	Queue  string
	TaskID string
	// Countdown is how long the task waits before it begins, or ETA until when.
	Countdown time.Duration
	ETA       time.Time
	// Expires is after how long it is not to be begun any more.
	Expires time.Duration
	// Priority is that of the message; nil is the worker's.
	Priority *uint8
	// TimeLimit and SoftTimeLimit bound the task.
	TimeLimit, SoftTimeLimit time.Duration
	// More are others by Celery's names.
	More map[string]json.RawMessage
}

func (o Options) encode() (map[string]json.RawMessage, error) {
	all := map[string]any{}
	for name, value := range o.More {
		all[name] = value
	}
	for name, value := range map[string]string{"queue": o.Queue, "task_id": o.TaskID} {
		if value != "" {
			all[name] = value
		}
	}
	for name, value := range map[string]time.Duration{"countdown": o.Countdown, "expires": o.Expires, "time_limit": o.TimeLimit, "soft_time_limit": o.SoftTimeLimit} {
		if value != 0 {
			all[name] = value.Seconds()
		}
	}
	if !o.ETA.IsZero() {
		all["eta"] = o.ETA.UTC().Format("2006-01-02T15:04:05.999999Z07:00")
	}
	if o.Priority != nil {
		all["priority"] = *o.Priority
	}
	if len(all) == 0 {
		return nil, nil
	}
	return encoded(all)
}

// encoded is a struct's or map's members as JSON.
func encoded(v any) (map[string]json.RawMessage, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	members := map[string]json.RawMessage{}
	return members, json.Unmarshal(data, &members)
}

// Bytes are bytes in the form in which Celery sends them.
type Bytes []byte

// MarshalJSON implements [json.Marshaler].
func (b Bytes) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"__type__": "bytes", "__value__": []byte(b)})
}

// Time is a time in the form in which Celery sends a datetime.
type Time struct{ time.Time }

// MarshalJSON implements [json.Marshaler].
func (t Time) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"__type__": "datetime", "__value__": t.Format("2006-01-02T15:04:05.999999Z07:00")})
}

// call encodes the arguments, a struct, and decodes the result.
func call[R any](ctx context.Context, c Caller, name string, args any, o Options) (R, error) {
	var result R
	kwargs, err := encoded(args)
	if err != nil {
		return result, fmt.Errorf("call %%s: %%w", name, err)
	}
	options, err := o.encode()
	if err != nil {
		return result, fmt.Errorf("call %%s: options: %%w", name, err)
	}
	value, err := c(ctx, name, kwargs, options)
	if err != nil {
		return result, fmt.Errorf("call %%s: %%w", name, err)
	}
	if bytes.Equal(value, []byte("null")) {
		return result, nil
	}
	if err := json.Unmarshal(value, &result); err != nil {
		return result, fmt.Errorf("result of %%s: %%w", name, err)
	}
	return result, nil
}

// A Result is what a task that was sent will come to.
type Result[R any] struct {
	done  chan struct{}
	value R
	err   error
}

// Get waits for the result, as long as ctx lasts.
func (r *Result[R]) Get(ctx context.Context) (R, error) {
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
		var none R
		return none, ctx.Err()
	}
}

// Ready reports whether Get waits no more.
func (r *Result[R]) Ready() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// async calls in a goroutine of its own, which ends with the call or with ctx.
func async[R any](ctx context.Context, c Caller, name string, args any, o Options) *Result[R] {
	r := &Result[R]{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.value, r.err = call[R](ctx, c, name, args, o)
	}()
	return r
}

// Tasks are all tasks.
type Tasks struct{ caller Caller }

// New returns the tasks, called with c.
func New(c Caller) Tasks { return Tasks{c} }
`

func golang(root *node, pkg string) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, goHead, header, pkg, pkg, pkg)
	scope := &names{used: map[string]bool{"Tasks": true, "New": true, "Caller": true, "Result": true, "Options": true, "Bytes": true, "Time": true}}
	methods := &names{}
	for _, n := range root.tasks() {
		name := methods.take(camel(n.path...))
		args := scope.take(name + "Args")
		t := n.task
		fmt.Fprintf(&b, "\n// %s are the arguments of %s.\ntype %s struct {\n", args, oneLine(t.Name), args)
		var fields names
		for _, p := range t.Params {
			if !tagName(p.Name) {
				return nil, fmt.Errorf("stubs in Go: task %s: the parameter %q has a name that no field's tag can have", t.Name, p.Name)
			}
			goField(&b, &fields, p)
		}
		b.WriteString("}\n")
		result := goType(resultType(t), true)
		doc := ""
		if t.Doc != "" {
			doc = ": " + strings.TrimRight(oneLine(t.Doc), ".")
		}
		fmt.Fprintf(&b, "\n// %s calls %s%s.\nfunc (t Tasks) %s(ctx context.Context, args %s) (%s, error) {\n\treturn call[%s](ctx, t.caller, %q, args, Options{})\n}\n",
			name, oneLine(t.Name), doc, name, args, result, result, t.Name)
		later, apply := methods.take("Delay"+name), methods.take("ApplyAsync"+name)
		fmt.Fprintf(&b, "\n// %s calls %s and returns at once. The call goes on as long as ctx lasts.\nfunc (t Tasks) %s(ctx context.Context, args %s) *Result[%s] {\n\treturn t.%s(ctx, args, Options{})\n}\n",
			later, oneLine(t.Name), later, args, result, apply)
		fmt.Fprintf(&b, "\n// %s is %s with options.\nfunc (t Tasks) %s(ctx context.Context, args %s, options Options) *Result[%s] {\n\treturn async[%s](ctx, t.caller, %q, args, options)\n}\n",
			apply, later, apply, args, result, result, t.Name)
	}
	text := b.String()
	source, err := format.Source([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("stubs in Go: %w", err)
	}
	return source, nil
}

// goField writes the field of a parameter. One with a default is a pointer: nil
// leaves the choice to the task.
func goField(b *strings.Builder, fields *names, p abi.Param) {
	text, tag := goType(parse(p.Type), false), p.Name
	doc := oneLine(p.Doc)
	if optional(p) {
		tag += ",omitempty"
		if !strings.HasPrefix(text, "*") && text != "any" {
			text = "*" + text
		}
		doc = strings.TrimSpace(doc + " (nil means " + oneLine(string(p.Default)) + ")")
	} else if tag == "-" { // which alone would leave the field out
		tag = "-,"
	}
	if doc != "" {
		fmt.Fprintf(b, "\t// %s\n", doc)
	}
	fmt.Fprintf(b, "\t%s %s `json:%q`\n", fields.take(camel(identifier(p.Name, goReserved))), text, tag)
}

// tagName reports whether encoding/json takes a name from a field's tag; others it
// passes over, and has the field's name in their place.
func tagName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r)
	})
}
