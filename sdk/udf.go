package sdk

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// A Function is one of the module's own for Spark's expressions. See [UDF].
type Function struct {
	spec abi.FunctionSpec
	// call reads the arguments and writes the result.
	call func(in *udfReader, out *udfWriter) error
	// step does that for a step of an aggregate.
	step func(step abi.AggregateStep, in *udfReader, out *udfWriter) error
}

// UDF registers a function for Spark's expressions. The executors of the cluster
// run it, in a copy of this module: it sees its arguments and nothing else, no
// host, no files, and no variables that a task has changed. Call it for a
// package variable, or in init; what is wrong with the function is a panic.
//
//	var slug = sdk.UDF("slug", func(title string) string { … })
//
//	df.Select(slug.Call(F.Col("title")).As("slug"))
//	ctx.Spark().SQL("SELECT slug(title) FROM pages")
//
// fn takes up to ten values and returns one, and perhaps an error, which fails
// the query. The types of both are
//
//	bool                boolean
//	int8, int16, int32  tinyint, smallint, int
//	int64, int          bigint
//	float32, float64    float, double
//	string, []byte      string, binary
//	time.Time           timestamp, or date if ParamTypes or ReturnType says so
//	spark.Decimal       decimal(38,18), or what ParamTypes or ReturnType says
//	[]T                 array<T>
//	*T                  that of T; NULL is nil
//
// With a NULL for an argument that is not a pointer the result is NULL, without
// a call. Arguments of other types are cast where Spark casts them.
//
// [UDF1], [UDF2] and [UDF3] are the same with types that are checked when the
// module is compiled. They call functions of the plain types, those up to binary
// above, without reflection, which is several times faster; UDF does so for the
// commonest signatures, such as func(string) string.
func UDF(name string, fn any, options ...FunctionOption) *Function {
	value := reflect.ValueOf(fn)
	if fn == nil || value.Kind() != reflect.Func || value.IsNil() {
		panic(fmt.Sprintf("sdk.UDF %q: it is no function, but %T", name, fn))
	}
	f := describeFunction("sdk.UDF", name, value.Type(), options)
	if f.call = direct(f, fn); f.call == nil {
		f.call = reflected(f, value)
	}
	registered().addFunction("sdk.UDF", f)
	return f
}

// UDF1 is [UDF] for a function of one argument.
func UDF1[A, R any](name string, fn func(A) R, options ...FunctionOption) *Function {
	f := describeFunction("sdk.UDF1", name, reflect.TypeOf(fn), options)
	f.call = call1(f, fn)
	registered().addFunction("sdk.UDF1", f)
	return f
}

// UDF2 is [UDF] for a function of two arguments.
func UDF2[A, B, R any](name string, fn func(A, B) R, options ...FunctionOption) *Function {
	f := describeFunction("sdk.UDF2", name, reflect.TypeOf(fn), options)
	f.call = call2(f, fn)
	registered().addFunction("sdk.UDF2", f)
	return f
}

// UDF3 is [UDF] for a function of three arguments.
func UDF3[A, B, C, R any](name string, fn func(A, B, C) R, options ...FunctionOption) *Function {
	f := describeFunction("sdk.UDF3", name, reflect.TypeOf(fn), options)
	f.call = call3(f, fn)
	registered().addFunction("sdk.UDF3", f)
	return f
}

// UDAF registers an aggregate of one argument, which makes one value of a
// group's rows. update adds a row's value to a state, merge puts two states
// together, and finish makes the result. S has the types of a UDF's values, or is
// a struct of such; its zero value is that of no rows. Rows with NULL are left
// out unless A is a pointer. See [UDF].
//
// Spark keeps the state as bytes between two calls, so that a small one is fast.
func UDAF[S, A, R any](name string, update func(S, A) S, merge func(S, S) S, finish func(S) R, options ...FunctionOption) *Function {
	if update == nil || merge == nil || finish == nil {
		panic(fmt.Sprintf("sdk.UDAF %q: a function is nil", name))
	}
	f := describeFunction("sdk.UDAF", name, reflect.TypeFor[func(A) R](), options)
	f.spec.Aggregate = true
	if f.spec.Nondeterministic {
		panic(fmt.Sprintf("sdk.UDAF %q: an aggregate must be deterministic", name))
	}
	state, err := stateOf(reflect.TypeFor[S]())
	if err != nil {
		panic(fmt.Sprintf("sdk.UDAF %q: its state: %v", name, err))
	}
	f.step = aggregate(f, state, update, merge, finish)
	registered().addFunction("sdk.UDAF", f)
	return f
}

// A FunctionOption changes how a function for Spark's expressions is described.
type FunctionOption func(*Function)

// FunctionDoc describes the function in one line for people.
func FunctionDoc(text string) FunctionOption { return func(f *Function) { f.spec.Doc = text } }

// Nondeterministic says that equal arguments may give unequal results: Spark
// then calls the function once for each row, and moves no call.
func Nondeterministic() FunctionOption {
	return func(f *Function) { f.spec.Nondeterministic = true }
}

// ParamNames names the parameters for people.
func ParamNames(names ...string) FunctionOption {
	return func(f *Function) {
		for i, name := range names {
			if i < len(f.spec.Params) {
				f.spec.Params[i].Name = name
			}
		}
	}
}

// ParamTypes gives the parameters' types in Spark's DDL form where Go's leave a
// choice, such as "date" or "decimal(10,2)"; an empty one keeps the usual type.
func ParamTypes(types ...string) FunctionOption {
	return func(f *Function) {
		for i, ddl := range types {
			if i < len(f.spec.Params) && ddl != "" {
				f.spec.Params[i].Type = ddl
			}
		}
	}
}

// ReturnType gives the result's type in Spark's DDL form where Go's leaves a choice.
func ReturnType(ddl string) FunctionOption { return func(f *Function) { f.spec.Returns = ddl } }

// Name is what SQL text calls the function.
func (f *Function) Name() string { return f.spec.Name }

// Call is the function's value for columns. A wrong number of them is the error
// of the action.
func (f *Function) Call(args ...spark.Column) spark.Column {
	return spark.CallUDF(f.spec.Name, args...)
}

var errorType = reflect.TypeFor[error]()

// describeFunction makes the description of a function, or panics.
func describeFunction(who, name string, t reflect.Type, options []FunctionOption) *Function {
	refuse := func(format string, args ...any) {
		panic(fmt.Sprintf("%s %q: ", who, name) + fmt.Sprintf(format, args...))
	}
	if t.IsVariadic() {
		refuse("a function with ... takes no fixed number of arguments")
	}
	if outs := t.NumOut(); outs < 1 || outs > 2 || outs == 2 && t.Out(1) != errorType {
		refuse("it must return one value, and perhaps an error")
	}
	f := &Function{spec: abi.FunctionSpec{Name: name}}
	for i := range t.NumIn() {
		ddl, err := udfType(t.In(i))
		if err != nil {
			refuse("parameter %d: %v", i+1, err)
		}
		f.spec.Params = append(f.spec.Params, abi.FunctionParam{Type: ddl})
	}
	ddl, err := udfType(t.Out(0))
	if err != nil {
		refuse("its result: %v", err)
	}
	f.spec.Returns = ddl
	for _, o := range options {
		o(f)
	}
	for i, p := range f.spec.Params {
		if err := fits(t.In(i), p.Type); err != nil {
			refuse("parameter %d: %v", i+1, err)
		}
	}
	if err := fits(t.Out(0), f.spec.Returns); err != nil {
		refuse("its result: %v", err)
	}
	return f
}

// fits checks a type that was given in DDL form.
func fits(t reflect.Type, ddl string) error {
	usual, err := udfType(t)
	if err != nil {
		return err
	}
	if err := abi.CheckFunctionType(ddl); err != nil {
		return err
	}
	// What differs may be a date for a timestamp and another decimal.
	alike := func(ddl string) string {
		inner := strings.TrimRight(strings.ReplaceAll(ddl, "array<", ""), ">")
		arrays := strings.Repeat("[]", strings.Count(ddl, "array<"))
		switch {
		case inner == "date":
			inner = "timestamp"
		case strings.HasPrefix(inner, "decimal"):
			inner = "decimal"
		}
		return arrays + inner
	}
	if alike(usual) != alike(ddl) {
		return fmt.Errorf("a Go %v is a %s, not a %s", t, usual, ddl)
	}
	return nil
}

func (r *registry) addFunction(who string, f *Function) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, other := range r.functions {
		if strings.EqualFold(other.spec.Name, f.spec.Name) {
			panic(fmt.Sprintf("%s %q: a function of that name is registered already", who, f.spec.Name))
		}
	}
	r.functions = append(r.functions, f)
}
