package hostfn

import (
	"bytes"
	"sync"
)

// pieces gathers what is written to it. It does not move what it has as it
// grows, which for rows of many megabytes costs as much as making them.
type pieces struct {
	full [][]byte
	last []byte
	size int
}

// pieceBytes is how large a piece gets, unless one write is larger.
const pieceBytes = 1 << 20

// spare are pieces of that size whose bytes are no longer needed: fresh memory
// costs more than what is written to it.
var spare = sync.Pool{New: func() any { return new([pieceBytes]byte) }}

// Write implements [io.Writer]. It never fails.
func (p *pieces) Write(b []byte) (int, error) {
	p.size += len(b)
	for n := len(b); ; {
		room := copy(p.last[len(p.last):cap(p.last)], b)
		p.last, b = p.last[:len(p.last)+room], b[room:]
		if len(b) == 0 {
			return n, nil
		}
		if len(p.last) > 0 {
			p.full = append(p.full, p.last)
		}
		if size := max(len(b), 2*cap(p.last)); size < pieceBytes {
			p.last = make([]byte, 0, size)
		} else {
			p.last = spare.Get().(*[pieceBytes]byte)[:0]
		}
	}
}

// join returns all of it as one. Nothing can be written any more.
func (p *pieces) join() []byte {
	if len(p.full) == 0 {
		return p.last
	}
	all := append(p.full, p.last)
	joined := bytes.Join(all, nil) // which, unlike make, clears no memory before
	for _, piece := range all {
		if cap(piece) == pieceBytes {
			spare.Put((*[pieceBytes]byte)(piece[:pieceBytes]))
		}
	}
	*p = pieces{}
	return joined
}
