package control

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// connectionInfo has Celery tell of connections what its worker's stats tell. It
// shows the passwords of alternates, which we do not.
const connectionInfo = `
import json, logging, sys
from celery import Celery
from kombu.utils.url import sanitize_url
logging.disable(logging.CRITICAL)
out = []
for url, conf in json.load(sys.stdin):
    app = Celery("x", broker=url, set_as_current=False)
    app.conf.update(conf)
    info = app.connection_for_read(heartbeat=app.conf.broker_heartbeat).info()
    del info["password"]
    info["alternates"] = [sanitize_url(u) for u in info["alternates"]]
    out.append(info)
print(json.dumps(out))
`

func TestBrokerInfoIsCelerys(t *testing.T) {
	type conf map[string]any
	cases := []struct {
		BrokerInfo
		conf
	}{
		{BrokerInfo{URL: "amqp://u:p@h:5673/v"}, nil},
		{BrokerInfo{URL: "amqp://"}, nil},
		{BrokerInfo{URL: "pyamqp://h//", Heartbeat: 30 * time.Second, ConnectTimeout: 7 * time.Second}, conf{"broker_heartbeat": 30, "broker_connection_timeout": 7}},
		{BrokerInfo{URL: "amqps://u:p@h/v%2Fw?heartbeat=20"}, conf{"broker_heartbeat": 120}},
		{BrokerInfo{URL: "amqp://u:secret@a//;amqp://u:secret@b:1//"}, nil},
		{BrokerInfo{URL: "amqp://h", TLS: json.RawMessage("true")}, conf{"broker_use_ssl": true}},
		{BrokerInfo{URL: "amqp://h", TLS: json.RawMessage(`{"ca_certs": "/x", "cert_reqs": 2}`)}, conf{"broker_use_ssl": map[string]any{"ca_certs": "/x", "cert_reqs": 2}}},
		{BrokerInfo{URL: "redis://h:1/2", TransportOptions: json.RawMessage(`{"visibility_timeout": 60}`)}, conf{"broker_transport_options": map[string]any{"visibility_timeout": 60}}},
		{BrokerInfo{URL: "redis://"}, nil},
		{BrokerInfo{URL: "redis://:secret@h/0"}, nil},
		{BrokerInfo{URL: "rediss://u:secret@h/1?ssl_cert_reqs=none&ssl_ca_certs=/ca"}, nil},
		{BrokerInfo{URL: "rediss://h/1?ssl_cert_reqs=CERT_REQUIRED"}, nil},
		{
			BrokerInfo{URL: "sentinel://h:26379/0;sentinel://:secret@g:26380/0", TransportOptions: json.RawMessage(`{"master_name": "m"}`)},
			conf{"broker_transport_options": map[string]any{"master_name": "m"}},
		},
		{BrokerInfo{URL: "redis+socket:///tmp/x.sock?virtual_host=3"}, nil},
	}
	var asked [][]any
	for i, c := range cases {
		all := conf{"broker_heartbeat": 10}
		for k, v := range c.conf {
			all[k] = v
		}
		if c.ConnectTimeout == 0 {
			cases[i].ConnectTimeout = 4 * time.Second
		}
		asked = append(asked, []any{c.URL, all})
	}
	in, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), proctest.Python(t), "-c", connectionInfo)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, err.(*exec.ExitError).Stderr)
	}
	var want []any
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		told := c.encode()
		var got any
		if err := json.Unmarshal(told, &got); err != nil {
			t.Fatalf("%s: %v", told, err)
		}
		if !reflect.DeepEqual(got, want[i]) {
			t.Errorf("%s:\n got %v\nwant %v", c.URL, got, want[i])
		}
		if strings.Contains(string(told), "secret") {
			t.Errorf("%s: the password is told", c.URL)
		}
	}
	// Schemes that kombu has under another name.
	for _, url := range []string{"unix:///tmp/x.sock", "socket:///tmp/x.sock"} {
		members, err := celery.Members(BrokerInfo{URL: url}.encode())
		if err != nil || string(members.Get("transport")) != `"redis"` || string(members.Get("hostname")) != `"`+url+`"` {
			t.Errorf("%s: %v, %v", url, members, err)
		}
	}
}
