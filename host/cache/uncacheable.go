package cache

import (
	"fmt"

	"github.com/sparkstalk/sparkstalk/host/spark"
)

// An UncacheableError says that something was to be cached that cannot be: only
// a DataFrame that can be computed again at any time can.
type UncacheableError struct {
	// Name is the cached DataFrame's name.
	Name string
	// Command is the keyword of the SQL command in its plan, if that is the reason.
	Command string
	// Err is what is wrong with its plan, if that is the reason.
	Err error
}

// Error names the cached DataFrame, the reason and the way out.
func (e *UncacheableError) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("cached DataFrame %q: only DataFrames that Spark can compute can be cached: %v", e.Name, e.Err)
	case e.Command == "":
		return fmt.Sprintf("cached DataFrame %q: only DataFrames can be cached, and an empty SQL text is none", e.Name)
	}
	return fmt.Sprintf("cached DataFrame %q: only DataFrames can be cached, and the SQL text is the command %s: "+
		"run it in the task itself, and cache a query (SELECT, WITH … SELECT, VALUES, FROM or TABLE) of what it left", e.Name, e.Command)
}

// Unwrap returns what is wrong with the plan, or nil.
func (e *UncacheableError) Unwrap() error { return e.Err }

// cacheable returns why the plan of in cannot be cached, or nil.
func cacheable(in spark.CachedInput) error {
	if err := in.Plan.Err(); err != nil {
		return &UncacheableError{Name: in.Name, Err: err}
	}
	if keyword, is := commandIn(in.Plan); is {
		return &UncacheableError{Name: in.Name, Command: keyword}
	}
	return nil
}

// commandIn returns the keyword of the first SQL command in df's plan.
func commandIn(df *spark.DataFrame) (string, bool) {
	for _, query := range df.Queries() {
		if keyword, is := command(query); is {
			return keyword, true
		}
	}
	return "", false
}
