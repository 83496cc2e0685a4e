// Package udf gives Spark the functions of task modules. They run on the
// executors of the cluster, in a WASM runtime that is written in Java and sent
// along: nothing is installed there.
//
// A module's file travels in a jar, beside a small Java class for each of its
// functions; both are named by the file's hash, so that versions live side by
// side in one session. The classes in java/ call the module by way of Endive,
// which turns WASM into Java's bytecode. [scripts/gen-udf] makes the jar of both.
package udf

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	_ "embed" // for the jar
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/module/rewrite"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

//go:embed sparkstalk-udf.jar
var runtimeJar []byte

// runtime is the same for all modules.
var runtime = sync.OnceValue(func() spark.Jar {
	sum := sha256.Sum256(runtimeJar)
	return spark.Jar{
		Name: "sparkstalk-udf-" + hex.EncodeToString(sum[:8]) + ".jar",
		Data: func() ([]byte, error) { return runtimeJar, nil },
	}
})

// hashDigits is how much of a module's hash is in its functions' names.
const hashDigits = 8

// DefaultMemoryMiB is how much memory an instance in an executor has by default.
const DefaultMemoryMiB = 256

// A Function is one of a module's.
type Function struct {
	abi.FunctionSpec
	// Spark is what the session registers.
	Spark *spark.Function
}

// A Library has the functions of one version of a module. It is safe for
// concurrent use, and nil is that of a module without functions.
type Library struct {
	functions map[string]*Function // by lower-case name
	list      []*Function
}

// New returns the functions of a module, given the file that executors run, its
// part of the manifest, and a hash in hex of both, by which all is named. An
// instance in an executor may have memoryMiB of memory.
func New(file []byte, hash string, specs []abi.FunctionSpec, memoryMiB int) *Library {
	if len(specs) == 0 {
		return nil
	}
	l := &Library{functions: make(map[string]*Function, len(specs))}
	jar := spark.Jar{Name: "sparkstalk-module-" + version(hash[:32], memoryMiB) + ".jar"}
	jar.Data = sync.OnceValues(func() ([]byte, error) { return l.pack(file, hash, memoryMiB) })
	for i, spec := range specs {
		f := &Function{spec, &spark.Function{
			Name:      strings.ToLower(spec.Name) + "_" + version(hash[:hashDigits], memoryMiB),
			Class:     strings.ReplaceAll(className(hash, i, memoryMiB), "/", "."),
			Aggregate: spec.Aggregate,
			Returns:   spec.Returns,
			Jars:      []spark.Jar{runtime(), jar},
		}}
		l.functions[strings.ToLower(spec.Name)] = f
		l.list = append(l.list, f)
	}
	return l
}

// version is how names tell a version of a module, of which a hash is given. What
// executors get says how much memory an instance may have, and hosts with other
// settings may be in the same session.
func version(hash string, memoryMiB int) string {
	if memoryMiB == DefaultMemoryMiB {
		return hash
	}
	return fmt.Sprintf("%s_%d", hash, memoryMiB)
}

// className is the Java class of a module's function, as class files write it.
func className(hash string, index, memoryMiB int) string {
	return fmt.Sprintf("%smodule_%s/Function%d", javaPackage, version(hash[:32], memoryMiB), index)
}

// pack makes the module's jar.
func (l *Library) pack(file []byte, hash string, memoryMiB int) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	add := func(name string, data []byte) error {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
	file, err := rewrite.Direct(file)
	if err != nil {
		return nil, err
	}
	if err := add("wasm/"+hash+".wasm", file); err != nil {
		return nil, err
	}
	for i, f := range l.list {
		// See Spec.java.
		spec := []string{hash, strconv.Itoa(i), f.Name, f.Export, strconv.Itoa(memoryMiB * 16), f.Returns}
		super, arity, number := functionBase, len(f.Params), ""
		switch {
		case f.Aggregate:
			super, arity = aggregateBase, -1
		case f.Nondeterministic:
			arity++
			spec = append(spec, ignoredType)
		case arity == 1 || arity == 2:
			number = numbers[f.Returns]
		}
		for _, p := range f.Params {
			spec = append(spec, p.Type)
		}
		data, err := class(className(hash, i, memoryMiB), super, strings.Join(spec, "\t"), arity, number)
		if err == nil {
			err = add(className(hash, i, memoryMiB)+".class", data)
		}
		if err != nil {
			return nil, fmt.Errorf("function %s: %w", f.Name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// numbers are the types of numbers, and Call's methods that return them.
var numbers = map[string]string{
	"boolean": "asBoolean", "tinyint": "asTinyint", "smallint": "asSmallint", "int": "asInt", "bigint": "asBigint",
	"float": "asFloat", "double": "asDouble",
}

// ignoredType is the type of the first argument that makes a call nondeterministic for
// Spark, which believes it of no Java function. The module does not see it.
const ignoredType = "ignored"

// Call is a call of a function. Its error is that of a wrong name or number of
// arguments.
func (l *Library) Call(name string, args []*spark.Column) (*spark.Column, error) {
	f := l.function(name)
	if f == nil {
		return nil, fmt.Errorf("the module has no function %q%s", name, l.names())
	}
	if len(args) != len(f.Params) {
		return nil, fmt.Errorf("function %s takes %d arguments, %s, and got %d", f.Name, len(f.Params), f.signature(), len(args))
	}
	var cast []*spark.Column
	if f.Nondeterministic {
		cast = append(cast, spark.Call("rand", []*spark.Column{spark.Lit(0)}, false))
	}
	for i, a := range args {
		place := f.argument(i)
		if is, never := a.NeverCasts(f.Params[i].Type); never {
			return nil, fmt.Errorf("%s: it is of type %s, which Spark does not cast to %s", place, is, f.Params[i].Type)
		}
		// Spark does not convert arguments of Java functions; and what cannot be cast
		// is its error when the plan is analyzed.
		a = a.Cast(f.Params[i].Type, false).At(place)
		if f.takesBytes(i) {
			a = a.Cast("binary", false)
		}
		cast = append(cast, a)
	}
	return f.Spark.Call(cast), nil
}

// takesBytes reports whether Spark is to pass an argument as bytes. Its strings
// are UTF-8, as modules want them; that of a Java function would be Java's, made
// for it and then made UTF-8 again. An aggregate's types are given by its class.
func (f *Function) takesBytes(i int) bool { return f.Params[i].Type == "string" && !f.Aggregate }

func (l *Library) function(name string) *Function {
	if l == nil {
		return nil
	}
	return l.functions[strings.ToLower(name)]
}

// names lists the functions for messages.
func (l *Library) names() string {
	if l == nil {
		return "; its manifest declares none"
	}
	var names []string
	for _, f := range l.list {
		names = append(names, f.Name+f.signature())
	}
	return "; it has " + strings.Join(names, ", ")
}

// signature is the parameters with their types, in parentheses.
func (f *Function) signature() string {
	params := make([]string, len(f.Params))
	for i, p := range f.Params {
		params[i] = strings.TrimSpace(p.Name + " " + p.Type)
	}
	return "(" + strings.Join(params, ", ") + ")"
}

// argument is the place of an argument, for messages.
func (f *Function) argument(i int) string {
	return fmt.Sprintf("argument %d of %s%s", i+1, f.Name, f.signature())
}

// Functions returns what a session may have registered of the module.
func (l *Library) Functions() []*spark.Function {
	if l == nil {
		return nil
	}
	out := make([]*spark.Function, len(l.list))
	for i, f := range l.list {
		out[i] = f.Spark
	}
	return out
}
