package hostfn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// ErrNoResult is what [Invocation.Result] returns for a guest that gave neither
// a result nor an error. A task without a value gives null.
var ErrNoResult = errors.New("the task returned without giving a result or an error")

// given says what the guest gave last.
type given int

const (
	givenNothing given = iota
	givenValue
	givenRows
	givenFailure
)

// ResultJSON implements [abi.Host]. A value that is not JSON, or over the
// limit, is an error, and also the task's result if the guest gives no other.
func (i *Invocation) ResultJSON(value []byte) error {
	if err := i.checkSize("the result", len(value)); err != nil {
		return i.refuse(err)
	}
	if err := checkJSON(value); err != nil {
		return i.refuse(abi.Errorf(typeValue, "ResultJSON: the result is not one JSON value: %v", err))
	}
	i.give(givenValue)
	i.value = slices.Clone(value)
	return nil
}

// ResultFrame implements [abi.Host]. [Invocation.Result] runs the plan.
func (i *Invocation) ResultFrame(frame abi.Frame, form abi.RowForm) error {
	df, err := i.lookup("ResultFrame", frame)
	if err == nil {
		err = checkForm("ResultFrame", form)
	}
	if err != nil {
		return i.refuse(err)
	}
	i.give(givenRows)
	i.rows, i.form = df, form
	return nil
}

// ResultError implements [abi.Host].
func (i *Invocation) ResultError(failure []byte) error {
	if err := i.checkSize("the error", len(failure)); err != nil {
		return i.refuse(err)
	}
	e := new(abi.Error)
	err := json.Unmarshal(failure, e)
	if err == nil && !utf8.Valid(failure) {
		err = errNotUTF8 // the arguments are passed on as they are
	}
	if err != nil {
		return i.refuse(abi.Errorf(typeValue, "ResultError: not the JSON of an error: %v", err))
	}
	if e.Type == "" {
		return i.refuse(abi.Errorf(typeValue, "ResultError: the error has no type, such as \"ValueError\""))
	}
	i.give(givenFailure)
	i.failure = e
	return nil
}

// give makes room for what the guest gives now: the last one counts.
func (i *Invocation) give(what given) {
	i.given, i.value, i.rows, i.failure = what, nil, nil, nil
}

// refuse answers a result that cannot be taken. A guest that does not look at
// the answer must not end as if it had never tried: the refusal is its result.
func (i *Invocation) refuse(err error) error {
	f := i.failed(i.ctx, err)
	i.give(givenFailure)
	if i.failure, _ = errors.AsType[*abi.Error](f); i.failure == nil {
		i.failure = abi.Errorf(typeRuntime, "%v", f)
	}
	return f
}

func (i *Invocation) checkSize(what string, n int) error {
	if int64(n) <= i.most.ResultLimit {
		return nil
	}
	return abi.Errorf(typeTooLarge, "%s takes %d bytes, and this worker passes on no more than %s; %s", what, n, size(i.most.ResultLimit), tooLargeAdvice)
}

const tooLargeAdvice = "return fewer rows or columns (filter, aggregate, limit), or write them to files or a table and return where they are; " +
	"the worker's setting result_limit is the limit"

// Result returns what the task gave, after the guest has returned: its JSON
// value, which may hold NaN and Infinity as Python's JSON does, or the rows of
// its frame, which are fetched now, under ctx.
//
// An error has the [*abi.Error] for the client in its chain, if there is one,
// and beside it what led to it: errors.Is finds [spark.ErrSessionLost] and the
// cause of a context that ended even when the guest has passed the error on.
// A guest that gave nothing is [ErrNoResult].
func (i *Invocation) Result(ctx context.Context) (json.RawMessage, error) {
	switch i.given {
	case givenValue:
		return i.value, nil
	case givenRows:
		if i.soft != nil && !i.softTold {
			ctx = i.soft
		}
		rows, fields, err := i.collect(i.task.asking(ctx), i.rows, i.form)
		if err != nil {
			if ctx == i.soft { // that it ended is the guest's to know
				ctx = i.ctx
			}
			return nil, i.failed(ctx, err)
		}
		i.schema = schemaOf(fields)
		return rows, nil
	case givenFailure:
		return nil, i.withCause(i.failure)
	}
	return nil, fmt.Errorf("%s: %w", i.task.Name, ErrNoResult)
}

// ResultSchema returns the columns of the frame whose rows [Invocation.Result]
// has returned, and none if the result was another value. Their names are what
// rows in the form of arrays lack.
func (i *Invocation) ResultSchema() abi.Schema { return i.schema }

var _ Session = (*spark.Session)(nil)
