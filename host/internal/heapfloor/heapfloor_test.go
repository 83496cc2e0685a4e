package heapfloor

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// goal is how large the heap may become before garbage is collected.
func goal() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NextGC
}

func TestRaise(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Setenv(name, "")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	lower := Raise()
	if got := goal(); got < 2*Bytes {
		t.Errorf("with a floor the heap may have %d bytes", got)
	}
	lower()
	lower = nil
	if got := goal(); got >= Bytes {
		t.Errorf("without it may have %d", got)
	}
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Setenv(name, "50")
		lower = Raise()
		if got := goal(); got >= Bytes {
			t.Errorf("though %s was set, it may have %d", name, got)
		}
		lower()
		t.Setenv(name, "")
	}
}
