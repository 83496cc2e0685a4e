package pipe

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/sparkstalk/sparkstalk/abi"
)

// The kinds of messages that carry calls. Those who use a [Wire] have more of
// their own.
const (
	MsgCall   = 'H' // a call, of Remote
	MsgAnswer = 'A' // Serve's answer to it
	MsgAbort  = 'X' // in place of an answer: there is none, with this text
)

// maxMessage bounds a message: a call's strings and bytes, or a module.
const maxMessage = 256 << 20

// A Wire sends and receives messages of a length, a kind and a content. It is used
// by one goroutine at a time.
type Wire struct {
	in  *bufio.Reader
	out io.Writer
	buf []byte
}

// NewWire returns the wire of a connection.
func NewWire(rw io.ReadWriter) *Wire { return &Wire{in: bufio.NewReader(rw), out: rw} }

// Send sends a message.
func (w *Wire) Send(kind byte, content []byte) error {
	w.buf = append(binary.LittleEndian.AppendUint32(w.buf[:0], uint32(len(content))), kind)
	w.buf = append(w.buf, content...)
	_, err := w.out.Write(w.buf)
	if cap(w.buf) > 1<<20 {
		w.buf = nil
	}
	return err
}

// SendJSON sends a message whose content is v as JSON.
func (w *Wire) SendJSON(kind byte, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.Send(kind, content)
}

// Receive waits for a message. Its error is io.EOF if the other end has closed the
// connection between two of them.
func (w *Wire) Receive() (kind byte, content []byte, err error) {
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

// Ask takes a call to the other end, for [Remote].
func (w *Wire) Ask(call []byte) ([]byte, error) {
	if err := w.Send(MsgCall, call); err != nil {
		return nil, fmt.Errorf("ask the host: %w", err)
	}
	kind, content, err := w.Receive()
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask the host: %w", err)
	case kind == MsgAbort:
		return nil, errors.New(string(content))
	case kind != MsgAnswer:
		return nil, fmt.Errorf("ask the host: message %q is no answer", kind)
	}
	return content, nil
}

// Answer sends host's answer to a call, or says why there is none.
func (w *Wire) Answer(host abi.Host, call []byte) error {
	answer, err := Serve(host, call)
	if err != nil {
		return w.Send(MsgAbort, []byte(err.Error()))
	}
	return w.Send(MsgAnswer, answer)
}
