package main

import (
	"math"
	"reflect"
	"testing"

	"github.com/sparkstalk/sparkstalk/sdk/sdktest"
)

func TestFunctionsAsExecutorsCallThem(t *testing.T) {
	h := sdktest.New(t)
	for _, c := range []struct {
		name string
		args []any
		want any
	}{
		{"words", []any{" the\tquick  brown\u2003fox\x1c "}, []any{"the", "quick", "brown", "fox"}},
		{"words", []any{" "}, []any{}},
		{"words", []any{nil}, nil},
		{"slug", []any{"Hello, World of Spark 4!"}, "hello-world-of-spark-4"},
		{"similarity", []any{"MARTHA", "MARHTA"}, 0.961},
		{"similarity", []any{"DIXON", "DICKSONX"}, 0.813},
		{"similarity", []any{"", ""}, 1.0},
		{"similarity", []any{"abc", "xyz"}, 0.0},
		{"similarity", []any{"abc", nil}, nil},
	} {
		got, err := h.CallFunction(c.name, c.args...)
		if f, ok := got.(float64); ok {
			got = math.Round(f*1000) / 1000
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s%v is %v, %v; want %v", c.name, c.args, got, err, c.want)
		}
	}
}

func TestPlansCallFunctionsByName(t *testing.T) {
	h := sdktest.New(t)
	h.On("").Rows([]any{"the", 3})
	if _, err := h.Call("text.WordCount", "/texts", "t"); err != nil {
		t.Fatal(err)
	}
	want := `limit 5
  sort count DESC, word ASC
    aggregate count(1) AS count by word
      filter (lower(substring(word, 1, 1)) == lower('t'))
        select explode(words(value)) AS word
          read text "/texts"`
	if h.Plan() != want {
		t.Errorf("got the plan\n%s\nwant\n%s", h.Plan(), want)
	}
}
