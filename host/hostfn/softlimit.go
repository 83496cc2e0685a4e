package hostfn

import (
	"context"
	"errors"

	"github.com/sparkstalk/sparkstalk/abi"
)

// errSoftLimit is the cause of a context whose soft time limit is over.
var errSoftLimit = errors.New("soft time limit exceeded")

func softTimeLimitExceeded() *abi.Error {
	return &abi.Error{Type: "SoftTimeLimitExceeded", Module: "billiard.exceptions"}
}

// working is the context of an action: until the guest has learned of its soft
// time limit, that interrupts it.
func (i *Invocation) working() context.Context {
	if i.soft == nil || i.softTold {
		return i.ctx
	}
	return i.soft
}

// softened returns the error of an action, or that of the soft time limit if
// that is what ended it. The guest is told once.
func (i *Invocation) softened(err error) error {
	if i.soft == nil || i.softTold || i.ctx.Err() != nil || !errors.Is(context.Cause(i.soft), errSoftLimit) {
		return err
	}
	i.softTold = true
	return softTimeLimitExceeded()
}

// TaskCheck implements [abi.Host].
func (i *Invocation) TaskCheck() error {
	if i.ctx.Err() != nil {
		return context.Cause(i.ctx)
	}
	if i.soft == nil || i.soft.Err() == nil {
		return nil
	}
	i.softTold = true
	return i.failed(i.ctx, softTimeLimitExceeded())
}
