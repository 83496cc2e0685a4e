package hostfn

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/policy"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// view is a temporary view of the task's own. The engine never hears of it: its
// plan goes with each query that reads it.
type view struct {
	name  string
	frame slot[*spark.DataFrame]
}

// ActionView implements [abi.Host].
func (i *Invocation) ActionView(frame abi.Frame, name string, replace, global bool) error {
	b := i.build("ActionView")
	b.text(name)
	df := b.frame(frame)
	if err := spark.CheckViewName(name); err != nil {
		b.invalid(typeValue, "%v", err)
	}
	if global {
		b.mayTable(policy.WriteTable, "global_temp."+name)
	}
	if b.wrong() {
		return i.failed(i.ctx, b.err)
	}
	err := planError(df.Err())
	switch {
	case err != nil:
	case global:
		if err = i.awake(); err == nil {
			err = i.cfg.Cache.DefineView(i.working(), df, name, i.opt, func(ctx context.Context, df *spark.DataFrame) error {
				return i.cfg.Session.CreateGlobalTempView(ctx, df, name, replace, i.opt)
			})
		}
	case !replace && i.hasView(name):
		err = abi.Errorf("pyspark.errors.AnalysisException", "[TEMP_TABLE_OR_VIEW_ALREADY_EXISTS] Cannot create the temporary view `%s` because it already exists. "+
			"Choose a different name, drop or replace the existing view. SQLSTATE: 42P07", name)
	default:
		i.keepView(name, slot[*spark.DataFrame]{df, b.weight})
	}
	if err != nil {
		return i.failed(i.ctx, err)
	}
	return nil
}

// Names of views are compared without regard to case.

func (i *Invocation) hasView(name string) bool {
	_, ok := i.views[strings.ToLower(name)]
	return ok
}

func (i *Invocation) keepView(name string, frame slot[*spark.DataFrame]) {
	if i.views == nil {
		i.views = make(map[string]view)
	}
	i.views[strings.ToLower(name)] = view{name, frame}
}

// viewsIn returns the task's views for a query, in order, and counts those that
// it may read.
func (b *builder) viewsIn(query string) []spark.View {
	var list []spark.View
	query = strings.ToLower(query)
	for _, key := range slices.Sorted(maps.Keys(b.i.views)) {
		v := b.i.views[key]
		if strings.Contains(query, key) {
			b.weight += v.frame.weight
			list = append(list, spark.View{Name: v.name, Frame: v.frame.value})
		}
	}
	return list
}

// ActionSQL implements [abi.Host].
func (i *Invocation) ActionSQL(query string, names []string, args []abi.Expr) (abi.Frame, error) {
	b := i.build("ActionSQL")
	df := b.sql(query, names, args)
	if b.wrong() {
		return 0, i.failed(i.ctx, b.err)
	}
	err := planError(df.Err())
	if err == nil {
		result := df // of a query
		err = i.once(df, func(ctx context.Context, df *spark.DataFrame) error {
			rows, err := i.cfg.Session.Command(ctx, df, i.opt)
			if rows != nil {
				result = rows
			}
			return err
		})
		if err == nil {
			b.weight += result.Weight()
			return b.keepFrame(result), nil
		}
	}
	return 0, i.failed(i.ctx, err)
}

// catalogOfViews answers a call of the catalog that is about a view of the
// task's own, if it is.
func (i *Invocation) catalogOfViews(c abi.CatalogCall) (answer any, is bool) {
	key := strings.ToLower(c.Name)
	if v, ok := i.views[key]; ok && c.Database == "" {
		switch c.Call {
		case "dropTempView":
			delete(i.views, key)
			return true, true
		case "tableExists":
			return true, true
		case "getTable":
			return v.table(), true
		}
	}
	return nil, false
}

func (v view) table() map[string]any {
	return map[string]any{"name": v.name, "catalog": nil, "namespace": []string{}, "description": nil, "tableType": "TEMPORARY", "isTemporary": true}
}

// addViews adds the task's views to what listTables answered.
func (i *Invocation) addViews(c abi.CatalogCall, answer json.RawMessage) (json.RawMessage, error) {
	if c.Call != "listTables" || len(i.views) == 0 {
		return answer, nil
	}
	var tables []any
	if err := json.Unmarshal(answer, &tables); err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(i.views)) {
		if likePattern(c.Pattern, key) {
			tables = append(tables, i.views[key].table())
		}
	}
	return json.Marshal(tables)
}

// likePattern reports whether name is like a pattern of the catalog's: * stands
// for any characters, | separates alternatives, and case does not count.
func likePattern(pattern, name string) bool {
	if pattern == "" {
		return true
	}
	return slices.ContainsFunc(strings.Split(strings.ToLower(pattern), "|"), func(p string) bool {
		parts := strings.Split(strings.TrimSpace(p), "*")
		rest, ok := strings.CutPrefix(name, parts[0])
		if !ok || len(parts) == 1 {
			return ok && rest == ""
		}
		for _, part := range parts[1 : len(parts)-1] {
			_, after, found := strings.Cut(rest, part)
			if !found {
				return false
			}
			rest = after
		}
		return strings.HasSuffix(rest, parts[len(parts)-1])
	})
}
