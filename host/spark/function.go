package spark

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// A Function is one of Java's that plans may call: the session sends its jars to
// the engine and registers it there before the first plan that does, and again
// after the session was lost. It must not change.
type Function struct {
	// Name is the function's in the session, made of letters, digits and
	// underscores. Two functions of one name must be the same.
	Name string
	// Class is the Java class; it implements one of Spark's UDF0 to UDF10 or,
	// if Aggregate, extends UserDefinedAggregateFunction.
	Class     string
	Aggregate bool
	// Returns is the type of the result in Spark's DDL form. Aggregates say it
	// themselves.
	Returns string
	// Jars hold the class and what it needs.
	Jars []Jar
}

// A Jar is a file for the class path of a session. Of one name there is one
// content.
type Jar struct {
	Name string
	// Data returns the file.
	Data func() ([]byte, error)
}

// Call is a call of the function.
func (f *Function) Call(args []*Column) *Column {
	return Call(f.Name, args, false).Using([]*Function{f})
}

// Using marks an expression whose SQL text calls functions.
func (c *Column) Using(functions []*Function) *Column {
	if c.fault() != nil || len(functions) == 0 {
		return c
	}
	out := *c
	out.functions = merge(c.functions, functions)
	out.needs = merge(c.needs, functionNeeds)
	return &out
}

// Using marks a plan whose SQL text calls functions.
func (df *DataFrame) Using(functions []*Function) *DataFrame {
	if df.Err() != nil || len(functions) == 0 {
		return df
	}
	out := *df
	out.functions = merge(df.functions, functions)
	out.needs = merge(df.needs, functionNeeds)
	return &out
}

// functionNeeds is what it takes to register a function.
var functionNeeds = []Feature{FeatureJavaFunctions, FeatureArtifacts}

// definitions are the jars and functions that a session has.
type definitions struct {
	gate  chan struct{} // held while something is sent
	known sync.Map      // Function.Name and jar paths to nothing
}

func newDefinitions() definitions { return definitions{gate: make(chan struct{}, 1)} }

func (d *definitions) has(name string) bool {
	_, ok := d.known.Load(name)
	return ok
}

// define makes sure that the session knows the functions that a plan calls.
func (s *Session) define(ctx context.Context, functions []*Function) error {
	if len(functions) == 0 {
		return nil
	}
	g, err := s.begin()
	if err != nil {
		return err
	}
	if err := s.open(ctx, g); err != nil {
		return err
	}
	for _, f := range functions {
		if g.definitions.has(f.Name) {
			continue
		}
		if err := s.register(ctx, g, f); err != nil {
			return fmt.Errorf("register function %s at the engine: %w", f.Name, err)
		}
	}
	return nil
}

func (s *Session) register(ctx context.Context, g *generation, f *Function) error {
	select {
	case g.definitions.gate <- struct{}{}:
		defer func() { <-g.definitions.gate }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if g.definitions.has(f.Name) {
		return nil
	}
	for _, jar := range f.Jars {
		path := "jars/" + jar.Name
		if g.definitions.has(path) {
			continue
		}
		data, err := jar.Data()
		if err != nil {
			return fmt.Errorf("%s: %w", jar.Name, err)
		}
		if err := s.sendArtifact(ctx, g, path, data); err != nil {
			return fmt.Errorf("send %s: %w", jar.Name, s.explain(ctx, FeatureArtifacts, err))
		}
		g.definitions.known.Store(path, struct{}{})
	}
	java := &sparkpb.JavaUDF{ClassName: f.Class, Aggregate: f.Aggregate}
	if !f.Aggregate {
		result, err := parseType(f.Returns)
		if err != nil {
			return err
		}
		java.OutputType = result
	}
	if err := s.registerJava(ctx, f.Name, java); err != nil {
		if saysDenied(err) {
			err = s.explain(ctx, FeatureJavaFunctions, err)
		}
		return err
	}
	g.definitions.known.Store(f.Name, struct{}{})
	s.cfg.Log.DebugContext(ctx, "registered function at Spark", logkey.Session, g.id, "name", f.Name)
	return nil
}

func (s *Session) registerJava(ctx context.Context, name string, java *sparkpb.JavaUDF) error {
	x, err := s.execute(ctx, command(&sparkpb.Command{CommandType: &sparkpb.Command_RegisterFunction{
		RegisterFunction: &sparkpb.CommonInlineUserDefinedFunction{
			FunctionName: name, Deterministic: true, Function: &sparkpb.CommonInlineUserDefinedFunction_JavaUdf{JavaUdf: java},
		},
	}}), Options{}, true)
	if err != nil {
		return err
	}
	return x.drain(func(*sparkpb.ExecutePlanResponse) {})
}

// Forget has the engine drop functions that are unused still when nothing else is
// being registered; those that it does not have are no error. Queries under way go
// on with them. In a session that other hosts may be in (session_id in the
// remote) nothing is dropped, since they may use them.
func (s *Session) Forget(ctx context.Context, functions []*Function, unused func() bool) error {
	if s.shared != "" {
		return nil
	}
	g, err := s.begin()
	if err != nil {
		return err
	}
	select {
	case g.definitions.gate <- struct{}{}:
		defer func() { <-g.definitions.gate }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for _, f := range functions {
		if _, was := g.definitions.known.LoadAndDelete(f.Name); !was {
			continue
		}
		// In this order: whoever begins to use it before this looks is seen, and who
		// comes later finds it gone and waits to register it.
		if !unused() {
			g.definitions.known.Store(f.Name, struct{}{})
			return nil
		}
		if err := s.Exec(ctx, "DROP TEMPORARY FUNCTION IF EXISTS "+f.Name, Options{}); err != nil {
			return fmt.Errorf("drop function %s: %w", f.Name, err)
		}
	}
	return nil
}

// merge appends what a does not have yet. It changes neither.
func merge[T comparable](a, b []T) []T {
	if len(a) == 0 {
		return b
	}
	out := slices.Clip(a)
	for _, item := range b {
		if !slices.Contains(out, item) {
			out = append(out, item)
		}
	}
	return out
}
