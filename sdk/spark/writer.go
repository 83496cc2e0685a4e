package spark

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A Writer describes how a DataFrame is written to files, to a table or to
// another data source. Its methods leave it as it is and return a changed copy;
// the last one writes. A write runs at once, and the host never runs it twice:
// when it fails because Spark was lost, part of it may be there.
//
//	err := df.Write().Mode("overwrite").PartitionBy("year").Parquet("/data/sales")
type Writer struct {
	df   *DataFrame
	spec abi.WriteSpec
}

// Write returns a writer of the DataFrame's rows.
func (df *DataFrame) Write() *Writer { return &Writer{df: df} }

// with returns a copy that was changed.
func (w *Writer) with(change func(*abi.WriteSpec)) *Writer {
	c := *w
	change(&c.spec)
	return &c
}

// Format sets the data source: "parquet" (the default), "csv", "json", "text",
// "orc" or another that the engine knows.
func (w *Writer) Format(source string) *Writer {
	return w.with(func(s *abi.WriteSpec) { s.Format = source })
}

// Mode says what happens if data or the table is there already: "error" (also
// "errorifexists", the default), "append", "overwrite", or "ignore", which then
// writes nothing.
func (w *Writer) Mode(mode string) *Writer { return w.with(func(s *abi.WriteSpec) { s.Mode = mode }) }

// Option sets an option of the data source, such as Option("compression",
// "gzip"). Names are compared without regard to case; the last value counts.
func (w *Writer) Option(name string, value any) *Writer {
	return w.with(func(s *abi.WriteSpec) { s.Options = setOption(s.Options, name, value) })
}

// Options sets several options.
func (w *Writer) Options(options map[string]any) *Writer {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		w = w.Option(name, options[name])
	}
	return w
}

// setOption returns a copy of options with one set.
func setOption(options map[string]string, name string, value any) map[string]string {
	out := make(map[string]string, len(options)+1)
	for n, v := range options {
		if !strings.EqualFold(n, name) {
			out[n] = v
		}
	}
	out[name] = fmt.Sprint(value)
	return out
}

// PartitionBy puts the rows into sub-folders by the values of columns, as in
// year=2026/month=1.
func (w *Writer) PartitionBy(columns ...string) *Writer {
	return w.with(func(s *abi.WriteSpec) { s.PartitionBy = slices.Clone(columns) })
}

// BucketBy puts the rows of a table into n buckets by the hash of columns. It is
// for SaveAsTable. Sail has no buckets.
func (w *Writer) BucketBy(n int, columns ...string) *Writer {
	return w.with(func(s *abi.WriteSpec) {
		// More than 32 bits become a number that Spark refuses.
		s.Buckets, s.BucketBy = int32(max(min(n, 1<<31-1), -1)), slices.Clone(columns)
	})
}

// SortBy orders the rows within each bucket.
func (w *Writer) SortBy(columns ...string) *Writer {
	return w.with(func(s *abi.WriteSpec) { s.SortBy = slices.Clone(columns) })
}

// ClusterBy has the table cluster its rows by columns. Sail does not have this.
func (w *Writer) ClusterBy(columns ...string) *Writer {
	return w.with(func(s *abi.WriteSpec) { s.ClusterBy = slices.Clone(columns) })
}

// WithSchemaEvolution lets the table take over new columns and wider types,
// where its source can.
func (w *Writer) WithSchemaEvolution() *Writer {
	return w.with(func(s *abi.WriteSpec) { s.SchemaEvolution = true })
}

// Save writes to the folder path, which the engine must reach. Sources that
// are not files take no path: give "" and set their options.
func (w *Writer) Save(path string) error {
	return w.with(func(s *abi.WriteSpec) { s.Path = path }).run()
}

// SaveAsTable writes to a table and makes it if it is not there. With mode
// append the columns go by name.
func (w *Writer) SaveAsTable(name string) error {
	return w.with(func(s *abi.WriteSpec) { s.Table = name }).run()
}

// InsertInto writes to a table that is there; the columns go by position.
// overwrite replaces the rows of the table. The writer's mode does not count,
// and columns to partition by are an error: the table has its own.
func (w *Writer) InsertInto(name string, overwrite bool) error {
	return w.with(func(s *abi.WriteSpec) {
		s.Table, s.Insert, s.Mode = name, true, "append"
		if overwrite {
			s.Mode = "overwrite"
		}
	}).run()
}

// Parquet writes parquet files.
func (w *Writer) Parquet(path string) error { return w.Format("parquet").Save(path) }

// CSV writes comma separated values; see Option("header", true).
func (w *Writer) CSV(path string) error { return w.Format("csv").Save(path) }

// JSON writes one JSON object a line.
func (w *Writer) JSON(path string) error { return w.Format("json").Save(path) }

// Text writes the DataFrame's only column, a string, a line for each row.
func (w *Writer) Text(path string) error { return w.Format("text").Save(path) }

// ORC writes ORC files. Sail does not have this.
func (w *Writer) ORC(path string) error { return w.Format("orc").Save(path) }

// XML writes XML; see Option("rowTag", "row"). Sail does not have this.
func (w *Writer) XML(path string) error { return w.Format("xml").Save(path) }

// JDBC writes to a table of a database. properties are options such as user,
// password and driver, whose jar the engine must have. Sail does not have this.
func (w *Writer) JDBC(url, table string, properties map[string]string) error {
	w = w.Format("jdbc")
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		w = w.Option(name, properties[name])
	}
	return w.Option("url", url).Option("dbtable", table).Save("")
}

func (w *Writer) run() error {
	if err := w.df.check(); err != nil {
		return err
	}
	spec, err := json.Marshal(w.spec)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return w.df.session.host.ActionWrite(w.df.handle, spec)
}
