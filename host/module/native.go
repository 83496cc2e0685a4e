package module

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// A Native is a Go plugin: a module whose code is the host's own. Its methods may
// be called by several goroutines, with a host for each call, and return what the
// functions of that name of a WASM module do.
type Native interface {
	// Describe hands the manifest over, as sparkstalk_describe does.
	Describe(host abi.Host) int32
	// Run runs a task by its index, as sparkstalk_run does.
	Run(host abi.Host, index int32) int32
}

// isNative tells a plugin by its file's name.
func isNative(path string) bool { return filepath.Ext(path) == ".so" }

// loadNative is load for a Go plugin. One that was loaded stays in memory,
// whatever comes of it.
func (e *engine) loadNative(ctx context.Context, c contents, accept func(*Info) error, closed func(*version)) (*version, error) {
	if e.cfg.Native == nil {
		return nil, refuse(c.path, NativeOff, errors.New("a Go plugin, which runs without a sandbox; the setting plugins_native: true lets the host load it"))
	}
	if e.isolated(name(c.path)) {
		return nil, refuse(c.path, NativeOff, errors.New("a Go plugin runs in the host's own process, and the setting modules gives it one of its own (isolation: process); build the module without --native, or except it from that rule"))
	}
	if e.cfg.RequireSigned {
		return nil, refuse(c.path, Unsigned, errors.New("a Go plugin cannot be signed, and this host takes signed modules only (require_signed); build the module without --native"))
	}
	began := time.Now()
	plugin, err := e.cfg.Native(c.data, c.hash)
	if err != nil {
		return nil, refuse(c.path, NativeMismatch, err)
	}
	v := &version{
		engine: e, native: plugin, closed: closed,
		log:  newLineLog(e.log.With(logkey.Module, name(c.path))),
		info: Info{Path: c.path, Name: name(c.path), Hash: c.hash, Size: c.size, CompileTime: time.Since(began), Native: true},
	}
	v.refs.Store(1)
	host := &describer{Unsupported: abi.Unsupported{Reason: "a module only describes itself in " + abi.ExportDescribe}}
	status, err := native(func() int32 { return plugin.Describe(host) })
	switch {
	case err != nil:
		err = refusal(DescribeFailed, "it does not describe itself: %w", err)
	case status != 0 || host.manifest == nil:
		err = refusal(DescribeFailed, "it does not describe itself: it returned %d and handed over no manifest", status)
	default:
		err = v.introduce(nil, host.manifest, nil, nil)
	}
	if err == nil && accept != nil {
		err = accept(&v.info)
	}
	if err != nil {
		return nil, e.reason(ctx, c.path, DescribeFailed, err)
	}
	v.began.Store(time.Now().UnixNano())
	return v, nil
}

// native runs a plugin's code on a goroutine of its own, so that the host's goes
// on however it ends.
func native(code func() int32) (status int32, err error) {
	err = errors.New("its code ended its goroutine (runtime.Goexit)")
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
		}()
		status = code()
		err = nil
	}()
	<-done
	return status, err
}

// runNative is run for a Go plugin. Nothing interrupts it but what it asks of h.
func (v *version) runNative(ctx context.Context, index int, h abi.Host) error {
	name := v.callName(index)
	host := &listener{Host: h}
	status, err := native(func() int32 { return v.native.Run(host, int32(index)) })
	v.calls.Add(1)
	switch {
	case err == nil && status == 0 && !host.failed:
		v.tried(nil)
		return nil
	case ctx.Err() != nil:
		v.traps.Add(1)
		return v.interrupted(ctx, name)
	case err == nil && host.failed:
		v.errors.Add(1)
		v.tried(nil)
		return nil
	case err == nil:
		err = fmt.Errorf("%s returned %d without an error", abi.ExportRun, status)
	}
	v.traps.Add(1)
	trap := &TrapError{Module: v.info.Name, Task: name, Message: err.Error(), Err: err}
	v.tried(trap)
	return trap
}
