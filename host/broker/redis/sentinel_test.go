package redis_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/redis"
	"github.com/sparkstalk/sparkstalk/host/internal/freeport"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// sentinel watches a Redis and its replicas, and returns its URL.
func sentinel(t *testing.T, master *proctest.Server) string {
	t.Helper()
	port, err := freeport.Pick()
	if err != nil {
		t.Fatal(err)
	}
	host, masterPort, _ := strings.Cut(master.Address(), ":")
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor main %s %s 1\nsentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n",
		port, filepath.Dir(conf), host, masterPort)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("redis-server", conf, "--sentinel")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has nothing to save
		_ = cmd.Wait()
	})
	return fmt.Sprintf("sentinel://127.0.0.1:%d/0;sentinel://127.0.0.1:1/0", port)
}

func TestSentinelsNameTheMasterAlsoAfterAFailover(t *testing.T) {
	master := proctest.StartRedis(t)
	host, port, _ := strings.Cut(master.Address(), ":")
	replica := proctest.StartRedis(t, "--replicaof", host+" "+port)
	url, name := sentinel(t, master), proctest.Name(t)
	b := open(t, redis.Config{URL: url, MasterName: "main", Queues: []broker.Queue{{Name: name}}, Timeout: time.Second})
	got := consume(t, b)
	send := func(body string) {
		t.Helper()
		if err := b.Publish(t.Context(), broker.Publication{RoutingKey: name, Message: broker.Message{Body: []byte(body)}}); err != nil {
			t.Fatal(err)
		}
	}
	receive := func(want string) {
		t.Helper()
		d := next(t, got)
		if string(d.Body) != want {
			t.Errorf("got %q, want %q", d.Body, want)
		}
		if err := d.Settler.Ack(); err != nil {
			t.Error(err)
		}
	}
	send("before")
	receive("before")
	eventually(t, "the sentinel knows the replica", func() bool {
		out, err := exec.Command("redis-cli", "-p", strings.Split(strings.Split(url, ":")[2], "/")[0], "sentinel", "replicas", "main").Output()
		return err == nil && strings.Contains(string(out), strings.Split(replica.Address(), ":")[1]) && strings.Contains(string(out), "master-link-status\nok")
	})
	master.Kill()
	send("after") // waits for the failover
	receive("after")
}

func TestSentinelURLsNeedAMasterName(t *testing.T) {
	for _, c := range []struct{ url, master, want string }{
		{"sentinel://localhost", "", "master_name"},
		{"sentinel://a;redis://b", "main", "among"},
	} {
		if _, err := redis.New(redis.Config{URL: c.url, MasterName: c.master}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want one with %q", c.url, err, c.want)
		}
	}
}
