package pyjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

type point struct {
	X, Y int
	Name string `json:"label"`
}

// upper decodes itself from text.
type upper string

func (u *upper) UnmarshalText(text []byte) error {
	*u = upper("UUID " + string(text))
	return nil
}

type named struct {
	point
	Extra *float64 `json:"extra"`
}

func TestDecodeGivesTheValue(t *testing.T) {
	half := 0.5
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.FixedZone("", 3600))
	for _, c := range []struct {
		json string
		want any
	}{
		{` true `, true},
		{`-9223372036854775808`, int64(math.MinInt64)},
		{`18446744073709551615`, uint64(math.MaxUint64)},
		{`-0`, uint8(0)},
		{`7`, 7.0},
		{`1e999`, math.Inf(1)},
		{`-Infinity`, math.Inf(-1)},
		{`1.5`, float32(1.5)},
		{`"a\u00e9\ud83d\ude00\n"`, "aé😀\n"},
		{`{"__type__": "bytes", "__value__": "abc"}`, []byte("abc")},
		{`{"__value__": "//4=", "__type__": "base64"}`, []byte{0xff, 0xfe}},
		{`{"__type__": "datetime", "__value__": "2026-01-02T03:04:05"}`, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		{`{"__type__": "date", "__value__": "2026-01-02"}`, time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)},
		{`{"__type__": "decimal", "__value__": "1.10"}`, json.Number("1.10")},
		{`{"__type__": "decimal", "__value__": "-1E+3"}`, -1000.0},
		{`{"__type__": "uuid", "__value__": {"hex": "05"}}`, upper("UUID 05")},
		{`{"__type__": "time", "__value__": "03:04:05"}`, upper("UUID 03:04:05")},
		{`["a", "b"]`, []string{"a", "b"}},
		{`[]`, []int{}},
		{`[[1, 2], []]`, [][]int{{1, 2}, {}}},
		{`[1, 2]`, [2]int{1, 2}},
		{`{"a": 1, "b": 2, "a": 3}`, map[string]int{"a": 3, "b": 2}},
		{`{"1": true}`, map[int]bool{1: true}},
		{`{"x": 1, "Y": 2, "label": "p", "other": [1]}`, point{1, 2, "p"}},
		{`{"X": 1, "extra": 0.5}`, named{point{X: 1}, &half}},
		{`null`, (*int)(nil)},
		{` {"a": 2.0,"b":12345678901234567890} `, json.RawMessage(`{"a": 2.0,"b":12345678901234567890}`)},
		{`2.0`, json.Number("2.0")},
		{`123456789012345678901234567890`, *new(big.Int).Exp(big.NewInt(3), big.NewInt(0), nil)},
	} {
		got := reflect.New(reflect.TypeOf(c.want))
		if err := pyjson.Decode([]byte(c.json), got.Interface()); err != nil {
			t.Errorf("%s: %v", c.json, err)
			continue
		}
		if n, ok := got.Interface().(*big.Int); ok {
			if n.String() != c.json {
				t.Errorf("%s: got %s", c.json, n)
			}
			continue
		}
		if !reflect.DeepEqual(got.Elem().Interface(), c.want) {
			t.Errorf("%s: got %#v, want %#v", c.json, got.Elem(), c.want)
		}
	}
	var got time.Time
	if err := pyjson.Decode([]byte(`{"__type__": "datetime", "__value__": "2026-01-02T03:04:05.678901+01:00"}`), &got); err != nil || !got.Equal(at) {
		t.Errorf("got %v, %v, want %v", got, err, at)
	}
}

func TestDecodeIntoAnyPicksTheTypeThatFits(t *testing.T) {
	var got any
	data := `[null, true, 1, 12345678901234567890, 1.0, "s", {"a": [NaN]}, {"__type__": "bytes", "__value__": "b"},
		{"__type__": "datetime", "__value__": "2026-01-02T03:04:05"}, {"__type__": "decimal", "__value__": "1.10"},
		{"__type__": "decimal", "__value__": "NaN"}, {"__type__": "date", "__value__": "2026-01-02"}, {"__type__": "x", "__value__": 1}]`
	if err := pyjson.Decode([]byte(data), &got); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%T", got)
	for _, v := range got.([]any) {
		text += fmt.Sprintf(" %T", v)
	}
	want := "[]interface {} <nil> bool int64 json.Number float64 string map[string]interface {} []uint8 time.Time json.Number string time.Time map[string]interface {}"
	if text != want {
		t.Errorf("got %s\nwant %s", text, want)
	}
}

func TestDecodeNamesWhatDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		json string
		to   any
		want string
	}{
		{`"5"`, new(int), "must be int, not str"},
		{`5.0`, new(int), "must be int, not float"},
		{`true`, new(int), "must be int, not bool"},
		{`1`, new(bool), "must be bool, not int"},
		{`null`, new(string), "must be str, not NoneType"},
		{`"1.5"`, new(float64), "must be float, not str"},
		{`[]`, new(*string), "must be str or None, not list"},
		{`"abc"`, new([]byte), "must be bytes, not str"},
		{`{"__type__": "bytes", "__value__": "abc"}`, new(string), "must be str, not bytes"},
		{`{"__type__": "uuid", "__value__": {"hex": "00"}}`, new(map[string]any), "must be dict, not UUID"},
		{`{"__type__": "decimal", "__value__": "1"}`, new(int), "must be int, not Decimal"},
		{`{"__type__": "decimal", "__value__": "NaN"}`, new(float64), "must be float, not Decimal"},
		{`{"__type__": "date", "__value__": "tomorrow"}`, new(time.Time), "must be datetime, not date"},
		{`"yesterday"`, new(time.Time), "must be datetime, not str"},
		{`[1, "2"]`, new([]int), "[1] must be int, not str"},
		{`[{"x": 1}, {"x": null}]`, new([]point), "[1].x must be int, not NoneType"},
		{`{"a": {"b": []}}`, new(map[string]map[string]int), `["a"]["b"] must be int, not list`},
		{`{"a": 1}`, new(map[int]int), `["a"] has a name that is no int`},
		{`300`, new(uint8), "must be an int from 0 to 255, not 300"},
		{`-1`, new(uint), "must be an int from 0 to 18446744073709551615, not -1"},
		{`-129`, new(int8), "must be an int from -128 to 127, not -129"},
		{`9223372036854775808`, new(int64), "must be an int from -9223372036854775808 to 9223372036854775807, not 9223372036854775808"},
		{strings.Repeat("9", 400), new(float64), "must fit a float, not 9999999999999999999999999999999999999999… (400 digits)"},
		{`1e300`, new(float32), "must fit a 32 bit float, not 1e300"},
		{`[1]`, new([2]int), "must be a list of 2, not of 1"},
	} {
		err := pyjson.Decode([]byte(c.json), c.to)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s into %T: got %v, want %s", c.json, c.to, err, c.want)
		}
	}
}

func TestBadJSONIsASyntaxError(t *testing.T) {
	for _, text := range []string{
		``, ` `, `{`, `[1`, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1,}`, `"a`, "\"\x01\"", `01`, `1.`, `.5`, `1e`, `+1`, `-`,
		`nul`, `Nan`, `1 2`, `[1 2]`, `]`, `{"a":1]`, `[1}`, strings.Repeat("[", 20000),
	} {
		if err := pyjson.Valid([]byte(text)); err == nil {
			t.Errorf("%.20q passes", text)
		}
	}
	var syntax *pyjson.SyntaxError
	if err := pyjson.Valid([]byte(`[1, x]`)); !errors.As(err, &syntax) || syntax.Offset != 4 {
		t.Errorf("got %v", err)
	}
}

func TestCheckRefusesTypesThatJSONCannotFill(t *testing.T) {
	type tree struct{ Children []tree }
	for _, v := range []any{tree{}, 1, "", []any{}, map[uint8]string{}, time.Time{}, &point{}, json.RawMessage{}, big.Int{}, struct{}{}} {
		if err := pyjson.Check(reflect.TypeOf(v)); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
	for _, v := range []any{make(chan int), func() {}, 1i, map[float64]int{}, []error{}, struct{ C chan int }{}, time.Second} {
		if err := pyjson.Check(reflect.TypeOf(v)); err == nil {
			t.Errorf("%T passes", v)
		}
	}
}

// FuzzValid holds the scanner against encoding/json, which knows no NaN.
func FuzzValid(f *testing.F) {
	for _, s := range []string{`{"a": [1, 2.5e-3, {"b": null}], "c": "\u00e9\\\""}`, `[NaN, -Infinity]`, `[[[]]]`, ` {} `, `{"":""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := pyjson.Valid(data)
		if json.Valid(data) && err != nil && !strings.Contains(err.Error(), "nested too deep") {
			t.Fatalf("%q: %v", data, err)
		}
		var v any
		_ = pyjson.Decode(data, &v)
		_ = pyjson.TypeName(data)
		// Escapes inside strings and non-finite numbers are looked at only when decoded.
		if err == nil && !json.Valid(data) && !strings.ContainsAny(string(data), `\NI`) {
			t.Fatalf("%q passes", data)
		}
	})
}

// TestNames holds names of objects, of which most need no decoding, to those of
// encoding/json, and repeated ones to a Python dict's, in short objects and long ones.
func TestNames(t *testing.T) {
	for _, quoted := range []string{`""`, `"plain"`, `"a \"b\" \\"`, `"\u00e9\ud83d\ude00"`, `"é😀"`, "\"\xff\"", `"\/"`} {
		members, err := pyjson.Object([]byte(`{` + quoted + `: 1}`))
		var want string
		if jsonErr := json.Unmarshal([]byte(quoted), &want); jsonErr != nil {
			t.Fatal(jsonErr)
		}
		if err != nil || len(members) != 1 || members[0].Name != want {
			t.Errorf("%s is read as %v, %v; want %q", quoted, members, err, want)
		}
	}
	if members, err := pyjson.Object([]byte(`{"\x": 1}`)); err == nil {
		t.Errorf("a wrong escape is read as %v", members)
	}
	for _, n := range []int{1, 3, 8, 9, 40} {
		var text []string
		for i := range 2 * n { // each name twice, the second time with another value
			text = append(text, fmt.Sprintf(`"n%d": %d`, i%n, i))
		}
		members, err := pyjson.Object([]byte("{" + strings.Join(text, ", ") + "}"))
		if err != nil || len(members) != n {
			t.Fatalf("%d names: %v, %v", n, members, err)
		}
		for i, m := range members {
			if m.Name != fmt.Sprintf("n%d", i) || string(m.Value) != fmt.Sprint(n+i) {
				t.Errorf("%d names: member %d is %s: %s", n, i, m.Name, m.Value)
			}
		}
	}
}
