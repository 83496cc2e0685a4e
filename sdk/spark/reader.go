package spark

import (
	"fmt"
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

// Format sets the data source: "text", "parquet", "csv", "json", "orc" or
// another that the engine knows. The default is the engine's, usually parquet.
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

// Table reads a table or view of the catalog with the reader's options.
func (r *Reader) Table(name string) *DataFrame {
	options := slices.Clone(r.options)
	return r.session.frame(func(b *builder) abi.Frame { return b.host.FrameTable(name, options) })
}
