package database

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/freeport"
	"github.com/sparkstalk/sparkstalk/host/internal/process"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// startPostgres starts a PostgreSQL of the test's own and returns where it listens.
// It does not run as root, so root's data belongs to the user postgres.
func startPostgres(t *testing.T) string {
	t.Helper()
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is good
	if len(bins) == 0 {
		t.Fatal("PostgreSQL is not installed: run scripts/setup postgres")
	}
	bin := bins[len(bins)-1]
	dir, err := os.MkdirTemp("", "sparkstalk-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var as []string
	if os.Geteuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		as = []string{"setpriv", "--reuid", u.Uid, "--regid", u.Gid, "--clear-groups", "--pdeathsig", "KILL"}
	}
	command := func(args ...string) []string { return append(append([]string(nil), as...), args...) }
	data := filepath.Join(dir, "data")
	initdb := command(filepath.Join(bin, "initdb"), "-D", data, "-U", "sparkstalk", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
	cmd := exec.CommandContext(t.Context(), initdb[0], initdb[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	port, err := freeport.Pick()
	if err != nil {
		t.Fatal(err)
	}
	server := command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "timezone=America/New_York") // not UTC
	p, err := process.Start(process.Config{Path: server[0], Args: server[1:], Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	address := freeport.Address(port)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		s, err := New(Config{URL: fmt.Sprintf("db+postgresql://sparkstalk@%s/postgres", address)})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Ping(t.Context())
		_ = s.Close()
		if err == nil {
			return address
		}
		if time.Now().After(end) {
			t.Fatalf("PostgreSQL does not answer: %v", err)
		}
	}
}

// relayed is a URL of the server through a relay that the test can cut.
func relayed(t *testing.T, address string) (*proctest.Relay, string) {
	t.Helper()
	relay := proctest.Proxy(t, address)
	host, port, err := net.SplitHostPort(relay.Address())
	if err != nil {
		t.Fatal(err)
	}
	return relay, fmt.Sprintf("db+postgresql://sparkstalk@%s/postgres?connect_timeout=5", net.JoinHostPort(host, port))
}
