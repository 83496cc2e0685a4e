package hostfn

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// explainModes are those of PySpark's DataFrame.explain.
var explainModes = []string{"simple", "extended", "codegen", "cost", "formatted"}

// ActionCollect implements [abi.Host]. The rows may take as much as a result;
// more of them is an error of type sparkstalk.ResultTooLarge.
func (i *Invocation) ActionCollect(frame abi.Frame, form abi.RowForm) ([]byte, error) {
	df, err := i.lookup("ActionCollect", frame)
	if err == nil {
		err = checkForm("ActionCollect", form)
	}
	if err != nil {
		return nil, i.failed(i.ctx, err)
	}
	rows, _, err := i.collect(i.working(), df, form)
	if err != nil {
		return nil, i.failed(i.ctx, err)
	}
	return rows, nil
}

// ActionCount implements [abi.Host].
func (i *Invocation) ActionCount(frame abi.Frame) (int64, error) {
	var n int64
	err := i.act("ActionCount", frame, func(ctx context.Context, df *spark.DataFrame) (err error) {
		n, err = i.cfg.Session.Count(ctx, df, i.opt)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// ActionSchema implements [abi.Host].
func (i *Invocation) ActionSchema(frame abi.Frame) ([]byte, error) {
	var fields []spark.Field
	err := i.act("ActionSchema", frame, func(ctx context.Context, df *spark.DataFrame) (err error) {
		fields, err = i.cfg.Session.Schema(ctx, df)
		return err
	})
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(schemaOf(fields))
	if err != nil {
		return nil, i.failed(i.ctx, err)
	}
	return data, nil
}

func schemaOf(fields []spark.Field) abi.Schema {
	schema := abi.Schema{Columns: make([]abi.ColumnSchema, 0, len(fields))}
	for _, f := range fields {
		schema.Columns = append(schema.Columns, abi.ColumnSchema{Name: f.Name, Type: f.Type, Nullable: f.Nullable})
	}
	return schema
}

// ActionExplain implements [abi.Host].
func (i *Invocation) ActionExplain(frame abi.Frame, mode string) (string, error) {
	if mode == "" {
		mode = "simple"
	}
	if !slices.Contains(explainModes, mode) {
		return "", i.failed(i.ctx, abi.Errorf(typeValue, "ActionExplain: mode %q is unknown; it is one of %s", cut(mode, 100), strings.Join(explainModes, ", ")))
	}
	var text string
	err := i.act("ActionExplain", frame, func(ctx context.Context, df *spark.DataFrame) (err error) {
		text, err = i.cfg.Session.Explain(ctx, df, mode)
		return err
	})
	if err != nil {
		return "", err
	}
	return text, nil
}

// ActionObserved implements [abi.Host].
func (i *Invocation) ActionObserved(name string) ([]byte, error) {
	metrics, ok := i.observed[name]
	if !ok {
		return nil, i.failed(i.ctx, abi.Errorf(typeRuntime,
			"ActionObserved: no action of this task has observed %q yet; an action that runs its plan to the end does, unless a cached DataFrame answers it", cut(name, 100)))
	}
	return metrics, nil
}

// observe keeps the metrics that an action brought.
func (i *Invocation) observe(name string, metrics []byte) {
	if i.observed == nil {
		i.observed = make(map[string][]byte)
	}
	i.observed[name] = metrics
}

// act runs an action on a frame of the guest's, with its cached inputs in
// place. Its error is fit for the guest.
func (i *Invocation) act(fn string, frame abi.Frame, run func(context.Context, *spark.DataFrame) error) error {
	df, err := i.lookup(fn, frame)
	if err == nil {
		err = i.cfg.Cache.Do(i.working(), df, i.opt, run)
	}
	if err != nil {
		return i.failed(i.ctx, err)
	}
	return nil
}

// lookup returns a frame that an action is to run, or what is wrong with it.
func (i *Invocation) lookup(fn string, frame abi.Frame) (*spark.DataFrame, error) {
	b := i.build(fn)
	df := b.frame(frame)
	if b.err != nil {
		return nil, b.err
	}
	return df, planError(df.Err())
}

// collect runs df and returns its rows as one JSON array, and their columns.
func (i *Invocation) collect(ctx context.Context, df *spark.DataFrame, form abi.RowForm) ([]byte, []spark.Field, error) {
	var rows pieces
	var fields []spark.Field
	var n int64
	err := i.cfg.Cache.Do(ctx, df, i.opt, func(ctx context.Context, df *spark.DataFrame) error {
		rows = pieces{} // of a run that the engine broke off
		stream, err := i.cfg.Session.Collect(ctx, df, i.opt)
		if err != nil {
			return err
		}
		// What Close could say, WriteJSON has said: it reads to the end or fails.
		defer func() { _ = stream.Close() }()
		fields = stream.Fields()
		err = spark.WriteJSON(&rows, stream, spark.RowForm(form), i.most.ResultLimit)
		n = stream.Rows()
		return err
	})
	if err == nil {
		err = i.takeIn(n, int64(rows.size))
	}
	if err != nil {
		return nil, nil, err
	}
	return rows.join(), fields, nil
}

func checkForm(fn string, form abi.RowForm) error {
	if form != abi.RowArrays && form != abi.RowObjects {
		return abi.Errorf(typeValue, "%s: row form %d is unknown: 0 is arrays, 1 objects", fn, form)
	}
	return nil
}
