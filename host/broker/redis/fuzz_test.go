package redis

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sparkstalk/sparkstalk/host/broker"
)

// FuzzEnvelope reads any element of a list: it is refused, or is a message that
// can be published anew without a change; put back, it says so and is the same.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"body": "W10=", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"id": "x", "n": 1.5, "b": {"__type__": "bytes", "__value__": "y"}},
		  "properties": {"correlation_id": "x", "delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": "q"}, "priority": 9, "body_encoding": "base64", "delivery_tag": "t"}}`,
		`{"body": "[]", "properties": {"priority": null, "correlationId": "c", "replyTo": "r"}}`,
		`{"properties": {"priority": 300}}`, `{"properties": 1}`, `{"headers": [], "properties": {}}`, `{"headers": null, "properties": {"delivery_info": null}}`, `null`, `[]`, `1`,
	} {
		f.Add([]byte(seed))
	}
	captures, err := filepath.Glob("../../celery/testdata/redis-broker-*.json")
	if err != nil || len(captures) == 0 {
		f.Fatalf("%d captures, %v", len(captures), err)
	}
	for _, path := range captures {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := open(raw)
		marked, _, markErr := redelivered(raw)
		if err != nil {
			return
		}
		again, err := seal(broker.Publication{Exchange: d.Exchange, RoutingKey: d.RoutingKey, Message: d.Message})
		if err != nil {
			t.Fatalf("%q: read as %+v, which cannot be published: %v", raw, d, err)
		}
		second, err := open(again)
		if err != nil || !bytes.Equal(second.Body, d.Body) || second.CorrelationID != d.CorrelationID || second.ReplyTo != d.ReplyTo {
			t.Errorf("%q: %+v came back as %+v, %v", raw, d, second, err)
		}
		if markErr != nil {
			return
		}
		third, err := open(marked)
		if err != nil || !third.Redelivered || !bytes.Equal(third.Body, d.Body) || third.RoutingKey != d.RoutingKey {
			t.Errorf("%q: put back it is %+v, %v", raw, third, err)
		}
		delete(third.Headers, "redelivered")
		delete(d.Headers, "redelivered")
		if len(d.Headers) > 0 && !reflect.DeepEqual(third.Headers, d.Headers) {
			t.Errorf("%q: headers %v came back as %v", raw, d.Headers, third.Headers)
		}
	})
}

// FuzzBinding reads any member of an exchange's bindings and any routing key.
func FuzzBinding(f *testing.F) {
	for _, key := range []string{"a", "a.*.b", "#", "*.#", "", `\`, "(", "é.日本", "\xff", "a–b.😀", "\\ü"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		// kombu leaves the star of a word with more in it unescaped, so that some
		// have no pattern, there and here.
		star := slices.ContainsFunc(strings.Split(key, "."), func(w string) bool { return w != "*" && strings.Contains(w, "*") })
		if _, err := regexp.Compile(goPattern(topicPattern(key))); err != nil && utf8.ValidString(key) && !star {
			t.Errorf("key %q has the pattern %q: %v", key, topicPattern(key), err)
		}
		bound, err := kombus.binding(key)
		if err == nil && kombus.member(bound) != key {
			t.Errorf("%q came back as %q", key, bound)
		}
	})
}
