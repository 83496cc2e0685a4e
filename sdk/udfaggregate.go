package sdk

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"unsafe"

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

// stateSlot is a slot of a state, in which a plain one is as in arguments.
func stateSlot[S any](v *S, state udfCodec) *slot {
	if kind := plainOf[S](); kind != notPlain {
		return &slot{kind: kind, at: unsafe.Pointer(v)}
	}
	return &slot{codec: state, value: reflect.ValueOf(v).Elem()}
}

// aggregate answers the steps of an aggregate.
func aggregate[S, A, R any](f *Function, state udfCodec, update func(S, A) S, merge func(S, S) S, finish func(S) R) func(abi.AggregateStep, *udfReader, *udfWriter) error {
	s, other, a, r := new(S), new(S), new(A), new(R)
	slotS, slotOther := stateSlot(s, state), stateSlot(other, state)
	inA, outR := slotOf(a, f.spec.Params[0].Type), slotOf(r, f.spec.Returns)
	var inner udfReader
	readState := func(in *udfReader, v *S, place *slot) {
		var none S
		*v = none
		if in.null() {
			return // no rows yet
		}
		if inner = newReader(in.bytes()); in.err != nil {
			return
		}
		place.read(&inner) // what was nil stays so
		in.err = inner.err
	}
	writeState := func(out *udfWriter) {
		out.byte(1)
		out.u32(0)
		start := len(out.data)
		slotS.write(out)
		binary.LittleEndian.PutUint32(out.data[start-4:], uint32(len(out.data)-start))
	}
	return func(step abi.AggregateStep, in *udfReader, out *udfWriter) error {
		readState(in, s, slotS)
		switch step {
		case abi.AggregateUpdate:
			if inA.read(in) && in.err == nil {
				*s = update(*s, *a)
			}
			writeState(out)
		case abi.AggregateMerge:
			readState(in, other, slotOther)
			if in.err == nil {
				*s = merge(*s, *other)
			}
			writeState(out)
		case abi.AggregateFinish:
			if in.err == nil {
				*r = finish(*s)
			}
			outR.write(out)
		default:
			return fmt.Errorf("an aggregate has no step %d", step)
		}
		return nil
	}
}
