package pyjson

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// A TypeError says that a value has another type than the one asked for.
type TypeError struct {
	// Path leads to the value inside the one that was decoded, such as
	// "[2].name". It is empty for the value itself.
	Path string
	// Want and Got are Python's names of types.
	Want, Got string
	// Type is the Go type asked for.
	Type reflect.Type
}

func (e *TypeError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s must be %s, not %s", e.Path, e.Want, e.Got))
}

// A RangeError says that a value has the right type and cannot be held.
type RangeError struct {
	Path string
	// Reason is what the value must be and is not, such as "must be an int from 0 to 255, not 300".
	Reason string
	// Overflow says that it is a number too large.
	Overflow bool
}

func (e *RangeError) Error() string { return strings.TrimSpace(e.Path + " " + e.Reason) }

var (
	typeRaw         = reflect.TypeFor[json.RawMessage]()
	typeNumber      = reflect.TypeFor[json.Number]()
	typeTime        = reflect.TypeFor[time.Time]()
	typeDuration    = reflect.TypeFor[time.Duration]()
	typeUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	typeTextual     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// Decode puts a JSON value into the Go value that to points to. Errors are
// [*TypeError], [*RangeError], [*SyntaxError], or what a type's own
// UnmarshalJSON or UnmarshalText returned.
//
// Numbers are exact: an int is no float and no bool, and one that does not fit
// is an error; only for a float an int or a decimal may be given. Null fits
// pointers, any and json.RawMessage. []byte takes kombu's bytes, time.Time its
// datetime or date or an RFC 3339 string, json.Number its decimal, and types
// that decode themselves from text the text of all but bytes. In an any,
// integers are int64, larger ones and decimals json.Number, bytes []byte,
// datetimes and dates time.Time, times and UUIDs string.
func Decode(raw []byte, to any) error {
	v, err := value(raw)
	if err != nil {
		return err
	}
	return decode(v, reflect.ValueOf(to).Elem(), "")
}

func decode(raw json.RawMessage, to reflect.Value, path string) error {
	t := to.Type()
	k := kindOf(raw)
	mismatch := func() error { return &TypeError{Path: path, Want: Want(t), Got: TypeName(raw), Type: t} }
	switch {
	case t == typeRaw:
		to.SetBytes(bytes.Clone(raw))
		return nil
	case t.Kind() == reflect.Pointer:
		if k == null {
			to.SetZero()
			return nil
		}
		v := reflect.New(t.Elem())
		if err := decode(raw, v.Elem(), path); err != nil {
			if mistyped, ok := errors.AsType[*TypeError](err); ok && mistyped.Path == path {
				return mismatch() // which adds that None would do
			}
			return err
		}
		to.Set(v)
		return nil
	case t == typeTime:
		return decodeTime(raw, to, mismatch)
	case t == typeNumber:
		if d, ok := decimal(raw); ok {
			raw = json.RawMessage(d)
		} else if k != integer && k != float {
			return mismatch()
		}
		to.SetString(string(raw))
		return nil
	case reflect.PointerTo(t).Implements(typeUnmarshaler):
		if err := to.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(raw); err != nil {
			return &RangeError{Path: path, Reason: "cannot be taken: " + err.Error()}
		}
		return nil
	case reflect.PointerTo(t).Implements(typeTextual):
		s, ok := asText(raw, k)
		if !ok {
			s, ok = specialText(raw)
		}
		if !ok {
			return mismatch()
		}
		if err := to.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
			return &RangeError{Path: path, Reason: "cannot be taken: " + err.Error()}
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Bool:
		if k != boolean {
			return mismatch()
		}
		to.SetBool(raw[0] == 't')
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if k != integer {
			return mismatch()
		}
		n, err := strconv.ParseInt(string(raw), 10, t.Bits())
		if err != nil {
			shift := 64 - t.Bits()
			return outOfRange(path, strconv.FormatInt(math.MinInt64>>shift, 10), strconv.FormatInt(math.MaxInt64>>shift, 10), raw)
		}
		to.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if k != integer {
			return mismatch()
		}
		n, err := strconv.ParseUint(strings.Replace(string(raw), "-0", "0", 1), 10, t.Bits())
		if err != nil {
			return outOfRange(path, "0", strconv.FormatUint(math.MaxUint64>>(64-t.Bits()), 10), raw)
		}
		to.SetUint(n)
	case reflect.Float32, reflect.Float64:
		if d, ok := decimal(raw); ok {
			raw, k = json.RawMessage(d), float
		}
		if k != integer && k != float {
			return mismatch()
		}
		// Python's own decoder reads 1e999 as infinity, but refuses to make a
		// float of an integer that large.
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil && k == integer {
			return &RangeError{Path: path, Reason: "must fit a float, not " + short(raw), Overflow: true}
		}
		if to.OverflowFloat(f) && !math.IsInf(f, 0) {
			return &RangeError{Path: path, Reason: "must fit a 32 bit float, not " + short(raw), Overflow: true}
		}
		to.SetFloat(f)
	case reflect.String:
		s, ok := asText(raw, k)
		if !ok {
			return mismatch()
		}
		to.SetString(s)
	case reflect.Interface:
		v, err := anything(raw, k)
		if err != nil {
			return err
		}
		if v == nil {
			to.SetZero()
			return nil
		}
		to.Set(reflect.ValueOf(v))
	case reflect.Slice, reflect.Array:
		if isBytes(t) {
			b, ok := asBytes(raw)
			if !ok {
				return mismatch()
			}
			to.SetBytes(b)
			return nil
		}
		if k != list {
			return mismatch()
		}
		return decodeList(raw, to, path)
	case reflect.Map:
		if _, _, ok := special(raw); ok || k != object {
			return mismatch()
		}
		return decodeMap(raw, to, path)
	case reflect.Struct:
		if _, _, ok := special(raw); ok || k != object {
			return mismatch()
		}
		return decodeStruct(raw, to, path)
	default:
		return fmt.Errorf("%s cannot hold a JSON value", t) // Check refuses such a type before
	}
	return nil
}

func outOfRange(path, low, high string, raw []byte) error {
	return &RangeError{Path: path, Reason: fmt.Sprintf("must be an int from %s to %s, not %s", low, high, short(raw)), Overflow: true}
}

// short keeps an integer of a million digits out of an error message.
func short(raw []byte) string {
	if len(raw) <= 60 {
		return string(raw)
	}
	return fmt.Sprintf("%s… (%d digits)", raw[:40], len(strings.TrimPrefix(string(raw), "-")))
}

func asText(raw []byte, k kind) (string, bool) {
	if k != text {
		return "", false
	}
	s, err := unquote(raw)
	return s, err == nil
}

func asBytes(raw []byte) ([]byte, bool) {
	typ, v, ok := special(raw)
	if !ok {
		return nil, false
	}
	s, ok := asText(v, kindOf(v))
	if !ok {
		return nil, false
	}
	switch typ {
	case "bytes":
		return []byte(s), true
	case "base64":
		b, err := base64.StdEncoding.DecodeString(s)
		return b, err == nil
	}
	return nil, false
}

// specialText is the text of a decimal, date, time, datetime or UUID, for types
// that decode themselves from text.
func specialText(raw []byte) (string, bool) {
	typ, v, ok := special(raw)
	if !ok {
		return "", false
	}
	switch typ {
	case "decimal", "date", "time", "datetime":
		return asText(v, kindOf(v))
	case "uuid":
		members, err := Object(v)
		if err == nil && len(members) == 1 && members[0].Name == "hex" {
			return asText(members[0].Value, kindOf(members[0].Value))
		}
	}
	return "", false
}

// decimal is the digits of a decimal. One that is no number in JSON, such as
// Decimal("NaN"), is left alone.
func decimal(raw []byte) (string, bool) {
	typ, _, ok := special(raw)
	if !ok || typ != "decimal" {
		return "", false
	}
	s, ok := specialText(raw)
	// Python writes an exponent as 1E+3, which JSON has too.
	return s, ok && s != "" && numberKind([]byte(s)) != wrong
}

func decodeTime(raw []byte, to reflect.Value, mismatch func() error) error {
	if t, ok := specialTime(raw); ok {
		to.Set(reflect.ValueOf(t))
		return nil
	}
	if s, ok := asText(raw, kindOf(raw)); ok {
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
			to.Set(reflect.ValueOf(t))
			return nil
		}
	}
	return mismatch()
}

// specialTime is a datetime, or a date at midnight in UTC.
func specialTime(raw []byte) (time.Time, bool) {
	typ, v, ok := special(raw)
	if !ok {
		return time.Time{}, false
	}
	switch typ {
	case "datetime":
		return isoTime(v)
	case "date":
		s, _ := asText(v, kindOf(v))
		t, err := time.Parse(time.DateOnly, s)
		return t, err == nil
	}
	return time.Time{}, false
}

// isoTime reads Python's datetime.isoformat(). A datetime without a time zone is UTC.
func isoTime(raw []byte) (time.Time, bool) {
	s, ok := asText(raw, kindOf(raw))
	if !ok {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z07:00:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func decodeList(raw []byte, to reflect.Value, path string) error {
	elements, err := Array(raw)
	if err != nil {
		return err
	}
	if to.Kind() == reflect.Array {
		if len(elements) != to.Len() {
			return &RangeError{Path: path, Reason: fmt.Sprintf("must be a list of %d, not of %d", to.Len(), len(elements))}
		}
	} else {
		to.Set(reflect.MakeSlice(to.Type(), len(elements), len(elements)))
	}
	for i, e := range elements {
		if err := decode(e, to.Index(i), fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

func decodeMap(raw []byte, to reflect.Value, path string) error {
	members, err := Object(raw)
	if err != nil {
		return err
	}
	t := to.Type()
	to.Set(reflect.MakeMapWithSize(t, len(members)))
	for _, m := range members {
		key := reflect.New(t.Key()).Elem()
		at := fmt.Sprintf("%s[%q]", path, m.Name)
		if t.Key().Kind() == reflect.String {
			key.SetString(m.Name)
		} else if err := decode(json.RawMessage(m.Name), key, at); err != nil { // JSON's names are strings: {"1": …}
			return &RangeError{Path: at, Reason: "has a name that is no int"}
		}
		v := reflect.New(t.Elem()).Elem()
		if err := decode(m.Value, v, at); err != nil {
			return err
		}
		to.SetMapIndex(key, v)
	}
	return nil
}

func decodeStruct(raw []byte, to reflect.Value, path string) error {
	members, err := Object(raw)
	if err != nil {
		return err
	}
	fields := Fields(to.Type())
	for _, m := range members {
		f, ok := Lookup(fields, m.Name)
		if !ok {
			continue
		}
		if err := decode(m.Value, to.FieldByIndex(f.Index), path+"."+m.Name); err != nil {
			return err
		}
	}
	return nil
}

// anything decodes into the Go type that fits.
func anything(raw json.RawMessage, k kind) (any, error) {
	switch k {
	case null:
		return nil, nil
	case boolean:
		return raw[0] == 't', nil
	case integer:
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			return n, nil
		}
		return json.Number(raw), nil
	case float:
		// An error means too large for a float64, which Python reads as infinity.
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return nil, err
		}
		return f, nil
	case text:
		s, _ := asText(raw, k)
		return s, nil
	case list:
		elements, err := Array(raw)
		if err != nil {
			return nil, err
		}
		all := make([]any, len(elements))
		for i, e := range elements {
			if all[i], err = anything(e, kindOf(e)); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	if b, ok := asBytes(raw); ok {
		return b, nil
	}
	if t, ok := specialTime(raw); ok {
		return t, nil
	}
	if d, ok := decimal(raw); ok {
		return json.Number(d), nil
	}
	if s, ok := specialText(raw); ok {
		return s, nil
	}
	members, err := Object(raw)
	if err != nil {
		return nil, err
	}
	all := make(map[string]any, len(members))
	for _, m := range members {
		if all[m.Name], err = anything(m.Value, kindOf(m.Value)); err != nil {
			return nil, err
		}
	}
	return all, nil
}
