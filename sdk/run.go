package sdk

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/bind"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// Manifest describes what has been registered so far.
func Manifest() abi.Manifest { return registered().manifest() }

// Describe hands the manifest to host and returns 0, or 1 if host did not take
// it. It is what a module exports as sparkstalk_describe, and for native hosts.
func Describe(host abi.Host) int32 { return registered().describe(host) }

// Run runs the task with the given index in the manifest for host, and hands it
// the result and returns 0, or an error and returns 1. It is what a module
// exports as sparkstalk_run, and for native hosts. Calls for different hosts may
// run at the same time.
func Run(host abi.Host, index int32) int32 { return registered().run(host, index) }

func (r *registry) manifest() abi.Manifest {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := abi.Manifest{ABI: abi.Version, SDK: "go/" + Version, Caches: slices.Clone(r.caches), Capabilities: slices.Clone(r.capabilities), Limits: r.limits}
	for _, t := range r.tasks {
		m.Tasks = append(m.Tasks, t.spec)
	}
	for _, f := range r.functions {
		m.Functions = append(m.Functions, f.spec)
	}
	for _, w := range r.warm {
		m.Warm = append(m.Warm, abi.WarmSpec{Cache: w.spec.Name, Key: w.key})
	}
	return m
}

func (r *registry) describe(host abi.Host) int32 {
	data, err := pyjson.Marshal(r.manifest())
	if err == nil {
		err = host.ResultJSON(data)
	}
	if err != nil {
		fail(host, exception(err))
		return 1
	}
	return 0
}

func (r *registry) run(host abi.Host, index int32) int32 {
	t := r.task(index)
	if t == nil {
		fail(host, abi.Errorf("sparkstalk.TaskError", "there is no task %d in this module", index))
		return 1
	}
	ctx := newContext(host)
	defer ctx.session.End()
	if failure := t.run(ctx); failure != nil {
		fail(host, failure)
		return 1
	}
	return 0
}

// run calls the task's body and hands over what it returned.
func (t *task) run(ctx *Context) (failure *abi.Error) {
	defer func() {
		if r := recover(); r != nil {
			failure = panicked(r)
		}
	}()
	result, err := t.answer(ctx)
	if err == nil {
		err = t.hand(ctx.host, result)
	}
	if err == nil {
		return nil
	}
	// Here, because an error's own Error method may panic too.
	return exception(err)
}

func (t *task) answer(ctx *Context) (any, error) {
	arguments, err := bind.Parse(ctx.host.TaskArgs())
	if err != nil {
		return nil, err
	}
	ctx.arguments = arguments
	result, err := t.call(ctx, arguments)
	if err == nil {
		err = ctx.session.Misuse()
	}
	return result, err
}

// panicked makes an error of a recovered panic. It must be called by the
// function that recovered, while the stack is still there.
func panicked(value any) *abi.Error {
	e := abi.Errorf("sparkstalk.Panic", "%v", value)
	e.Traceback = stack()
	return e
}

// stack is the panic's stack without the frames of its handling in front.
func stack() string {
	text := string(debug.Stack())
	first, rest, _ := strings.Cut(text, "\n")
	if i := strings.Index(rest, "\npanic("); i >= 0 {
		lines := strings.SplitN(rest[i+1:], "\n", 3) // the call of panic and its place
		rest = lines[len(lines)-1]
	}
	return first + "\n" + rest
}

// fail hands an error to the host. If the host does not take it, such as for its
// size, it gets a short one that says so.
func fail(host abi.Host, failure *abi.Error) {
	data, encodeErr := json.Marshal(failure)
	if encodeErr == nil {
		encodeErr = host.ResultError(data)
	}
	if encodeErr == nil {
		return
	}
	short := abi.Errorf("sparkstalk.TaskError", "the task failed with an error that cannot be handed over: %v", encodeErr)
	if data, err := json.Marshal(short); err == nil {
		if err := host.ResultError(data); err != nil {
			host.TaskLog(8, fmt.Sprintf("an error cannot be handed over: %v", err), nil)
		}
	}
}
