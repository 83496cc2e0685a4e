package celery

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
)

// numberOf is a JSON number as it is written elsewhere: an integer where it has
// neither fraction nor exponent.
func numberOf(raw []byte) (f float64, integer bool) {
	for _, c := range raw {
		if c == '.' || c|0x20 == 'e' || c == 'N' || c == 'I' {
			switch string(raw) {
			case "NaN":
				return math.NaN(), false
			case "Infinity":
				return math.Inf(1), false
			case "-Infinity":
				return math.Inf(-1), false
			}
			f, _ = strconv.ParseFloat(string(raw), 64) // infinite where it overflows, as in Python
			return f, false
		}
	}
	return 0, true
}

// jsonToMsgpack writes a JSON value as kombu's msgpack does.
func jsonToMsgpack(value []byte) ([]byte, error) {
	if err := Valid(value); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := msgpack.NewEncoder(&out)
	if err := packed(enc, value); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// packed encodes a valid JSON value.
func packed(enc *msgpack.Encoder, raw json.RawMessage) error {
	switch raw = trim(raw); raw[0] {
	case 'n':
		return enc.EncodeNil()
	case 't', 'f':
		return enc.EncodeBool(raw[0] == 't')
	case '"':
		return enc.EncodeString(valid(unquote(raw)))
	case '[':
		list, err := Elements(raw)
		if err != nil {
			return err
		}
		if err := enc.EncodeArrayLen(len(list)); err != nil {
			return err
		}
		for _, v := range list {
			if err := packed(enc, v); err != nil {
				return err
			}
		}
		return nil
	case '{':
		members, err := Members(raw)
		if err != nil {
			return err
		}
		if s, ok := specialOf(members); ok {
			if s.kind == "bytes" {
				return enc.EncodeBytes(s.data)
			}
			return enc.EncodeString(valid(s.plain()))
		}
		if err := enc.EncodeMapLen(len(members)); err != nil {
			return err
		}
		for _, m := range members {
			if err := enc.EncodeString(valid(m.Key)); err != nil {
				return err
			}
			if err := packed(enc, m.Value); err != nil {
				return err
			}
		}
		return nil
	}
	f, integer := numberOf(raw)
	if !integer {
		return enc.EncodeFloat64(f)
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return enc.EncodeInt(n)
	}
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil {
		return fmt.Errorf("msgpack has no integer as large as %s", SafeRepr(raw, 40))
	}
	return enc.EncodeUint(n)
}

// valid is text with what is no UTF-8 replaced by U+FFFD, as elsewhere here.
func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// jsonToYAML writes a JSON value as YAML 1.1 on one line, with all text quoted, so
// that none of it can be taken for something else.
func jsonToYAML(value []byte) ([]byte, error) {
	if err := Valid(value); err != nil {
		return nil, err
	}
	out, err := appendYAML(make([]byte, 0, len(value)+1), value)
	return append(out, '\n'), err
}

// longKey is from how many bytes on a key is marked as one: YAML's readers look
// 1,024 characters ahead for its colon.
const longKey = 900

// yamlTime is a time as PyYAML reads it.
var yamlTime = regexp.MustCompile(`^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)?)?$`)

func appendYAML(dst []byte, raw json.RawMessage) ([]byte, error) {
	switch raw = trim(raw); raw[0] {
	case 'n', 't', 'f':
		return append(dst, raw...), nil
	case '"':
		return appendYAMLText(dst, unquote(raw)), nil
	case '[':
		list, err := Elements(raw)
		if err != nil {
			return dst, err
		}
		dst = append(dst, '[')
		for i, v := range list {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			if dst, err = appendYAML(dst, v); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case '{':
		members, err := Members(raw)
		if err != nil {
			return dst, err
		}
		if s, ok := specialOf(members); ok {
			switch s.kind {
			case "bytes":
				return append(base64.StdEncoding.AppendEncode(append(dst, `!!binary "`...), s.data), '"'), nil
			case "datetime", "date":
				if yamlTime.MatchString(s.text) { // else it is text
					dst = append(dst, "!!timestamp "...)
				}
			}
			return appendYAMLText(dst, s.plain()), nil
		}
		dst = append(dst, '{')
		for i, m := range members {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			if len(m.Key) > longKey {
				dst = append(dst, "? "...)
			}
			dst = append(appendYAMLText(dst, m.Key), ": "...)
			if dst, err = appendYAML(dst, m.Value); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	}
	f, integer := numberOf(raw)
	switch {
	case integer && string(raw) == "-0": // Python's integers have no such
		return append(dst, '0'), nil
	case integer:
		return append(dst, raw...), nil
	case math.IsNaN(f):
		return append(dst, ".nan"...), nil
	case math.IsInf(f, 0):
		if f < 0 {
			dst = append(dst, '-')
		}
		return append(dst, ".inf"...), nil
	}
	// YAML 1.1 takes a number without a point for text: 1e+16.
	text := pyfloat.AppendJSON(nil, f)
	mantissa, exponent, found := bytes.Cut(text, []byte("e"))
	dst = append(dst, mantissa...)
	if !found {
		return dst, nil
	}
	if bytes.IndexByte(mantissa, '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return append(append(dst, 'e'), exponent...), nil
}

// appendYAMLText appends s in double quotes, in which YAML has JSON's escapes but
// no pairs of surrogates.
func appendYAMLText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if ' ' <= c && c <= '~' {
			if c == '"' || c == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		if r > 0xffff {
			dst = fmt.Appendf(dst, `\U%08x`, r)
		} else {
			dst = appendEscape(dst, r)
		}
	}
	return append(dst, '"')
}

// plain is the value as text.
func (s specialValue) plain() string {
	if s.kind == "uuid" {
		t := s.text
		return t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:]
	}
	return s.text
}
