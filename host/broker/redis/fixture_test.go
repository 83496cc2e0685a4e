package redis

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/broker"
)

// recorded is a command that kombu sent, and the envelope in it.
type recorded struct {
	command  []string
	envelope map[string]any
	raw      []byte
}

func readRecorded(t *testing.T, path string) recorded {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Command []string `json:"redis_command"`
	}
	if err := json.Unmarshal(text, &f); err != nil || len(f.Command) < 3 {
		t.Fatalf("%s: command %q, %v", path, f.Command, err)
	}
	r := recorded{command: f.Command, raw: []byte(f.Command[len(f.Command)-1])}
	if f.Command[0] == "HSET" { // [envelope, exchange, routing key]
		var entry []json.RawMessage
		if err := json.Unmarshal(r.raw, &entry); err != nil || len(entry) != 3 {
			t.Fatalf("%s: entry of %d parts, %v", path, len(entry), err)
		}
		r.raw = entry[0]
	}
	if err := json.Unmarshal(r.raw, &r.envelope); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return r
}

// What is published is what kombu would have put there, field by field, but for:
//
//   - properties.delivery_tag, which is drawn at random on both sides;
//   - delivery_info.redelivered, which only a message that is put back has.
func TestEnvelopesAreKombusFieldByField(t *testing.T) {
	paths, err := filepath.Glob("../../celery/testdata/redis-broker-*.json")
	if err != nil || len(paths) < 8 {
		t.Fatalf("%d recordings, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			want := readRecorded(t, path)
			d, err := open(want.raw)
			if err != nil {
				t.Fatal(err)
			}
			sealed, err := seal(broker.Publication{Exchange: d.Exchange, RoutingKey: d.RoutingKey, Message: d.Message})
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(sealed, &got); err != nil {
				t.Fatal(err)
			}
			for _, e := range []map[string]any{got, want.envelope} {
				properties := e["properties"].(map[string]any)
				if tag, _ := properties["delivery_tag"].(string); len(tag) != 36 {
					t.Errorf("delivery_tag %q is no UUID", tag)
				}
				delete(properties, "delivery_tag")
				delete(properties["delivery_info"].(map[string]any), "redelivered")
			}
			for _, field := range append(names(got), names(want.envelope)...) {
				if !reflect.DeepEqual(got[field], want.envelope[field]) {
					t.Errorf("%s is %v, kombu's %v", field, got[field], want.envelope[field])
				}
			}
			if want.command[0] == "LPUSH" && d.Exchange == "" {
				var priority uint8
				if d.Priority != nil {
					priority = *d.Priority
				}
				if key := kombus.list(d.RoutingKey, priority); key != want.command[1] {
					t.Errorf("list %q, kombu's %q", key, want.command[1])
				}
			}
		})
	}
}

// What is put back is what kombu would have put back of the same message.
func TestRestoredEnvelopesAreKombus(t *testing.T) {
	want := readRecorded(t, "../../celery/testdata/redis-broker-restored-rpush.json")
	before := map[string]any{}
	if err := json.Unmarshal(want.raw, &before); err != nil {
		t.Fatal(err)
	}
	delete(before["headers"].(map[string]any), "redelivered")
	delete(before["properties"].(map[string]any)["delivery_info"].(map[string]any), "redelivered")
	raw, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	marked, _, err := redelivered(raw)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(marked, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want.envelope) {
		t.Errorf("put back as %s, kombu's %s", marked, want.raw)
	}
}

func names(m map[string]any) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	return out
}
