// Package systemd tells systemd how a service is, by the protocol of sd_notify.
package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// A Notifier speaks to the systemd that started this process. A nil one speaks
// to nobody.
type Notifier struct {
	address  string
	watchdog time.Duration
}

// FromEnv returns the Notifier that systemd's variables (NOTIFY_SOCKET,
// WATCHDOG_USEC, WATCHDOG_PID) ask for, or nil where they are not set.
func FromEnv() *Notifier {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil
	}
	if strings.HasPrefix(address, "@") {
		address = "\x00" + address[1:] // Linux's abstract names
	}
	n := &Notifier{address: address}
	if pid := os.Getenv("WATCHDOG_PID"); pid == "" || pid == strconv.Itoa(os.Getpid()) {
		if usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 {
			n.watchdog = time.Duration(usec) * time.Microsecond
		}
	}
	return n
}

// Watchdog is within what time a sign of life is expected; zero is never.
func (n *Notifier) Watchdog() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// Notify sends lines such as "READY=1".
func (n *Notifier) Notify(lines ...string) error {
	if n == nil {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.address, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	_, err = conn.Write([]byte(strings.Join(lines, "\n")))
	if closeErr := conn.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}
