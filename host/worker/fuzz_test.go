package worker

import (
	"encoding/json"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// FuzzStamps looks for revoked stamps among any headers of a message: each value
// of a stamp that is found drops the task.
func FuzzStamps(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"stamped_headers": ["a"], "stamps": {"a": ["1", 2]}}`, `{"a": ["1"]}`},
		{`{"stamped_headers": null, "stamps": {"a": "x"}}`, `{"a": ["x"], "b": []}`},
		{`{"stamped_headers": ["a", 1], "stamps": [], "a": {}}`, `{"a": [""]}`},
		{`{"stamps": {"a": {"b": null}}}`, `{}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, headers, revoked []byte) {
		m := celery.Incoming{Body: []byte(`[[], {}, {}]`), ContentType: celery.ContentType, ContentEncoding: "utf-8"}
		if json.Unmarshal(headers, &m.Headers) != nil || m.Headers == nil {
			return
		}
		m.Headers["id"], m.Headers["task"] = "id", "t"
		var stamps map[string][]string
		if json.Unmarshal(revoked, &stamps) != nil {
			return
		}
		task, err := celery.Decode(m)
		if err != nil {
			return
		}
		var v Revoked
		v.AddStamps(stamps)
		found := matching(task, stamps)
		if drops := v.Drops(task); drops != (len(found) > 0) {
			t.Errorf("%s, revoked %s: found %v, dropped %t", headers, revoked, found, drops)
		}
	})
}
