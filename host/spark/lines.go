package spark

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// lines are the connections to the engine. They are counted, and cut when they
// have gone silent.
//
// A network that lost its route, a firewall that forgot a connection and a server
// that hangs tell nobody, and a query can take hours without a word. Pings of
// gRPC's own would find out, but servers before Spark 4.3 take them for an attack
// when they come often. So, while a call is under way and no byte comes, the
// engine is asked for a setting, which is work that it is there for. One
// connection is in use at a time; should an older one go silent beside it, gRPC's
// rare pings find that.
type lines struct {
	n       atomic.Uint64 // connections made so far
	silence time.Duration
	log     *slog.Logger
	ask     func(context.Context) error // the engine something that it knows at once

	born time.Time
	last atomic.Int64 // when a byte came, in time since born

	mu      sync.Mutex
	open    map[*line]bool
	calls   int           // under way
	waiting time.Duration // since when a call waits for a byte; answered if not after last
	timer   *time.Timer   // of the next look; nil if nobody waits
	closed  bool
	looks   sync.WaitGroup
}

func newLines(silence time.Duration, log *slog.Logger) *lines {
	return &lines{silence: silence, log: log, born: time.Now(), open: make(map[*line]bool)}
}

// TagRPC implements [stats.Handler].
func (*lines) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements [stats.Handler].
func (l *lines) HandleRPC(_ context.Context, s stats.RPCStats) {
	switch s.(type) {
	case *stats.Begin:
		l.begin()
	case *stats.End:
		l.mu.Lock()
		l.calls--
		l.mu.Unlock()
	}
}

// TagConn implements [stats.Handler].
func (*lines) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements [stats.Handler]. It is told of a connection before the
// first request goes over it.
func (l *lines) HandleConn(_ context.Context, s stats.ConnStats) {
	if _, ok := s.(*stats.ConnBegin); ok {
		l.n.Add(1)
	}
}

func (l *lines) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	// A call that was given up still waits, in a way: what keeps trying must not
	// hide that nothing comes.
	if l.answered() {
		l.waiting = time.Since(l.born)
	}
	if l.timer == nil && !l.closed {
		l.looks.Add(1)
		l.timer = time.AfterFunc(l.silence, l.look)
	}
}

func (l *lines) answered() bool { return time.Duration(l.last.Load()) >= l.waiting }

// quiet returns for how long nothing has come, and whether somebody waits for it.
func (l *lines) quiet() (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.born) - max(l.waiting, time.Duration(l.last.Load())), l.calls > 0 || !l.answered()
}

// look asks the engine if it has been silent for too long, and sees to the next
// look while somebody waits.
func (l *lines) look() {
	defer l.looks.Done()
	quiet, waited := l.quiet()
	next := l.silence - quiet
	if waited && next <= 0 {
		l.probe(quiet)
		next = l.silence
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed || l.calls == 0 && l.answered():
		l.timer = nil
		return
	case !waited: // but a call has begun since
		next = l.silence
	}
	l.looks.Add(1)
	l.timer = time.AfterFunc(next, l.look)
}

// probe asks the engine, and cuts the connections if not a byte comes.
func (l *lines) probe(quiet time.Duration) {
	asked := time.Since(l.born)
	ctx, cancel := context.WithTimeout(context.Background(), max(l.silence, controlTimeout))
	defer cancel()
	err := l.ask(ctx)
	var silent []*line
	l.mu.Lock()
	if status.Code(err) == codes.DeadlineExceeded && time.Duration(l.last.Load()) < asked {
		for c := range l.open {
			silent = append(silent, c)
		}
	}
	l.waiting = time.Duration(l.last.Load()) // this much is settled, whatever came of it
	l.mu.Unlock()
	for _, c := range silent {
		l.log.Warn("Spark connection is silent; going on over a new one",
			logkey.Address, c.RemoteAddr().String(), logkey.Duration, (quiet + time.Since(l.born) - asked).Round(time.Second))
		_ = c.Close() // its calls fail with Unavailable and are taken up again
	}
}

// close ends the looking.
func (l *lines) close() {
	l.mu.Lock()
	l.closed = true
	if l.timer != nil && l.timer.Stop() {
		l.looks.Done()
	}
	l.mu.Unlock()
	l.looks.Wait()
}

// A line is one connection.
type line struct {
	net.Conn
	lines *lines
}

// Read notes when something came.
func (c *line) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.lines.last.Store(int64(time.Since(c.lines.born)))
	}
	return n, err
}

// Close implements [net.Conn].
func (c *line) Close() error {
	c.lines.mu.Lock()
	delete(c.lines.open, c)
	c.lines.mu.Unlock()
	return c.Conn.Close()
}

// heard are credentials whose connections are lines. A dialler would see the
// connections as well, but with one gRPC knows no proxies.
type heard struct {
	credentials.TransportCredentials
	lines *lines
}

// ClientHandshake implements [credentials.TransportCredentials].
func (h heard) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c := &line{raw, h.lines}
	h.lines.mu.Lock()
	h.lines.open[c] = true
	h.lines.mu.Unlock()
	conn, info, err := h.TransportCredentials.ClientHandshake(ctx, authority, c)
	if err != nil {
		_ = c.Close() // gRPC closes raw as well, which is nobody's loss
	}
	return conn, info, err
}

// Clone implements [credentials.TransportCredentials].
func (h heard) Clone() credentials.TransportCredentials {
	return heard{h.TransportCredentials.Clone(), h.lines}
}
