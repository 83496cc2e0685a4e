package sdk

import (
	"encoding/binary"
	"fmt"
	"reflect"

	"github.com/sparkstalk/sparkstalk/abi"
)

// stateOf is the codec of an aggregate's state: of a value, or of a struct's
// fields one after the other.
func stateOf(t reflect.Type) (udfCodec, error) {
	if t.Kind() != reflect.Struct || t == timeType {
		ddl, err := udfType(t)
		if err != nil {
			return udfCodec{}, err
		}
		return codecOf(t, ddl), nil
	}
	fields := make([]udfCodec, t.NumField())
	for i := range fields {
		field := t.Field(i)
		if !field.IsExported() {
			return udfCodec{}, fmt.Errorf("field %s of %v must be exported to be kept", field.Name, t)
		}
		codec, err := stateOf(field.Type)
		if err != nil {
			return udfCodec{}, fmt.Errorf("field %s: %w", field.Name, err)
		}
		fields[i] = codec
	}
	return udfCodec{
		read: func(r *udfReader, v reflect.Value) bool {
			for i, f := range fields {
				f.read(r, v.Field(i)) // what was nil stays so
			}
			return true
		},
		write: func(w *udfWriter, v reflect.Value) {
			for i, f := range fields {
				f.write(w, v.Field(i))
			}
		},
	}, nil
}

// aggregate answers the steps of an aggregate.
func aggregate[S, A, R any](f *Function, state udfCodec, update func(S, A) S, merge func(S, S) S, finish func(S) R) func(abi.AggregateStep, *udfReader, *udfWriter) error {
	param := codecOf(reflect.TypeFor[A](), f.spec.Params[0].Type)
	answer := codecOf(reflect.TypeFor[R](), f.spec.Returns)
	cS, plainS := plainOf[S]()
	cA, plainA := plainOf[A]()
	cR, plainR := plainOf[R]()
	readState := func(in *udfReader) (s S) {
		if in.null() {
			return s // no rows yet
		}
		inner := udfReader{data: in.bytes()}
		switch {
		case in.err != nil:
		case plainS:
			cS.get(&inner, &s)
		default:
			state.read(&inner, reflect.ValueOf(&s).Elem())
		}
		if in.err == nil {
			in.err = inner.err
		}
		return s
	}
	writeState := func(out *udfWriter, s S) {
		out.byte(1)
		out.u32(0)
		start := len(out.data)
		if plainS {
			cS.put(out, &s)
		} else {
			state.write(out, reflect.ValueOf(&s).Elem())
		}
		binary.LittleEndian.PutUint32(out.data[start-4:], uint32(len(out.data)-start))
	}
	return func(step abi.AggregateStep, in *udfReader, out *udfWriter) error {
		s := readState(in)
		switch step {
		case abi.AggregateUpdate:
			var a A
			ok := false
			if plainA {
				ok = cA.argument(in, &a)
			} else {
				ok = param.read(in, reflect.ValueOf(&a).Elem())
			}
			if ok && in.err == nil {
				s = update(s, a)
			}
			writeState(out, s)
		case abi.AggregateMerge:
			writeState(out, merge(s, readState(in)))
		case abi.AggregateFinish:
			r := finish(s)
			if plainR {
				return cR.result(out, &r)
			}
			answer.write(out, reflect.ValueOf(&r).Elem())
		default:
			return fmt.Errorf("an aggregate has no step %d", step)
		}
		return nil
	}
}
