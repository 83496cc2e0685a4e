package celery

import (
	"encoding/json"
	"testing"
)

func TestRetryArguments(t *testing.T) {
	params := []string{"a", "b", "c"}
	for _, c := range []struct{ hadArgs, hadKwargs, args, kwargs, want string }{
		{`[]`, `{"a": 1, "b": 2, "c": 3}`, `[7, 8]`, `null`, `[[7,8],{"c":3}]`},
		{`[1, 2]`, `{}`, `null`, `{"a": 7, "c": 9}`, `[[7,2],{"c":9}]`},
		{`[1]`, `{"b": 2}`, `null`, `{"b": 3}`, `[[1],{"b":3}]`},
		{`[1, 2]`, `{"c": 3}`, `[7]`, `null`, `[[7],{"c":3}]`},
		{`[1, 2, 3, 4]`, `{}`, `null`, `{"a": 7}`, `[null,{"a":7}]`}, // too many: the call says so
		{`[1]`, `{"b": 2}`, `[7]`, `{"b": 8}`, `[[7],{"b":8}]`},
		{`[1]`, `{"b": 2}`, `null`, `null`, `[null,null]`},
	} {
		had := &Task{}
		var args []json.RawMessage
		var kwargs map[string]json.RawMessage
		for text, to := range map[string]any{c.hadArgs: &had.Args, c.args: &args, c.kwargs: &kwargs} {
			if text == "null" {
				continue
			}
			if err := json.Unmarshal([]byte(text), to); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if had.Kwargs, err = Members(json.RawMessage(c.hadKwargs)); err != nil {
			t.Fatal(err)
		}
		args, kwargs = had.RetryArguments(params, args, kwargs)
		if got, err := json.Marshal([]any{args, kwargs}); err != nil || string(got) != c.want {
			t.Errorf("%+v: got %s, %v", c, got, err)
		}
	}
}
