// Package pyjson reads JSON as Python's Celery writes it.
//
// Compared with encoding/json it keeps the bytes of what it does not decode,
// knows NaN, Infinity and -Infinity, keeps the order and the repetitions of an
// object's names, understands kombu's {"__type__": …, "__value__": …} objects,
// and is strict about types: its errors name the value, the type that was
// expected and the one that was given, in Python's words.
package pyjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// A Member is a name of a JSON object and its value.
type Member struct {
	Name  string
	Value json.RawMessage
}

// maxDepth is how deep values may be nested, as in encoding/json. Python's own
// decoder gives up at about a tenth of it.
const maxDepth = 10000

var errEnd = errors.New("unexpected end of JSON")

// A SyntaxError says where data is not JSON.
type SyntaxError struct {
	Offset int
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s at byte %d of the JSON", e.Reason, e.Offset)
}

// Valid returns why data is not one JSON value, or nil.
func Valid(data []byte) error {
	_, err := value(data)
	return err
}

// Array splits a JSON array into its elements. The elements share data's memory.
func Array(data []byte) ([]json.RawMessage, error) {
	var elements []json.RawMessage
	s := scanner{data: data}
	err := s.whole('[', func() error {
		element, err := s.value()
		elements = append(elements, element)
		return err
	})
	return elements, err
}

// Object splits a JSON object into its members, in their order. A name that is
// there several times counts once, with its last value, as in a Python dict.
// The values share data's memory.
func Object(data []byte) ([]Member, error) {
	members, err := Members(data)
	if err != nil {
		return nil, err
	}
	unique := members[:0]
	find := func(name string) int {
		return slices.IndexFunc(unique, func(m Member) bool { return m.Name == name })
	}
	if len(members) > 8 { // looking through all of them would take too long
		last := make(map[string]int, len(members))
		find = func(name string) int {
			if i, ok := last[name]; ok {
				return i
			}
			last[name] = len(unique)
			return -1
		}
	}
	for _, m := range members {
		if i := find(m.Name); i >= 0 {
			unique[i].Value = m.Value
		} else {
			unique = append(unique, m)
		}
	}
	return unique, nil
}

// Members is [Object] with every repetition of a name: a row of a DataFrame may
// have several columns of one name.
func Members(data []byte) ([]Member, error) {
	var members []Member
	s := scanner{data: data}
	err := s.whole('{', func() error {
		start := s.at
		if err := s.text(); err != nil {
			return err
		}
		name, err := unquote(s.data[start:s.at])
		if err != nil {
			return s.wrong(start, "a name is not a JSON string")
		}
		s.space()
		if s.at >= len(s.data) || s.data[s.at] != ':' {
			return s.wrong(s.at, "a name without a colon")
		}
		s.at++
		s.space()
		v, err := s.value()
		members = append(members, Member{name, v})
		return err
	})
	return members, err
}

// unquote decodes a string that text has moved over. Most have nothing to decode.
func unquote(quoted []byte) (decoded string, err error) {
	for _, c := range quoted {
		if c == '\\' || c >= utf8.RuneSelf {
			err = json.Unmarshal(quoted, &decoded)
			return decoded, err
		}
	}
	return string(quoted[1 : len(quoted)-1]), nil
}

// value returns data without the space around it, if it is one value.
func value(data []byte) (json.RawMessage, error) {
	s := scanner{data: data}
	s.space()
	v, err := s.value()
	if err != nil {
		return nil, err
	}
	s.space()
	if s.at < len(data) {
		return nil, s.wrong(s.at, "more after the value")
	}
	return v, nil
}

// scanner walks over JSON text.
type scanner struct {
	data []byte
	at   int
}

func (s *scanner) wrong(at int, reason string) error {
	if at >= len(s.data) {
		return errEnd
	}
	return &SyntaxError{Offset: at, Reason: reason}
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// whole walks over data that is one array or object and nothing else; each
// reads an element and leaves the scanner behind it.
func (s *scanner) whole(open byte, each func() error) error {
	s.space()
	if s.at >= len(s.data) || s.data[s.at] != open {
		return s.wrong(s.at, fmt.Sprintf("no %q", open))
	}
	closing := open + 2 // of both pairs in ASCII
	s.at++
	s.space()
	if s.at < len(s.data) && s.data[s.at] == closing {
		s.at++
	} else {
		for {
			if err := each(); err != nil {
				return err
			}
			s.space()
			if s.at >= len(s.data) {
				return errEnd
			}
			c := s.data[s.at]
			s.at++
			if c == closing {
				break
			}
			if c != ',' {
				return s.wrong(s.at-1, "no comma between elements")
			}
			s.space()
		}
	}
	s.space()
	if s.at < len(s.data) {
		return s.wrong(s.at, "more after the value")
	}
	return nil
}

// value moves over one value and returns its bytes. It keeps its own stack, so
// that deep nesting costs a byte a level.
func (s *scanner) value() (json.RawMessage, error) {
	start := s.at
	var stack []byte // the closing characters of what is open
	for {
		// A value begins here.
		if s.at >= len(s.data) {
			return nil, errEnd
		}
		switch c := s.data[s.at]; c {
		case '{', '[':
			if len(stack) == maxDepth {
				return nil, s.wrong(s.at, "nested too deep")
			}
			stack = append(stack, c+2)
			s.at++
			s.space()
			if s.at < len(s.data) && s.data[s.at] == c+2 {
				break // an empty one: closed below
			}
			if c == '{' {
				if err := s.name(); err != nil {
					return nil, err
				}
			}
			continue
		case '"':
			if err := s.text(); err != nil {
				return nil, err
			}
		default:
			if err := s.word(); err != nil {
				return nil, err
			}
		}
		// A value has ended; close what ends with it.
		for {
			if len(stack) == 0 {
				return json.RawMessage(s.data[start:s.at]), nil
			}
			s.space()
			if s.at >= len(s.data) {
				return nil, errEnd
			}
			c := s.data[s.at]
			s.at++
			if c == stack[len(stack)-1] {
				stack = stack[:len(stack)-1]
				continue
			}
			if c != ',' {
				return nil, s.wrong(s.at-1, "no comma between elements")
			}
			s.space()
			if stack[len(stack)-1] == '}' {
				if err := s.name(); err != nil {
					return nil, err
				}
			}
			break
		}
	}
}

// name moves over an object's name and the colon.
func (s *scanner) name() error {
	if err := s.text(); err != nil {
		return err
	}
	s.space()
	if s.at >= len(s.data) || s.data[s.at] != ':' {
		return s.wrong(s.at, "a name without a colon")
	}
	s.at++
	s.space()
	return nil
}

// text moves over a string. Escapes are left to who decodes it.
func (s *scanner) text() error {
	if s.at >= len(s.data) || s.data[s.at] != '"' {
		return s.wrong(s.at, "no string")
	}
	for i := s.at + 1; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '\\':
			i++
		case c == '"':
			s.at = i + 1
			return nil
		case c < ' ':
			return s.wrong(i, "a control character in a string")
		}
	}
	return errEnd
}

// word moves over a number, true, false, null, NaN or an infinity.
func (s *scanner) word() error {
	start := s.at
	for s.at < len(s.data) && isWord(s.data[s.at]) {
		s.at++
	}
	if word := s.data[start:s.at]; len(word) == 0 || kindOf(word) == wrong {
		return s.wrong(start, "not a JSON value")
	}
	return nil
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.'
}
