package main

import (
	"testing"
	"time"
)

func TestATimeIsInSecondsAsCelerysOrInUnits(t *testing.T) {
	for text, want := range map[string]time.Duration{"5": 5 * time.Second, "0.5": 500 * time.Millisecond, "500ms": 500 * time.Millisecond, "2m": 2 * time.Minute,
		"-1": -1, "x": -1, "NaN": -1, "1e300": -1, "-3s": -1, "": -1} {
		var v secondsValue
		if err := v.Set(text); err != nil && want >= 0 || err == nil && time.Duration(v) != want {
			t.Errorf("%q: %v, %v; want %v", text, time.Duration(v), err, want)
		}
	}
}
