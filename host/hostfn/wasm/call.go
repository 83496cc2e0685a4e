package wasm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero/api"

	"github.com/sparkstalk/sparkstalk/abi"
)

// failed is the result that means an error.
const failed = ^uint64(0)

type invocationKey struct{}

// An invocation is the state of one call of a guest: the Host that its imports
// reach, and what the guest has yet to fetch.
type invocation struct {
	host abi.Host
	// register has the bytes that take copies out.
	register []byte
	// failure is the error of the last function that failed, until error_take.
	failure error

	// module is the one that memory belongs to. Looking an export up by name
	// takes longer than everything else that a small host call does.
	module api.Module
	memory api.Memory
}

// A call is one call of a host function.
type call struct {
	*invocation
	ctx      context.Context
	caller   api.Module
	function string
}

// enter begins a host call, or ends the guest's call if there is nothing that
// could answer.
func enter(ctx context.Context, caller api.Module, function string) call {
	inv, ok := ctx.Value(invocationKey{}).(*invocation)
	if !ok || inv.host == nil {
		panic(&CallError{Function: function, Err: ErrNoHost})
	}
	c := call{invocation: inv, ctx: ctx, caller: caller, function: function}
	c.heed()
	if counter, ok := inv.host.(interface{ HostCall() error }); ok {
		if err := counter.HostCall(); err != nil {
			c.trap("", err)
		}
	}
	return c
}

// heed ends the guest's call once the context has ended.
func (c call) heed() {
	if c.ctx.Err() != nil {
		panic(&CallError{Function: c.function, Err: context.Cause(c.ctx)})
	}
}

// trap ends the guest's call. wazero turns a panic with an error into the
// call's error, and keeps it in the chain.
func (c call) trap(argument string, err error) {
	panic(&CallError{Function: c.function, Argument: argument, Err: err})
}

// mem returns the guest's memory.
func (c call) mem(argument string) api.Memory {
	if c.module != c.caller {
		// Not caller.Memory(): for a module without one that is a nil pointer
		// in an interface, which passes a comparison with nil and crashes.
		m := c.caller.ExportedMemory(abi.ExportMemory)
		if m == nil {
			c.trap(argument, ErrNoMemory)
		}
		c.module, c.memory = c.caller, m
	}
	return c.memory
}

// fallible is the result of a method that has the result value, which is not
// negative, and an error.
func (c call) fallible(value int64, err error) uint64 {
	if err == nil && value < 0 {
		err = fmt.Errorf("%s returned %d, which would mean an error", c.function, value)
	}
	if err == nil {
		return uint64(value)
	}
	// An interrupted method's error is the interruption: the guest must not go on.
	c.heed()
	c.failure = err
	return failed
}

// fallibleBytes is the result of a method that has bytes and an error as results.
func (c call) fallibleBytes(value []byte, err error) uint64 {
	if err != nil {
		return c.fallible(0, err)
	}
	return c.keep(value)
}

// keep puts bytes into the register and returns their number.
func (c call) keep(value []byte) uint64 {
	c.register = value
	return uint64(len(value))
}

// take copies the register into the guest's memory and empties it. The guest
// knows how many bytes there are from the function that left them.
func take(ctx context.Context, mod api.Module, stack []uint64) {
	c := enter(ctx, mod, "take")
	ptr := api.DecodeU32(stack[0])
	if len(c.register) == 0 {
		return
	}
	c.check("ptr", ptr, uint64(len(c.register)))
	c.pieces(len(c.register), func(from, to int) { c.mem("ptr").Write(ptr+uint32(from), c.register[from:to]) })
	c.register = nil
}

// errorTake moves the last error, as JSON, into the register and returns its
// length: zero if there is none.
func errorTake(ctx context.Context, mod api.Module, stack []uint64) {
	c := enter(ctx, mod, "error_take")
	if c.failure == nil {
		stack[0] = c.keep(nil)
		return
	}
	stack[0] = c.keep(encodeError(c.failure))
	c.failure = nil
}

// encodeError is err as a JSON abi.Error. One that is not an abi.Error is the
// host's own: sparkstalk.HostError.
func encodeError(err error) []byte {
	failure, ok := errors.AsType[*abi.Error](err)
	if !ok || failure == nil {
		failure = abi.Errorf("sparkstalk.HostError", "%v", err)
	}
	out := *failure
	if out.Args == nil {
		out.Args = []json.RawMessage{}
	}
	text, err := json.Marshal(out)
	if err == nil {
		return text
	}
	// An argument that is no JSON: give it as text.
	text, err = json.Marshal(abi.Errorf(out.Module+"."+out.Type, "%q", failure.Args))
	if err != nil { // strings always marshal
		panic(err)
	}
	return text
}
