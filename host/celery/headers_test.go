package celery

import (
	"math"
	"testing"
	"time"
)

func TestHeadersAreJSONForAnyReader(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{nil, "null"}, {int32(-1), "-1"}, {"ü\x00", `"\u00fc\u0000"`}, {2.5, "2.5"}, {[]any{true, map[string]any{"b": 1.0, "a": nil}}, `[true, {"a": null, "b": 1.0}]`},
		{math.NaN(), `"NaN"`}, {[]any{math.Inf(1)}, `"[+Inf]"`}, {time.Unix(0, 0).UTC(), `"1970-01-01 00:00:00 +0000 UTC"`},
	} {
		if got := string(HeaderJSON(c.value)); got != c.want {
			t.Errorf("%v: got %s, want %s", c.value, got, c.want)
		}
	}
}
