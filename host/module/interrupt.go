package module

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"time"
)

// processGrace is how long a process may take to end a call that is to end. It
// leaves time for killing it within the 250 ms that are promised.
const processGrace = 100 * time.Millisecond

// interrupted has the process end what it was last asked for when ctx ends, and
// kills it if it does not within its grace. ended is to be called when the process
// is done; from then on nothing happens to it.
func (p *process) interrupted(ctx context.Context) (ended func()) {
	over, done := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		timer := time.NewTimer(p.grace)
		defer timer.Stop()
		// A process that does not read is killed as one that does not end.
		_ = p.interrupts.SetWriteDeadline(time.Now().Add(p.grace))
		_, _ = p.interrupts.Write(binary.LittleEndian.AppendUint64(nil, p.number))
		select {
		case <-over:
		case <-timer.C:
			p.kill()
		}
	})
	return func() {
		close(over)
		if !stop() {
			<-done
		}
	}
}

// errInterrupted ends a call in a module's process. The host knows why.
var errInterrupted = errors.New("interrupted by the host")

// interrupts are what a module's process is told to end.
type interrupts struct {
	mu sync.Mutex
	// told is the largest number that came.
	told uint64
	// number is what is under way, and cancel ends it.
	number uint64
	cancel context.CancelCauseFunc
}

// listen takes numbers from r until it ends.
func (i *interrupts) listen(r io.Reader) {
	var number [8]byte
	for {
		if _, err := io.ReadFull(r, number[:]); err != nil {
			return // with the host, whose other end tells as well
		}
		i.mu.Lock()
		i.told = max(i.told, binary.LittleEndian.Uint64(number[:]))
		if i.cancel != nil && i.told >= i.number {
			i.cancel(errInterrupted)
		}
		i.mu.Unlock()
	}
}

// begin returns the context of what has this number, which may have been told to
// end already. It is over when end is called.
func (i *interrupts) begin(ctx context.Context, number uint64) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.number, i.cancel = number, cancel
	if i.told >= number {
		cancel(errInterrupted)
	}
	return ctx, func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.cancel = nil
		cancel(nil)
	}
}
