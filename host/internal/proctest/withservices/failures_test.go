package main

import (
	"bytes"
	"testing"
)

func TestWhatFailedIsRepeatedAtTheEnd(t *testing.T) {
	const printed = `ok  	example.org/a	0.1s
    a_test.go:1: a log line of a test that passed
--- FAIL: TestBad (1.00s)
    bad_test.go:86: not within 30s
    bad_test.go:90: host's log:
        time=2026 level=INFO msg="--- FAIL: not a test"
--- FAIL: TestMany (0.00s)
    --- FAIL: TestMany/one (0.00s)
        many_test.go:7: 1
        many_test.go:7: 2
        many_test.go:7: 3
        many_test.go:7: 4
        many_test.go:7: 5
FAIL
FAIL	example.org/b	2.0s
FAIL	example.org/c [build failed]
FAIL
`
	const want = `
what failed:
--- FAIL: TestBad (1.00s)
    bad_test.go:86: not within 30s
    bad_test.go:90: host's log:
--- FAIL: TestMany (0.00s)
    --- FAIL: TestMany/one (0.00s)
        many_test.go:7: 1
        many_test.go:7: 2
        many_test.go:7: 3
        many_test.go:7: 4
FAIL	example.org/b	2.0s
FAIL	example.org/c [build failed]
`
	for _, size := range []int{1, 7, len(printed)} {
		var out bytes.Buffer
		f := failures{out: &out}
		for rest := []byte(printed); len(rest) > 0; {
			n := min(size, len(rest))
			if wrote, err := f.Write(rest[:n]); wrote != n || err != nil {
				t.Fatalf("wrote %d, %v", wrote, err)
			}
			rest = rest[n:]
		}
		if err := f.repeat(); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != printed+want {
			t.Errorf("in pieces of %d, printed %s", size, got)
		}
	}
	var out bytes.Buffer
	f := failures{out: &out}
	if _, err := f.Write([]byte("ok  	example.org/a	0.1s\n")); err != nil {
		t.Fatal(err)
	}
	if err := f.repeat(); err != nil || out.String() != "ok  	example.org/a	0.1s\n" {
		t.Errorf("where nothing failed, printed %q, %v", out.String(), err)
	}
}
