package hostfn

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/policy"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// typePermission is the class of what a task is not let do.
const typePermission = "PermissionError"

// notForTasks are methods of the catalog that would change what other tasks of
// the shared session see, and how to do without.
var notForTasks = map[string]string{
	"setCurrentDatabase": "write the database in front of the names of tables, database.table",
	"setCurrentCatalog":  "write catalog and database in front of the names of tables, catalog.database.table",
	"clearCache":         "uncache the task's own tables with uncacheTable",
}

// ActionCatalog implements [abi.Host].
func (i *Invocation) ActionCatalog(call []byte) ([]byte, error) {
	b := i.build("ActionCatalog")
	b.count(len(call))
	var c abi.CatalogCall
	b.decode(call, &c)
	if way, refused := notForTasks[c.Call]; refused {
		b.invalid(typePermission, "catalog.%s would change the session that all tasks of this worker share; %s", c.Call, way)
	}
	b.mayCatalog(c)
	return i.ask(b, func(ctx context.Context) (json.RawMessage, error) {
		if answer, is := i.catalogOfViews(c); is {
			return json.Marshal(answer)
		}
		if err := i.cfg.Cache.RestoreViews(ctx); err != nil {
			return nil, err
		}
		var answer json.RawMessage
		ask := func() (err error) {
			answer, err = i.cfg.Session.Catalog(ctx, spark.CatalogCall(c), i.opt)
			return err
		}
		var err error
		if name, drops := dropsGlobalView(c); drops {
			err = i.cfg.Cache.DropView(ctx, name, ask)
		} else {
			err = ask()
		}
		if err != nil {
			return nil, err
		}
		return i.addViews(c, answer)
	})
}

// dropsGlobalView returns the global temporary view that a call drops, if it may
// drop one.
func dropsGlobalView(c abi.CatalogCall) (name string, drops bool) {
	switch c.Call {
	case "dropGlobalTempView":
		return c.Name, true
	case "dropView":
		return strings.CutPrefix(strings.ToLower(c.Name), "global_temp.")
	}
	return "", false
}

// ActionConf implements [abi.Host].
func (i *Invocation) ActionConf(call []byte) ([]byte, error) {
	b := i.build("ActionConf")
	b.count(len(call))
	var c abi.ConfCall
	b.decode(call, &c)
	if (c.Call == "set" || c.Call == "unset") && !i.mayConf(c.Key) {
		b.invalid(typePermission, "conf.%s: %q is a setting of the session that all tasks of this worker share, and task_conf in the worker's configuration does not let tasks change it; "+
			"use an option of the reader, the writer or the function instead", c.Call, cut(c.Key, 100))
	}
	if c.Call == "get" || c.Call == "getAll" { // secrets may be among them
		b.may(policy.Conf, c.Key)
	}
	return i.ask(b, func(ctx context.Context) (json.RawMessage, error) {
		return i.cfg.Session.Conf(ctx, spark.ConfCall(c))
	})
}

// mayConf reports whether tasks may change a setting.
func (i *Invocation) mayConf(key string) bool {
	return slices.ContainsFunc(i.cfg.TaskConf, func(allowed string) bool {
		begin, all := strings.CutSuffix(allowed, "*")
		return key == allowed || all && strings.HasPrefix(key, begin)
	})
}

// ask returns what the engine answers, unless something is wrong with the call.
// A call that spark finds wrong before any engine has seen it is the guest's
// fault.
func (i *Invocation) ask(b *builder, run func(context.Context) (json.RawMessage, error)) ([]byte, error) {
	if b.wrong() {
		return nil, i.failed(i.ctx, b.err)
	}
	answer, err := run(i.working())
	if err != nil {
		return nil, i.failed(i.ctx, err)
	}
	return answer, nil
}
