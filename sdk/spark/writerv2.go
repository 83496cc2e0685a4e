package spark

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A WriterV2 describes how a DataFrame is written to a table whose source keeps
// more than files, such as Delta Lake or Iceberg; a table of plain files can
// only be created. Its methods leave it as it is and return a changed copy; the
// last one writes, at once and once, as with [Writer].
//
//	err := df.WriteTo("sales").Using("delta").PartitionedBy("year").Create()
type WriterV2 struct {
	df          *DataFrame
	spec        abi.WriteToSpec
	partitioned []ColumnOrName
}

// WriteTo returns a writer to a table.
func (df *DataFrame) WriteTo(table string) *WriterV2 {
	return &WriterV2{df: df, spec: abi.WriteToSpec{Table: table}}
}

func (w *WriterV2) with(change func(*WriterV2)) *WriterV2 {
	c := *w
	change(&c)
	return &c
}

// Using sets the data source of a new table: "parquet", "delta" or another that
// the engine knows.
func (w *WriterV2) Using(source string) *WriterV2 {
	return w.with(func(w *WriterV2) { w.spec.Using = source })
}

// Option sets an option of the write. Names are compared without regard to case.
func (w *WriterV2) Option(name string, value any) *WriterV2 {
	return w.with(func(w *WriterV2) { w.spec.Options = setOption(w.spec.Options, name, value) })
}

// Options sets several options.
func (w *WriterV2) Options(options map[string]any) *WriterV2 {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		w = w.Option(name, options[name])
	}
	return w
}

// TableProperty sets a property of a new table.
func (w *WriterV2) TableProperty(name, value string) *WriterV2 {
	return w.with(func(w *WriterV2) {
		w.spec.Properties = maps.Clone(w.spec.Properties)
		if w.spec.Properties == nil {
			w.spec.Properties = make(map[string]string)
		}
		w.spec.Properties[name] = value
	})
}

// PartitionedBy partitions a new table by columns, or by the functions years,
// months, days, hours and bucket of them, where its source has these.
func (w *WriterV2) PartitionedBy(columns ...ColumnOrName) *WriterV2 {
	return w.with(func(w *WriterV2) { w.partitioned = slices.Clone(columns) })
}

// ClusterBy has a new table cluster its rows by columns.
func (w *WriterV2) ClusterBy(columns ...string) *WriterV2 {
	return w.with(func(w *WriterV2) { w.spec.ClusterBy = slices.Clone(columns) })
}

// WithSchemaEvolution lets the table take over new columns and wider types.
func (w *WriterV2) WithSchemaEvolution() *WriterV2 {
	return w.with(func(w *WriterV2) { w.spec.SchemaEvolution = true })
}

// Create makes the table; it is an error if there is one of that name.
func (w *WriterV2) Create() error { return w.run("create", nil) }

// Replace puts a new table in the place of one that must be there.
func (w *WriterV2) Replace() error { return w.run("replace", nil) }

// CreateOrReplace makes the table, in the place of one that is there.
func (w *WriterV2) CreateOrReplace() error { return w.run("create_or_replace", nil) }

// Append adds the rows to the table.
func (w *WriterV2) Append() error { return w.run("append", nil) }

// Overwrite puts the rows in the place of those of the table for which condition
// is true.
func (w *WriterV2) Overwrite(condition Column) error { return w.run("overwrite", &condition) }

// OverwritePartitions puts the rows in the place of all partitions of the table
// that they belong to.
func (w *WriterV2) OverwritePartitions() error { return w.run("overwrite_partitions", nil) }

func (w *WriterV2) run(mode string, condition *Column) error {
	if err := w.df.check(); err != nil {
		return err
	}
	b := &builder{session: w.df.session, host: w.df.session.host}
	spec := w.spec
	spec.Mode = mode
	spec.PartitionedBy = b.columns(w.partitioned)
	if condition != nil {
		spec.Condition = b.expr(*condition)
	}
	if b.err != nil {
		return b.err
	}
	data, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("write to table %s: %w", spec.Table, err)
	}
	return b.host.ActionWriteTo(w.df.handle, data)
}
