package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/admin"
	"github.com/sparkstalk/sparkstalk/host/cache"
)

// sparkstalk runs a command line in this process and returns what it printed.
func sparkstalk(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestCacheCommands(t *testing.T) {
	home := t.TempDir()
	if out, err := sparkstalk(t, "cache", "ls", "--home", home); err == nil || !strings.Contains(err.Error(), "start one with `sparkstalk worker`") {
		t.Errorf("without a host: %q, %v", out, err)
	}
	server, err := admin.Listen(t.Context(), filepath.Join(home, "run"), admin.Host{Hostname: "w1@here"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	report := host.CacheReport{
		Hostname: "w1@here", Engine: "Sail", Generation: 2, Stats: cache.Stats{Entries: 1, Hits: 7, MaxEntries: 64},
		Entries: []cache.Entry{{
			Name: "words", Hash: strings.Repeat("ab", 32), BuiltAt: time.Now().Add(-time.Minute), Builder: "demo.WordCount",
			Storage: "CHECKPOINT", Measured: true, Rows: 1234, Bytes: 5 << 20, BytesFrom: "sample", Hits: 7, Generation: 2,
			Owners: []cache.Owner{{Module: "demo", Version: strings.Repeat("cd", 32)}},
		}},
	}
	server.Handle("GET /cache", func(*http.Request) (any, error) { return report, nil })
	server.Handle("GET /cache/words", func(*http.Request) (any, error) { return report, nil })
	server.Handle("DELETE /cache/words", func(*http.Request) (any, error) { return 1, nil })
	server.Handle("DELETE /cache", func(*http.Request) (any, error) { return 3, nil })
	server.Handle("POST /cache/warm", func(r *http.Request) (any, error) {
		return []host.WarmResult{{Module: "demo", Cache: "words", Key: json.RawMessage(`"/books"`), Error: "no such path"}}, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()

	for _, c := range []struct{ args, want string }{
		{"cache ls", "words  abababababab  1234  5.0 MiB  7     1m0s  0        CHECKPOINT  demo@cdcdcdcd  demo.WordCount  2\n"},
		{"cache ls", "w1@here on Sail (session 2): 1 entries of 64, 0 B of no limit; 7 hits"},
		{"cache ls --hostname w1@here", "demo.WordCount"},
		{"cache show words", "size from  sample\n"},
		{"cache show words", "hash       " + strings.Repeat("ab", 32) + "\n"},
		{"cache evict words", "1 evicted\n"},
		{"cache evict words words --json", "{\"evicted\":2}\n"},
		{"cache evict --all", "3 evicted\n"},
		{"cache ls --json", `"rows":1234`},
	} {
		out, err := sparkstalk(t, append(strings.Fields(c.args), "--home", home)...)
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v; got\n%s\nwant %q", c.args, err, out, c.want)
		}
	}
	for args, want := range map[string]string{
		"cache evict":                 "give --all for everything",
		"cache evict words --all":     "give --all for everything",
		"cache show other":            "this host knows no GET /cache/other",
		"cache ls --hostname w2@here": "no host w2@here runs on this machine; there are w1@here (pid ",
	} {
		if out, err := sparkstalk(t, append(strings.Fields(args), "--home", home)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q; got %q", args, err, want, out)
		}
	}
	out, err := sparkstalk(t, "cache", "warm", "words", "--home", home)
	var code exitCode
	if !errors.As(err, &code) || code != 1 || out != "words \"/books\" (module demo) no such path\n" {
		t.Errorf("cache warm: %v, %q; want exit status 1 and the reason", err, out)
	}
}
