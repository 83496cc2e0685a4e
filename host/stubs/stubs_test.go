package stubs

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// tasks have a parameter of each type, names that languages reserve, and a name
// that is a task and the beginning of others.
var tasks = []abi.TaskSpec{
	{Name: "demo.WordCount", Doc: `the "five" most */ common`, Returns: "DataFrame", Params: []abi.Param{
		{Name: "inputs", Type: "string", Doc: "path of\n\"\"\"texts\"\"\" */"},
		{Name: "first_letter", Type: "string", Default: json.RawMessage(`"a'\"é"`)},
	}},
	{Name: "demo", Returns: "null"},
	{Name: "demo.class", Returns: "DataFrame", Rows: abi.RowsObjects, Params: []abi.Param{{Name: "class", Type: "int64"}, {Name: "2-x", Type: "any", Default: json.RawMessage(`{"a": [true, null]}`)}}},
	{Name: "types.all", Returns: "map[string][]*float64", Params: []abi.Param{
		{Name: "bool", Type: "bool"}, {Name: "int", Type: "uint8"}, {Name: "float", Type: "float64"}, {Name: "number", Type: "number"},
		{Name: "bytes", Type: "bytes"}, {Name: "time", Type: "datetime"}, {Name: "raw", Type: "json"}, {Name: "object", Type: "Options"},
		{Name: "list", Type: "[]string", Default: json.RawMessage(`[]`)}, {Name: "maybe", Type: "*int64", Default: json.RawMessage(`null`)},
		{Name: "odd", Type: "string", Default: json.RawMessage(`null`)}, {Name: "lists", Type: "[]*[2]bool", Default: json.RawMessage(`[[true, false], null]`)},
	}},
	{Name: "none", Doc: `it says "hi"`, Params: []abi.Param{
		{Name: "cast", Type: "string", Doc: `a \d "word"`}, {Name: "_cast", Type: "int64"}, {Name: "datetime", Type: "datetime"}, {Name: "-", Type: "bool"},
	}},
	{Name: "true", Doc: `"\"`}, {Name: "object", Doc: "a bell \a, a NUL \x00"}, {Name: oddName, Returns: "int64", Params: []abi.Param{{Name: "n", Type: "int64"}}},
	{Name: "types.bytes", Returns: "bytes"}, {Name: "types.time", Returns: "datetime"}, {Name: "types.int", Returns: "int64"},
}

// oddName has characters that languages escape otherwise.
const oddName = "odd.\a\U000e0001\u2028<\"é"

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func generate(t *testing.T, language string) string {
	t.Helper()
	text, err := Generate(language, tasks, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// expect checks that a type checker found exactly the lines of source marked
// with the comment "wrong".
func expect(t *testing.T, file, source, output string, err error) {
	t.Helper()
	for i, line := range strings.Split(source, "\n") {
		wrong := strings.Contains(line, "wrong")
		at := []string{file + ":" + strconv.Itoa(i+1) + ":", file + "(" + strconv.Itoa(i+1) + ","}
		if found := strings.Contains(output, at[0]) || strings.Contains(output, at[1]); found != wrong {
			t.Errorf("line %d, %q: found wrong %v\n%s", i+1, line, found, output)
		}
	}
	if (err != nil) != strings.Contains(source, "wrong") {
		t.Errorf("the checker ended with %v:\n%s", err, output)
	}
}

const pythonUse = `import datetime
from tasks import App, Tasks


def use(app: App) -> None:
    tasks = Tasks(app)
    rows: list[list[object]] = tasks.demo.WordCount.delay("/data", "b").get(timeout=3)
    rows = tasks.demo.WordCount.delay("/data").get()
    tasks.demo.WordCount.apply_async(("/data",), {"first_letter": "x"}, countdown=3, queue="q").get()
    nothing: None = tasks.demo.delay().get()
    objects = tasks.demo.class_.delay(class_=1).get()
    objects[0]["a"]
    floats: dict[str, list[float | None]] = tasks.types.all.delay(
        True, 1, 1.5, 2, b"x", datetime.datetime.now(), [1], {"a": 1}, ["x"], None, None, [[True], None]
    ).get()
    text: str = tasks.types.bytes.delay().get() + tasks.types.time.delay().get()
    n: int = tasks.types.int.delay().get()
    tasks.demo.WordCount.s("/data") | tasks.types.int.s()
    tasks.none.delay("a", 1, datetime.date.today(), True).get()
    tasks.true.delay().get()
    tasks.demo.WordCount.delay(1)  # wrong
    tasks.demo.WordCount.delay()  # wrong
    tasks.demo.WordCount.delay("/data", letter="a")  # wrong
    tasks.demo.WordCount.apply_async(("/data", 2))  # wrong
    tasks.demo.WordCount.apply_async(kwargs={"letter": "x"})  # wrong
    m: str = tasks.types.int.delay().get()  # wrong
    tasks.demo.Missing.delay()  # wrong
`

func TestPythonIsCheckedByMypy(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"tasks.py": generate(t, "python"), "use.py": pythonUse})
	cmd := exec.Command(proctest.Mypy(t), "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", filepath.Join(dir, "cache"), "use.py", "tasks.py")
	cmd.Dir = dir
	output, err := cmd.CombinedOutput()
	expect(t, "use.py", pythonUse, string(output), err)
	if strings.Contains(string(output), "tasks.py") {
		t.Errorf("the stubs themselves are wrong:\n%s", output)
	}
}

// What a Python client sends must be what the stubs were called with.
func TestPythonSendsWhatItIsGiven(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"tasks.py": generate(t, "python"), "run.py": `
from tasks import Tasks

class App:
    def send_task(self, name, args=None, kwargs=None, **options):
        print(name, args, kwargs, options)
    signature = send_task

tasks = Tasks(App())
tasks.demo.delay()
tasks.demo.WordCount.delay("/data")
tasks.demo.class_.delay(class_=1)
tasks.demo.WordCount.apply_async(("/data",), {"first_letter": "x"}, countdown=3, shadow="s")
tasks.demo.WordCount.s("/data", "b")
tasks.none.delay("a", 1, None, True)
print(ascii(tasks.odd.______.name))
print(tasks.none.__doc__.splitlines()[0], tasks.true.__doc__, tasks.object.__doc__, sep="|")
`})
	cmd := exec.Command(proctest.Python(t), "run.py")
	cmd.Dir = dir
	output, err := cmd.CombinedOutput()
	want := `demo () None {}
demo.WordCount ('/data', 'a\'"é') None {}
demo.class (1, {'a': [True, None]}) None {}
demo.WordCount ('/data',) {'first_letter': 'x'} {'shadow': 's', 'countdown': 3}
demo.WordCount ('/data', 'b') None {}
none ('a', 1, None, True) None {}
'odd.\x07\U000e0001\u2028<"\xe9'
it says "hi"|"\"|a bell , a NUL ` + "\n"
	if got := string(output); err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
}

const typescriptUse = `import * as celery from "celery-node";
import { Client, Tasks, bytes, dateTime } from "./tasks";

export async function use() {
  const tasks = new Tasks(celery.createClient("redis://", "redis://"));
  const rows: any[][] = await tasks.demo.WordCount.delay("/data", "b").get(1000);
  await tasks.demo.WordCount.applyAsync({ inputs: "/data" }, "id").get();
  const nothing: null = await tasks.demo.delay().get();
  const objects = await tasks.demo.class_.delay(1).get();
  objects[0]["a"];
  const all = { bool: true, int: 1, float: 1.5, number: 2, bytes: bytes("eA=="), time: dateTime(new Date()), raw: [1], object: { a: 1 } };
  const floats: Record<string, (number | null)[]> = await tasks.types.all.applyAsync({ ...all, odd: null, maybe: 7, lists: [[true], null] }).get();
  const text: string = (await tasks.types.bytes.delay().get()) + (await tasks.types.time.delay().get());
  const n: number = await tasks.types.int.delay().get();
  const custom: Client = { sendTask: (name) => ({ taskId: name, get: async () => 1, status: async () => "SUCCESS" }) };
  tasks.demo.WordCount.delay(1); // wrong
  tasks.demo.WordCount.delay(); // wrong
  tasks.demo.WordCount.applyAsync({ inputs: "/data", letter: "a" }); // wrong
  const m: string = await tasks.types.int.delay().get(); // wrong
  tasks.demo.Missing; // wrong
  return [rows, nothing, floats, text, n, custom, m];
}
`

func TestTypeScriptIsCheckedByTsc(t *testing.T) {
	modules := proctest.NodeModules(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{"tasks.ts": generate(t, "typescript"), "use.ts": typescriptUse,
		"tsconfig.json": `{"compilerOptions": {"strict": true, "outDir": "out", "target": "es2022", "module": "nodenext", "moduleResolution": "nodenext", "skipLibCheck": true, "types": []}, "files": ["use.ts"]}`})
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(modules, ".bin", "tsc"), "--pretty", "false", "-p", dir)
	cmd.Dir = dir
	output, err := cmd.CombinedOutput()
	expect(t, "use.ts", typescriptUse, string(output), err)
	if strings.Contains(strings.ReplaceAll(string(output), "use.ts", ""), "tasks.ts") {
		t.Errorf("the stubs themselves are wrong:\n%s", output)
	}

	// What tsc made of them sends what it is given.
	write(t, dir, map[string]string{"run.cjs": `
const { Tasks } = require("./out/tasks.js");
const sent = [];
const tasks = new Tasks({ sendTask: (name, args, kwargs) => sent.push([name, args, kwargs]) });
tasks.odd.______.delay(1);
tasks.none.delay("a", 2, null, true);
console.log(JSON.stringify(sent));
`})
	if output, err = exec.Command("node", filepath.Join(dir, "run.cjs")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	text, err := json.Marshal([]any{[]any{oddName, []any{}, map[string]any{"n": 1}},
		[]any{"none", []any{}, map[string]any{"cast": "a", "_cast": 2, "datetime": nil, "-": true}}})
	var sent, want any
	if err := errors.Join(err, json.Unmarshal(output, &sent), json.Unmarshal(text, &want)); err != nil || !reflect.DeepEqual(sent, want) {
		t.Errorf("sent %s, %v; want %s", output, err, text)
	}
}

const goUse = `package tasks

import (
	"context"
	"encoding/json"
	"testing"
	"time"
)

func TestCalls(t *testing.T) {
	var sent string
	tasks := New(func(_ context.Context, name string, kwargs, options map[string]json.RawMessage) (json.RawMessage, error) {
		data, err := json.Marshal(kwargs)
		sent = name + " " + string(data)
		if options != nil {
			how, _ := json.Marshal(options)
			sent += " " + string(how)
		}
		return json.RawMessage(map[string]string{"demo": "null", "none": "null", "demo.WordCount": "[[\"a\",1]]", "demo.class": "[{\"a\":1}]",
			"types.bytes": "\"eA==\"", "types.time": "\"2026-01-02T03:04:05Z\"", "types.int": "7", "types.all": "{\"a\":[1.5,null]}"}[name]), err
	})
	letter := "b"
	rows, err := tasks.DemoWordCount(t.Context(), DemoWordCountArgs{Inputs: "/data", FirstLetter: &letter})
	if err != nil || rows[0][0] != "a" || sent != "demo.WordCount {\"first_letter\":\"b\",\"inputs\":\"/data\"}" {
		t.Error(rows, err, sent)
	}
	if _, err := tasks.DemoWordCount(t.Context(), DemoWordCountArgs{Inputs: "/data"}); err != nil || sent != "demo.WordCount {\"inputs\":\"/data\"}" {
		t.Error(err, sent)
	}
	all, err := tasks.TypesAll(t.Context(), TypesAllArgs{Bytes: Bytes("x"), Time: Time{time.Unix(0, 0).UTC()}})
	if err != nil || *all["a"][0] != 1.5 || all["a"][1] != nil {
		t.Error(all, err)
	}
	want := "types.all {\"bool\":false,\"bytes\":{\"__type__\":\"bytes\",\"__value__\":\"eA==\"},\"float\":0,\"int\":0,\"number\":0,\"object\":null,\"raw\":null," +
		"\"time\":{\"__type__\":\"datetime\",\"__value__\":\"1970-01-01T00:00:00Z\"}}"
	if sent != want {
		t.Errorf("sent %s\nwant %s", sent, want)
	}
	if b, err := tasks.TypesBytes(t.Context(), TypesBytesArgs{}); err != nil || string(b) != "x" {
		t.Error(b, err)
	}
	if at, err := tasks.TypesTime(t.Context(), TypesTimeArgs{}); err != nil || at.Year() != 2026 {
		t.Error(at, err)
	}
	if n, err := tasks.TypesInt(t.Context(), TypesIntArgs{}); err != nil || n != 7 {
		t.Error(n, err)
	}
	if o, err := tasks.DemoClass(t.Context(), DemoClassArgs{Class: 1}); err != nil || o[0]["a"] != 1.0 {
		t.Error(o, err)
	}
	later := tasks.DelayTypesInt(t.Context(), TypesIntArgs{})
	if n, err := later.Get(t.Context()); err != nil || n != 7 || !later.Ready() {
		t.Error(n, err)
	}
	three := uint8(3)
	how := Options{Queue: "q", TaskID: "id", Countdown: 1500 * time.Millisecond, Expires: time.Minute, Priority: &three, More: map[string]json.RawMessage{"shadow": json.RawMessage("\"s\"")}}
	if n, err := tasks.ApplyAsyncTypesInt(t.Context(), TypesIntArgs{}, how).Get(t.Context()); err != nil || n != 7 ||
		sent != "types.int {} {\"countdown\":1.5,\"expires\":60,\"priority\":3,\"queue\":\"q\",\"shadow\":\"s\",\"task_id\":\"id\"}" {
		t.Error(n, err, sent)
	}
	if _, err := tasks.ApplyAsyncTypesInt(t.Context(), TypesIntArgs{}, Options{ETA: time.Unix(0, 0)}).Get(t.Context()); err != nil || sent != "types.int {} {\"eta\":\"1970-01-01T00:00:00Z\"}" {
		t.Error(err, sent)
	}
	waiting := New(func(ctx context.Context, _ string, _, _ map[string]json.RawMessage) (json.RawMessage, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	never := waiting.DelayDemoWordCount(ctx, DemoWordCountArgs{})
	if never.Ready() {
		t.Error("it is ready")
	}
	cancel()
	if rows, err := never.Get(t.Context()); err == nil || rows != nil {
		t.Error(rows, err)
	}
	if _, err := tasks.Demo(t.Context(), DemoArgs{}); err != nil {
		t.Error(err)
	}
	if _, err := tasks.None(t.Context(), NoneArgs{T: true}); err != nil || sent[:15] != "none {\"-\":true," {
		t.Error(err, sent)
	}
}
`

func TestGoIsCompiledAndCalls(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"go.mod": "module tasks\n\ngo 1.24\n", "tasks.go": generate(t, "go"), "tasks_test.go": goUse})
	cmd := exec.Command("go", "test", "./...")
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	for want, c := range map[string]struct {
		language string
		tasks    []abi.TaskSpec
	}{
		`no clients in "perl"`: {"perl", tasks},
		"there are no tasks":   {"python", nil},
		`two tasks named "a"`:  {"go", []abi.TaskSpec{{Name: "a"}, {Name: "a"}}},
		`parameter "a,b" has a name that no field's tag can have`: {"go", []abi.TaskSpec{{Name: "a", Params: []abi.Param{{Name: "a,b"}}}}},
		"the default of x is no JSON":                             {"python", []abi.TaskSpec{{Name: "a", Params: []abi.Param{{Name: "x", Default: json.RawMessage(`nope`)}}}}},
	} {
		if _, err := Generate(c.language, c.tasks, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
