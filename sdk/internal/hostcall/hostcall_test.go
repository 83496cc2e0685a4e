package hostcall

import (
	"errors"
	"sync"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

type namedHost struct {
	abi.Unsupported
	name string
}

func TestUseUntilRestored(t *testing.T) {
	one, two := &namedHost{name: "one"}, &namedHost{name: "two"}
	standard := Host()
	restoreOne := Use(one)
	restoreTwo := Use(two)
	if got := Host(); got != two {
		t.Errorf("got %v, want the second host", got)
	}
	restoreTwo()
	if got := Host(); got != one {
		t.Errorf("got %v, want the first host again", got)
	}
	restoreNil := Use(nil)
	if got := Host(); got != standard {
		t.Errorf("got %v, want the standard host", got)
	}
	restoreNil()
	restoreOne()
	if got := Host(); got != standard {
		t.Errorf("got %v, want the standard host", got)
	}
}

func TestWithoutAHostTheReasonIsGiven(t *testing.T) {
	_, err := Host().ActionCount(1)
	refusal, ok := errors.AsType[*abi.Error](err)
	if !ok || refusal.Type != "NotImplementedError" {
		t.Errorf("got %v, want a NotImplementedError", err)
	}
}

func TestUseFromManyGoroutines(t *testing.T) {
	defer Use(nil)()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				Use(&namedHost{})
				if Host() == nil {
					t.Error("no host")
				}
			}
		})
	}
	wg.Wait()
}
