package dev

import (
	"fmt"
	"net"

	"github.com/alicebob/miniredis/v2"
)

// usualAddress is where the loop's own broker listens, if that is free: not at
// Redis' own port, where somebody may have one.
const usualAddress = "127.0.0.1:6390"

// An ownBroker is a broker in this process, for this machine alone: what it
// holds ends with it. It speaks enough of Redis' protocol for Celery.
type ownBroker struct {
	server *miniredis.Miniredis
	url    string
}

func startBroker() (*ownBroker, error) {
	server := miniredis.NewMiniRedis()
	err := server.StartAddr(usualAddress)
	if err != nil {
		err = server.StartAddr(net.JoinHostPort("127.0.0.1", "0"))
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
