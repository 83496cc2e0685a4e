package hostfn

// pieces gathers what is written to it. It does not move what it has as it
// grows, which for rows of many megabytes costs as much as making them.
type pieces struct {
	full [][]byte
	last []byte
	size int
}

// pieceBytes is how large a piece gets, unless one write is larger.
const pieceBytes = 1 << 20

// Write implements [io.Writer]. It never fails.
func (p *pieces) Write(b []byte) (int, error) {
	if len(p.last)+len(b) > cap(p.last) {
		if len(p.last) > 0 {
			p.full = append(p.full, p.last)
		}
		p.last = make([]byte, 0, max(len(b), min(2*cap(p.last), pieceBytes)))
	}
	p.last = append(p.last, b...)
	p.size += len(b)
	return len(b), nil
}

// join returns all of it as one.
func (p *pieces) join() []byte {
	if len(p.full) == 0 {
		return p.last
	}
	all := make([]byte, 0, p.size)
	for _, piece := range p.full {
		all = append(all, piece...)
	}
	return append(all, p.last...)
}
