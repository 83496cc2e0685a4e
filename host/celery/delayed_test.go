package celery

import (
	"strings"
	"testing"
)

// What kombu.transport.native_delayed_delivery.calculate_routing_key returns.
func TestDelayedKey(t *testing.T) {
	zeroes := func(n int) string { return strings.Repeat("0.", n) }
	cases := []struct {
		seconds int64
		key     string
		want    string // empty where there is none
	}{
		{5, "qq", zeroes(25) + "1.0.1.qq"},
		{1, "a.b", zeroes(27) + "1.a.b"},
		{1<<28 - 1, "q", strings.Repeat("1.", 28) + "q"},
		{2, zeroes(25) + "1.0.1.qq", zeroes(26) + "1.0.qq"}, // of a retry
		{2, zeroes(20) + "qq", zeroes(26) + "1.0." + zeroes(20) + "qq"},
		{2, zeroes(28), ""},
		{0, "q", ""}, {-3, "q", ""}, {1 << 28, "q", ""}, {3, "", ""},
	}
	for _, c := range cases {
		got, ok := DelayedKey(c.seconds, c.key)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%d s before %q: got %q, %v, want %q", c.seconds, c.key, got, ok, c.want)
		}
	}
}
