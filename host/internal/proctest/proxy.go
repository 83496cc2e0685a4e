package proctest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// A Relay passes connections on to a server and can harm them.
type Relay struct {
	target   string
	listener net.Listener
	wg       sync.WaitGroup

	mu     sync.Mutex
	resume *sync.Cond // signalled when hole, lost or closed changes
	conns  map[net.Conn]bool
	lost   map[net.Conn]bool // those that Strand holds back
	hole   bool
	refuse bool
	closed bool
	count  int
	fuse   int64 // bytes from the server until a Cut; negative is never
}

// Proxy returns a relay to the address target on a port of its own, closed when
// the test ends.
func Proxy(t testing.TB, target string) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{target: target, listener: l, conns: map[net.Conn]bool{}, lost: map[net.Conn]bool{}, fuse: -1}
	r.resume = sync.NewCond(&r.mu)
	r.wg.Go(r.accept)
	t.Cleanup(func() {
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		_ = l.Close()
		r.resume.Broadcast()
		r.Cut()
		r.wg.Wait()
	})
	return r
}

// Address returns the host and port to connect to.
func (r *Relay) Address() string { return r.listener.Addr().String() }

// Accepted returns how many connections it has passed on so far.
func (r *Relay) Accepted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// Cut closes the connections there are, without a word. New ones pass.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, as from a peer that crashed
		}
		_ = c.Close()
	}
}

// CutAfter cuts the connections there are then, once, when the server has sent
// so many bytes more.
func (r *Relay) CutAfter(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fuse = bytes
}

// burn returns how many of the server's n bytes may pass, and whether the
// connections are to be cut after them.
func (r *Relay) burn(n int) (int, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.fuse < 0:
		return n, false
	case r.fuse > int64(n):
		r.fuse -= int64(n)
		return n, false
	}
	n, r.fuse = int(r.fuse), -1
	return n, true
}

// Blackhole holds back, from now on, every byte in both directions while the
// connections stay open, as a network that lost its route does. Blackhole(false)
// lets them flow again.
func (r *Relay) Blackhole(on bool) {
	r.mu.Lock()
	r.hole = on
	r.mu.Unlock()
	r.resume.Broadcast()
}

// Strand holds back, for good, every byte of the connections there are now, which
// stay open; new ones pass. So does a firewall that has forgotten them.
func (r *Relay) Strand() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		r.lost[c] = true
	}
}

// Refuse closes new connections as soon as they are accepted, as a load
// balancer without a server behind it does. Refuse(false) ends that.
func (r *Relay) Refuse(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = on
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.wg.Go(func() { r.serve(client) })
	}
}

func (r *Relay) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	if !r.add(client) {
		return
	}
	defer r.drop(client)
	r.wait(client)
	server, err := net.DialTimeout("tcp", r.target, 10*time.Second)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if !r.add(server) {
		return
	}
	defer r.drop(server)
	r.mu.Lock()
	r.count++
	r.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { r.copy(server, client, false) })
	both.Go(func() { r.copy(client, server, true) })
	both.Wait()
}

// add makes c one that Cut closes. It says false when there is no use for c.
func (r *Relay) add(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.refuse {
		return false
	}
	r.conns[c] = true
	return true
}

func (r *Relay) drop(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	delete(r.lost, c)
}

// wait returns when bytes of a connection may flow.
func (r *Relay) wait(from net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for (r.hole || r.lost[from]) && !r.closed {
		r.resume.Wait()
	}
}

// copy passes bytes on until one side ends, and then ends both.
func (r *Relay) copy(to, from net.Conn, answers bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		r.wait(from)
		cut := false
		if answers && n > 0 {
			n, cut = r.burn(n)
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if cut {
			r.Cut()
			return
		}
		if err != nil {
			return
		}
	}
}
