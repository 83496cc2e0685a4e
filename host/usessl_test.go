package host

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestUseSSL(t *testing.T) {
	for _, c := range []struct{ setting, url, want string }{
		{`false`, "amqp://h", "amqp://h"},
		{`null`, "redis://h", "redis://h"},
		{`true`, "amqp://u:p@h//", "amqps://u:p@h//"},
		{`true`, "redis://h/1", "rediss://h/1"},
		{`{"ca_certs": "/a b", "certfile": "/c", "keyfile": "/k", "cert_reqs": 2}`, "pyamqp://h;amqp://g", "amqps://h?cacertfile=%2Fa+b&certfile=%2Fc&keyfile=%2Fk;amqps://g?cacertfile=%2Fa+b&certfile=%2Fc&keyfile=%2Fk"},
		{`{"cert_reqs": "ssl.CERT_NONE", "server_hostname": "n"}`, "amqp://h?heartbeat=5", "amqps://h?heartbeat=5&server_name_indication=n&verify=verify_none"},
		{`{"ssl_cert_reqs": "required", "ssl_ca_certs": "/a"}`, "redis://h/1", "rediss://h/1?ssl_ca_certs=%2Fa&ssl_cert_reqs=required"},
		{`{"ssl_cert_reqs": 0}`, "rediss://h/1", "rediss://h/1?ssl_cert_reqs=none"},
		{`{"cert_reqs": "some"}`, "", "cert_reqs"}, {`{"ciphers": "x"}`, "", "no option ciphers"}, {`{"ca_certs": 1}`, "", "not a text"},
		{`{"certfile": "x"}`, "", "together"}, {`"yes"`, "", "give true"}, {`true`, "unix:///x", "no TLS"}, {`{"server_hostname": "x"}`, "redis://h", "RabbitMQ's"},
	} {
		var u UseSSL
		err := json.Unmarshal([]byte(c.setting), &u)
		var got string
		if err == nil {
			got, err = u.apply(c.url)
		}
		if err != nil {
			got = err.Error()
			if !strings.Contains(got, c.want) {
				t.Errorf("%s of %s: %s, want %s", c.setting, c.url, got, c.want)
			}
			continue
		}
		if got != c.want {
			t.Errorf("%s of %s: %s, want %s", c.setting, c.url, got, c.want)
		}
		if back, err := json.Marshal(u); err != nil || (string(back) != c.setting && !json.Valid(back)) {
			t.Errorf("%s is told as %s, %v", c.setting, back, err)
		}
	}
}

func TestReadAndWriteURLs(t *testing.T) {
	cfg, err := Config{BrokerReadURL: "redis://h", BrokerWriteURL: "redis://h"}.withDefaults()
	if err != nil || cfg.Broker != "redis://h" {
		t.Errorf("%s, %v", cfg.Broker, err)
	}
	_, err = Config{BrokerReadURL: "redis://h", BrokerWriteURL: "redis://:secret@g"}.withDefaults()
	if err == nil || !strings.Contains(err.Error(), "broker_write_url") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}
