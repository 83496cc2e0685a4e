package hostfn

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Messages are what a task may have sent; each may be nil, which refuses.
type Messages struct {
	// Retry sends the call again.
	Retry func(ctx context.Context, r abi.Retry) error
	// Send sends a signature, Replace does so in the task's place, and
	// AddToChord as another task of the chord that it is part of.
	Send       func(ctx context.Context, signature json.RawMessage) (id string, err error)
	Replace    func(ctx context.Context, signature json.RawMessage) error
	AddToChord func(ctx context.Context, signature json.RawMessage) (id string, err error)
}

// TaskRetry implements [abi.Host].
func (i *Invocation) TaskRetry(options []byte) error {
	var r abi.Retry
	if len(options) > 0 {
		if err := json.Unmarshal(options, &r); err != nil {
			return i.failed(i.ctx, abi.Errorf(typeValue, "TaskRetry: not the JSON of a retry: %v", err))
		}
	}
	if err := i.maySend("TaskRetry", len(options), i.task.Retry != nil); err != nil {
		return err
	}
	return i.answered(i.task.Retry(i.ctx, r))
}

// TaskSend implements [abi.Host].
func (i *Invocation) TaskSend(signature []byte) (string, error) {
	if err := i.maySendSignature("TaskSend", signature, i.task.Send != nil); err != nil {
		return "", err
	}
	id, err := i.task.Send(i.ctx, slices.Clone(signature))
	return id, i.answered(err)
}

// TaskReplace implements [abi.Host].
func (i *Invocation) TaskReplace(signature []byte) error {
	if err := i.maySendSignature("TaskReplace", signature, i.task.Replace != nil); err != nil {
		return err
	}
	return i.answered(i.task.Replace(i.ctx, slices.Clone(signature)))
}

// TaskAddToChord implements [abi.Host].
func (i *Invocation) TaskAddToChord(signature []byte) (string, error) {
	if err := i.maySendSignature("TaskAddToChord", signature, i.task.AddToChord != nil); err != nil {
		return "", err
	}
	id, err := i.task.AddToChord(i.ctx, slices.Clone(signature))
	return id, i.answered(err)
}

// Sent reports whether the task has had something sent, or tried to. What was
// published cannot be taken back.
func (i *Invocation) Sent() bool { return i.sent > 0 }

func (i *Invocation) maySendSignature(fn string, signature []byte, can bool) error {
	if err := checkJSON(signature); err != nil {
		return i.failed(i.ctx, abi.Errorf(typeValue, "%s: the signature is not one JSON value: %v", fn, err))
	}
	b := i.build(fn)
	if b.maySendAll(signature); b.err != nil {
		return i.failed(i.ctx, b.err)
	}
	return i.maySend(fn, len(signature), can)
}

func (i *Invocation) maySend(fn string, size int, can bool) error {
	if err := i.checkSize("what is sent", size); err != nil {
		return i.failed(i.ctx, err)
	}
	if !can || i.closed {
		return i.failed(i.ctx, abi.Errorf(typeRuntime, "%s: this call did not come through a broker, so nothing can be sent; let a worker run the task", fn))
	}
	// A task that sends without end would fill the broker.
	if i.sent++; i.sent > i.most.Messages {
		return i.failed(i.ctx, abi.Errorf(typeLimit, "%s: one call may send %d messages (setting modules, messages)", fn, i.most.Messages))
	}
	return nil
}

// answered makes an error fit for the guest; nil stays nil.
func (i *Invocation) answered(err error) error {
	if err == nil {
		return nil
	}
	return i.failed(i.ctx, err)
}
