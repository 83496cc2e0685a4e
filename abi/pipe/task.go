package pipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A Task is the call of a task on whose behalf a host is asked.
type Task struct {
	ID, Name     string
	Args         []byte // JSON, as [abi.Host.TaskArgs] has it
	Request      []byte // an [abi.Request] as JSON
	Capabilities []string
}

// msgTask begins a connection: a Task as JSON.
const msgTask = 'T'

// Dial connects to the host that listens on a Unix socket, for one call of a
// task. do is for [Client.Do]. end ends the call: what it made at the host is
// gone.
func Dial(socket string, task Task) (do func(method string, result any, args ...any) error, end func() error, err error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, nil, err
	}
	w := NewWire(conn)
	if err := w.SendJSON(msgTask, task); err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return Remote(w.Ask), conn.Close, nil
}

// ServeTask answers the calls that come by a connection of [Dial] until that ends.
// open makes the host of the task, which is closed with what it returns besides.
func ServeTask(conn io.ReadWriter, open func(Task) (abi.Host, func())) error {
	w := NewWire(conn)
	kind, content, err := w.Receive()
	if err != nil {
		return err
	}
	if kind != msgTask {
		return fmt.Errorf("message %q begins no task", kind)
	}
	var task Task
	if err := json.Unmarshal(content, &task); err != nil {
		return fmt.Errorf("the task: %w", err)
	}
	host, closeHost := open(task)
	defer closeHost()
	for {
		kind, content, err := w.Receive()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err == nil && kind != MsgCall:
			err = fmt.Errorf("message %q is no call", kind)
		case err == nil:
			err = w.Answer(host, content)
		}
		if err != nil {
			return err
		}
	}
}
