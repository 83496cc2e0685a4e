package pipe_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi/abitest"
	"github.com/sparkstalk/sparkstalk/abi/pipe"
)

// TestBothEndsAgree calls every method of a Host at hand and over a pipe.
func TestBothEndsAgree(t *testing.T) {
	for round := range abitest.Rounds {
		direct, behind := &abitest.Recorder{Round: round}, &abitest.Recorder{Round: round}
		client := &pipe.Client{Ask: func(call []byte) ([]byte, error) { return pipe.Serve(behind, call) }}
		want, got := abitest.CallAll(direct, round), abitest.CallAll(client, round)
		if !reflect.DeepEqual(direct.Calls, behind.Calls) {
			t.Errorf("round %d: calls\n%q\nwant\n%q", round, behind.Calls, direct.Calls)
		}
		if !reflect.DeepEqual(want, got) {
			t.Errorf("round %d: answers\n%q\nwant\n%q", round, got, want)
		}
	}
}

func TestTheEndOfTheOtherEndIsAPanic(t *testing.T) {
	gone := errors.New("gone")
	client := &pipe.Client{Ask: func([]byte) ([]byte, error) { return nil, gone }}
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, gone) {
			t.Errorf("got %v", err)
		}
	}()
	client.FrameRange(0, 1, 1, 1)
}

// FuzzServe: whatever a process sends that runs foreign code, it is answered or
// refused.
func FuzzServe(f *testing.F) {
	ask := &pipe.Client{Ask: func(call []byte) ([]byte, error) { f.Add(call); return pipe.Serve(&abitest.Recorder{}, call) }}
	abitest.CallAll(ask, abitest.Plain)
	abitest.CallAll(ask, abitest.Edge)
	f.Fuzz(func(t *testing.T, call []byte) {
		answer, err := pipe.Serve(&abitest.Recorder{}, call)
		if (err == nil) != (len(answer) > 0) || pipe.Method(call) == "" {
			t.Errorf("answer %q, %v", answer, err)
		}
	})
}
