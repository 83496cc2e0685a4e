package canvas

import (
	"encoding/json"
	"testing"
)

// Python adds no callback that is there already, however its JSON is written.
func TestALinkIsAddedOnce(t *testing.T) {
	var o Options
	for _, raw := range []string{
		`{"task": "a", "args": [1, 2.50], "options": {"queue": "q"}}`, `{"options":{"queue":"q"},"args":[1,2.50],"task":"a"}`,
		`{"task": "a", "args": [1, 2.50], "options": {"queue": "other"}}`, `{"task": "a", "args": [NaN]}`, `{"task": "a", "args": [NaN]}`,
	} {
		if err := o.addTo("link", json.RawMessage(raw)); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := rawList(o.get("link")); err != nil || len(list) != 3 {
		t.Errorf("%d callbacks, %v: %s", len(list), err, list)
	}
}
