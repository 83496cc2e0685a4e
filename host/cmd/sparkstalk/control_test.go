package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

func TestRemoteArguments(t *testing.T) {
	find := func(name string) remote {
		for _, list := range [][]remote{inspects, controls} {
			for _, r := range list {
				if r.name == name {
					return r
				}
			}
		}
		t.Fatalf("no command %s", name)
		return remote{}
	}
	for _, c := range []struct{ command, words, want string }{
		{"ping", "", `{}`},
		{"query_task", "a b", `{"ids": ["a", "b"]}`},
		{"revoke", "a terminate=true signal=KILL", `{"terminate": true, "signal": "KILL", "task_id": ["a"]}`},
		{"terminate", "SIGKILL a b", `{"signal": "SIGKILL", "task_id": ["a", "b"]}`},
		{"rate_limit", "demo.x 10/m", `{"task_name": "demo.x", "rate_limit": "10/m"}`},
		{"time_limit", "demo.x 5 10", `{"task_name": "demo.x", "soft": 5, "hard": 10}`},
		{"pool_grow", "2", `{"n": 2}`},
		{"revoke_by_stamped_headers", "mon=v1 mon=v2", `{"headers": ["mon=v1", "mon=v2"]}`},
		{"conf", "with_defaults=true", `{"with_defaults": true}`},
	} {
		o, err := find(c.command).arguments(strings.Fields(c.words))
		if got := string(o.Append(nil)); err != nil || got != c.want {
			t.Errorf("%s %s: got %s, %v; want %s", c.command, c.words, got, err, c.want)
		}
	}
	if _, err := find("pool_grow").arguments([]string{"1", "2"}); err == nil {
		t.Error("an argument too many is no error")
	}
}

func TestRepliesForPeople(t *testing.T) {
	var out bytes.Buffer
	err := printReplies(&out, []celery.Reply{
		{Node: "a@h", Value: []byte(`{"ok": "pong"}`)}, {Node: "b@h", Value: []byte(`{"error": "unknown task"}`)},
		{Node: "c@h", Value: []byte(`["x", {"id": "y"}]`)}, {Node: "d@h", Value: []byte(`[]`)}, {Node: "e@h", Value: []byte(`{"clock": 5}`)},
	}, false)
	want := `->  a@h: OK
        pong
->  b@h: ERROR
        unknown task
->  c@h: OK
    * x
    * {
      "id": "y"
    }
->  d@h: OK
    - empty -
->  e@h: OK
    {
      "clock": 5
    }
`
	if err != nil || out.String() != want {
		t.Errorf("%v\n got %s\nwant %s", err, out.String(), want)
	}
}
