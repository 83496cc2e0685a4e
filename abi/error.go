package abi

import (
	"encoding/json"
	"fmt"
	"strings"
)

// An Error is an exception as Celery knows it: what the client's result.get()
// raises. It crosses the boundary as JSON, in both directions.
type Error struct {
	// Type is the exception's class name, such as "ValueError".
	Type string `json:"type"`
	// Module is the Python module of the class: "builtins" for Python's own,
	// "pyspark.errors" for Spark's. A client that lacks the class gets a new
	// one of that name.
	Module string `json:"module,omitempty"`
	// Args are the exception's arguments; the first is usually the message.
	Args []json.RawMessage `json:"args"`
	// Traceback is free text for people.
	Traceback string `json:"traceback,omitempty"`
}

// Errorf returns an Error with a message as its only argument. typ is a class
// name, with its Python module before the last dot: "ValueError" is Python's
// own, "pyspark.errors.AnalysisException" Spark's.
func Errorf(typ, format string, args ...any) *Error {
	module, name := "builtins", typ
	if i := strings.LastIndexByte(typ, '.'); i >= 0 {
		module, name = typ[:i], typ[i+1:]
	}
	message, err := json.Marshal(fmt.Sprintf(format, args...))
	if err != nil { // a string always marshals
		panic(err)
	}
	return &Error{Type: name, Module: module, Args: []json.RawMessage{message}}
}

// Message returns the first argument if it is a string, else all arguments as JSON.
func (e *Error) Message() string {
	if len(e.Args) == 0 {
		return ""
	}
	var s string
	if err := json.Unmarshal(e.Args[0], &s); err == nil {
		return s
	}
	all, err := json.Marshal(e.Args)
	if err != nil {
		return fmt.Sprintf("%q", e.Args)
	}
	return string(all)
}

// Error is the class name and the message, as Python prints an exception.
func (e *Error) Error() string {
	if m := e.Message(); m != "" {
		return e.Type + ": " + m
	}
	return e.Type
}
