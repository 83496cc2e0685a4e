package bind

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

//go:embed testdata/calls.json
var pythonCalls []byte

// TestArgumentsBindAsInPython holds Match against thousands of calls that
// CPython made: see testdata/calls.py.
func TestArgumentsBindAsInPython(t *testing.T) {
	var cases []struct {
		Params, Optional int
		Args             []json.RawMessage
		Kwargs           []string
		Bound            []*int
		Error            string
	}
	if err := json.Unmarshal(pythonCalls, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		var params []abi.Param
		for i := range c.Params {
			p := abi.Param{Name: "abcd"[i : i+1]}
			if i >= c.Params-c.Optional {
				p.Default = json.RawMessage("null")
			}
			params = append(params, p)
		}
		a := Arguments{Args: c.Args}
		for i, name := range c.Kwargs {
			a.Kwargs = append(a.Kwargs, Kwarg{name, json.RawMessage(strconv.Itoa(100 + i))})
		}
		call := fmt.Sprintf("%d parameters, %d optional, called with %s, %s", c.Params, c.Optional, c.Args, c.Kwargs)
		values, err := Match("f", params, a)
		if c.Error != "" {
			if err == nil || err.Error() != "TypeError: "+c.Error {
				t.Errorf("%s: got %v, want %s", call, err, c.Error)
			}
			continue
		}
		got, _ := json.Marshal(values)
		want, _ := json.Marshal(c.Bound)
		if err != nil || len(values) > 0 && string(got) != string(want) {
			t.Errorf("%s: got %s, %v, want %s", call, got, err, want)
		}
	}
	if len(cases) < 1000 {
		t.Errorf("only %d cases", len(cases))
	}
}

func TestArgumentsKeepTheirBytesAndOrder(t *testing.T) {
	a, err := Parse([]byte(` {"kwargs": {"b": 2.0, "a": [NaN, 12345678901234567890], "b": 1e2}, "args": ["\u00e9", null], "more": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%s", a); got != `{["\u00e9" null] [{b 1e2} {a [NaN, 12345678901234567890]}]}` {
		t.Errorf("got %s", got)
	}
	if a, err = Parse([]byte(`{"args": null}`)); err != nil || a.Args != nil || a.Kwargs != nil {
		t.Errorf("got %v, %v", a, err)
	}
	for _, bad := range []string{``, `[]`, `{"args": {}}`, `{"kwargs": []}`, `{"args": [1}`} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%s passes", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"args": [1, "a"], "kwargs": {"n": null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Parse(data)
		if err != nil {
			return
		}
		// What has been split can be put together and split again.
		text := `{"args":[` + join(a.Args) + `]}`
		if b, err := Parse([]byte(text)); err != nil || len(b.Args) != len(a.Args) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func join(values []json.RawMessage) string {
	var list []string
	for _, v := range values {
		list = append(list, string(v))
	}
	return strings.Join(list, ",")
}
