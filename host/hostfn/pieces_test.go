package hostfn

import (
	"bytes"
	"testing"
)

func TestPiecesAreWhatWasWritten(t *testing.T) {
	for _, sizes := range [][]int{{}, {0}, {5}, {5, 5}, {64 << 10, 64 << 10, 7}, {3 << 20, 1}, {1, 3 << 20, 2 << 20, 1}} {
		var p pieces
		var want []byte
		for i, n := range sizes {
			b := bytes.Repeat([]byte{byte('a' + i)}, n)
			want = append(want, b...)
			if got, err := p.Write(b); got != n || err != nil {
				t.Fatalf("%v: wrote %d, %v", sizes, got, err)
			}
		}
		if got := p.join(); !bytes.Equal(got, want) {
			t.Errorf("%v: %d bytes, want %d of the same", sizes, len(got), len(want))
		}
	}
}
