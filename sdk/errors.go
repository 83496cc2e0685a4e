package sdk

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// An Error is an exception as the client's result.get() raises it.
type Error = abi.Error

// Errorf returns an error that the client raises as the Python class typ, with
// the formatted message as its argument. typ is the name of one of Python's own
// classes, such as "ValueError", or of another with its module before the last
// dot: "sales.errors.NoSuchCustomer". A client without that class gets a new one
// of that name. The format takes %w as fmt.Errorf does.
func Errorf(typ, format string, args ...any) error {
	cause := fmt.Errorf(format, args...)
	return &raised{abi.Errorf(typ, "%s", cause), cause}
}

// raised is an [Error] and what it was formatted from, with all that wraps.
type raised struct {
	exception *abi.Error
	cause     error
}

func (r *raised) Error() string { return r.exception.Error() }

func (r *raised) Unwrap() []error { return []error{r.exception, r.cause} }

// exception returns the exception that an error of a task is.
func exception(err error) *abi.Error {
	e, ok := errors.AsType[*abi.Error](err)
	if !ok {
		return abi.Errorf("sparkstalk.TaskError", "%s", err.Error())
	}
	full, inner := err.Error(), e.Error()
	if full == inner {
		return e
	}
	// The words that were put around it go into the message; the class, which
	// Error has in front, is told by the type already.
	wrapped := abi.Errorf("Exception", "%s", strings.Replace(full, inner, e.Message(), 1))
	wrapped.Type, wrapped.Module, wrapped.Traceback = e.Type, e.Module, e.Traceback
	if len(e.Args) > 1 {
		wrapped.Args = append(wrapped.Args, e.Args[1:]...)
	}
	return wrapped
}
