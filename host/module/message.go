package module

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// What a host and a module's process send each other: messages of a length, a
// kind and a content. One of them speaks at a time.
const (
	msgSetup    = 'S' // to the process: what it is to be, JSON of a processSetup
	msgFile     = 'F' // the code to run
	msgDescribe = 'D' // describe yourself
	msgRun      = 'R' // run the task of an index
	msgAnswer   = 'A' // of the host to a call
	msgAbort    = 'X' // in place of an answer: the guest's call must end, with this text

	msgReady  = 'K' // from the process: it is ready, or refuses; JSON of a processReady
	msgCall   = 'H' // a call of the host
	msgStdout = 'O' // what the guest prints
	msgStderr = 'P'
	msgEnd    = 'E' // the end of what was asked for, JSON of a processEnd
)

// maxMessage bounds a message: a host call's strings and bytes, or a module.
const maxMessage = 256 << 20

// A processSetup says what a module's process is to be.
type processSetup struct {
	Name         string `json:"name"`
	MemoryMiB    int    `json:"memory_mib"`
	StackMiB     int    `json:"stack_mib"`
	TableEntries int    `json:"table_entries"`
	CacheDir     string `json:"cache_dir"`
	CacheMiB     int    `json:"cache_mib"`
	Workers      int    `json:"workers"`
	// CPULimit is of one call, in seconds.
	CPULimit float64 `json:"cpu_limit"`
}

// A processReady says that a module can run, or why it is refused.
type processReady struct {
	Kind   Kind   `json:"kind,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Start says that it could not be instantiated.
	Start bool `json:"start,omitempty"`
	Size  int64
	// Lacks are the walls that the system does not offer.
	Lacks []string `json:"lacks,omitempty"`
}

// A processEnd says how a call has ended.
type processEnd struct {
	Status uint32 `json:"status"`
	// Error is a trap's text; Exited and ExitCode say that the guest exited.
	Error    string `json:"error,omitempty"`
	Exited   bool   `json:"exited,omitempty"`
	ExitCode uint32 `json:"exit_code,omitempty"`
	Stack    bool   `json:"stack,omitempty"` // ErrStack
	CPU      bool   `json:"cpu,omitempty"`   // ErrCPU
	// Manifest is what it says of itself.
	Manifest []byte `json:"manifest,omitempty"`
	Refused  Kind   `json:"refused,omitempty"`
	Size     int64  `json:"size"`
}

// A wire sends and receives messages.
type wire struct {
	in  *bufio.Reader
	out io.Writer
	buf []byte
}

func newWire(rw io.ReadWriter) *wire { return &wire{in: bufio.NewReader(rw), out: rw} }

func (w *wire) send(kind byte, content []byte) error {
	w.buf = append(binary.LittleEndian.AppendUint32(w.buf[:0], uint32(len(content))), kind)
	w.buf = append(w.buf, content...)
	_, err := w.out.Write(w.buf)
	if cap(w.buf) > 1<<20 {
		w.buf = nil
	}
	return err
}

func (w *wire) sendJSON(kind byte, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.send(kind, content)
}

func (w *wire) receive() (kind byte, content []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(w.in, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > maxMessage {
		return 0, nil, fmt.Errorf("a message of %d bytes", n)
	}
	content = make([]byte, n)
	_, err = io.ReadFull(w.in, content)
	return head[4], content, err
}
