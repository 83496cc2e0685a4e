package console

import (
	"reflect"
	"strings"
	"testing"
)

func TestBlocks(t *testing.T) {
	page := "Edit `a` and `b.go`, so:\n\n```go\npackage b\n```\n\ntext\n\n```console\n$ one\n$ two\nout\n  …\n```\n"
	want := []Block{{3, "go", "b.go", "package b\n"}, {9, "console", "", "$ one\n$ two\nout\n  …\n"}}
	if got := Blocks(page); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if got, want := Commands(want[1].Text), []Command{{"one", ""}, {"two", "out\n  …\n"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		expected, output string
		whole, want      bool
	}{
		{"", "", true, true}, {"", "x\n", true, false},
		{"a … c\n", "a b c\n", true, true}, {"a … c\n", "a b c d\n", true, false}, {"a … c\n", "0 a b c d\n", false, true},
		{"a\n…\nz", "a\nb\nc\nz\n", true, true}, {"(a.)", "(ab)", true, false},
	} {
		if got := Pattern(c.expected, c.whole).MatchString(c.output); got != c.want {
			t.Errorf("%q and %q, whole %v: got %v", c.expected, c.output, c.whole, got)
		}
	}
}

func TestChange(t *testing.T) {
	got, err := Change("a\n\tb\nc\n", " a\n-\tb\n+\td\n+e\n")
	if err != nil || got != "a\n\td\ne\nc\n" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, file := range []string{"x\n", "a\nb\na\nb\n"} {
		if _, err := Change(file, " a\n-b\n"); err == nil || !strings.Contains(err.Error(), "times") {
			t.Errorf("%q: got %v", file, err)
		}
	}
}

func TestACommandIsHeldToWhatThePageSays(t *testing.T) {
	s := startShell(t)
	for command, wrong := range map[Command]bool{
		{"echo a; echo b", "a\nb\n"}: false, {"echo a", "b\n"}: true, {"false", ""}: true, {"cd /; true", ""}: false,
	} {
		if err := s.command(command); (err != nil) != wrong {
			t.Errorf("%+v: got %v", command, err)
		}
	}
	if s.pwd() != "/" {
		t.Errorf("it is in %s", s.pwd())
	}
}
