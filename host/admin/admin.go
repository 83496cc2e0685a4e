// Package admin is how commands on one machine talk to the hosts that run
// there: JSON over HTTP, over a Unix socket in a private folder of each host.
//
// A host listens with [Listen]; a command finds it with [Find] or [Hosts] and
// asks it with [Host.Call]. The socket is for the user who runs the host alone:
// its mode is 0600, in a folder of mode 0700. What hosts that were killed left
// behind is removed by the next one to start.
package admin

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

const (
	prefix     = "host" // of the folders' names
	socketName = "admin.sock"
	noteName   = "host.json"
)

// maxSocketPath is what fits the address of a Unix socket on every system.
const maxSocketPath = 100

// A Host is one that runs on this machine.
type Host struct {
	Hostname string    `json:"hostname"` // its Celery node name
	PID      int       `json:"pid"`
	Version  string    `json:"version"` // of sparkstalk
	Since    time.Time `json:"since"`
	dir      string
}

// An Error is what a host answers to a request that it does not fulfil.
type Error struct {
	Status  int    `json:"-"` // of HTTP
	Message string `json:"error"`
}

// Error is the host's message.
func (e *Error) Error() string { return e.Message }

// NotFound is the answer to who asks for what there is not.
func NotFound(format string, args ...any) error {
	return &Error{Status: http.StatusNotFound, Message: fmt.Sprintf(format, args...)}
}

// BadRequest is the answer to who asks for what makes no sense.
func BadRequest(format string, args ...any) error {
	return &Error{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// socket returns the address of the socket in a folder, and what is to be
// called when it is no longer needed. The address of a Unix socket is short: a
// long path goes by way of the open folder, where the system has that.
func socket(dir string) (address string, done func(), err error) {
	address = filepath.Join(dir, socketName)
	if len(address) <= maxSocketPath {
		return address, func() {}, nil
	}
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("the path %s is too long for a socket: choose a shorter home (SPARKSTALK_HOME)", address)
	}
	folder, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), socketName), func() { _ = folder.Close() }, nil
}
