package judgetest

import (
	"encoding/json"
	"testing"
)

func TestWhatIsTheSame(t *testing.T) {
	for _, c := range []struct {
		a, b      string
		unordered bool
		want      bool
	}{
		{`[[1, "a"], [2, null]]`, `[[1,"a"],[2,null]]`, false, true},
		{`[[2], [1]]`, `[[1], [2]]`, false, false},
		{`[[2], [1]]`, `[[1], [2]]`, true, true},
		{`[[1], [1]]`, `[[1], [2]]`, true, false},
		{`[1]`, `[1.0]`, false, false},
		{`[9007199254740993]`, `[9007199254740992]`, false, false},
		{`[0.3]`, `[0.30000000000000004]`, false, true},
		{`[0.3]`, `[0.31]`, false, false},
		{`[NaN, -Infinity, "NaN\" Infinity"]`, `[NaN, -Infinity, "NaN\" Infinity"]`, false, true},
		{`[NaN]`, `[Infinity]`, false, false},
		{`{"a": 1, "b": 2}`, `{"b": 2, "a": 1}`, false, true},
		{`{"a": 1}`, `{"a": 1, "b": null}`, false, false},
		{``, `[]`, false, false},
	} {
		if got := same(t, json.RawMessage(c.a), json.RawMessage(c.b), c.unordered); got != c.want {
			t.Errorf("same(%s, %s, %t) = %t", c.a, c.b, c.unordered, got)
		}
	}
}
