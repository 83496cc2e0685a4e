package sdk

import "reflect"

// isPlain reports whether getPlain and putPlain know T.
func isPlain[T any]() bool {
	switch any((*T)(nil)).(type) {
	case *bool, *int8, *int16, *int32, *int64, *int, *float32, *float64, *string, *[]byte:
		return true
	}
	return false
}

// argument reads a plain argument, and reports whether it is not NULL.
func argument[T any](in *udfReader, into *T) bool { return !in.null() && getPlain(in, into) }

func result[T any](out *udfWriter, v T) error {
	out.byte(1)
	putPlain(out, &v)
	return nil
}

func null(out *udfWriter) error {
	out.byte(0)
	return nil
}

// call1 calls a function of plain types, or one of others by reflection.
func call1[A, R any](f *Function, fn func(A) R) func(*udfReader, *udfWriter) error {
	if !isPlain[A]() || !isPlain[R]() {
		return reflected(f, reflect.ValueOf(fn))
	}
	return func(in *udfReader, out *udfWriter) error {
		var a A
		ok := argument(in, &a)
		if in.err != nil || !ok {
			return null(out)
		}
		return result(out, fn(a))
	}
}

func call2[A, B, R any](f *Function, fn func(A, B) R) func(*udfReader, *udfWriter) error {
	if !isPlain[A]() || !isPlain[B]() || !isPlain[R]() {
		return reflected(f, reflect.ValueOf(fn))
	}
	return func(in *udfReader, out *udfWriter) error {
		var a A
		var b B
		ok := argument(in, &a)
		ok = argument(in, &b) && ok
		if in.err != nil || !ok {
			return null(out)
		}
		return result(out, fn(a, b))
	}
}

func call3[A, B, C, R any](f *Function, fn func(A, B, C) R) func(*udfReader, *udfWriter) error {
	if !isPlain[A]() || !isPlain[B]() || !isPlain[C]() || !isPlain[R]() {
		return reflected(f, reflect.ValueOf(fn))
	}
	return func(in *udfReader, out *udfWriter) error {
		var a A
		var b B
		var c C
		ok := argument(in, &a)
		ok = argument(in, &b) && ok
		ok = argument(in, &c) && ok
		if in.err != nil || !ok {
			return null(out)
		}
		return result(out, fn(a, b, c))
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
			var a string
			ok := argument(in, &a)
			if in.err != nil || !ok {
				return null(out)
			}
			list := f(a)
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
