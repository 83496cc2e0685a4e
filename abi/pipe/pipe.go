// Package pipe carries an [abi.Host] from one process to another: a [Client]
// implements it at one end by asking, and [Serve] answers at the other. What
// they exchange is bytes, which somebody else takes across. Both ends are the
// same build.
package pipe

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A Client is an [abi.Host] that asks another process. It is used by one
// goroutine at a time.
type Client struct {
	// Ask sends a call and waits for its answer. Its error ends the guest's call:
	// the method panics with it.
	Ask func(call []byte) (answer []byte, err error)
}

func (c *Client) begin(method uint64) *writer {
	return &writer{data: binary.AppendUvarint(make([]byte, 0, 64), method)}
}

// end sends a call and returns the results, or the error of the method.
func (c *Client) end(w *writer) (*reader, error) {
	answer, err := c.Ask(w.data)
	if err == nil && len(answer) == 0 {
		err = errors.New("an empty answer of the host")
	}
	if err != nil {
		panic(err)
	}
	r := &reader{data: answer[1:]}
	if answer[0] == failed {
		var e abi.Error
		if err := json.Unmarshal(r.data, &e); err != nil {
			panic(fmt.Errorf("an error of the host that makes no sense: %w", err))
		}
		return r, &e
	}
	return r, nil
}

// How an answer begins.
const (
	succeeded = 0
	failed    = 1
)

var (
	errMethod    = errors.New("a call of a method that there is not")
	errMalformed = errors.New("a call that makes no sense")
)

// Serve calls host as a call of a Client says and returns the answer. The error is
// about a call that makes no sense, or is what host panicked with.
func Serve(host abi.Host, call []byte) (answer []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(error)
			if !ok {
				e = fmt.Errorf("%v", p)
			}
			answer, err = nil, e
		}
	}()
	method, n := binary.Uvarint(call)
	if n <= 0 {
		return nil, errMalformed
	}
	w := &writer{data: []byte{succeeded}}
	if err := serve(host, method, &reader{data: call[n:]}, w); err != nil {
		return nil, err
	}
	return w.data, nil
}

// Method is the name of the method that a call is of.
func Method(call []byte) string {
	if m, n := binary.Uvarint(call); n > 0 && m < uint64(len(methods)) {
		return methods[m]
	}
	return "?"
}

// A writer appends values.
type writer struct{ data []byte }

func (w *writer) putUint32(v uint32) { w.data = binary.AppendUvarint(w.data, uint64(v)) }
func (w *writer) putInt32(v int32)   { w.putInt64(int64(v)) }
func (w *writer) putInt64(v int64)   { w.data = binary.AppendVarint(w.data, v) }
func (w *writer) putFloat64(v float64) {
	w.data = binary.LittleEndian.AppendUint64(w.data, math.Float64bits(v))
}
func (w *writer) putString(v string) {
	w.data = append(binary.AppendUvarint(w.data, uint64(len(v))), v...)
}
func (w *writer) putBytes(v []byte) {
	w.data = append(binary.AppendUvarint(w.data, uint64(len(v))), v...)
}

func (w *writer) putBool(v bool) {
	if v {
		w.data = append(w.data, 1)
	} else {
		w.data = append(w.data, 0)
	}
}

func (w *writer) putStrings(list []string) {
	w.data = binary.AppendUvarint(w.data, uint64(len(list)))
	for _, s := range list {
		w.putString(s)
	}
}

func writeHandles[T ~uint32](w *writer, list []T) {
	w.data = binary.AppendUvarint(w.data, uint64(len(list)))
	for _, h := range list {
		w.putUint32(uint32(h))
	}
}

// fail replaces results by an error.
func (w *writer) fail(err error) {
	e, ok := errors.AsType[*abi.Error](err)
	if !ok || e == nil {
		e = abi.Errorf("sparkstalk.HostError", "%v", err)
	}
	text, marshalErr := json.Marshal(e)
	if marshalErr != nil { // an argument that is no JSON: give it as text
		text, marshalErr = json.Marshal(abi.Errorf(e.Module+"."+e.Type, "%q", e.Args))
	}
	if marshalErr != nil { // strings always marshal
		panic(marshalErr)
	}
	w.data = append([]byte{failed}, text...)
}

// A reader reads values. Once something is wrong it reads zeros.
type reader struct {
	data []byte
	bad  bool
}

// end returns an error unless all was read, and could be.
func (r *reader) end() error {
	if r.bad || len(r.data) > 0 {
		return errMalformed
	}
	return nil
}

func (r *reader) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 || v > most {
		r.bad, r.data = true, nil
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *reader) getUint32() uint32 { return uint32(r.uvarint(math.MaxUint32)) }
func (r *reader) getBool() bool     { return r.uvarint(1) == 1 }

func (r *reader) getInt64() int64 {
	v, n := binary.Varint(r.data)
	if n <= 0 {
		r.bad, r.data = true, nil
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *reader) getInt32() int32 {
	v := r.getInt64()
	if v != int64(int32(v)) {
		r.bad = true
	}
	return int32(v)
}

func (r *reader) getFloat64() float64 {
	if len(r.data) < 8 {
		r.bad, r.data = true, nil
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.data))
	r.data = r.data[8:]
	return v
}

// getBytes returns a part of what is read: nobody else uses that.
func (r *reader) getBytes() []byte {
	n := r.uvarint(uint64(len(r.data)))
	if n > uint64(len(r.data)) {
		r.bad, r.data = true, nil
		return nil
	}
	v := r.data[:n:n]
	r.data = r.data[n:]
	return v
}

func (r *reader) getString() string { return string(r.getBytes()) }

// length reads how many elements a list has, of which each takes a byte.
func (r *reader) length() int {
	n := r.uvarint(uint64(len(r.data)))
	if n > uint64(len(r.data)) {
		r.bad, r.data = true, nil
		return 0
	}
	return int(n)
}

func (r *reader) getStrings() []string {
	n := r.length()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = r.getString()
	}
	return list
}

func readHandles[T ~uint32](r *reader) []T {
	n := r.length()
	if n == 0 {
		return nil
	}
	list := make([]T, n)
	for i := range list {
		list[i] = T(r.getUint32())
	}
	return list
}
