package judgetest

import (
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// A Suite is a table of cases and the Python file that judges them.
type Suite struct {
	// Script is the path of the Python file: "testdata/frames.py".
	Script string
	// Args are strings that the Python file finds in ARGS, such as a folder.
	Args map[string]string
	// Cases are what both sides do.
	Cases []Case
	// SparkOnly leaves Sail out: another test compares it.
	SparkOnly bool
}

// A Case is one DataFrame, or one value, in Go and in Python.
type Case struct {
	// Name is the case's and its Python function's, which has underscores
	// where Name has spaces. Names are unique within the Python file.
	Name string
	// Frame describes the DataFrame whose columns and rows are compared.
	Frame func(s *spark.Session) *spark.DataFrame
	// Value, instead of Frame, computes a value that is compared as JSON.
	Value func(s *spark.Session) (any, error)
	// Unordered says that the order of rows is the engine's own.
	Unordered bool
	// Fails says that both sides fail, on both engines: Go's error has these
	// words in it. An error that Spark made has the same class on both sides.
	Fails string
	// SailLacks says that Sail cannot do it, or fails in words of its own: Go's
	// error there has these words in it.
	SailLacks string
	// SailDiffers says why Sail answers otherwise than Spark. Go on Sail must
	// then answer as PySpark on Sail does.
	SailDiffers string
}
