package sdk

import (
	"fmt"

	"github.com/sparkstalk/sparkstalk/abi"
)

// CallFunction calls one of the module's functions for Spark's expressions with
// arguments, and returns the result, both encoded as abi.ExportFunction has
// them. It is for native hosts and tests.
func CallFunction(index int32, arguments []byte) ([]byte, error) {
	var out udfWriter
	if err := callFunction(index, arguments, &out); err != nil {
		return nil, err
	}
	return out.data, nil
}

// callFunction makes an error of a panic: that is a bug for one row, and its
// message is all that Spark shows of it.
func callFunction(index int32, arguments []byte, out *udfWriter) (err error) {
	functions := registered().functions // complete since init
	if index < 0 || int(index) >= len(functions) {
		return fmt.Errorf("there is no function %d in this module", index)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, stack())
		}
	}()
	f := functions[index]
	in := udfReader{data: arguments}
	if f.step != nil {
		err = f.step(abi.AggregateStep(in.take(1)[0]), &in, out)
	} else {
		err = f.call(&in, out)
	}
	if in.err != nil {
		return in.err
	}
	return err
}
