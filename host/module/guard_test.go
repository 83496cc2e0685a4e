package module

import "testing"

// TestLongCodeGivesWay until it calls the host, and again after that.
func TestLongCodeGivesWay(t *testing.T) {
	behind, back := 0, 0
	m := &meter{behind: func() func() {
		behind++
		return func() { back++ }
	}}
	for range 2 {
		m.rest() // too early
		m.look()
		m.look()
	}
	m.rest()
	m.rest()
	if behind != 2 || back != 2 {
		t.Errorf("behind others %d times, back %d times", behind, back)
	}
	none := &meter{}
	none.look() // in the host nothing is asked for
	none.rest()
}
