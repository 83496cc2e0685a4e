package rabbitmq

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestParseAddresses(t *testing.T) {
	cases := []struct {
		url, want, vhost, password string
		heartbeat                  time.Duration
	}{
		{"amqp://", "amqp://guest:***@localhost:5672/%2F", "/", "guest", 0},
		{"pyamqp://u:p@h//", "amqp://u:***@h:5672/%2F", "/", "p", 0},
		{"amqp://u:p@h/", "amqp://u:***@h:5672/%2F", "/", "p", 0},
		{"amqp://u:p@h", "amqp://u:***@h:5672/%2F", "/", "p", 0},
		{"amqp://u:p%2Fq%40@h:5673/vh", "amqp://u:***@h:5673/vh", "vh", "p/q@", 0},
		{"amqp://u@h/%2Fvh", "amqp://u:***@h:5672/%2Fvh", "/vh", "guest", 0},
		{"amqps://u:p@[::1]/?heartbeat=7", "amqps://u:***@[::1]:5671/%2F", "/", "p", 7 * time.Second},
	}
	for _, c := range cases {
		got, err := parseAddresses(c.url, nil)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		a := got[0]
		if a.String() != c.want || a.Vhost != c.vhost || a.Password != c.password || a.heartbeat != c.heartbeat {
			t.Errorf("%s: got %v, vhost %q, password %q, heartbeat %v", c.url, a, a.Vhost, a.Password, a.heartbeat)
		}
		if (a.tls != nil) != (a.Scheme == "amqps") {
			t.Errorf("%s: TLS %v", c.url, a.tls != nil)
		}
	}
	several, err := parseAddresses("amqp://a;amqp://b; amqp://c;", nil)
	if err != nil || len(several) != 3 || several[2].Host != "c" {
		t.Errorf("got %v, %v", several, err)
	}
}

func TestNoHandlerLogsThePassword(t *testing.T) {
	all, err := parseAddresses("amqp://user:hunter2@host/vhost", nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "broker", all[0])
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "broker", all[0])
	if strings.Contains(out.String(), "hunter2") || strings.Count(out.String(), "amqp://user:***@host") != 2 {
		t.Errorf("logged %s", out.String())
	}
}
