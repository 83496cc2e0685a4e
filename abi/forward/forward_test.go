package forward_test

import (
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/abitest"
	"github.com/sparkstalk/sparkstalk/abi/forward"
)

func failed(t *testing.T) func(string, error) {
	return func(method string, err error) { t.Errorf("%s: %v", method, err) }
}

// Every method, forwarded, must bring what it brings at hand.
func TestForwardedCallsAreAsThoseAtHand(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	for round := range abitest.Rounds {
		at, far, near := &abitest.Recorder{Round: round}, &abitest.Recorder{Round: round}, &abitest.Recorder{Round: round}
		want := abitest.CallAll(at, round)

		if got := abitest.CallAll(&forward.Host{Do: forward.Local(near), Failed: failed(t)}, round); !slices.Equal(got, want) || !slices.Equal(near.Calls, at.Calls) {
			t.Errorf("round %d, in this process: got\n%s", round, strings.Join(got, "\n"))
		}

		task := forward.Task{ID: "1", Name: "x", Args: []byte("{}"), Request: []byte("{}"), Capabilities: []string{"c"}}
		ended := make(chan error, 1)
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				ended <- err
				return
			}
			ended <- forward.Serve(conn, func(got forward.Task) (abi.Host, func()) {
				if !reflect.DeepEqual(got, task) {
					t.Errorf("the task is %+v", got)
				}
				return far, func() {}
			})
		}()
		client, err := forward.Dial(socket, task)
		if err != nil {
			t.Fatal(err)
		}
		got := abitest.CallAll(&forward.Host{Do: client.Do, Failed: failed(t)}, round)
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("round %d, by the socket: got %s, want %s", round, got[i], want[i])
			}
		}
		if !slices.Equal(far.Calls, at.Calls) {
			t.Errorf("round %d: the host was asked otherwise", round)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestWhatIsNoMethodIsRefused(t *testing.T) {
	here, there := net.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- forward.Serve(there, func(forward.Task) (abi.Host, func()) { return &abitest.Recorder{}, func() {} })
		_ = there.Close()
	}()
	client := forward.New(here)
	if err := client.Begin(forward.Task{}); err != nil {
		t.Fatal(err)
	}
	if err := client.Do("String", nil); err == nil {
		t.Error("a method that is not the interface's is called")
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "no such method") {
		t.Errorf("got %v", err)
	}
}
