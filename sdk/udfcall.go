package sdk

import "reflect"

// argument reads a plain argument, and reports whether it is not NULL.
func (c *plainCodec[T]) argument(in *udfReader, into *T) bool {
	if in.null() {
		return false
	}
	c.get(in, into)
	return true
}

func (c *plainCodec[T]) result(out *udfWriter, v *T) error {
	out.byte(1)
	c.put(out, v)
	return nil
}

func null(out *udfWriter) error {
	out.byte(0)
	return nil
}

// call1 calls a function of plain types, or one of others by reflection. Where
// values are read to is made once: an instance runs one call at a time, and in a
// JVM a call of Go's allocator takes longer than most functions.
func call1[A, R any](f *Function, fn func(A) R) func(*udfReader, *udfWriter) error {
	cA, plainA := plainOf[A]()
	cR, plainR := plainOf[R]()
	if !plainA || !plainR {
		return reflected(f, reflect.ValueOf(fn))
	}
	a, r := new(A), new(R)
	return func(in *udfReader, out *udfWriter) error {
		ok := cA.argument(in, a)
		if in.err != nil || !ok {
			return null(out)
		}
		*r = fn(*a)
		return cR.result(out, r)
	}
}

func call2[A, B, R any](f *Function, fn func(A, B) R) func(*udfReader, *udfWriter) error {
	cA, plainA := plainOf[A]()
	cB, plainB := plainOf[B]()
	cR, plainR := plainOf[R]()
	if !plainA || !plainB || !plainR {
		return reflected(f, reflect.ValueOf(fn))
	}
	a, b, r := new(A), new(B), new(R)
	return func(in *udfReader, out *udfWriter) error {
		ok := cA.argument(in, a)
		ok = cB.argument(in, b) && ok
		if in.err != nil || !ok {
			return null(out)
		}
		*r = fn(*a, *b)
		return cR.result(out, r)
	}
}

func call3[A, B, C, R any](f *Function, fn func(A, B, C) R) func(*udfReader, *udfWriter) error {
	cA, plainA := plainOf[A]()
	cB, plainB := plainOf[B]()
	cC, plainC := plainOf[C]()
	cR, plainR := plainOf[R]()
	if !plainA || !plainB || !plainC || !plainR {
		return reflected(f, reflect.ValueOf(fn))
	}
	a, b, c, r := new(A), new(B), new(C), new(R)
	return func(in *udfReader, out *udfWriter) error {
		ok := cA.argument(in, a)
		ok = cB.argument(in, b) && ok
		ok = cC.argument(in, c) && ok
		if in.err != nil || !ok {
			return null(out)
		}
		*r = fn(*a, *b, *c)
		return cR.result(out, r)
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
		return func(in *udfReader, out *udfWriter) error {
			if in.null() {
				return null(out)
			}
			list := f(in.text())
			if list == nil {
				return null(out)
			}
			out.byte(1)
			out.u32(uint32(len(list)))
			for _, s := range list {
				out.byte(1)
				out.string(s)
			}
			return nil
		}
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
		missing := false
		for i, p := range params {
			args[i] = reflect.New(t.In(i)).Elem()
			missing = !p.read(in, args[i]) || missing
		}
		if in.err != nil || missing {
			return null(out)
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
