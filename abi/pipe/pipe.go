// Package pipe carries the calls of an [abi.Host] to where they are answered. A
// [Client] is a Host whose methods are all one function: [Local] answers it at
// hand, [Remote] asks another process, in which [Serve] answers. A [Wire] takes
// calls and answers across: to the process that a module lives in, and to the
// host that the tests of a module reach an engine by.
package pipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A Client is an [abi.Host] whose methods are all one function.
type Client struct {
	// Do answers a call: args are the method's, result points at where its
	// result goes, and is nil for a method that has none but an error. A method
	// that cannot return an error panics with it.
	Do func(method string, result any, args ...any) error
}

func (c *Client) must(method string, result any, args ...any) {
	if err := c.Do(method, result, args...); err != nil {
		panic(err)
	}
}

// hostType has the methods that there are.
var hostType = reflect.TypeFor[abi.Host]()

// methods are their places in hostType by their names.
var methods = func() map[string]int {
	places := make(map[string]int, hostType.NumMethod())
	for i := range hostType.NumMethod() {
		places[hostType.Method(i).Name] = i
	}
	return places
}()

// invoke calls a method of host. The result is not valid if there is none.
func invoke(host abi.Host, place int, args []reflect.Value) (result reflect.Value, err error) {
	for _, out := range reflect.ValueOf(&host).Elem().Method(place).Call(args) {
		if out.Type() == reflect.TypeFor[error]() {
			err, _ = out.Interface().(error)
		} else {
			result = out
		}
	}
	return result, err
}

// Local returns a Do that calls the methods of host.
func Local(host abi.Host) func(method string, result any, args ...any) error {
	return func(method string, result any, args ...any) error {
		place, ok := methods[method]
		if !ok {
			return noMethod(method)
		}
		in := make([]reflect.Value, len(args))
		for i, a := range args {
			in[i] = reflect.ValueOf(a)
		}
		out, err := invoke(host, place, in)
		if result != nil && out.IsValid() {
			reflect.ValueOf(result).Elem().Set(out)
		}
		return err
	}
}

// Remote returns a Do that has ask take a call to where [Serve] answers it. Its
// error is an [*abi.Error] if the host answered so; otherwise there is no answer.
func Remote(ask func(call []byte) (answer []byte, err error)) func(method string, result any, args ...any) error {
	return func(method string, result any, args ...any) error {
		call := appendValue(make([]byte, 0, 64), reflect.ValueOf(method))
		for _, a := range args {
			call = appendValue(call, reflect.ValueOf(a))
		}
		answer, err := ask(call)
		if err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		if len(answer) == 0 {
			return fmt.Errorf("%s: an empty answer", method)
		}
		r := reader{data: answer[1:]}
		if answer[0] == failed {
			e := new(abi.Error)
			if err := json.Unmarshal(r.data, e); err != nil {
				return fmt.Errorf("%s: an error that makes no sense: %w", method, err)
			}
			return e
		}
		if result != nil {
			r.read(reflect.ValueOf(result).Elem())
		}
		if err := r.end(); err != nil {
			return fmt.Errorf("%s: the answer: %w", method, err)
		}
		return nil
	}
}

// How an answer begins.
const (
	succeeded = 0
	failed    = 1
)

// Serve calls host as a call of [Remote] says and returns the answer. The error is
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
	r := reader{data: call}
	method := string(r.bytes())
	place, ok := methods[method]
	if !ok {
		return nil, noMethod(method)
	}
	m := hostType.Method(place).Type
	args := make([]reflect.Value, m.NumIn())
	for i := range args {
		args[i] = reflect.New(m.In(i)).Elem()
		r.read(args[i])
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("a call of %s: %w", method, err)
	}
	result, err := invoke(host, place, args)
	if err != nil {
		return failure(err), nil
	}
	answer = []byte{succeeded}
	if result.IsValid() {
		answer = appendValue(answer, result)
	}
	return answer, nil
}

func noMethod(name string) error {
	return fmt.Errorf("the host has no method %.64q; it is of another version", name)
}

// failure is the answer that is an error.
func failure(err error) []byte {
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
	return append([]byte{failed}, text...)
}
