package admin

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a server until the test calls the function it returns.
func serve(t *testing.T, parent, hostname string) (s *Server, stop func()) {
	t.Helper()
	s, err := Listen(t.Context(), parent, Host{Hostname: hostname, Version: "1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Handle("GET /name", func(*http.Request) (any, error) { return hostname, nil })
	s.Handle("GET /thing/{id}", func(r *http.Request) (any, error) { return nil, NotFound("no thing %q", r.PathValue("id")) })
	s.Handle("GET /broken", func(*http.Request) (any, error) { return nil, errors.New("out of order") })
	s.Handle("GET /slow", func(r *http.Request) (any, error) {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	}
	t.Cleanup(stop)
	return s, stop
}

func TestCommandsFindTheirHost(t *testing.T) {
	parent := t.TempDir()
	wantError := func(name, words string) {
		t.Helper()
		if _, err := Find(parent, name); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("Find(%q) = %v, want %q", name, err, words)
		}
	}
	wantError("", "no host of this user runs")
	s, stop := serve(t, parent, "one@here")
	h, err := Find(parent, "")
	if err != nil || h.Hostname != "one@here" || h.PID != os.Getpid() || h.Version != "1" {
		t.Fatalf("Find = %+v, %v", h, err)
	}
	for _, path := range []string{s.dir.Path(), s.dir.Join(socketName), s.dir.Join(noteName)} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v: it is open to others", path, info.Mode())
		}
	}
	serve(t, parent, "two@here")
	wantError("", "2 hosts run on this machine, --hostname picks one: one@here (pid ")
	wantError("three@here", "no host three@here runs on this machine; there are one@here")
	h, err = Find(parent, "two@here")
	if err != nil {
		t.Fatal(err)
	}
	var name string
	if err := h.Call(t.Context(), "GET", "/name", nil, &name); err != nil || name != "two@here" {
		t.Errorf("Call = %q, %v", name, err)
	}
	stop()
	if h, err = Find(parent, ""); err != nil || h.Hostname != "two@here" {
		t.Errorf("Find after the other stopped = %+v, %v", h, err)
	}
	if _, err := os.Stat(s.dir.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}

func TestWhatAHostRefuses(t *testing.T) {
	parent := t.TempDir()
	serve(t, parent, "one@here")
	h, err := Find(parent, "")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]Error{
		"/thing/x": {404, `no thing "x"`},
		"/broken":  {500, "out of order"},
		"/unknown": {404, "this host knows no GET /unknown: it may be older than the command"},
	} {
		err := h.Call(t.Context(), "GET", path, nil, nil)
		if e, ok := errors.AsType[*Error](err); !ok || *e != want {
			t.Errorf("%s: %v, want %+v", path, err, want)
		}
	}
}

func TestStopInterruptsRequests(t *testing.T) {
	parent := t.TempDir()
	_, stop := serve(t, parent, "one@here")
	h, err := Find(parent, "")
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() { answered <- h.Call(context.Background(), "GET", "/slow", nil, nil) }()
	time.Sleep(50 * time.Millisecond)
	stop()
	if err := <-answered; err == nil {
		t.Error("a request that never ends was answered")
	}
}

func TestWhatKilledHostsLeftIsRemoved(t *testing.T) {
	parent := t.TempDir()
	dead := filepath.Join(parent, "host-1")
	if err := os.MkdirAll(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{socketName, noteName, ".lock"} {
		if err := os.WriteFile(filepath.Join(dead, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if hosts, err := Hosts(parent); err != nil || len(hosts) != 0 {
		t.Errorf("Hosts = %+v, %v; want none", hosts, err)
	}
	serve(t, parent, "one@here")
	if _, err := os.Stat(dead); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the dead host's folder is left: %v", err)
	}
}

func TestALongPathIsNoObstacle(t *testing.T) {
	parent := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	serve(t, parent, "one@here")
	h, err := Find(parent, "")
	if err != nil {
		t.Fatal(err)
	}
	var name string
	if err := h.Call(t.Context(), "GET", "/name", nil, &name); err != nil || name != "one@here" {
		t.Errorf("Call = %q, %v", name, err)
	}
}
