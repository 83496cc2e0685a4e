package rabbitmq

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// tcpPair returns two ends of a connection.
func tcpPair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

// fill writes more than the system's buffers take, so that the writer is stuck.
func fill(t *testing.T, c *conn) []byte {
	t.Helper()
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	if n, err := c.Write(sent); n != len(sent) || err != nil {
		t.Fatalf("Write: %d, %v", n, err)
	}
	if _, err := c.Write([]byte("more")); err != nil {
		t.Fatal(err)
	}
	return append(sent, "more"...)
}

func TestConnFailsWhenThePeerTakesNothing(t *testing.T) {
	near, _ := tcpPair(t)
	s := &socket{Conn: near, timeout: 100 * time.Millisecond}
	c := newConn(s, s)
	fill(t, c)
	select {
	case <-c.done:
	case <-time.After(time.Minute):
		t.Fatal("the write did not end")
	}
	if why := c.reason(); !errors.Is(why, os.ErrDeadlineExceeded) {
		t.Errorf("reason is %v", why)
	}
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("Write after the loss succeeds")
	}
	if err := c.waitRoom(context.Background()); err != nil {
		t.Errorf("waitRoom on a lost connection: %v", err)
	}
}

func TestConnOutlivesSlowAndBlockedPeers(t *testing.T) {
	near, far := tcpPair(t)
	s := &socket{Conn: near, timeout: 50 * time.Millisecond}
	s.blocked.Store(true)
	c := newConn(s, s)
	want := fill(t, c)
	want = append(want, fill(t, c)...)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := c.waitRoom(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waitRoom behind a blocked peer: %v", err)
	}
	time.Sleep(200 * time.Millisecond) // several deadlines
	got := make([]byte, len(want))
	if _, err := io.ReadFull(far, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("what arrived is not what was written")
	}
	if err := c.waitRoom(context.Background()); err != nil {
		t.Error(err)
	}
	// What was written before Close still goes out.
	_, _ = c.Write([]byte("goodbye"))
	_ = c.Close()
	if rest, err := io.ReadAll(far); string(rest) != "goodbye" {
		t.Errorf("after Close got %q, %v", rest, err)
	}
	<-c.done
}

func TestFlushReturnsOnceTheSystemHasEverything(t *testing.T) {
	near, far := tcpPair(t)
	s := &socket{Conn: near, timeout: time.Minute}
	c := newConn(s, s)
	defer c.abort(errors.New("the test ends"))
	sent := fill(t, c) // more than the system takes unless somebody reads
	flushed := make(chan error, 1)
	go func() { flushed <- c.flush() }()
	time.Sleep(50 * time.Millisecond)
	select {
	case err := <-flushed:
		t.Fatalf("flushed while nobody reads: %v", err)
	default:
	}
	if _, err := io.ReadFull(far, make([]byte, len(sent))); err != nil {
		t.Fatal(err)
	}
	if err := <-flushed; err != nil {
		t.Error(err)
	}
	for i := range byte(100) { // without a writer in the way
		if _, err := c.Write([]byte{i}); err != nil {
			t.Fatal(err)
		}
		if err := c.flush(); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 1)
		if _, err := io.ReadFull(far, got); err != nil || got[0] != i {
			t.Fatalf("byte %d is %d, %v", i, got[0], err)
		}
	}
	fill(t, c)
	lost := errors.New("lost")
	go func() { flushed <- c.flush() }()
	time.Sleep(20 * time.Millisecond)
	c.abort(lost)
	if err := <-flushed; err == nil {
		t.Error("flushed over a connection that was lost")
	}
}

func TestConnCloseIsBounded(t *testing.T) {
	near, _ := tcpPair(t)
	s := &socket{Conn: near, timeout: time.Hour}
	s.blocked.Store(true)
	c := newConn(s, s)
	fill(t, c)
	time.Sleep(20 * time.Millisecond)
	start := time.Now()
	_ = c.Close()
	select {
	case <-c.done:
	case <-time.After(time.Minute):
		t.Fatalf("still open %v after Close", time.Since(start))
	}
}
