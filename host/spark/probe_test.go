package spark

import (
	"context"
	"errors"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestAFeatureIsAskedForOnceInAGeneration(t *testing.T) {
	const counted Feature = "counted"
	asked, answer := 0, error(nil)
	probes[counted] = func(context.Context, *Session, *Session) (bool, error) {
		asked++
		return asked < 3, answer
	}
	t.Cleanup(func() { delete(probes, counted) })
	s, err := Open(Config{Remote: proctest.Sail(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	is := func(want bool, times int) {
		t.Helper()
		_, lacks := errors.AsType[*LacksError](s.Lacks(t.Context(), counted))
		if lacks == want || asked != times {
			t.Errorf("lacks %t after %d questions, want %t after %d", lacks, asked, !want, times)
		}
	}
	is(true, 1)
	is(true, 1)
	s.lose(s.current(), "test", true)
	// An engine that is away has neither the feature nor not.
	answer = ErrUnavailable
	if err := s.Lacks(t.Context(), counted); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	answer = nil
	is(false, 3)
	is(false, 3)
	if err := s.Lacks(t.Context(), "no such"); err == nil {
		t.Error("an unknown feature is had")
	}
}
