package spark

import (
	"encoding/json"
	"fmt"
	"math"
	"os"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Show prints the first 20 rows as a table to the task's log, with values cut
// after 20 characters, as PySpark's show() does. [DataFrame.ShowString] has the
// choices.
func (df *DataFrame) Show() error {
	text, err := df.ShowString(20, 20, false)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(os.Stdout, text)
	return err
}

// ShowString returns the first n rows as a table of text, as PySpark's show(n,
// truncate, vertical) prints it. A value of more than truncate characters is
// cut; zero cuts none. vertical has a line for each value.
func (df *DataFrame) ShowString(n, truncate int, vertical bool) (string, error) {
	if err := df.check(); err != nil {
		return "", err
	}
	return df.session.host.ActionShow(df.handle, clamp(n), clamp(truncate), vertical)
}

// HTMLString returns the first n rows as an HTML table, with values cut as by
// [DataFrame.ShowString].
func (df *DataFrame) HTMLString(n, truncate int) (string, error) {
	if err := df.check(); err != nil {
		return "", err
	}
	return df.session.host.ActionHTML(df.handle, clamp(n), clamp(truncate))
}

// clamp keeps a number of rows or characters within what Spark can count.
func clamp(n int) int32 { return int32(min(max(n, 0), math.MaxInt32)) }

// PrintSchema prints the schema as a tree to the task's log.
func (df *DataFrame) PrintSchema() error {
	text, err := df.TreeString(0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(os.Stdout, text)
	return err
}

// TreeString returns the schema as PySpark's printSchema(level) prints it, down
// to a level of nesting; zero is all of them.
func (df *DataFrame) TreeString(level int) (string, error) {
	if err := df.check(); err != nil {
		return "", err
	}
	return df.session.host.ActionTree(df.handle, clamp(level))
}

// Dtypes asks the engine for the columns' names and types, as pairs.
func (df *DataFrame) Dtypes() ([][2]string, error) {
	schema, err := df.Schema()
	if err != nil {
		return nil, err
	}
	types := make([][2]string, len(schema.Columns))
	for i, c := range schema.Columns {
		types[i] = [2]string{c.Name, c.Type}
	}
	return types, nil
}

// ToJSON has one column, value, with each row as Spark's own JSON.
func (df *DataFrame) ToJSON() *DataFrame {
	return df.Select(Call("to_json", Call("struct", Col("*"))).As("value"))
}

// InputFiles asks the engine for the files that the plan reads.
func (df *DataFrame) InputFiles() ([]string, error) {
	if err := df.check(); err != nil {
		return nil, err
	}
	var files []string
	return files, df.ask("input files", &files, df.session.host.ActionInputFiles)
}

// ask has the host answer in JSON.
func (df *DataFrame) ask(what string, into any, action func(abi.Frame) ([]byte, error)) error {
	data, err := action(df.handle)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read the %s: %w", what, err)
	}
	return nil
}

// IsLocal says whether the rows can be had without an executor.
func (df *DataFrame) IsLocal() (bool, error) {
	if err := df.check(); err != nil {
		return false, err
	}
	return df.session.host.ActionIsLocal(df.handle)
}

// IsStreaming says whether the DataFrame reads a source that never ends.
func (df *DataFrame) IsStreaming() (bool, error) {
	if err := df.check(); err != nil {
		return false, err
	}
	return df.session.host.ActionIsStreaming(df.handle)
}

// SameSemantics says whether Spark can tell that both give the same rows. Sail
// cannot, which is an error.
func (df *DataFrame) SameSemantics(other *DataFrame) (bool, error) {
	if err := df.check(); err != nil {
		return false, err
	}
	b := &builder{session: df.session, host: df.session.host}
	handle := b.frame(other)
	if b.err != nil {
		return false, b.err
	}
	return df.session.host.ActionSameSemantics(df.handle, handle)
}

// SemanticHash returns Spark's hash of the plan: plans of the same semantics
// have the same one. Sail has none, which is an error.
func (df *DataFrame) SemanticHash() (int32, error) {
	if err := df.check(); err != nil {
		return 0, err
	}
	hash, err := df.session.host.ActionSemanticHash(df.handle)
	return int32(uint32(hash)), err
}

// StorageLevel returns where Spark has been told to persist the DataFrame. Sail
// persists nothing, so that there it is an error.
func (df *DataFrame) StorageLevel() (abi.StorageLevel, error) {
	if err := df.check(); err != nil {
		return abi.StorageLevel{}, err
	}
	var level abi.StorageLevel
	return level, df.ask("storage level", &level, df.session.host.ActionStorageLevel)
}
