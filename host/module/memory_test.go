//go:build linux

package module

import (
	"os"
	"runtime"
	"strings"
	"testing"
)

func TestMemoryGrowsInPlace(t *testing.T) {
	m := memory{most: 1 << 30}
	l := m.Allocate(0, 1<<20)
	first := l.Reallocate(64 << 10)
	first[0], first[64<<10-1] = 1, 2
	second := l.Reallocate(1 << 20)
	if len(second) != 1<<20 || cap(second) != 1<<20 || &first[0] != &second[0] || second[0] != 1 || second[64<<10-1] != 2 || second[1<<20-1] != 0 {
		t.Error("the memory moved or changed")
	}
	if l.Reallocate(1<<20+1) != nil {
		t.Error("it grew beyond its limit")
	}
	l.Free()
	second[5] = 5 // Free is not release
	m.release()
	m.release()
	if l.Reallocate(1) != nil {
		t.Error("it grew after its release")
	}
}

func TestMemoryOnTheHeap(t *testing.T) {
	h := &heap{limit: 100}
	b := h.Reallocate(10)
	b[3] = 7
	if b = h.Reallocate(100); len(b) != 100 || b[3] != 7 {
		t.Error("what was there is gone")
	}
	if h.Reallocate(101) != nil {
		t.Error("it grew beyond its limit")
	}
}

// TestInstancesGiveTheirMemoryBack counts mappings: an instance has one or two,
// for the part in use and for the rest.
func TestInstancesGiveTheirMemoryBack(t *testing.T) {
	mappings := func() int {
		data, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(data), "\n")
	}
	cfg := config(t)
	put(t, cfg, "m.wasm", asm{manifest: manifest("t.trap"), run: bodyTrap}.bytes())
	r := open(t, cfg)
	trap(t, r, "t.trap", &call{})
	runtime.GC()
	before := mappings()
	for range 1000 {
		trap(t, r, "t.trap", &call{})
	}
	if after := mappings(); after > before+100 {
		t.Errorf("%d mappings, %d before 1000 instances", after, before)
	}
}
