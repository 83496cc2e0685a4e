package host

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// listenAsSystemd sets systemd's variables and returns what it is told.
func listenAsSystemd(t *testing.T, watchdog string) <-chan string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", watchdog)
	told := make(chan string, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			told <- string(buf[:n])
		}
	}()
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return told
}

// hears waits for a message that begins so, and fails at one that begins with not.
func hears(t *testing.T, told <-chan string, begins, not string) {
	t.Helper()
	limit := time.After(hosttest.Patience)
	for {
		select {
		case m := <-told:
			if not != "" && strings.HasPrefix(m, not) {
				t.Fatalf("heard %q before %s", m, begins)
			}
			if strings.HasPrefix(m, begins) {
				return
			}
		case <-limit:
			t.Fatalf("did not hear %s", begins)
		}
	}
}

func TestSystemdHearsOfAWorkersLife(t *testing.T) {
	told := listenAsSystemd(t, "100000")
	server := proctest.StartRedis(t)
	server.Kill() // the worker is not ready without its broker
	w := serve(t, func(c *Config) { c.Broker, c.ResultBackend = server.URL(), "disabled://" })
	hears(t, told, "EXTEND_TIMEOUT_USEC=", "READY=1")
	server.Restart(t)
	hears(t, told, "READY=1\n", "STOPPING=1")
	hears(t, told, "WATCHDOG=1", "")
	w.stop()
	hears(t, told, "STOPPING=1\n", "READY=1")
	if err := w.wait(); err != nil {
		t.Error(err)
	}
}

func TestAServiceThatHangsGivesNoSignOfLife(t *testing.T) {
	told := listenAsSystemd(t, "50000")
	ctx, cancel := context.WithCancel(t.Context())
	hang, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		newService(slog.New(slog.DiscardHandler)).run(ctx, ctx, func() bool { return true }, func() { <-hang })
	}()
	hears(t, told, "READY=1", "WATCHDOG=1")
	select {
	case m := <-told:
		t.Errorf("heard %q", m)
	case <-time.After(200 * time.Millisecond):
	}
	close(hang)
	hears(t, told, "WATCHDOG=1", "")
	cancel()
	<-ended
}
