package dev

import (
	"fmt"
	"net"
	"strconv"

	"github.com/alicebob/miniredis/v2"
)

// usualPort is where the loop's own broker listens, if that is free: not Redis'
// own, where somebody may have one.
const usualPort = 6390

// An ownBroker is a broker in this process, for this machine alone: what it
// holds ends with it. It speaks enough of Redis' protocol for Celery.
type ownBroker struct {
	server *miniredis.Miniredis
	url    string
}

func startBroker(port int) (*ownBroker, error) {
	server := miniredis.NewMiniRedis()
	at := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	var err error
	if port != 0 {
		err = server.StartAddr(at(port))
	} else if err = server.StartAddr(at(usualPort)); err != nil {
		err = server.StartAddr(at(0))
	}
	if err != nil {
		return nil, fmt.Errorf("start a broker in this process: %w (--no-broker does without)", err)
	}
	return &ownBroker{server, "redis://" + server.Addr() + "/0"}, nil
}

// close may be called more than once, and on nil.
func (b *ownBroker) close() {
	if b != nil && b.server != nil {
		b.server.Close()
		b.server = nil
	}
}
