package plantext

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Write returns a write as a frame, the last step of its plan. Its error is
// what is wrong with spec.
func (p *Plans) Write(in abi.Frame, spec []byte) (abi.Frame, error) {
	var w abi.WriteSpec
	if err := decode(spec, &w); err != nil {
		return 0, err
	}
	label := words("write", w.Format)
	switch {
	case w.Insert:
		label = words("insert into", w.Table)
	case w.Table != "":
		label = words(label, "as table", w.Table)
	case w.Path != "":
		label = words(label, quoted([]string{w.Path}))
	}
	label = words(label, options(w.Options), phrase("mode", w.Mode), phrase("partition by", w.PartitionBy...), phrase(fmt.Sprintf("%d buckets by", w.Buckets), w.BucketBy...),
		phrase("sort by", w.SortBy...), phrase("cluster by", w.ClusterBy...), evolution(w.SchemaEvolution))
	return p.keep(label, nil, in), nil
}

// WriteTo is [Plans.Write] for writes to tables.
func (p *Plans) WriteTo(in abi.Frame, spec []byte) (abi.Frame, error) {
	var w abi.WriteToSpec
	if err := decode(spec, &w); err != nil {
		return 0, err
	}
	label := words("write to", w.Table, w.Mode)
	exprs := slices.Clone(w.PartitionedBy)
	if w.Condition != 0 {
		label = words(label, "where", p.expr(w.Condition).text)
		exprs = append(exprs, w.Condition)
	}
	label = words(label, phrase("using", w.Using), options(w.Options), phrase("properties", options(w.Properties)),
		phrase("partitioned by", p.texts(w.PartitionedBy)), phrase("cluster by", w.ClusterBy...), evolution(w.SchemaEvolution))
	return p.keep(label, exprs, in), nil
}

// Merge is [Plans.Write] for merges into tables.
func (p *Plans) Merge(in abi.Frame, spec []byte) (abi.Frame, error) {
	var m abi.MergeSpec
	if err := decode(spec, &m); err != nil {
		return 0, err
	}
	exprs := []abi.Expr{m.Condition}
	label := words("merge into", m.Table, "on", p.expr(m.Condition).text, evolution(m.SchemaEvolution))
	for _, kind := range []struct {
		when    string
		clauses []abi.MergeClause
	}{{"matched", m.Matched}, {"not matched", m.NotMatched}, {"not matched by source", m.NotMatchedBySource}} {
		for _, c := range kind.clauses {
			label += ", when " + kind.when
			if c.Condition != 0 {
				label += " and " + p.expr(c.Condition).text
				exprs = append(exprs, c.Condition)
			}
			var set []string
			for i, name := range c.Columns {
				set = append(set, name+" = "+p.expr(c.Values[i]).text)
			}
			exprs = append(exprs, c.Values...)
			label = words(label, "then", c.Action, strings.Join(set, ", "))
		}
	}
	return p.keep(label, exprs, in), nil
}

// View makes a frame a view of the task's own, as [abi.Host].ActionView does.
func (p *Plans) View(in abi.Frame, name string, replace bool) error {
	if err := p.frame(in).err; err != nil {
		return err
	}
	key := strings.ToLower(name)
	if _, there := p.views[key]; there && !replace {
		return abi.Errorf("pyspark.errors.AnalysisException", "[TEMP_TABLE_OR_VIEW_ALREADY_EXISTS] Cannot create the temporary view `%s` because it already exists.", name)
	}
	if p.views == nil {
		p.views = make(map[string]abi.Frame)
	}
	p.views[key] = p.keep("view "+name, nil, in)
	return nil
}

// DropView drops a view of the task's own and reports whether there was one.
func (p *Plans) DropView(name string) bool {
	_, there := p.views[strings.ToLower(name)]
	delete(p.views, strings.ToLower(name))
	return there
}

// viewsIn returns the views whose names are in a query, sorted by name.
func (p *Plans) viewsIn(query string) []abi.Frame {
	var in []abi.Frame
	for _, name := range slices.Sorted(maps.Keys(p.views)) {
		// Behind a dot it is the last part of another name.
		if regexp.MustCompile("(?i)(^|[^\\pL\\pN_.`]|(^|[^.])`)" + name + `($|[^\pL\pN_])`).MatchString(query) {
			in = append(in, p.views[name])
		}
	}
	return in
}

// GlobalView returns the making of a global view as a frame.
func (p *Plans) GlobalView(in abi.Frame, name string, replace bool) abi.Frame {
	label := "create global view " + name
	if replace {
		label = "create or replace global view " + name
	}
	return p.keep(label, nil, in)
}

// Catalog returns a call of the catalog as text, such as "catalog listTables
// database=sales".
func Catalog(call []byte) (string, error) {
	var c abi.CatalogCall
	if err := decode(call, &c); err != nil {
		return "", err
	}
	return arguments("catalog "+c.Call, c)
}

// Conf returns a call of the settings as text, such as "conf get key=spark.x".
func Conf(call []byte) (string, error) {
	var c abi.ConfCall
	if err := decode(call, &c); err != nil {
		return "", err
	}
	return arguments("conf "+c.Call, c)
}

// arguments appends the fields that are set to label, but for the call's name.
func arguments(label string, call any) (string, error) {
	data, err := json.Marshal(call)
	if err != nil {
		return "", err
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return "", err
	}
	delete(fields, "call")
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		label += fmt.Sprintf(" %s=%v", name, fields[name])
	}
	return label, nil
}

func decode(data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return abi.Errorf("ValueError", "read %q: %v", data, err)
	}
	return nil
}

// options writes options as pairs does, sorted.
func options(m map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, name, m[name])
	}
	return pairs(list)
}

// phrase is a word with what it is about, or nothing.
func phrase(word string, about ...string) string {
	text := strings.Join(about, ", ")
	if text == "" {
		return ""
	}
	return word + " " + text
}

func evolution(is bool) string {
	if is {
		return "with schema evolution"
	}
	return ""
}
