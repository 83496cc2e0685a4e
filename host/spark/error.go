package spark

import (
	"errors"
	"fmt"
	"strings"
)

// What callers branch on. Each is wrapped together with what the engine said.
var (
	// ErrSessionLost: the engine has lost the session, or another engine answers
	// in its place. The next call works in a new session of the next
	// [Session.Generation]. A query changed nothing; a command may have run.
	ErrSessionLost = errors.New("the Spark session was lost")
	// ErrRelationGone: the engine no longer has a checkpoint that the plan reads.
	ErrRelationGone = errors.New("the engine no longer has the checkpoint")
	// ErrInterrupted: the execution was interrupted, by the end of its context
	// (whose cause is wrapped, too) or by someone else.
	ErrInterrupted = errors.New("the execution was interrupted")
	// ErrUnavailable: the engine could not be reached for as long as
	// [Config.Patience], or an execution broke off and cannot be taken up again.
	ErrUnavailable = errors.New("the engine cannot be reached")
	// ErrClosed: the session was closed.
	ErrClosed = errors.New("the Spark session is closed")
)

// An Error is what the engine said. The error conditions are Spark's:
// https://spark.apache.org/docs/latest/sql-error-conditions.html. Sail names
// only classes.
type Error struct {
	Class      string            // Java class, as in org.apache.spark.sql.AnalysisException
	Classes    []string          // that class and those it extends, if the engine said them
	Condition  string            // as in TABLE_OR_VIEW_NOT_FOUND
	SQLState   string            // as in 42P01
	Message    string            // whole, or the first 2,048 characters where the engine keeps no more
	Parameters map[string]string // of the condition's message
	Code       string            // gRPC status code, as in Internal
	Operation  string            // operation id of the execution, if it was one
}

// Error is the engine's message, with its class where the message does not
// begin with the condition.
func (e *Error) Error() string {
	message := e.Message
	if message == "" {
		message = "no message"
	}
	switch {
	case strings.HasPrefix(message, "["):
		return message
	case e.Class != "":
		return e.Class[strings.LastIndexByte(e.Class, '.')+1:] + ": " + message
	case e.Code != "":
		return e.Code + ": " + message
	}
	return message
}

// An ArgumentError says what is wrong with what a caller asked for, before any
// engine has seen it.
type ArgumentError struct{ reason string }

// Error is the reason.
func (e *ArgumentError) Error() string { return e.reason }

func wrongArgument(format string, args ...any) error {
	return &ArgumentError{fmt.Sprintf(format, args...)}
}
