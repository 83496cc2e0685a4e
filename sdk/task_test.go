package sdk

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
)

func TestParametersAreReadFromTheStruct(t *testing.T) {
	type paging struct {
		Limit *int `arg:"limit,default=null" doc:"most rows"`
	}
	type args struct {
		Path string         `arg:"path"`
		Sep  string         `arg:"sep,default=,"`
		N    int64          `arg:"n,default=7"`
		Rate float64        `arg:"rate,default=0.5"`
		Skip []string       `arg:"skip,default=[\"a\",\"b\"]"`
		Map  map[string]int `arg:"map,default={}"`
		Raw  []byte         `arg:"raw,default=abc"`
		At   time.Time      `arg:"at,default=2026-01-02T03:04:05Z"`
		Big  big.Int        `arg:"big,default=123456789012345678901234567890"`
		Name *string        `arg:"name,default=x"`
		Any  any            `arg:"any,default={\"k\":1}"`
		paging
		notes string `arg:"-"`
	}
	_ = args{}.notes
	params, err := parameters(reflect.TypeFor[args]())
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, p := range params {
		fmt.Fprintf(&got, "%s %s %s %s\n", p.Name, p.Type, p.Default, p.Doc)
	}
	want := `path string  
sep string "," 
n int64 7 
rate float64 0.5 
skip []string ["a","b"] 
map map[string]int {} 
raw bytes {"__type__":"bytes","__value__":"abc"} 
at datetime "2026-01-02T03:04:05Z" 
big Int 123456789012345678901234567890 
name *string "x" 
any any {"k":1} 
limit *int null most rows
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
	var a args
	f := &task{spec: abi.TaskSpec{Name: "f", Params: specs(params)}, params: params}
	if err := f.bind(reflect.ValueOf(&a).Elem(), Arguments{Args: []json.RawMessage{json.RawMessage(`"p"`)}}); err != nil {
		t.Fatal(err)
	}
	if a.Path != "p" || a.Sep != "," || a.N != 7 || string(a.Raw) != "abc" || *a.Name != "x" || a.Limit != nil || a.Big.BitLen() != 97 || a.At.Year() != 2026 || len(a.Skip) != 2 {
		t.Errorf("got %+v", a)
	}
}

// panicOf returns what f panics with.
func panicOf(f func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	f()
	return ""
}

func TestABadDefinitionPanicsAndNamesTaskAndField(t *testing.T) {
	type (
		untagged struct{ Path string }
		hidden   struct {
			path string `arg:"path"`
		}
		badName struct {
			Path string `arg:"in put"`
		}
		noName struct {
			Path string `arg:",default=a"`
		}
		badOption struct {
			Path string `arg:"path,optional"`
		}
		channel struct {
			C chan int `arg:"c"`
		}
		inside struct {
			C []map[float64]int `arg:"c"`
		}
		duration struct {
			D time.Duration `arg:"d"`
		}
		twice struct {
			A string `arg:"a"`
			B string `arg:"a"`
		}
		order struct {
			A string `arg:"a,default=x"`
			B string `arg:"b"`
		}
		badDefault struct {
			N int `arg:"n,default=many"`
		}
		wrongDefault struct {
			N int `arg:"n,default=1.5"`
		}
	)
	_ = hidden{}.path
	for _, c := range []struct {
		args any
		want string
	}{
		{5, `sdk.Task "x.y": the arguments are a struct with a field for each parameter, not int; struct{} is for none`},
		{untagged{}, `sdk.Task "x.y": field Path: it has no tag such as ` + "`arg:\"path\"`" + `, or ` + "`arg:\"-\"`" + ` if it is no parameter`},
		{hidden{}, `sdk.Task "x.y": field path: it is not exported, so no argument can fill it`},
		{badName{}, `sdk.Task "x.y": field Path: "in put" is no name that Python could use for an argument`},
		{noName{}, `sdk.Task "x.y": field Path: "" is no name that Python could use for an argument`},
		{badOption{}, `sdk.Task "x.y": field Path: what follows the name in its tag is default=…, not "optional"`},
		{channel{}, `sdk.Task "x.y": field C: chan int cannot be decoded from JSON`},
		{inside{}, `sdk.Task "x.y": field C: the names of a JSON object are strings, so map[float64]int cannot be decoded`},
		{duration{}, `sdk.Task "x.y": field D: time.Duration has no unit in JSON; take a number of seconds`},
		{twice{}, `sdk.Task "x.y": field B: field A is named "a" too`},
		{order{}, `sdk.Task "x.y": field B: a parameter without a default follows A, which has one`},
		{badDefault{}, `sdk.Task "x.y": field N: the default many is not JSON, as int needs: not a JSON value at byte 0 of the JSON`},
		{wrongDefault{}, `sdk.Task "x.y": field N: the default 1.5 must be int, not float`},
	} {
		if got := panicOf(func() { define("x.y", reflect.TypeOf(c.args), reflect.TypeFor[int](), nil) }); got != c.want {
			t.Errorf("%T: got %s\nwant %s", c.args, got, c.want)
		}
	}
	if got := panicOf(func() { define("", reflect.TypeFor[struct{}](), reflect.TypeFor[int](), nil) }); got != "sdk.Task: a task needs a name" {
		t.Errorf("got %s", got)
	}
	if got := panicOf(func() { Task[struct{}, int]("x.y", nil) }); got != `sdk.Task "x.y": the function is nil` {
		t.Errorf("got %s", got)
	}
	if got := panicOf(func() {
		define("x.y", reflect.TypeFor[struct{}](), reflect.TypeFor[int](), []Option{TimeLimit(-time.Second)})
	}); got != `sdk.Task "x.y": the time limit -1s is negative` {
		t.Errorf("got %s", got)
	}
}

func TestTheSecondOfANameIsAPanic(t *testing.T) {
	var r registry
	r.add(&task{spec: abi.TaskSpec{Name: "a.b"}})
	if got := panicOf(func() { r.add(&task{spec: abi.TaskSpec{Name: "a.b"}}) }); got != `sdk.Task "a.b": a task of that name is registered already` {
		t.Errorf("got %s", got)
	}
	r.addCache("c")
	if got := panicOf(func() { r.addCache("c") }); got != `sdk.Cached "c": a cache of that name is registered already` {
		t.Errorf("got %s", got)
	}
}

func TestOptionsAreInTheManifest(t *testing.T) {
	f := define("x.y", reflect.TypeFor[struct{}](), reflect.TypeFor[map[string][]float64](),
		[]Option{Doc("one line"), AcksLate(), IgnoreResult(), TrackStarted(), TimeLimit(1500 * time.Millisecond), RowsAsObjects(),
			Queue("heavy"), Priority(3), Expires(time.Minute)})
	data, err := json.Marshal(f.spec)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"x.y","doc":"one line","returns":"map[string][]float64","rows":"objects","acks_late":true,"ignore_result":true,"track_started":true,"time_limit":1.5,"queue":"heavy","priority":3,"expires":60}`
	if string(data) != want || f.rows != abi.RowObjects {
		t.Errorf("got %s\nwant %s", data, want)
	}
}
