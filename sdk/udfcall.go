package sdk

import (
	"reflect"
	"unsafe"
)

// A slot is where a function's argument or result is between the call's bytes and
// the function. It is made once: an instance runs one call at a time, and in a
// JVM a call of Go's allocator takes longer than most functions.
type slot struct {
	kind  plainKind
	at    unsafe.Pointer // a value of that kind,
	codec udfCodec       // or, if it is not plain, how it is read and written,
	value reflect.Value  // and what
}

func slotOf[T any](v *T, ddl string) *slot {
	if kind := plainOf[T](); kind != notPlain {
		return &slot{kind: kind, at: unsafe.Pointer(v)}
	}
	return &slot{codec: codecOf(reflect.TypeFor[T](), ddl), value: reflect.ValueOf(v).Elem()}
}

// read reports whether the argument has a value: it is not NULL, or the type has
// a place for that. It has a switch, since the calls that a closure for each type
// makes take longer than what they do, and is small, since a JVM does not compile
// large functions: of Go's, those of some 5 KB of WebAssembly.
func (s *slot) read(in *udfReader) bool {
	switch s.kind {
	case plainInt64, plainFloat64, plainInt:
		return in.eight((*uint64)(s.at))
	case plainString:
		return in.text((*string)(s.at))
	case notPlain:
		return s.codec.read(in, s.value)
	}
	return in.other(s.kind, s.at)
}

func (s *slot) write(out *udfWriter) {
	switch s.kind {
	case plainInt64, plainFloat64, plainInt:
		out.eight(*(*uint64)(s.at))
	case plainString:
		out.text(*(*string)(s.at))
	case notPlain:
		s.codec.write(out, s.value)
	default:
		out.other(s.kind, s.at)
	}
}

// missing ends a call without the function: an argument is NULL, or cannot be read.
func missing(out *udfWriter) error {
	out.byte(0)
	return nil
}

func call1[A, R any](f *Function, fn func(A) R) func(*udfReader, *udfWriter) error {
	a, r := new(A), new(R)
	inA, outR := slotOf(a, f.spec.Params[0].Type), slotOf(r, f.spec.Returns)
	return func(in *udfReader, out *udfWriter) error {
		ok := inA.read(in)
		if in.err != nil || !ok {
			return missing(out)
		}
		*r = fn(*a)
		outR.write(out)
		return nil
	}
}

func call2[A, B, R any](f *Function, fn func(A, B) R) func(*udfReader, *udfWriter) error {
	a, b, r := new(A), new(B), new(R)
	inA, inB, outR := slotOf(a, f.spec.Params[0].Type), slotOf(b, f.spec.Params[1].Type), slotOf(r, f.spec.Returns)
	return func(in *udfReader, out *udfWriter) error {
		ok := inA.read(in)
		ok = inB.read(in) && ok
		if in.err != nil || !ok {
			return missing(out)
		}
		*r = fn(*a, *b)
		outR.write(out)
		return nil
	}
}

func call3[A, B, C, R any](f *Function, fn func(A, B, C) R) func(*udfReader, *udfWriter) error {
	a, b, c, r := new(A), new(B), new(C), new(R)
	inA, inB, inC := slotOf(a, f.spec.Params[0].Type), slotOf(b, f.spec.Params[1].Type), slotOf(c, f.spec.Params[2].Type)
	outR := slotOf(r, f.spec.Returns)
	return func(in *udfReader, out *udfWriter) error {
		ok := inA.read(in)
		ok = inB.read(in) && ok
		ok = inC.read(in) && ok
		if in.err != nil || !ok {
			return missing(out)
		}
		*r = fn(*a, *b, *c)
		outR.write(out)
		return nil
	}
}

// direct is the way to call common kinds of functions, or nil.
func direct(function *Function, fn any) func(*udfReader, *udfWriter) error {
	switch f := fn.(type) {
	case func(string) string:
		return call1(function, f)
	case func(string) int64:
		return call1(function, f)
	case func(string) float64:
		return call1(function, f)
	case func(string) bool:
		return call1(function, f)
	case func(int64) int64:
		return call1(function, f)
	case func(int64) string:
		return call1(function, f)
	case func(float64) float64:
		return call1(function, f)
	case func(string, string) string:
		return call2(function, f)
	case func(string, string) float64:
		return call2(function, f)
	case func(string, string) int64:
		return call2(function, f)
	case func(string, string) bool:
		return call2(function, f)
	case func(int64, int64) int64:
		return call2(function, f)
	case func(float64, float64) float64:
		return call2(function, f)
	case func(string) []string:
		return call1(function, f)
	}
	return nil
}

// reflected is the way to call any function that [describeFunction] takes.
func reflected(f *Function, fn reflect.Value) func(*udfReader, *udfWriter) error {
	t := fn.Type()
	params := make([]udfCodec, t.NumIn())
	for i := range params {
		params[i] = codecOf(t.In(i), f.spec.Params[i].Type)
	}
	answer := codecOf(t.Out(0), f.spec.Returns)
	return func(in *udfReader, out *udfWriter) error {
		args := make([]reflect.Value, len(params))
		absent := false
		for i, p := range params {
			args[i] = reflect.New(t.In(i)).Elem()
			absent = !p.read(in, args[i]) || absent
		}
		if in.err != nil || absent {
			return missing(out)
		}
		results := fn.Call(args)
		if len(results) == 2 {
			if err, _ := results[1].Interface().(error); err != nil {
				return err
			}
		}
		answer.write(out, results[0])
		return nil
	}
}
