package pipe_test

import (
	"errors"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/abitest"
	"github.com/sparkstalk/sparkstalk/abi/pipe"
)

// TestBothEndsAgree calls every method of a Host at hand, and by all ways that
// there are.
func TestBothEndsAgree(t *testing.T) {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	type do = func(string, any, ...any) error
	for name, reach := range map[string]func(*testing.T, abi.Host) do{
		"in this process": func(_ *testing.T, host abi.Host) do { return pipe.Local(host) },
		"by bytes": func(_ *testing.T, host abi.Host) do {
			return pipe.Remote(func(call []byte) ([]byte, error) { return pipe.Serve(host, call) })
		},
		"by a socket": func(t *testing.T, host abi.Host) do { return dial(t, listener, host) },
	} {
		t.Run(name, func(t *testing.T) {
			for round := range abitest.Rounds {
				direct, behind := &abitest.Recorder{Round: round}, &abitest.Recorder{Round: round}
				want, got := abitest.CallAll(direct, round), abitest.CallAll(&pipe.Client{Do: reach(t, behind)}, round)
				if !slices.Equal(direct.Calls, behind.Calls) {
					t.Errorf("round %d: calls\n%q\nwant\n%q", round, behind.Calls, direct.Calls)
				}
				if !slices.Equal(want, got) {
					t.Errorf("round %d: answers\n%q\nwant\n%q", round, got, want)
				}
			}
		})
	}
}

// dial reaches host over a socket, until the test ends.
func dial(t *testing.T, l net.Listener, host abi.Host) func(string, any, ...any) error {
	task := pipe.Task{ID: "1", Name: "x", Args: []byte("{}"), Request: []byte("{}"), Capabilities: []string{"c"}}
	ended := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			ended <- err
			return
		}
		ended <- pipe.ServeTask(conn, func(got pipe.Task) (abi.Host, func()) {
			if !reflect.DeepEqual(got, task) {
				t.Errorf("the task is %+v", got)
			}
			return host, func() {}
		})
	}()
	do, end, err := pipe.Dial(l.Addr().String(), task)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(end(), <-ended); err != nil {
			t.Error(err)
		}
	})
	return do
}

func TestTheEndOfTheOtherEndIsAPanic(t *testing.T) {
	gone := errors.New("gone")
	client := &pipe.Client{Do: pipe.Remote(func([]byte) ([]byte, error) { return nil, gone })}
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, gone) {
			t.Errorf("got %v", err)
		}
	}()
	client.FrameRange(0, 1, 1, 1)
}

func TestWhatIsNoMethodIsRefused(t *testing.T) {
	here, there := net.Pipe()
	defer func() { _ = here.Close() }()
	go func() {
		w := pipe.NewWire(there)
		_, call, err := w.Receive()
		if err == nil {
			err = w.Answer(&abitest.Recorder{}, call)
		}
		if err != nil {
			t.Error(err)
		}
	}()
	for name, do := range map[string]func(string, any, ...any) error{
		"local": pipe.Local(&abitest.Recorder{}), "remote": pipe.Remote(pipe.NewWire(here).Ask),
	} {
		if err := do("String", nil); err == nil || !strings.Contains(err.Error(), `no method "String"`) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// FuzzServe: whatever a process sends that runs foreign code, it is answered or
// refused.
func FuzzServe(f *testing.F) {
	ask := &pipe.Client{Do: pipe.Remote(func(call []byte) ([]byte, error) { f.Add(call); return pipe.Serve(&abitest.Recorder{}, call) })}
	abitest.CallAll(ask, abitest.Plain)
	abitest.CallAll(ask, abitest.Edge)
	f.Fuzz(func(t *testing.T, call []byte) {
		answer, err := pipe.Serve(&abitest.Recorder{}, call)
		if (err == nil) != (len(answer) > 0) {
			t.Errorf("answer %q, %v", answer, err)
		}
	})
}

// BenchmarkCall is what a call costs beside its way.
func BenchmarkCall(b *testing.B) {
	host := &pipe.Client{Do: func(string, any, ...any) error { return nil }}
	client := &pipe.Client{Do: pipe.Remote(func(call []byte) ([]byte, error) { return pipe.Serve(host, call) })}
	exprs := []abi.Expr{1, 2, 3}
	for b.Loop() {
		client.FrameSelect(1, exprs)
	}
}
