// Package freeport finds loopback ports for servers that we start.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The range lies below that from which systems take ports for outgoing
// connections and for those who ask for any port, so that a server finds its
// port free again after a restart.
const (
	first = 15000
	end   = 31000
)

// Pick returns a port on 127.0.0.1 that nobody listens on now. Another process
// may take it before it is used.
func Pick() (int, error) {
	var err error
	for range 200 {
		port := first + rand.IntN(end-first)
		if err = Check(port); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}

// Check returns an error when somebody listens on the port on 127.0.0.1.
func Check(port int) error {
	l, err := net.Listen("tcp", Address(port))
	if err != nil {
		return err
	}
	return l.Close()
}

// Address is the port's address on 127.0.0.1.
func Address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
