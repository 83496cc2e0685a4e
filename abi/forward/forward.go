// Package forward carries the calls of an [abi.Host] to where they are answered:
// a function of the same process ([Host]), or a host that listens on a socket
// ([Dial] and [Serve]). Tests of task modules reach an engine by it.
package forward

import (
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A Host is an abi.Host whose methods are all one function.
type Host struct {
	// Do answers a call: args are the method's, result points at where its
	// result goes, and is nil for a method that has none but an error.
	Do func(method string, result any, args ...any) error
	// Failed takes an error of Do for a method that cannot return one. Nil
	// panics.
	Failed func(method string, err error)
}

func (h *Host) must(method string, result any, args ...any) {
	if err := h.Do(method, result, args...); err != nil {
		if h.Failed == nil {
			panic(fmt.Sprintf("forward %s: %v", method, err))
		}
		h.Failed(method, err)
	}
}

// Local returns a Do that calls the methods of host.
func Local(host abi.Host) func(method string, result any, args ...any) error {
	return func(method string, result any, args ...any) error {
		m := reflect.ValueOf(host).MethodByName(method)
		if !m.IsValid() {
			return fmt.Errorf("abi.Host has no method %s", method)
		}
		in := make([]reflect.Value, len(args))
		for i, a := range args {
			in[i] = reflect.ValueOf(a)
		}
		out := m.Call(in)
		var err error
		if n := len(out); n > 0 && m.Type().Out(n-1) == reflect.TypeFor[error]() {
			err, _ = out[n-1].Interface().(error)
			out = out[:n-1]
		}
		if result != nil && len(out) > 0 {
			reflect.ValueOf(result).Elem().Set(out[0])
		}
		return err
	}
}

// A Task is the call of a task on whose behalf a host is asked.
type Task struct {
	ID, Name     string
	Args         []byte // JSON, as [abi.Host.TaskArgs] has it
	Request      []byte // an [abi.Request] as JSON
	Capabilities []string
}

// A Client asks the host at the other end of a connection. It is used by one
// goroutine at a time.
type Client struct {
	conn net.Conn
	out  *gob.Encoder
	in   *gob.Decoder
}

// Dial connects to the host that listens on a Unix socket, for one call of a
// task. Close ends that.
func Dial(socket string, task Task) (*Client, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	c := New(conn)
	if err := c.Begin(task); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// New is a client of a connection; it begins with [Client.Begin].
func New(conn net.Conn) *Client { return &Client{conn, gob.NewEncoder(conn), gob.NewDecoder(conn)} }

// Begin says for which task's call the host is asked.
func (c *Client) Begin(task Task) error { return c.out.Encode(task) }

// Close ends the task's call. What it made at the host is gone.
func (c *Client) Close() error { return c.conn.Close() }

// Do is for [Host.Do]. An [*abi.Error] is the host's answer; any other error
// means that there is none.
func (c *Client) Do(method string, result any, args ...any) error {
	err := c.out.Encode(method)
	for _, a := range args {
		if err == nil {
			err = c.out.EncodeValue(reflect.ValueOf(a))
		}
	}
	var failure string
	if err == nil {
		err = c.in.Decode(&failure)
	}
	if err == nil && failure != "" {
		e := new(abi.Error)
		if err := json.Unmarshal([]byte(failure), e); err != nil {
			return fmt.Errorf("forward %s: %w", method, err)
		}
		return e
	}
	if err == nil && result != nil {
		err = c.in.Decode(result)
	}
	if err != nil {
		return fmt.Errorf("forward %s: %w", method, err)
	}
	return nil
}

// Serve answers the calls that come by a connection until that ends. open makes
// the host of the task, which is closed with what it returns besides.
func Serve(conn net.Conn, open func(Task) (abi.Host, func())) error {
	in, out := gob.NewDecoder(conn), gob.NewEncoder(conn)
	var task Task
	if err := in.Decode(&task); err != nil {
		return fmt.Errorf("forward: read the task: %w", err)
	}
	host, closeHost := open(task)
	defer closeHost()
	for {
		var method string
		err := in.Decode(&method)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = answer(host, method, in, out)
		}
		if err != nil {
			return fmt.Errorf("forward %s: %w", method, err)
		}
	}
}

// answer reads a call's arguments, makes it, and writes what it came to: the
// error as JSON, empty for none, and then the result.
func answer(host abi.Host, method string, in *gob.Decoder, out *gob.Encoder) error {
	if _, ok := reflect.TypeFor[abi.Host]().MethodByName(method); !ok {
		return errors.New("abi.Host has no such method")
	}
	m := reflect.ValueOf(host).MethodByName(method)
	args := make([]reflect.Value, m.Type().NumIn())
	for i := range args {
		v := reflect.New(m.Type().In(i))
		if err := in.DecodeValue(v); err != nil {
			return err
		}
		args[i] = v.Elem()
	}
	failure := ""
	var result reflect.Value
	for _, v := range m.Call(args) {
		err, isError := v.Interface().(error)
		switch {
		case isError:
			e, ok := errors.AsType[*abi.Error](err)
			if !ok {
				e = abi.Errorf("RuntimeError", "%v", err)
			}
			data, err := json.Marshal(e)
			if err != nil {
				return err
			}
			failure = string(data)
		case v.Type() != reflect.TypeFor[error]():
			result = v
		}
	}
	if err := out.Encode(failure); err != nil || failure != "" || !result.IsValid() {
		return err
	}
	return out.EncodeValue(result)
}
