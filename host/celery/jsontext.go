package celery

import (
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
)

// plain are the bytes that a string goes on with: all but the quote, the
// backslash and control characters.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x20 && c != '"' && c != '\\'
	}
	return t
}()

func skipString(data []byte, i int) (int, error) {
	start := i
	for i++; i < len(data); i++ {
		if plain[data[i]] {
			continue
		}
		switch data[i] {
		case '"':
			return i + 1, nil
		case '\\':
			i++
			if i == len(data) {
				return start, syntax(i, errEnd)
			}
			switch data[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if _, ok := hex4(data, i+1); !ok {
					return start, syntax(i, errString)
				}
				i += 4
			default:
				return start, syntax(i, errString)
			}
		default:
			return start, syntax(i, errString)
		}
	}
	return start, syntax(i, errEnd)
}

func hex4(data []byte, i int) (rune, bool) {
	if i+4 > len(data) {
		return 0, false
	}
	var r rune
	for _, c := range data[i : i+4] {
		switch {
		case digit(c):
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// eachRune calls f with the code points of a checked JSON string. Lone
// surrogates, which Python's strings can hold, come as they are.
func eachRune(quoted []byte, f func(rune) bool) {
	data := quoted[1 : len(quoted)-1]
	for i := 0; i < len(data); {
		var r rune
		switch c := data[i]; {
		case c == '\\' && data[i+1] == 'u':
			r, _ = hex4(data, i+2)
			i += 6
			if utf16.IsSurrogate(r) && i+1 < len(data) && data[i] == '\\' && data[i+1] == 'u' {
				low, _ := hex4(data, i+2)
				if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
					r = both
					i += 6
				}
			}
		case c == '\\':
			r = rune(unescaped[data[i+1]])
			i += 2
		case c < utf8.RuneSelf:
			r = rune(c)
			i++
		default:
			var n int
			r, n = utf8.DecodeRune(data[i:])
			i += n
		}
		if !f(r) {
			return
		}
	}
}

var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unquote returns the text of a checked JSON string.
func unquote(quoted []byte) string {
	simple := true
	for _, c := range quoted[1 : len(quoted)-1] {
		if c == '\\' {
			simple = false
			break
		}
	}
	if simple {
		return string(quoted[1 : len(quoted)-1])
	}
	out := make([]byte, 0, len(quoted))
	eachRune(quoted, func(r rune) bool {
		out = utf8.AppendRune(out, r) // a surrogate becomes U+FFFD
		return true
	})
	return string(out)
}

// text returns the text of a JSON string, and false for any other value.
func text(raw []byte) (string, bool) {
	if raw = trim(raw); len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	if end, err := skipString(raw, 0); err != nil || end != len(raw) {
		return "", false
	}
	return unquote(raw), true
}

func trim(raw []byte) []byte {
	raw = raw[space(raw, 0):]
	for len(raw) > 0 && space(raw[len(raw)-1:], 0) == 1 {
		raw = raw[:len(raw)-1]
	}
	return raw
}

func isNull(raw []byte) bool {
	raw = trim(raw)
	return len(raw) == 0 || string(raw) == "null"
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as Python's json.dumps quotes it: all but printable
// ASCII is escaped. Invalid UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		if c := s[i]; ' ' <= c && c <= '~' && c != '"' && c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch r {
		case '"', '\\':
			dst = append(dst, '\\', byte(r))
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		default:
			if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
				dst = appendEscape(appendEscape(dst, high), low)
			} else {
				dst = appendEscape(dst, r)
			}
		}
	}
	return append(dst, '"')
}

func appendEscape(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// Quote returns s as a JSON string in Python's form.
func Quote(s string) json.RawMessage { return AppendString(make([]byte, 0, len(s)+2), s) }

// orNull is [Quote], with null for the empty string.
func orNull(s string) json.RawMessage {
	if s == "" {
		return json.RawMessage("null")
	}
	return Quote(s)
}

func appendOrNull(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return AppendString(dst, s)
}

// appendRaw appends a value's own bytes, null for none.
func appendRaw(dst []byte, raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return append(dst, "null"...)
	}
	return append(dst, raw...)
}

// AppendArray appends values as one array in Python's form, each with its own bytes.
func AppendArray(dst []byte, values []json.RawMessage) []byte {
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendRaw(dst, v)
	}
	return append(dst, ']')
}

func integer(n int64) json.RawMessage { return strconv.AppendInt(nil, n, 10) }
func float(f float64) json.RawMessage { return pyfloat.AppendJSON(nil, f) }
