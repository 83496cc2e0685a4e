package spark

import "strings"

// Version returns the engine's version, such as "4.3.0". It is that of Spark on
// Spark, and Sail's own on Sail.
func (s *Session) Version() (string, error) {
	version, err := Scalar[string](s.SQL("SELECT version()"))
	if err != nil {
		return "", err
	}
	version, _, _ = strings.Cut(version, " ") // Spark's has its revision behind
	return version, nil
}

// EmptyDataFrame has the columns of schema, in DDL form, and no rows.
func (s *Session) EmptyDataFrame(schema string) *DataFrame { return s.CreateDataFrame([]any{}, schema) }
