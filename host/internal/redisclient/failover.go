package redisclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// A failover are several Redis of which one is used, and the next one when that cannot
// be reached. All connections go to the same one: when it changes, those that are left
// are closed, or what was taken over one could be acknowledged over another.
type failover struct {
	each []*goredis.Options

	mu      sync.Mutex
	current int // index in each
	open    map[*failoverConn]struct{}
}

func newFailover(each []*goredis.Options) *failover {
	return &failover{each: each, open: map[*failoverConn]struct{}{}}
}

// A failoverConn is a connection to the current Redis.
type failoverConn struct {
	net.Conn
	of *failover
}

// Close implements [net.Conn]. What leave has closed is closed.
func (c *failoverConn) Close() error {
	c.of.mu.Lock()
	_, open := c.of.open[c]
	delete(c.of.open, c)
	c.of.mu.Unlock()
	if !open {
		return nil
	}
	return c.Conn.Close()
}

// dial connects to the first that can be used, from the one that could be last. Its
// error is a refusal only if all have refused.
func (f *failover) dial(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	var failed error
	for range f.each {
		f.mu.Lock()
		i := f.current
		f.mu.Unlock()
		conn, err := f.connect(ctx, i, timeout)
		if err == nil {
			return conn, nil
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err()
		}
		f.leave(i)
		if failed == nil || !Passes(failed) {
			failed = err
		}
	}
	return nil, failed
}

// leave makes the next one current, if i is.
func (f *failover) leave(i int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != i {
		return
	}
	f.current = (i + 1) % len(f.each)
	for c := range f.open {
		_ = c.Conn.Close() // its user finds out by itself
	}
	clear(f.open)
}

// connect opens a connection to one of them, if it is still the current one.
func (f *failover) connect(ctx context.Context, i int, timeout time.Duration) (net.Conn, error) {
	opt := *f.each[i]
	opt.DialTimeout = timeout
	raw, err := goredis.NewDialer(&opt)(ctx, opt.Network, opt.Addr)
	if err != nil {
		return nil, err
	}
	if err := greet(raw, &opt); err != nil {
		return nil, errors.Join(fmt.Errorf("redis at %s: %w", opt.Addr, err), raw.Close())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != i {
		return nil, errors.Join(fmt.Errorf("redis at %s: another one is used by now", opt.Addr), raw.Close())
	}
	c := &failoverConn{Conn: raw, of: f}
	f.open[c] = struct{}{}
	return c, nil
}

// A refusal is Redis' own error.
type refusal string

// Error implements error.
func (r refusal) Error() string { return string(r) }

// RedisError implements [goredis.Error].
func (r refusal) RedisError() {}

// greet logs in, and makes sure that the server can be written to.
func greet(conn net.Conn, opt *goredis.Options) error {
	if err := conn.SetDeadline(time.Now().Add(opt.DialTimeout)); err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	if opt.Password != "" {
		words := []string{"AUTH", opt.Username, opt.Password}
		if opt.Username == "" {
			words = []string{"AUTH", opt.Password}
		}
		if _, err := ask(conn, in, words...); err != nil {
			return err
		}
	}
	info, err := ask(conn, in, "INFO", "replication")
	if _, refused := errors.AsType[refusal](err); err != nil && !refused { // whoever may not ask, may still use it
		return err
	}
	if strings.Contains(info, "role:slave") {
		return errors.New("it is a replica")
	}
	return conn.SetDeadline(time.Time{})
}

// ask sends one command and reads its answer, which is one line or one text.
func ask(conn net.Conn, in *bufio.Reader, words ...string) (string, error) {
	out := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, w := range words {
		out = fmt.Appendf(out, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := conn.Write(out); err != nil {
		return "", err
	}
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if text, ok := strings.CutPrefix(line, "-"); ok {
		return "", refusal(text)
	}
	size, ok := strings.CutPrefix(line, "$")
	if !ok {
		return strings.TrimPrefix(line, "+"), nil
	}
	n, err := strconv.Atoi(size)
	if err != nil || n < 0 || n > maxInfo {
		return "", fmt.Errorf("answer %.40q to %s", line, words[0])
	}
	text := make([]byte, n+len("\r\n"))
	if _, err := io.ReadFull(in, text); err != nil {
		return "", err
	}
	return string(text[:n]), nil
}

// maxInfo bounds what a server may answer to INFO replication, which is some lines for
// each replica.
const maxInfo = 1 << 20
