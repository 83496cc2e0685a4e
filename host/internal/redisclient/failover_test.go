package redisclient_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/internal/redisclient"
)

func TestMain(m *testing.M) { proctest.Main(m) }

// TestTheNextServerIsUsed goes from server to server, each with credentials of its own.
func TestTheNextServerIsUsed(t *testing.T) {
	first, second := proctest.StartRedis(t), proctest.StartRedis(t)
	admin := func(url string, command ...any) {
		t.Helper()
		c := client(t, url)
		if err := c.Do(t.Context(), command...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	admin(second.URL(), "ACL", "SETUSER", "worker", "on", ">of-the-second", "~*", "&*", "+@all")
	admin(first.URL(), "SET", "name", "first")
	admin(second.URL(), "SET", "name", "second")
	secondURL := strings.Replace(second.URL(), "redis://", "redis://worker:of-the-second@", 1)
	several, err := redisclient.Parse(first.URL()+";"+secondURL, "")
	if err != nil {
		t.Fatal(err)
	}
	one, other := several.Client(nil), several.Client(nil)
	for _, c := range []*goredis.Client{one, other} {
		defer func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}()
		reaches(t, c, "first")
	}
	first.Kill()
	reaches(t, one, "second")
	reaches(t, other, "second")
	// What was left comes back as a replica of the one in use, and is passed over.
	first.Restart(t)
	admin(first.URL(), "REPLICAOF", "127.0.0.1", "1")
	second.Kill()
	deadline, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := one.Set(deadline, "name", "replica", 0).Err(); err == nil || !redisclient.Passes(err) {
		t.Errorf("with a replica alone: %v", err)
	}
	admin(first.URL(), "REPLICAOF", "NO", "ONE")
	admin(first.URL(), "SET", "name", "first again")
	reaches(t, one, "first again")
}

// TestConnectionsMoveTogether has one client find that its server is gone while another
// is still connected to it.
func TestConnectionsMoveTogether(t *testing.T) {
	first, second := proctest.StartRedis(t), proctest.StartRedis(t)
	relay := proctest.Proxy(t, first.Address())
	for url, name := range map[string]string{first.URL(): "first", second.URL(): "second"} {
		if err := client(t, url).Set(t.Context(), "name", name, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	several, err := redisclient.Parse("redis://"+relay.Address()+"/0;"+second.URL(), "")
	if err != nil {
		t.Fatal(err)
	}
	connected, late := several.Client(nil), several.Client(nil)
	for _, c := range []*goredis.Client{connected, late} {
		defer func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}()
	}
	reaches(t, connected, "first")
	relay.Refuse(true) // new connections alone
	reaches(t, late, "second")
	reaches(t, connected, "second")
}

func TestAllServersRefuse(t *testing.T) {
	server := proctest.StartRedis(t)
	wrong := strings.Replace(server.URL(), "redis://", "redis://nobody:mistyped@", 1)
	several, err := redisclient.Parse(wrong+";"+wrong, "")
	if err != nil {
		t.Fatal(err)
	}
	c := several.Client(nil)
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	err = c.Ping(t.Context()).Err()
	if err == nil || redisclient.Passes(err) || strings.Contains(err.Error(), "mistyped") {
		t.Errorf("got %v, want Redis' refusal", err)
	}
}

func TestSeveralURLs(t *testing.T) {
	for urls, want := range map[string]string{
		"redis://a/1;redis://b/1":           "",
		"redis://a/1;rediss://u:p@b:6380/1": "",
		"redis://a/1;redis://b/2":           "databases 1 and 2",
		"redis://a/1;amqp://b":              "amqp",
		"redis://a;":                        "scheme",
	} {
		a, err := redisclient.Parse(urls, "")
		if want == "" && (err != nil || !a.Several()) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", urls, err, want)
		}
	}
}

func client(t *testing.T, url string) *goredis.Client {
	t.Helper()
	a, err := redisclient.Parse(url, "")
	if err != nil {
		t.Fatal(err)
	}
	c := a.Client(nil)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// reaches waits until a client is connected to the server of a name.
func reaches(t *testing.T, c *goredis.Client, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		got, err := c.Get(ctx, "name").Result()
		if err == nil && got == name {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("got %q (%v), want the server %q", got, errors.Join(err, ctx.Err()), name)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
