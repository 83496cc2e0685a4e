package judgetest

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sameValue reports whether two values in JSON are the same. Go has no way to
// write 1.0, so that it is 1.
func sameValue(t *testing.T, got, want json.RawMessage) bool {
	t.Helper()
	return equal(decode(t, got), decode(t, wholeFloats.ReplaceAll(want, []byte("$1$2"))))
}

var wholeFloats = regexp.MustCompile(`(^|[\[,: ])(-?\d+)\.0\b`) // not those within texts, such as versions

// same reports whether two JSON texts say the same. Sums of floats depend on
// the order in which partitions come, so their last digits do not count.
func same(t *testing.T, got, want json.RawMessage, unordered bool) bool {
	t.Helper()
	a, b := decode(t, got), decode(t, want)
	if unordered {
		a, b = sorted(t, a), sorted(t, b)
	}
	return equal(a, b)
}

func equal(a, b any) bool {
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, has := b[k]; !has || !equal(v, w) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || closeFloats(a, b))
	}
	return reflect.DeepEqual(a, b)
}

// closeFloats is for numbers that are written as floats.
func closeFloats(a, b json.Number) bool {
	if !strings.ContainsAny(a.String(), ".e") || !strings.ContainsAny(b.String(), ".e") {
		return false
	}
	x, errX := a.Float64()
	y, errY := b.Float64()
	return errX == nil && errY == nil && math.Abs(x-y) <= 1e-9*max(math.Abs(x), math.Abs(y))
}

func decode(t *testing.T, text json.RawMessage) any {
	t.Helper()
	if len(text) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(quoteNumbers(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Errorf("%v in %s", err, text)
	}
	return v
}

// sorted orders rows by their text.
func sorted(t *testing.T, v any) any {
	rows, ok := v.([]any)
	if !ok {
		return v
	}
	key := func(row any) string {
		text, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b any) int { return strings.Compare(key(a), key(b)) })
	return rows
}

// oddNumbers are what Python's JSON has for numbers that JSON lacks, and the
// strings between which they stand.
var oddNumbers = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|-?Infinity|NaN`)

// quoteNumbers makes strings of the numbers that Go's JSON does not take.
func quoteNumbers(text []byte) []byte {
	return oddNumbers.ReplaceAllFunc(text, func(token []byte) []byte {
		if token[0] == '"' {
			return token
		}
		return slices.Concat([]byte(`"`), token, []byte(`"`))
	})
}
