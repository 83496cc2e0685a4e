package bind

import (
	"encoding/json"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

func TestValuesAreHeldToTheManifestsTypes(t *testing.T) {
	params := []abi.Param{
		{Name: "n", Type: "int64"},
		{Name: "share", Type: "float64", Default: json.RawMessage("0.5")},
		{Name: "name", Type: "*string", Default: json.RawMessage("null")},
		{Name: "names", Type: "[]string", Default: json.RawMessage("[]")},
		{Name: "rest", Type: "any", Default: json.RawMessage("null")},
	}
	for _, c := range []struct{ arguments, want string }{
		{`{"args":[1]}`, `[1,0.5,null,[],null]`},
		{`{"args":[1,2],"kwargs":{"rest":{"a":NaN},"name":"x"}}`, `[1,2,"x",[],{"a":NaN}]`},
		{`{"kwargs":{"n":9223372036854775807}}`, `[9223372036854775807,0.5,null,[],null]`},
		{`{"args":["1"]}`, "TypeError: f() argument 'n' must be int, not str"},
		{`{"args":[1.0]}`, "TypeError: f() argument 'n' must be int, not float"},
		{`{"args":[9223372036854775808]}`, "OverflowError: f() argument 'n' must be an int from -9223372036854775808 to 9223372036854775807, not 9223372036854775808"},
		{`{"args":[1,"x"]}`, "TypeError: f() argument 'share' must be float, not str"},
		{`{"args":[1,1,2]}`, "TypeError: f() argument 'name' must be str or None, not int"},
		{`{"args":[1,1,null,["a",1]]}`, "TypeError: f() argument 'names[1]' must be str, not int"},
		{`{"args":[]}`, "TypeError: f() missing 1 required positional argument: 'n'"},
		{`{"args":[1,2,null,[],5,6]}`, "TypeError: f() takes from 1 to 5 positional arguments but 6 were given"},
		{`{"args":[1],"kwargs":{"n":1}}`, "TypeError: f() got multiple values for argument 'n'"},
		{`{"args":[1],"kwargs":{"m":1}}`, "TypeError: f() got an unexpected keyword argument 'm'"},
		{`{"args":[1`, "read the arguments: unexpected end of JSON"},
	} {
		values, err := Values("a.b.f", params, []byte(c.arguments))
		got := string(pyjson.Join('[', values))
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.arguments, got, c.want)
		}
	}
}
