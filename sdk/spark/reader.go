package spark

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A Reader describes files to be read. Its methods leave it as it is and return
// a changed copy, so one may be kept and reused within a task call.
type Reader struct {
	session *Session
	format  string
	schema  string
	options []string // names and values by turns
}

// Format sets the data source: "text", "parquet", "csv", "json", "orc", "xml",
// "avro", "binaryFile" or another that the engine knows. The default is Spark's,
// usually parquet; Sail has none.
func (r *Reader) Format(source string) *Reader {
	c := *r
	c.format = source
	return &c
}

// Schema sets the columns in DDL form, such as "id BIGINT, name STRING".
// Without it they are inferred, which for csv and json reads the data.
func (r *Reader) Schema(ddl string) *Reader {
	c := *r
	c.schema = ddl
	return &c
}

// Option sets an option of the data source, such as Option("header", true).
// Names are compared without regard to case; the last value given counts.
func (r *Reader) Option(name string, value any) *Reader {
	c := *r
	c.options = nil
	for i := 0; i < len(r.options); i += 2 {
		if !strings.EqualFold(r.options[i], name) {
			c.options = append(c.options, r.options[i], r.options[i+1])
		}
	}
	c.options = append(c.options, name, fmt.Sprint(value))
	return &c
}

// Options sets several options.
func (r *Reader) Options(options map[string]any) *Reader {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		r = r.Option(name, options[name])
	}
	return r
}

// Load reads paths: files, folders or globs.
func (r *Reader) Load(paths ...string) *DataFrame {
	read := *r
	read.options = slices.Clone(r.options)
	return r.session.frame(func(b *builder) abi.Frame {
		return b.host.FrameRead(read.format, read.schema, read.options, paths)
	})
}

// Text reads lines of text as the column value.
func (r *Reader) Text(paths ...string) *DataFrame { return r.Format("text").Load(paths...) }

// Parquet reads parquet files.
func (r *Reader) Parquet(paths ...string) *DataFrame { return r.Format("parquet").Load(paths...) }

// CSV reads files of comma separated values; see Option("header", true).
func (r *Reader) CSV(paths ...string) *DataFrame { return r.Format("csv").Load(paths...) }

// JSON reads files with one JSON object a line.
func (r *Reader) JSON(paths ...string) *DataFrame { return r.Format("json").Load(paths...) }

// ORC reads ORC files.
func (r *Reader) ORC(paths ...string) *DataFrame { return r.Format("orc").Load(paths...) }

// XML reads XML files; Option("rowTag", "row") names the element of a row. Sail
// does not have this.
func (r *Reader) XML(paths ...string) *DataFrame { return r.Format("xml").Load(paths...) }

// JDBC reads a table, or a query in parentheses, of a database. properties are
// options such as user, password and driver, whose jar the engine must have. Each
// of predicates, SQL conditions, is read by a partition of its own; without any,
// the options partitionColumn, lowerBound, upperBound and numPartitions split
// the table. Sail does not have this.
func (r *Reader) JDBC(url, table string, properties map[string]string, predicates ...string) *DataFrame {
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		r = r.Option(name, properties[name])
	}
	r = r.Option("url", url).Option("dbtable", table)
	options := slices.Clone(r.options)
	return r.session.frame(func(b *builder) abi.Frame { return b.host.FrameJDBC(options, predicates) })
}

// Changes reads the changes of a table whose catalog keeps them, between those
// that the options startingVersion, endingVersion and others name. Spark has this
// from 4.2; of Delta Lake's catalogs that of 4.4 does, with its setting
// spark.databricks.delta.changelogV2.enabled. Sail does not have it. An older Spark
// reads them from tables of Delta Lake by Option("readChangeFeed", true) and Table.
func (r *Reader) Changes(table string) *DataFrame {
	options := slices.Clone(r.options)
	return r.session.frame(func(b *builder) abi.Frame { return b.host.FrameChanges(table, options) })
}

// Table reads a table or view of the catalog with the reader's options.
func (r *Reader) Table(name string) *DataFrame {
	options := slices.Clone(r.options)
	return r.session.frame(func(b *builder) abi.Frame { return b.host.FrameTable(name, options) })
}
