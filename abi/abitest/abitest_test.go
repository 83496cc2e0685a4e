package abitest

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Otherwise a binding that swaps two arguments would pass.
func TestArgumentsOfOneTypeDiffer(t *testing.T) {
	for m := range reflect.TypeFor[abi.Host]().Methods() {
		for i := range m.Type.NumIn() {
			for j := range i {
				if m.Type.In(i) != m.Type.In(j) {
					continue
				}
				differ := false
				for round := range Rounds {
					args := arguments(m, round)
					differ = differ || format(args[i].Interface()) != format(args[j].Interface())
				}
				if !differ {
					t.Errorf("%s: arguments %d and %d are the same in all rounds", m.Name, j, i)
				}
			}
		}
	}
}

func TestRecorderNotesEveryCall(t *testing.T) {
	for round := range Rounds {
		r := &Recorder{Round: round}
		results := CallAll(r, round)
		var called, wanted []string
		for _, c := range r.Calls {
			name, _, _ := strings.Cut(c, "(")
			called = append(called, name)
		}
		for m := range reflect.TypeFor[abi.Host]().Methods() {
			wanted = append(wanted, m.Name)
		}
		if !slices.Equal(called, wanted) || len(results) != len(wanted) {
			t.Errorf("round %d: got calls %q and %d results, want %q", round, called, len(results), wanted)
		}
	}
}

func TestFormatTellsValuesApart(t *testing.T) {
	for _, pair := range [][2]any{
		{[]string{"a b"}, []string{"a", "b"}},
		{[]string{""}, []string(nil)},
		{0.0, math.Copysign(0, -1)},
		{"1", []byte("1")},
		{&abi.Error{Type: "A"}, &abi.Error{Type: "A", Traceback: "t"}},
	} {
		if format(pair[0]) == format(pair[1]) {
			t.Errorf("%#v and %#v are both %s", pair[0], pair[1], format(pair[0]))
		}
	}
	if a, b := format([]byte(nil)), format([]byte{}); a != b {
		t.Errorf("nil is %s and empty is %s; WASM has no difference between them", a, b)
	}
}
