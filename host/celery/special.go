package celery

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A specialValue is a JSON object of the two keys __type__ and __value__, which
// Celery reads as a value that JSON has no form for.
type specialValue struct {
	kind string
	text string // of all kinds but bytes
	data []byte // of kind bytes, which base64 becomes
}

// specialOf returns the value that Celery reads from an object, if it is one
// that the stock decoder knows and accepts.
func specialOf(o Object) (specialValue, bool) {
	if len(o) != 2 || o.Get("__type__") == nil || o.Get("__value__") == nil {
		return specialValue{}, false
	}
	kind, ok := text(o.Get("__type__"))
	if !ok {
		return specialValue{}, false
	}
	s := specialValue{kind: kind}
	value := o.Get("__value__")
	if kind == "uuid" {
		fields, err := Members(value)
		if err != nil || len(fields) != 1 {
			return s, false
		}
		s.text, ok = text(fields.Get("hex"))
		s.text = strings.ToLower(strings.ReplaceAll(s.text, "-", ""))
		return s, ok && len(s.text) == 32 && strings.Trim(s.text, hexDigits) == ""
	}
	if s.text, ok = text(value); !ok {
		return s, false
	}
	var err error
	switch kind {
	case "bytes":
		s.data = []byte(s.text)
	case "base64":
		s.kind = "bytes"
		s.data, err = base64.StdEncoding.DecodeString(s.text)
	case "datetime", "date":
		_, err = ParseTime(s.text)
	case "time", "decimal":
	default:
		return s, false
	}
	return s, err == nil
}

func special(raw []byte) (specialValue, bool) {
	o, err := Members(raw)
	if err != nil {
		return specialValue{}, false
	}
	return specialOf(o)
}

// repr returns how Python prints the value.
func (s specialValue) repr() string {
	switch s.kind {
	case "uuid":
		t := s.text
		return "UUID('" + t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:] + "')"
	case "decimal":
		return "Decimal('" + s.text + "')"
	case "bytes":
		return bytesRepr(s.data)
	case "time":
		t, err := ParseTime("2000-01-01T" + s.text)
		if err != nil {
			return s.text
		}
		return "datetime.time(" + clockRepr(t, strings.ContainsAny(s.text, "+-Z")) + ")"
	}
	t, err := ParseTime(s.text)
	if err != nil {
		return s.text
	}
	day := fmt.Sprintf("%d, %d, %d", t.Year(), t.Month(), t.Day())
	if s.kind == "date" {
		return "datetime.date(" + day + ")"
	}
	_, clock, _ := strings.Cut(s.text, "T")
	return "datetime.datetime(" + day + ", " + clockRepr(t, strings.ContainsAny(clock, "+-Z")) + ")"
}

// clockRepr prints the arguments of datetime.time: zero seconds and
// microseconds are left out from the end.
func clockRepr(t time.Time, aware bool) string {
	out := fmt.Sprintf("%d, %d", t.Hour(), t.Minute())
	if micros := t.Nanosecond() / 1000; micros != 0 {
		out += fmt.Sprintf(", %d, %d", t.Second(), micros)
	} else if t.Second() != 0 {
		out += fmt.Sprintf(", %d", t.Second())
	}
	if !aware {
		return out
	}
	_, offset := t.Zone()
	switch {
	case offset == 0:
		return out + ", tzinfo=datetime.timezone.utc"
	case offset > 0:
		return fmt.Sprintf("%s, tzinfo=datetime.timezone(datetime.timedelta(seconds=%d))", out, offset)
	default: // a negative timedelta counts on from the day before
		return fmt.Sprintf("%s, tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=%d))", out, offset+86400)
	}
}

func bytesRepr(data []byte) string {
	quote := byte('\'')
	if bytes.IndexByte(data, '\'') >= 0 && bytes.IndexByte(data, '"') < 0 {
		quote = '"'
	}
	out := []byte{'b', quote}
	for _, c := range data {
		switch {
		case c == quote || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, `\n`...)
		case c == '\r':
			out = append(out, `\r`...)
		case c == '\t':
			out = append(out, `\t`...)
		case c < ' ' || c >= 0x7f:
			out = append(out, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		default:
			out = append(out, c)
		}
	}
	return string(append(out, quote))
}

// checkSpecials finds what Celery's decoder refuses although it is JSON: bytes
// that are not UTF-8, and special values of a type that it does not know. data
// is valid JSON apart from that.
func checkSpecials(data []byte) error {
	if !utf8.Valid(data) {
		return fmt.Errorf("body is not UTF-8")
	}
	// Nearly no message holds one, and a key can also be spelt with escapes.
	if !bytes.Contains(data, []byte("__type__")) && !bytes.Contains(data, []byte(`\u005`)) {
		return nil
	}
	return checkSpecial(data)
}

func checkSpecial(data []byte) (err error) {
	switch data = trim(data); data[0] {
	case '[':
		_ = eachElement(data, func(v json.RawMessage) bool {
			err = checkSpecial(v)
			return err == nil
		})
	case '{':
		members, _ := Members(data)
		for _, m := range members {
			if err := checkSpecial(m.Value); err != nil {
				return err
			}
		}
		if len(members) == 2 && members.Get("__type__") != nil && members.Get("__value__") != nil {
			if _, ok := specialOf(members); !ok {
				return fmt.Errorf("special value of unknown type or form: %s", SafeRepr(members.Get("__type__"), 64))
			}
		}
	}
	return err
}
