//go:build !sparkstalk_functions

package sdk

import (
	"fmt"
	"reflect"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// Task registers a task. Call it in init: what is wrong with a definition, such
// as a second task of that name or a field that no argument can fill, is a
// panic that names the task and the field, and the host refuses the module.
//
// name is what clients call, such as "demo.WordCount".
//
// A is a struct whose fields are the parameters, in that order. The tag arg
// holds the name and, after a comma, the default, without which an argument is
// required; the default is the rest of the tag, as text for strings and times
// and as JSON for other types. The tag doc is for people.
//
//	Inputs string   `arg:"inputs" doc:"path of text files"`
//	Letter string   `arg:"first_letter,default=a"`
//	Limit  *int     `arg:"limit,default=null"`
//	Skip   []string `arg:"skip,default=[]"`
//
// An argument must have the parameter's type; Python's words for a wrong one
// are "f() argument 'n' must be int, not str". There are bool, all integers
// (exact, and an OverflowError if they do not fit), floats (an int will do),
// string, []byte for bytes, time.Time for datetime and date, slices, arrays, maps,
// structs (with encoding/json's tags), types that decode themselves from JSON or
// text, pointers, which also take None, any, and json.RawMessage for a value's
// very bytes.
//
// R is what the client's result.get() returns: any value as encoding/json
// encodes it (a time.Time is RFC 3339 text, []byte is base64 text); a struct
// without fields, or nil, for None; a json.RawMessage as it is; or a
// *spark.DataFrame for its rows, a list of lists, which the host passes on
// without bringing them into the module.
//
// An error that is or wraps an [Error] is raised by the client as that class;
// see [Errorf]. Any other is a TaskError of the Python module sparkstalk, and a
// panic is a Panic, with the Go stack as its traceback.
func Task[A, R any](name string, fn func(*Context, A) (R, error), options ...Option) {
	if fn == nil {
		panic(fmt.Sprintf("sdk.Task %q: the function is nil", name))
	}
	t := define(name, reflect.TypeFor[A](), reflect.TypeFor[R](), options)
	t.call = func(ctx *Context, arguments Arguments) (any, error) {
		var a A
		if err := t.bind(reflect.ValueOf(&a).Elem(), arguments); err != nil {
			return nil, err
		}
		return fn(ctx, a)
	}
	registered().add(t)
}

// Cached registers a cache of DataFrames. build describes the DataFrame for a
// key; it must give the same plan for the same key, and return a DataFrame:
// only those can be cached. Call it for a package variable, or in init; a second
// cache of one name is a panic.
//
// The first action that needs a cached DataFrame has the host keep its rows;
// later ones, of any task and module, use them. The host knows them by their
// plan: after a reload with the same plan they are still there, and name is only
// for people.
//
// How the rows are kept is up to the host unless options say it: [StorageLevel],
// [Lazy] and [TTL]. Of two caches with one plan, the first to ask decides.
// [Warm] has them built when the module is loaded.
func Cached[K any](name string, build func(ctx *Context, key K) *spark.DataFrame, options ...CacheOption) *Cache[K] {
	if name == "" {
		panic("sdk.Cached: a cache needs a name")
	}
	if build == nil {
		panic(fmt.Sprintf("sdk.Cached %q: the function is nil", name))
	}
	settings := cacheSettings{name: name}
	for _, o := range options {
		o(&settings)
	}
	c := &Cache[K]{name, build, settings.options}
	var warm []*task
	for _, k := range settings.warm {
		key, ok := k.(K)
		if !ok {
			panic(fmt.Sprintf("sdk.Cached %q: its keys are of type %T, and sdk.Warm has a %T", name, *new(K), k))
		}
		warm = append(warm, &task{
			spec: abi.TaskSpec{Name: name},
			rows: abi.RowArrays,
			key:  describeKey(name, key),
			call: func(ctx *Context, _ Arguments) (any, error) { return c.Get(ctx, key), nil },
		})
	}
	registered().addCache(name, warm...)
	return c
}
