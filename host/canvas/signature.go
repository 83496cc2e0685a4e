// Package canvas does what follows a Celery task: callbacks, chains, groups,
// chords and replacements. It reads signatures as Celery serializes them and
// sends the messages that Python's own worker would send.
//
// It is a port of celery/canvas.py (5.7), and keeps to that file's order of
// steps: clients find results by ids and parents that come out of it. A
// [Sender] publishes; [result.Chords] counts the parts of chords.
package canvas

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// A kind is what a signature is: Celery's subtask_type.
type kind string

const (
	plain kind = ""
	chain kind = "chain"
	group kind = "group"
	chord kind = "chord"
)

// A Signature is a call of a task that may still get arguments, or a chain,
// group or chord of such calls.
type Signature struct {
	Task string
	Args []json.RawMessage
	// Kwargs are the keyword arguments. Those of a chain, group or chord are
	// without its parts, which are in the fields below.
	Kwargs  celery.Object
	Options Options
	// Immutable signatures take no arguments of a parent.
	Immutable bool

	kind kind
	// tasks are those of a chain or group, or of a chord's header that is a list.
	tasks []*Signature
	// header is a chord's header once it is a group; tasks is empty then.
	header *Signature
	body   *Signature
	// listed says that Python holds the arguments as a list, which shows in
	// their text: "[1]" for "(1,)".
	listed bool
}

var errShape = errors.New("not a signature")

// Parse reads a serialized signature.
func Parse(data json.RawMessage) (*Signature, error) {
	members, err := celery.Members(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errShape, err)
	}
	s := &Signature{listed: true}
	var kwargs json.RawMessage
	for _, m := range members {
		switch m.Key {
		case "task":
			name, ok := celery.Text(m.Value)
			if !ok {
				return nil, fmt.Errorf("%w: task is %s", errShape, celery.SafeRepr(m.Value, 64))
			}
			s.Task = name
		case "args":
			if celery.IsNull(m.Value) {
				continue
			}
			if s.Args, err = celery.Elements(m.Value); err != nil {
				return nil, fmt.Errorf("%w: args: %w", errShape, err)
			}
		case "kwargs":
			kwargs = m.Value
		case "options":
			if celery.IsNull(m.Value) {
				continue
			}
			options, err := celery.Members(m.Value)
			if err != nil {
				return nil, fmt.Errorf("%w: options: %w", errShape, err)
			}
			for _, o := range options {
				s.Options.set(o.Key, o.Value)
			}
		case "subtask_type":
			name, _ := celery.Text(m.Value)
			s.kind = kind(name)
		case "immutable":
			s.Immutable = string(m.Value) == "true"
		}
	}
	if s.Task == "" {
		return nil, fmt.Errorf("%w: it names no task", errShape)
	}
	if !celery.IsNull(kwargs) {
		if s.Kwargs, err = celery.Members(kwargs); err != nil {
			return nil, fmt.Errorf("%w: kwargs: %w", errShape, err)
		}
	}
	return s, s.parseParts()
}

// FromTask says that a task has made the signature itself: its arguments are
// tuples, which shows in their text, and not lists, as those of a message are.
func (s *Signature) FromTask() *Signature {
	s.listed = false
	for _, t := range s.tasks {
		t.FromTask()
	}
	if s.header != nil {
		s.header.FromTask()
	}
	if s.body != nil {
		s.body.FromTask()
	}
	return s
}

// parseParts takes the parts of a chain, group or chord out of its arguments.
func (s *Signature) parseParts() (err error) {
	switch s.kind {
	case plain:
		return nil
	case chain, group:
		// Celery rebuilds these from their tasks and options alone.
		s.Args, s.Immutable = nil, false
		s.tasks, err = ParseList(s.take("tasks"))
		if err != nil {
			return fmt.Errorf("%s: %w", s.kind, err)
		}
		return nil
	case chord:
		header := s.take("header")
		if len(header) > 0 && header[0] == '{' {
			group, err := Parse(header)
			if err != nil {
				return fmt.Errorf("chord's header: %w", err)
			}
			if group.kind == plain || group.kind == chord {
				s.tasks = []*Signature{group}
			} else {
				s.tasks = group.tasks
			}
		} else if s.tasks, err = ParseList(header); err != nil {
			return fmt.Errorf("chord's header: %w", err)
		}
		if body := s.take("body"); !celery.IsNull(body) {
			if s.body, err = Parse(body); err != nil {
				return fmt.Errorf("chord's body: %w", err)
			}
		}
		return nil
	}
	return fmt.Errorf("%w: subtask_type %q is unknown", errShape, s.kind)
}

// take removes a keyword argument and returns it.
func (s *Signature) take(key string) json.RawMessage {
	at := slices.IndexFunc(s.Kwargs, func(m celery.Member) bool { return m.Key == key })
	if at < 0 {
		return nil
	}
	value := s.Kwargs[at].Value
	s.Kwargs = slices.Delete(slices.Clone(s.Kwargs), at, at+1)
	return value
}

// ParseList reads an array of signatures. Nothing and null are none; one
// signature by itself is a list of it, as in Celery's options.
func ParseList(data json.RawMessage) ([]*Signature, error) {
	if celery.IsNull(data) {
		return nil, nil
	}
	if data[0] == '{' {
		s, err := Parse(data)
		if err != nil {
			return nil, err
		}
		return []*Signature{s}, nil
	}
	parts, err := celery.Elements(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errShape, err)
	}
	list := make([]*Signature, len(parts))
	for i, part := range parts {
		if list[i], err = Parse(part); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Append appends the signature as Celery serializes it.
func (s *Signature) Append(dst []byte) []byte {
	dst = append(dst, `{"task": `...)
	dst = celery.AppendString(dst, s.Task)
	dst = celery.AppendArray(append(dst, `, "args": `...), s.Args)
	dst = append(dst, `, "kwargs": `...)
	dst = s.keywords().Append(dst)
	dst = append(dst, `, "options": `...)
	dst = s.Options.append(dst)
	dst = append(dst, `, "subtask_type": `...)
	if s.kind == plain {
		dst = append(dst, "null"...)
	} else {
		dst = celery.AppendString(dst, string(s.kind))
	}
	dst = append(dst, `, "immutable": `...)
	if s.Immutable {
		dst = append(dst, "true"...)
	} else {
		dst = append(dst, "false"...)
	}
	return append(dst, '}')
}

// keywords are all keyword arguments, the parts included.
func (s *Signature) keywords() celery.Object {
	all := slices.Clip(s.Kwargs)
	switch s.kind {
	case chain, group:
		all = append(all, celery.Member{Key: "tasks", Value: appendList(nil, s.tasks)})
	case chord:
		header := appendList(nil, s.tasks)
		if s.header != nil {
			header = s.header.Append(nil)
		}
		body := json.RawMessage("null")
		if s.body != nil {
			body = s.body.Append(nil)
		}
		all = append(all, celery.Member{Key: "header", Value: header}, celery.Member{Key: "body", Value: body})
	}
	return all
}

func appendList(dst []byte, list []*Signature) json.RawMessage {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = s.Append(dst)
	}
	return append(dst, ']')
}
