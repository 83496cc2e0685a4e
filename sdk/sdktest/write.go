package sdktest

import (
	"encoding/json"
	"slices"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
	"github.com/sparkstalk/sparkstalk/sdk/internal/plantext"
)

// A Write is something that a task wrote.
type Write struct {
	// Plan is what was written, as text; its first line is the write, as in
	// `write parquet "/out" mode overwrite`.
	Plan string
	// Spec is how: the JSON of an abi.WriteSpec, abi.WriteToSpec or
	// abi.MergeSpec.
	Spec json.RawMessage
}

// Writes returns what was written, in order. A write needs no answer and
// succeeds, unless an answer that matches its plan has an Err.
func (h *Host) Writes() []Write { return slices.Clone(h.writes) }

// ActionWrite records the write.
func (c *call) ActionWrite(frame abi.Frame, spec []byte) error {
	return c.write(spec, func() (abi.Frame, error) { return c.Plans.Write(frame, spec) })
}

// ActionWriteTo records the write.
func (c *call) ActionWriteTo(frame abi.Frame, spec []byte) error {
	return c.write(spec, func() (abi.Frame, error) { return c.Plans.WriteTo(frame, spec) })
}

// ActionMerge records the merge.
func (c *call) ActionMerge(frame abi.Frame, spec []byte) error {
	return c.write(spec, func() (abi.Frame, error) { return c.Plans.Merge(frame, spec) })
}

func (c *call) write(spec []byte, build func() (abi.Frame, error)) error {
	frame, err := build()
	if err == nil {
		err = c.Err(frame)
	}
	if err != nil {
		return err
	}
	plan := c.record(frame)
	_, err = c.host.matching(plan)
	if err == nil {
		c.host.writes = append(c.host.writes, Write{Plan: plan, Spec: slices.Clone(spec)})
	}
	return err
}

// ActionView makes a view of the task's own. A global one is recorded as a write,
// without a Spec.
func (c *call) ActionView(frame abi.Frame, name string, replace, global bool) error {
	if !global {
		return c.View(frame, name, replace)
	}
	return c.write(nil, func() (abi.Frame, error) { return c.GlobalView(frame, name, replace), nil })
}

// ActionSQL records the command as a write, without a Spec. Its rows are those
// of an answer that matches it, or none.
func (c *call) ActionSQL(query string, names []string, args []abi.Expr) (abi.Frame, error) {
	frame := c.FrameSQL(query, names, args)
	return frame, c.write(nil, func() (abi.Frame, error) { return frame, nil })
}

// silent are the calls of the catalog and the settings that answer with nothing.
var silent = []string{
	"createDatabase", "dropDatabase", "createTable", "dropTable", "dropView", "recoverPartitions", "truncateTable", "analyzeTable",
	"cacheTable", "uncacheTable", "refreshTable", "refreshByPath", "set", "unset",
}

// ActionCatalog answers with the Value of an answer to, for example, "catalog
// tableExists name=sales".
func (c *call) ActionCatalog(request []byte) ([]byte, error) {
	return c.named(request, plantext.Catalog)
}

// ActionConf answers with the Value of an answer to, for example, "conf get
// key=spark.sql.shuffle.partitions".
func (c *call) ActionConf(request []byte) ([]byte, error) { return c.named(request, plantext.Conf) }

// named answers a call that is not about a plan. It is recorded among the plans.
func (c *call) named(request []byte, describe func([]byte) (string, error)) ([]byte, error) {
	text, err := describe(request)
	if err != nil {
		return nil, err
	}
	var method struct{ Call, Name string }
	if err := json.Unmarshal(request, &method); err != nil {
		return nil, err
	}
	h := c.host
	h.plans = append(h.plans, text)
	if method.Call == "dropTempView" && c.DropView(method.Name) {
		return []byte("true"), nil
	}
	a, err := h.matching(text)
	if err != nil {
		return nil, err
	}
	if a != nil && a.value != nil {
		return pyjson.Marshal(a.value)
	}
	if slices.Contains(silent, method.Call) {
		return []byte("null"), nil
	}
	h.tb.Fatalf("sdktest: no answer with a Value for this call:\n%s\n%s", text, h.given())
	return nil, abi.Errorf("RuntimeError", "sdktest: no answer for %s", text)
}
