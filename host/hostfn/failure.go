package hostfn

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/cache"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// The classes of the errors that the host itself raises. Python's own are such
// that a client can catch without our package; the others get a class of their
// name at the client.
const (
	typeValue       = "ValueError"
	typeRuntime     = "RuntimeError"
	typeLacks       = "NotImplementedError"         // the engine does not have it
	typeBadHandle   = "sparkstalk.BadHandle"        // a frame or expression that does not exist
	typeLimit       = "sparkstalk.LimitExceeded"    // too many handles, too large a plan
	typeTooLarge    = "sparkstalk.ResultTooLarge"   // rows or result over Config.ResultLimit
	typeLost        = "sparkstalk.SparkSessionLost" // the engine is not there, or was replaced
	typeInterrupted = "sparkstalk.SparkInterrupted" // someone else interrupted the execution
)

// A Failure is an error as the client will see it and, for the host, what led
// to it. Both are in its chain.
type Failure struct {
	Err   *abi.Error
	Cause error
}

// Error is the client's part.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns both parts.
func (f *Failure) Unwrap() []error { return []error{f.Err, f.Cause} }

// failed turns what an execution failed with into what the guest gets to see,
// and remembers it for the case that the guest passes it on. It returns the
// cause of ctx as it is when that has ended.
func (i *Invocation) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err = i.softened(err)
	f := &Failure{Err: clientError(err), Cause: err}
	for n, old := range i.failures {
		if sameClass(old.Err, f.Err) {
			i.failures[n] = f
			return f
		}
	}
	i.failures = append(i.failures, f)
	return f
}

// withCause returns an error that the guest gave, with what led to it when it
// is one that the guest got from the host. It goes by the class, for guests
// add to the message.
func (i *Invocation) withCause(e *abi.Error) error {
	if i.ctx.Err() != nil {
		return &Failure{Err: e, Cause: context.Cause(i.ctx)}
	}
	for _, f := range i.failures {
		if sameClass(f.Err, e) {
			return &Failure{Err: e, Cause: f.Cause}
		}
	}
	return e
}

func sameClass(a, b *abi.Error) bool { return a.Type == b.Type && a.Module == b.Module }

// clientError is err as an exception at the client.
func clientError(err error) *abi.Error {
	if e, ok := errors.AsType[*cache.UncacheableError](err); ok {
		return abi.Errorf(typeValue, "%v", e)
	}
	if e, ok := errors.AsType[*abi.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*spark.ArgumentError](err); ok {
		return abi.Errorf(typeValue, "%v", e)
	}
	if e, ok := errors.AsType[*spark.LacksError](err); ok {
		return abi.Errorf(typeLacks, "%v", e)
	}
	if errors.Is(err, cache.ErrTooManyViews) {
		return abi.Errorf(typeLimit, "%v", err)
	}
	if e, ok := errors.AsType[*spark.TooLargeError](err); ok {
		return abi.Errorf(typeTooLarge, "%v", e)
	}
	switch {
	case errors.Is(err, spark.ErrSessionLost), errors.Is(err, spark.ErrRelationGone):
		return abi.Errorf(typeLost, "Spark was restarted or has lost this session while the task ran; call the task again: %v", err)
	case errors.Is(err, spark.ErrClosed):
		return abi.Errorf(typeLost, "this worker is stopping and has closed its Spark session; call the task again: %v", err)
	case errors.Is(err, spark.ErrUnavailable):
		return abi.Errorf(typeLost, "Spark cannot be reached; call the task again once it is back: %v", err)
	case errors.Is(err, spark.ErrInterrupted):
		return abi.Errorf(typeInterrupted, "the execution in Spark was interrupted: %v", err)
	}
	if e, ok := errors.AsType[*spark.Error](err); ok {
		module, name := e.Exception()
		return abi.Errorf(module+"."+name, "%s", sparkMessage(e))
	}
	return abi.Errorf(typeRuntime, "%v", err)
}

// SessionLost reports whether a call ended with the error that the engine was
// restarted, has lost the session or what was kept in it, or cannot be reached:
// sparkstalk.SparkSessionLost, from the host rather than of a guest's making. A
// session that this worker has closed is not lost.
func SessionLost(err error) bool {
	e, ok := errors.AsType[*abi.Error](err)
	return ok && sameClass(e, abi.Errorf(typeLost, "")) && !errors.Is(err, spark.ErrClosed) &&
		(errors.Is(err, spark.ErrSessionLost) || errors.Is(err, spark.ErrRelationGone) || errors.Is(err, spark.ErrUnavailable))
}

// planError is what is wrong with a plan before any engine has seen it: unless
// it has a class of its own, it is the fault of a value that the guest gave.
func planError(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*abi.Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[*spark.Error](err); ok {
		return err
	}
	if errors.Is(err, spark.ErrPlanLimit) {
		return &Failure{Err: abi.Errorf(typeLimit, "%v", err), Cause: err}
	}
	return &Failure{Err: abi.Errorf(typeValue, "%v", err), Cause: err}
}

// sparkMessage is Spark's message with the condition in front and the SQLSTATE
// at its end, where Spark has them; engines leave one or the other out.
func sparkMessage(e *spark.Error) string {
	m := e.Message
	if e.Condition != "" && !strings.HasPrefix(m, "["+e.Condition) {
		m = fmt.Sprintf("[%s] %s", e.Condition, m)
	}
	if e.SQLState != "" && !strings.Contains(m, "SQLSTATE") {
		m = fmt.Sprintf("%s SQLSTATE: %s", m, e.SQLState)
	}
	return m
}
