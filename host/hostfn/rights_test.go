package hostfn

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/policy"
)

// openWith returns an invocation of module m with what one rule grants.
func openWith(t testing.TB, s *session, rule policy.Rule, task Task) *Invocation {
	t.Helper()
	asks, err := policy.ParseAsks(task.Capabilities)
	if err != nil {
		t.Fatal(err)
	}
	task.ID, task.Name, task.Module = "id-1", "demo.Count", "m"
	task.Rights = policy.Rules{"m": rule}.For("m", asks)
	return openTask(t.Context(), s, Config{TaskConf: []string{"*"}}, task)
}

// each is something that takes a right, and the line that grants it.
type each struct {
	grants policy.Rule
	do     func(i *Invocation) error
}

func eachRight() map[string]each {
	count := func(f func(*Invocation) abi.Frame) func(*Invocation) error {
		return func(i *Invocation) error { return actionError(i, f(i)) }
	}
	exprs := func(f func(*Invocation) abi.Expr) func(*Invocation) error {
		return count(func(i *Invocation) abi.Frame { return i.FrameFilter(i.FrameRange(0, 1, 1, 1), f(i)) })
	}
	spec := func(v any) []byte {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return data
	}
	rows := func(i *Invocation) abi.Frame { return i.FrameRange(0, 1, 1, 1) }
	catalog := func(c abi.CatalogCall) func(*Invocation) error {
		return func(i *Invocation) error { _, err := i.ActionCatalog(spec(c)); return err }
	}
	read, write := func(p string) policy.Rule { return policy.Rule{Read: []string{p}} }, func(p string) policy.Rule { return policy.Rule{Write: []string{p}} }
	readTable, writeTable := func(p string) policy.Rule { return policy.Rule{ReadTable: []string{p}} }, func(p string) policy.Rule { return policy.Rule{WriteTable: []string{p}} }
	sql, raw := policy.Rule{SQL: true}, policy.Rule{RawPlans: true}
	return map[string]each{
		"FrameRead": {read("/data/**"), count(func(i *Invocation) abi.Frame { return i.FrameRead("text", "", nil, []string{"/data/x"}) })},
		"FrameCache of it": {read("/data/**"), count(func(i *Invocation) abi.Frame {
			return i.FrameCache(i.FrameRead("text", "", nil, []string{"/data/x"}), "c")
		})},
		"FrameRead, option path":  {read("/data/**"), count(func(i *Invocation) abi.Frame { return i.FrameRead("text", "", []string{"PATH", "/data/x"}, nil) })},
		"FrameRead, option paths": {read("/data/**"), count(func(i *Invocation) abi.Frame { return i.FrameRead("text", "", []string{"paths", `["/data/x"]`}, nil) })},
		"FrameRead of a service":  {read("kafka:**"), count(func(i *Invocation) abi.Frame { return i.FrameRead("kafka", "", []string{"subscribe", "t"}, nil) })},
		"FrameJDBC":               {read("jdbc:x:**"), count(func(i *Invocation) abi.Frame { return i.FrameJDBC([]string{"url", "jdbc:x:y", "dbtable", "t"}, nil) })},
		"FrameTable":              {readTable("a.*"), count(func(i *Invocation) abi.Frame { return i.FrameTable("A.`b`", nil) })},
		"FrameTable of a file":    {read("/data/**"), count(func(i *Invocation) abi.Frame { return i.FrameTable("parquet.`/data/x`", nil) })},
		"FrameTable, global view": {readTable("global_temp.*"), count(func(i *Invocation) abi.Frame { return i.FrameTable("global_temp.v", nil) })},
		"FrameChanges":            {readTable("t"), count(func(i *Invocation) abi.Frame { return i.FrameChanges("t", nil) })},
		"FrameSQL":                {sql, count(func(i *Invocation) abi.Frame { return i.FrameSQL("SELECT 1", nil, nil) })},
		"ExprSQL, query":          {sql, exprs(func(i *Invocation) abi.Expr { return i.ExprSQL("id = (select 1)") })},
		"ExprSQL, hidden query":   {sql, exprs(func(i *Invocation) abi.Expr { return i.ExprSQL(`id = '\' or (ſelect 1) = '`) })},
		"ExprSQL, table":          {sql, exprs(func(i *Invocation) abi.Expr { return i.ExprSQL("exists(/**/table t)") })},
		"ExprSQL, Java":           {raw, exprs(func(i *Invocation) abi.Expr { return i.ExprSQL("java_method('a', 'b') = ''") })},
		"ExprSQL, file":           {sql, exprs(func(i *Invocation) abi.Expr { return i.ExprSQL("from_protobuf(b, 'M', '/x') = ''") })},
		"ExprCall, file": {sql, exprs(func(i *Invocation) abi.Expr {
			return i.ExprCall("from_xml", []abi.Expr{i.ExprString("a"), i.ExprString("b string"), i.ExprString("c")}, false)
		})},
		"ExprCall, schema by a file": {sql, exprs(func(i *Invocation) abi.Expr {
			return i.ExprCall("schema_of_xml", []abi.Expr{i.ExprString("a"), i.ExprString("c")}, false)
		})},
		"FrameRead, XSD": {policy.Rule{Read: []string{"/data/**", "/xsd"}}, count(func(i *Invocation) abi.Frame {
			return i.FrameRead("xml", "", []string{"rowValidationXSDPath", "/xsd"}, []string{"/data/x"})
		})},
		"ExprCall, Java": {raw, exprs(func(i *Invocation) abi.Expr { return i.ExprCall("Reflect", []abi.Expr{i.ExprString("a")}, false) })},
		"ExprCallFunction, Java": {raw, exprs(func(i *Invocation) abi.Expr {
			return i.ExprCallFunction("`try_reflect`", []abi.Expr{i.ExprString("a")})
		})},
		"ActionWrite": {write("/out/**"), func(i *Invocation) error {
			return i.ActionWrite(rows(i), spec(abi.WriteSpec{Path: "/out/x", Format: "parquet"}))
		}},
		"ActionWrite, option path": {write("/out/**"), func(i *Invocation) error {
			return i.ActionWrite(rows(i), spec(abi.WriteSpec{Format: "parquet", Options: map[string]string{"Path": "/out/x"}}))
		}},
		"ActionWrite, table": {writeTable("t"), func(i *Invocation) error { return i.ActionWrite(rows(i), spec(abi.WriteSpec{Table: "t"})) }},
		"ActionWriteTo": {writeTable("t"), func(i *Invocation) error {
			return i.ActionWriteTo(rows(i), spec(abi.WriteToSpec{Table: "t", Mode: "append"}))
		}},
		"ActionMerge":          {writeTable("t"), func(i *Invocation) error { return i.ActionMerge(rows(i), spec(abi.MergeSpec{Table: "t"})) }},
		"ActionView, global":   {writeTable("global_temp.v"), func(i *Invocation) error { return i.ActionView(rows(i), "v", true, true) }},
		"ActionSQL":            {sql, func(i *Invocation) error { _, err := i.ActionSQL("DROP TABLE t", nil, nil); return err }},
		"catalog, table":       {readTable("db.t"), catalog(abi.CatalogCall{Call: "tableExists", Database: "db", Name: "t"})},
		"catalog, drop":        {writeTable("db.t"), catalog(abi.CatalogCall{Call: "dropTable", Name: "db.t"})},
		"catalog, table there": {policy.Rule{WriteTable: []string{"t"}, Write: []string{"/out/**"}}, catalog(abi.CatalogCall{Call: "createTable", Name: "t", Path: "/out/x", Source: "parquet"})},
		"conf": {policy.Rule{Conf: []string{"spark.*"}}, func(i *Invocation) error {
			_, err := i.ActionConf(spec(abi.ConfCall{Call: "get", Key: "spark.x"}))
			return err
		}},
		"TaskSend": {policy.Rule{Send: []string{"a.*"}}, func(i *Invocation) error { _, err := i.TaskSend([]byte(`{"task":"a.b"}`)); return err }},
		"TaskSend, deep within": {policy.Rule{Send: []string{"a.*"}}, func(i *Invocation) error {
			_, err := i.TaskSend([]byte(`{"task":"celery.chain","kwargs":{"tasks":[{"task":"a.b","options":{"link":[{"task":"a.c"}]}}]}}`))
			return err
		}},
		"TaskReplace":    {policy.Rule{Send: []string{"a.*"}}, func(i *Invocation) error { return i.TaskReplace([]byte(`{"task":"a.b"}`)) }},
		"TaskAddToChord": {policy.Rule{Send: []string{"a.*"}}, func(i *Invocation) error { _, err := i.TaskAddToChord([]byte(`{"task":"a.b"}`)); return err }},
	}
}

func TestEachRightMustBeGranted(t *testing.T) {
	send := Messages{
		Send:       func(context.Context, json.RawMessage) (string, error) { return "", nil },
		Replace:    func(context.Context, json.RawMessage) error { return nil },
		AddToChord: func(context.Context, json.RawMessage) (string, error) { return "", nil },
	}
	for name, test := range eachRight() {
		t.Run(name, func(t *testing.T) {
			task := Task{Messages: send}
			if test.grants.RawPlans {
				task.Capabilities = []string{"raw_plans"}
			}
			// Everything but what it takes.
			other := policy.Rule{
				Read: []string{"/else/**"}, Write: []string{"/else/**"}, ReadTable: []string{"else"}, WriteTable: []string{"else"},
				Send: []string{"else.*"}, Conf: []string{"else"}, SQL: !test.grants.SQL, RawPlans: !test.grants.RawPlans,
			}
			wantError(t, test.do(openWith(t, &session{}, other, task)), typePermission, "this worker does not grant the")
			task.Capabilities = append(task.Capabilities, "read:/else/**")
			wantError(t, test.do(openWith(t, &session{}, policy.Rules{}.AllowAll()["**"], Task{Messages: send, Capabilities: []string{"read:/else/**"}})), typePermission, "does not ask for")
			allowed := func() (err error) {
				defer func() { _ = recover() }() // the session cannot do it
				return test.do(openWith(t, &session{}, test.grants, Task{Messages: send, Capabilities: task.Capabilities[:len(task.Capabilities)-1]}))
			}()
			if e, ok := allowed.(*abi.Error); ok && e.Type == "PermissionError" {
				t.Errorf("granted, and still: %v", allowed)
			}
		})
	}
}

func TestExpressionsThatAreNoQueriesNeedNoRight(t *testing.T) {
	i := openWith(t, &session{}, policy.Rule{}, Task{})
	for name, args := range map[string][]abi.Expr{"from_xml": {i.ExprString("a"), i.ExprString("b string")}, "schema_of_xml": {i.ExprString("a")}} {
		if err := actionError(i, i.FrameFilter(i.FrameRange(0, 1, 1, 1), i.ExprCall(name, args, false))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"selected = 1", "a + from_x", "upper(`table_name`)", "x in (1, 2)", "reflection > 1"} {
		if err := actionError(i, i.FrameFilter(i.FrameRange(0, 1, 1, 1), i.ExprSQL(text))); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestLimitsOfAModule(t *testing.T) {
	i := openTask(t.Context(), &session{}, Config{}, Task{Name: "t", Limits: policy.Limits{HostCalls: 2, Handles: 1, LogLines: 1, Rows: 5, CollectedBytes: 50}})
	for n := range 3 {
		if err := i.HostCall(); (err != nil) != (n == 2) {
			t.Errorf("call %d: %v", n, err)
		} else if err != nil {
			wantError(t, err, typeLimit, "more than 2 times", "setting modules, host_calls")
		}
	}
	if err := i.takeIn(5, 50); err != nil {
		t.Error(err)
	}
	wantError(t, i.takeIn(0, 1), typeLimit, "collected_bytes")
	wantError(t, i.takeIn(1, 0), typeLimit, "more than 5 rows", "setting modules, rows")
	i.FrameRange(0, 1, 1, 1)
	wantError(t, actionError(i, i.FrameRange(0, 1, 1, 1)), typeLimit, "more than 1 frames")
}

// TestForgedHandles calls every host function with handles, numbers and texts
// that no guest was given. Nothing panics.
func TestForgedHandles(t *testing.T) {
	const rounds = 200
	rnd := rand.New(rand.NewPCG(1, 2))
	host := reflect.TypeFor[abi.Host]()
	texts := []string{"", "x", "a.b", "\xff\xfe", "{}", "[]", `{"task":"x"}`, strings.Repeat("[", 500), "1", "null", `{"call":"listTables"}`}
	var value func(t reflect.Type) reflect.Value
	value = func(typ reflect.Type) reflect.Value {
		v := reflect.New(typ).Elem()
		switch typ.Kind() {
		case reflect.String:
			v.SetString(texts[rnd.IntN(len(texts))])
		case reflect.Bool:
			v.SetBool(rnd.IntN(2) == 0)
		case reflect.Uint32:
			v.SetUint([]uint64{0, 1, 2, 3, 1 << 31, 1<<32 - 1, uint64(rnd.IntN(100))}[rnd.IntN(7)])
		case reflect.Int32, reflect.Int64:
			v.SetInt([]int64{0, 1, -1, 5, 1<<31 - 1, -1 << 31}[rnd.IntN(6)])
		case reflect.Float64:
			v.SetFloat([]float64{0, 0.5, -1, 1e308}[rnd.IntN(4)])
		case reflect.Slice:
			if typ.Elem().Kind() == reflect.Uint8 {
				v.SetBytes([]byte(texts[rnd.IntN(len(texts))]))
				break
			}
			for range rnd.IntN(4) {
				v = reflect.Append(v, value(typ.Elem()))
			}
		}
		return v
	}
	// What reaches the engine is not about handles.
	engine := []string{"Action", "Cursor", "Result"}
	for range rounds {
		i := openTask(t.Context(), &session{}, Config{}, Task{Name: "t"})
		for n := range host.NumMethod() {
			m := host.Method(n)
			if slices.ContainsFunc(engine, func(p string) bool { return strings.HasPrefix(m.Name, p) }) && m.Name != "ActionCount" {
				continue
			}
			var args []reflect.Value
			for p := range m.Type.NumIn() {
				args = append(args, value(m.Type.In(p)))
			}
			func() {
				defer func() {
					if r := recover(); r != nil {
						t.Fatalf("%s%v: %v", m.Name, args, r)
					}
				}()
				reflect.ValueOf(i).MethodByName(m.Name).Call(args)
			}()
		}
		i.Close()
	}
}
