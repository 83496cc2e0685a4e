package hostfn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/policy"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// ActionWrite implements [abi.Host].
func (i *Invocation) ActionWrite(frame abi.Frame, spec []byte) error {
	const fn = "ActionWrite"
	var w abi.WriteSpec
	return i.write(fn, frame, spec, &w, func(b *builder) func(context.Context, *spark.DataFrame) error {
		if w.Table != "" {
			b.mayTable(policy.WriteTable, w.Table)
		}
		if w.Path != "" || w.Table == "" || hasPath(w.Options) {
			b.maySource(policy.Write, w.Format, w.Options, pathsOf(w.Path))
		}
		return func(ctx context.Context, df *spark.DataFrame) error {
			return i.cfg.Session.Write(ctx, df, spark.Write{
				Path: w.Path, Table: w.Table, Insert: w.Insert, Format: w.Format, Mode: w.Mode, Options: w.Options,
				PartitionBy: w.PartitionBy, Buckets: w.Buckets, BucketBy: w.BucketBy, SortBy: w.SortBy, ClusterBy: w.ClusterBy,
				SchemaEvolution: w.SchemaEvolution,
			}, i.opt)
		}
	})
}

// ActionWriteTo implements [abi.Host].
func (i *Invocation) ActionWriteTo(frame abi.Frame, spec []byte) error {
	const fn = "ActionWriteTo"
	var w abi.WriteToSpec
	return i.write(fn, frame, spec, &w, func(b *builder) func(context.Context, *spark.DataFrame) error {
		b.mayTable(policy.WriteTable, w.Table)
		for _, options := range []map[string]string{w.Options, w.Properties} {
			if hasPath(options) {
				b.maySource(policy.Write, w.Using, options, nil)
			}
		}
		by, condition := b.exprList(w.PartitionedBy), b.optional(w.Condition)
		return func(ctx context.Context, df *spark.DataFrame) error {
			return i.cfg.Session.WriteTo(ctx, df, spark.WriteTo{
				Table: w.Table, Mode: w.Mode, Using: w.Using, Options: w.Options, Properties: w.Properties,
				PartitionedBy: by, ClusterBy: w.ClusterBy, Condition: condition, SchemaEvolution: w.SchemaEvolution,
			}, i.opt)
		}
	})
}

// ActionMerge implements [abi.Host].
func (i *Invocation) ActionMerge(frame abi.Frame, spec []byte) error {
	const fn = "ActionMerge"
	var m abi.MergeSpec
	return i.write(fn, frame, spec, &m, func(b *builder) func(context.Context, *spark.DataFrame) error {
		b.mayTable(policy.WriteTable, m.Table)
		merge := spark.Merge{
			Table: m.Table, Condition: b.optional(m.Condition), SchemaEvolution: m.SchemaEvolution,
			Matched: b.clauses(m.Matched), NotMatched: b.clauses(m.NotMatched), NotMatchedBySource: b.clauses(m.NotMatchedBySource),
		}
		return func(ctx context.Context, df *spark.DataFrame) error {
			return i.cfg.Session.Merge(ctx, df, merge, i.opt)
		}
	})
}

// pathsOf is a list of a path, if there is one.
func pathsOf(path string) []string {
	if path == "" {
		return nil
	}
	return []string{path}
}

// write decodes spec into into, has prepare look up what it refers to, and runs
// the command that this gives, once.
func (i *Invocation) write(fn string, frame abi.Frame, spec []byte, into any, prepare func(*builder) func(context.Context, *spark.DataFrame) error) error {
	b := i.build(fn)
	b.count(len(spec))
	df := b.frame(frame)
	b.decode(spec, into)
	if b.wrong() {
		return i.failed(i.ctx, b.err)
	}
	run := prepare(b)
	if b.wrong() {
		return i.failed(i.ctx, b.err)
	}
	err := planError(df.Err())
	if err == nil {
		err = i.once(df, run)
	}
	if err != nil {
		return i.failed(i.ctx, err)
	}
	return nil
}

// once runs a command with the cached inputs of df in place. It is never run a
// second time, so a session that was lost while nobody used it is noticed before.
func (i *Invocation) once(df *spark.DataFrame, run func(context.Context, *spark.DataFrame) error) error {
	if err := i.awake(); err != nil {
		return err
	}
	return i.cfg.Cache.Once(i.working(), df, i.opt, run)
}

// awake notices a session that was lost while nobody used it.
func (i *Invocation) awake() error {
	// What else is wrong shows in the command itself, which waits for an engine
	// that is away.
	if err := i.cfg.Session.Ping(i.ctx); errors.Is(err, spark.ErrClosed) {
		return err
	}
	return nil
}

// decode reads a JSON object of the guest's. Fields that do not exist are
// errors: they would be taken for what the task asked for.
func (b *builder) decode(data []byte, into any) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		b.invalid(typeValue, "read %q: %v", cut(string(data), 100), err)
	}
}

// optional is the column of a handle that may be 0 for none.
func (b *builder) optional(h abi.Expr) *spark.Column {
	if h == 0 {
		return nil
	}
	return b.expr(h)
}

func (b *builder) clauses(list []abi.MergeClause) []spark.MergeClause {
	out := make([]spark.MergeClause, len(list))
	for n, c := range list {
		out[n] = spark.MergeClause{Action: c.Action, Condition: b.optional(c.Condition), Columns: c.Columns, Values: b.exprList(c.Values)}
	}
	return out
}
