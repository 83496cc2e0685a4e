package hostfn

import (
	"errors"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

func TestResultIsTheVeryJSONThatTheGuestGave(t *testing.T) {
	for _, value := range []string{
		"null", "4999950000", "2.0", "1e400", " [1, 2 ]\n", `{"b":1,"a":[true,null,"\ud800"]}`, `"NaN"`,
		"NaN", "-Infinity", `[NaN,Infinity, -Infinity]`, `{"NaN":NaN,"x":"\"NaN"}`, "123456789012345678901234567890",
	} {
		i := open(t, &session{}, Config{})
		given := []byte(value)
		if err := i.ResultJSON(given); err != nil {
			t.Errorf("ResultJSON(%s) = %v", value, err)
			continue
		}
		clear(given) // as a guest's memory may be
		got, err := i.Result(t.Context())
		if err != nil || string(got) != value {
			t.Errorf("Result = %s, %v; want %s", got, err, value)
		}
	}
}

func TestResultMustBeOneJSONValue(t *testing.T) {
	for _, value := range []string{
		"", " ", "1 2", "{", "[1,]", "nan", "NaN1", "1NaN", "NaNNaN", "[NaN NaN]", "-NaN", "--Infinity", "+Infinity", "Infinit",
		`{NaN:1}`, `{"a":1}x`, "\"\xff\"", "\"a\nb\"", "'a'", `"NaN`, `["a\`,
	} {
		i := open(t, &session{}, Config{})
		err := i.ResultJSON([]byte(value))
		wantError(t, err, "ValueError", "ResultJSON", "not one JSON value")
		// A guest that does not look at the answer must not succeed.
		got, err := i.Result(t.Context())
		if got != nil {
			t.Errorf("%q: Result = %s, want the refusal", value, got)
		}
		wantError(t, err, "ValueError", "ResultJSON")
	}
}

func TestALargeResultSaysHowToGoOn(t *testing.T) {
	i := open(t, &session{}, Config{Limits: abi.Limits{ResultLimit: 1 << 20}})
	if err := i.ResultJSON([]byte(`"` + strings.Repeat("x", 1<<20-2) + `"`)); err != nil {
		t.Errorf("a result of just the limit: %v", err)
	}
	err := i.ResultJSON([]byte(`"` + strings.Repeat("x", 1<<20-1) + `"`))
	wantError(t, err, "sparkstalk.ResultTooLarge", "1048577 bytes", "1 MiB", "files or a table")
	_, err = i.Result(t.Context())
	wantError(t, err, "sparkstalk.ResultTooLarge")
	if err := i.ResultJSON([]byte("1")); err != nil {
		t.Fatal(err)
	}
	if got, err := i.Result(t.Context()); string(got) != "1" || err != nil {
		t.Errorf("Result = %s, %v; want the last one given", got, err)
	}
}

func TestTheLastResultOrErrorCounts(t *testing.T) {
	i := open(t, &session{}, Config{})
	boom := marshal(t, abi.Errorf("demo.Boom", "bang"))
	if err := errors.Join(i.ResultJSON([]byte("1")), i.ResultError(boom)); err != nil {
		t.Fatal(err)
	}
	got, err := i.Result(t.Context())
	if got != nil {
		t.Errorf("Result = %s, want the error", got)
	}
	wantError(t, err, "demo.Boom", "bang")
	if err := i.ResultJSON([]byte("2")); err != nil {
		t.Fatal(err)
	}
	if got, err := i.Result(t.Context()); string(got) != "2" || err != nil {
		t.Errorf("Result = %s, %v; want 2", got, err)
	}
}

func TestErrorsOfTheGuestKeepTheirArguments(t *testing.T) {
	i := open(t, &session{}, Config{})
	if err := i.ResultError([]byte(`{"type":"KeyError","module":"builtins","args":["k",2.0],"traceback":"at x"}`)); err != nil {
		t.Fatal(err)
	}
	_, err := i.Result(t.Context())
	e, ok := errors.AsType[*abi.Error](err)
	if !ok || e.Type != "KeyError" || len(e.Args) != 2 || string(e.Args[1]) != "2.0" || e.Traceback != "at x" {
		t.Errorf("Result = %+v, want what was given", err)
	}
	for _, bad := range []string{"", "null", "{}", "1", `{"type":7}`, "{\"type\":\"E\",\"args\":[\"\xff\"]}"} {
		i := open(t, &session{}, Config{})
		wantError(t, i.ResultError([]byte(bad)), "ValueError", "ResultError")
		_, err := i.Result(t.Context())
		wantError(t, err, "ValueError", "ResultError")
	}
}

func TestATaskThatGivesNothingIsAnError(t *testing.T) {
	i := open(t, &session{}, Config{})
	if _, err := i.Result(t.Context()); !errors.Is(err, ErrNoResult) || !strings.Contains(err.Error(), "demo.Count") {
		t.Errorf("Result = %v, want ErrNoResult and the task's name", err)
	}
}

func FuzzCheckJSON(f *testing.F) {
	f.Add([]byte(`[NaN,{"a":"NaN"},-Infinity]`))
	f.Add([]byte("\"\\"))
	f.Fuzz(func(t *testing.T, data []byte) {
		out := withoutNaN(data)
		if len(out) != len(data) {
			t.Errorf("%q became %q, of another length", data, out)
		}
		_ = checkJSON(data)
	})
}
