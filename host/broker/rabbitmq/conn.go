package rabbitmq

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// crowded is how many bytes may wait to be written before Publish waits too.
	crowded = 1 << 20
	// keepBuffer is the largest write buffer that is kept for the next time.
	keepBuffer = 256 << 10
	// lastFlush is how long a connection that is being closed may take for what it
	// still has to write.
	lastFlush = 500 * time.Millisecond
)

// A socket is a network connection whose writes end: one fails when the other
// side took no byte within timeout. The library sets no deadline on writes, and
// the operating system's would be a quarter of an hour.
type socket struct {
	net.Conn
	timeout time.Duration
	// blocked is set while the broker has said that it stops reading.
	blocked atomic.Bool
	closing atomic.Bool
}

func (s *socket) Write(p []byte) (int, error) {
	total := 0
	for {
		timeout := s.timeout
		if s.closing.Load() {
			timeout = lastFlush
		}
		if err := s.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return total, err
		}
		n, err := s.Conn.Write(p[total:])
		total += n
		if err == nil {
			return total, nil
		}
		// Slow is not dead.
		goesOn := (n > 0 || s.blocked.Load()) && !s.closing.Load()
		if !errors.Is(err, os.ErrDeadlineExceeded) || !goesOn {
			return total, err
		}
	}
}

// A conn is what the library gets for a connection, above TLS.
//
// Reads pass through [inbound]. Writes only append to a buffer that one goroutine
// empties: so none blocks on the network, whatever locks the library holds, and
// while one system call is under way the acknowledgements and results of many
// tasks gather for the next. The library learns of a failed write at its next one.
// Who must know that the system has its bytes calls flush, which empties the
// buffer itself if nobody does.
type conn struct {
	net.Conn // socket, or TLS over it
	socket   *socket
	in       inbound

	mu       sync.Mutex
	pending  []byte
	spare    []byte        // the buffer that was written last
	appended int64         // bytes that were ever put into pending
	written  int64         // and that the system has taken
	writing  bool          // one goroutine writes
	turned   *sync.Cond    // writing has ended
	err      error         // why nothing can be written any more
	room     chan struct{} // closed once pending was taken; nil when nobody waits

	wake chan struct{}
	done chan struct{} // closed when the writer has ended and the socket is closed
}

// newConn starts the writer, which ends after Close or abort.
func newConn(s *socket, over net.Conn) *conn {
	c := &conn{
		Conn: over, socket: s, in: inbound{src: over},
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	c.turned = sync.NewCond(&c.mu)
	go c.writeLoop()
	return c
}

func (c *conn) Read(p []byte) (int, error) { return c.in.Read(p) }

// Write implements [net.Conn]. It does not block.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return 0, c.err
	}
	c.pending = append(c.pending, p...)
	c.appended += int64(len(p))
	c.mu.Unlock()
	c.signal()
	return len(p), nil
}

// flush returns once the system has what was written before, or why it never will.
// A process that is killed after it loses none of that.
func (c *conn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for want := c.appended; c.written < want; {
		switch {
		case c.writing:
			c.turned.Wait()
		case len(c.pending) == 0: // what is missing could not be written
			return c.err
		default:
			c.write()
		}
	}
	return nil
}

// write hands pending to the system. The mutex is held, but while it writes.
func (c *conn) write() {
	out := c.pending
	c.pending, c.spare = c.spare[:0], nil
	c.writing = true
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
	c.mu.Unlock()
	_, err := c.Conn.Write(out)
	c.mu.Lock()
	c.writing = false
	if err != nil {
		if c.err == nil {
			c.err = err
		}
		c.pending = nil
		c.signal() // the loop ends
	} else {
		c.written += int64(len(out))
		if cap(out) <= keepBuffer {
			c.spare = out
		}
	}
	c.turned.Broadcast()
}

// Close implements [net.Conn]. It does not block: what was written before still
// goes out, for a moment, and then the socket is closed; see done.
func (c *conn) Close() error {
	if !c.socket.closing.Swap(true) {
		// A write under way gets the shorter deadline too.
		_ = c.socket.SetWriteDeadline(time.Now().Add(lastFlush))
	}
	c.fail(net.ErrClosed)
	c.signal()
	return nil
}

// abort closes the socket at once, which ends whatever waits for it. why is what
// reason tells, unless the connection was lost before.
func (c *conn) abort(why error) {
	c.socket.closing.Store(true)
	c.fail(why)
	_ = c.socket.Conn.Close()
	c.signal()
}

// SetDeadline implements [net.Conn], for reads: writes have their own deadlines.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline implements [net.Conn]. Writes have their own deadlines.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// waitRoom waits while more is to be written than the network takes.
func (c *conn) waitRoom(ctx context.Context) error {
	for {
		c.mu.Lock()
		if len(c.pending) < crowded || c.err != nil {
			c.mu.Unlock()
			return nil
		}
		if c.room == nil {
			c.room = make(chan struct{})
		}
		room := c.room
		c.mu.Unlock()
		select {
		case <-room:
		case <-c.done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// reason is why the connection was lost, as far as this side knows better than the
// library, which only sees its socket closed; else nil.
func (c *conn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if errors.Is(c.err, net.ErrClosed) {
		return nil
	}
	return c.err
}

// writeLoop writes what nobody else does, until the connection ends.
func (c *conn) writeLoop() {
	defer close(c.done)
	// The socket itself, not TLS over it, whose farewell may block. It also ends
	// the library's reader.
	defer func() { _ = c.socket.Conn.Close() }()
	for range c.wake {
		c.mu.Lock()
		for len(c.pending) > 0 || c.writing {
			if c.writing {
				c.turned.Wait()
			} else {
				c.write()
			}
		}
		ended := c.err != nil
		c.mu.Unlock()
		if ended {
			return
		}
	}
}
