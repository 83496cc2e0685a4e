package celery

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Limits of the JSON that is read. Both are answers to Python: its decoder
// fails at about a thousand levels and refuses longer integers.
const (
	// MaxDepth is how many arrays and objects may be open at once.
	MaxDepth = 200
	// MaxDigits is how many digits an integer may have.
	MaxDigits = 4300
)

// A SyntaxError says where bytes stop being JSON as Python reads it.
type SyntaxError struct {
	Offset int // bytes from the start of the value
	Reason string
}

// Error implements error.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("JSON: %s at byte %d", e.Reason, e.Offset)
}

var (
	errEnd    = errors.New("unexpected end")
	errString = errors.New("bad string")
	errNumber = errors.New("bad number")
	errDigits = fmt.Errorf("integer of more than %d digits", MaxDigits)
	errDepth  = fmt.Errorf("more than %d levels", MaxDepth)
	errValue  = errors.New("no value")
	errSep    = errors.New("expected a comma or the end")
	errKey    = errors.New("expected a key")
	errColon  = errors.New("expected a colon")
	errExtra  = errors.New("extra data")
	errArray  = errors.New("not an array")
	errObject = errors.New("not an object")
)

func syntax(at int, err error) error { return &SyntaxError{Offset: at, Reason: err.Error()} }

// Valid reports as an error why data is not exactly one JSON value as Python
// reads it, which is the standard's plus NaN, Infinity and -Infinity and within
// [MaxDepth] and [MaxDigits].
func Valid(data []byte) error {
	i, err := skip(data, 0)
	if err != nil {
		return err
	}
	if i = space(data, i); i != len(data) {
		return syntax(i, errExtra)
	}
	return nil
}

// Elements splits a JSON array into its elements, each with the very bytes that
// it has in data, of which they are parts. Everything is checked as by [Valid].
func Elements(data []byte) ([]json.RawMessage, error) {
	out := []json.RawMessage{} // many are empty, and kept for long
	err := eachElement(data, func(v json.RawMessage) bool {
		if cap(out) == 0 {
			out = make([]json.RawMessage, 0, 4)
		}
		out = append(out, v)
		return true
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// eachElement calls f for each element until f returns false; what comes after
// that is not checked.
func eachElement(data []byte, f func(json.RawMessage) bool) error {
	i := space(data, 0)
	if i == len(data) || data[i] != '[' {
		return syntax(i, errArray)
	}
	i = space(data, i+1)
	if i < len(data) && data[i] == ']' {
		return atEnd(data, i+1)
	}
	for {
		i = space(data, i)
		end, err := skip(data, i)
		if err != nil {
			return err
		}
		if !f(data[i:end:end]) {
			return nil
		}
		i = space(data, end)
		switch {
		case i == len(data):
			return syntax(i, errEnd)
		case data[i] == ',':
			i++
		case data[i] == ']':
			return atEnd(data, i+1)
		default:
			return syntax(i, errSep)
		}
	}
}

// A Member is one key of a JSON object with its value's bytes.
type Member struct {
	// Key is the key's text. A lone surrogate, which Python can send, is U+FFFD
	// here and is kept when the member is encoded again.
	Key   string
	Value json.RawMessage
	// raw is the quoted key as it was sent, nil for a member made here.
	raw []byte
}

// An Object is a JSON object whose members keep their order and bytes.
type Object []Member

// Members splits a JSON object. Of keys that come twice, the last value counts
// at the first place, as in Python. Everything is checked as by [Valid].
func Members(data []byte) (Object, error) {
	out := Object{}           // many are empty, and kept for long
	var places map[string]int // only for many members: a scan is cheaper for few
	err := eachMember(data, func(m Member) bool {
		if len(out) >= 16 && places == nil {
			places = make(map[string]int, 64)
			for i := range out {
				places[out[i].Key] = i
			}
		}
		if at := out.find(m.Key, places); at >= 0 {
			out[at].Value = m.Value
			return true
		}
		if places != nil {
			places[m.Key] = len(out)
		}
		if cap(out) == 0 {
			out = make(Object, 0, 4)
		}
		out = append(out, m)
		return true
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (o Object) find(key string, places map[string]int) int {
	if places != nil {
		if i, ok := places[key]; ok {
			return i
		}
		return -1
	}
	for i := range o {
		if o[i].Key == key {
			return i
		}
	}
	return -1
}

// Get returns the value of a key, nil when it is missing.
func (o Object) Get(key string) json.RawMessage {
	if i := o.find(key, nil); i >= 0 {
		return o[i].Value
	}
	return nil
}

// Append appends the object to dst as Python writes it, with the bytes of keys
// and values as they are.
func (o Object) Append(dst []byte) []byte {
	dst = append(dst, '{')
	for i, m := range o {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = m.append(dst)
	}
	return append(dst, '}')
}

func (m Member) append(dst []byte) []byte {
	if m.raw != nil {
		dst = append(dst, m.raw...)
	} else {
		dst = AppendString(dst, m.Key)
	}
	return appendRaw(append(dst, ": "...), m.Value)
}

// Text returns the text of a JSON string, and false for any other value.
func Text(raw json.RawMessage) (string, bool) { return text(raw) }

// IsNull reports whether raw is null or nothing.
func IsNull(raw json.RawMessage) bool { return isNull(raw) }

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) { return o.Append(nil), nil }

// eachMember calls f for each member until f returns false; what comes after
// that is not checked.
func eachMember(data []byte, f func(Member) bool) error {
	i := space(data, 0)
	if i == len(data) || data[i] != '{' {
		return syntax(i, errObject)
	}
	i = space(data, i+1)
	if i < len(data) && data[i] == '}' {
		return atEnd(data, i+1)
	}
	for {
		i = space(data, i)
		if i == len(data) || data[i] != '"' {
			return syntax(i, errKey)
		}
		end, err := skipString(data, i)
		if err != nil {
			return err
		}
		m := Member{raw: data[i:end:end]}
		m.Key = unquote(m.raw)
		i = space(data, end)
		if i == len(data) || data[i] != ':' {
			return syntax(i, errColon)
		}
		i = space(data, i+1)
		if end, err = skip(data, i); err != nil {
			return err
		}
		m.Value = data[i:end:end]
		if !f(m) {
			return nil
		}
		i = space(data, end)
		switch {
		case i == len(data):
			return syntax(i, errEnd)
		case data[i] == ',':
			i++
		case data[i] == '}':
			return atEnd(data, i+1)
		default:
			return syntax(i, errSep)
		}
	}
}

func atEnd(data []byte, i int) error {
	if i = space(data, i); i != len(data) {
		return syntax(i, errExtra)
	}
	return nil
}

func space(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

// skip returns where the value that starts at data[i:] ends. It does not
// recurse, so that no message can exhaust the stack.
func skip(data []byte, i int) (int, error) {
	var open [MaxDepth]byte // the closers of what is open
	depth := 0
	var err error
	for {
		// A value starts here.
		i = space(data, i)
		if i == len(data) {
			return i, syntax(i, errEnd)
		}
		opened := false
		switch c := data[i]; c {
		case '"':
			if i, err = skipString(data, i); err != nil {
				return i, err
			}
		case '{', '[':
			if depth == MaxDepth {
				return i, syntax(i, errDepth)
			}
			open[depth] = c + 2 // '}' and ']' follow their openers by two
			depth++
			i = space(data, i+1)
			opened = i == len(data) || data[i] != open[depth-1]
			if !opened {
				depth--
				i++
			}
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			if i, err = skipNumber(data, i); err != nil {
				return i, err
			}
		default:
			n := word(data[i:])
			if n == 0 {
				return i, syntax(i, errValue)
			}
			i += n
		}
		// A value has ended here, or a container with members has begun.
		for !opened {
			if depth == 0 {
				return i, nil
			}
			i = space(data, i)
			if i == len(data) {
				return i, syntax(i, errEnd)
			}
			if data[i] == ',' {
				i++
				break
			}
			if data[i] != open[depth-1] {
				return i, syntax(i, errSep)
			}
			depth--
			i++
		}
		if open[depth-1] == '}' {
			i = space(data, i)
			if i == len(data) || data[i] != '"' {
				return i, syntax(i, errKey)
			}
			if i, err = skipString(data, i); err != nil {
				return i, err
			}
			i = space(data, i)
			if i == len(data) || data[i] != ':' {
				return i, syntax(i, errColon)
			}
			i++
		}
	}
}

// word returns the length of the literal that data starts with, or zero.
func word(data []byte) int {
	for _, w := range [...]string{"null", "true", "false", "NaN", "Infinity"} {
		if len(data) >= len(w) && string(data[:len(w)]) == w {
			return len(w)
		}
	}
	return 0
}

func skipNumber(data []byte, i int) (int, error) {
	start := i
	if data[i] == '-' {
		i++
		if n := word(data[i:]); n == len("Infinity") {
			return i + n, nil
		}
	}
	first := i
	for i < len(data) && digit(data[i]) {
		i++
	}
	switch digits := i - first; {
	case digits == 0:
		return start, syntax(start, errNumber)
	case digits > 1 && data[first] == '0':
		return start, syntax(first+1, errNumber)
	}
	integer := true
	if i+1 < len(data) && data[i] == '.' && digit(data[i+1]) {
		integer = false
		for i++; i < len(data) && digit(data[i]); i++ {
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		j := i + 1
		if j < len(data) && (data[j] == '+' || data[j] == '-') {
			j++
		}
		if j < len(data) && digit(data[j]) {
			integer = false
			for i = j; i < len(data) && digit(data[i]); i++ {
			}
		}
	}
	if integer && i-first > MaxDigits {
		return start, syntax(start, errDigits)
	}
	return i, nil
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
