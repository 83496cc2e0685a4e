package sdk

import (
	"reflect"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/bind"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// Arguments are a call's arguments as the client sent them.
type Arguments = bind.Arguments

// A Kwarg is a keyword argument.
type Kwarg = bind.Kwarg

// bind puts arguments into the fields of to, as Python binds them to a
// function's parameters, with its errors in its words.
func (t *task) bind(to reflect.Value, a Arguments) error {
	values, err := bind.Match(t.spec.Name, t.spec.Params, a)
	if err != nil {
		return err
	}
	for i, p := range t.params {
		if err := pyjson.Decode(values[i], to.FieldByIndex(p.index).Addr().Interface()); err != nil {
			return bind.Mistyped(t.spec.Name, p.Name, err)
		}
	}
	return nil
}

// specs describes parameters for the manifest.
func specs(params []param) []abi.Param {
	var out []abi.Param
	for _, p := range params {
		out = append(out, p.Param)
	}
	return out
}
