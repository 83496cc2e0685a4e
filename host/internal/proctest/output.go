package proctest

import (
	"bytes"
	"sync"
)

// An Output collects what a process or a logger writes, and may be read
// meanwhile. The zero value is empty and ready.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends p. It never fails.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns all that was written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
