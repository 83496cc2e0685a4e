package sdk

import (
	"fmt"
	"sync"

	"github.com/sparkstalk/sparkstalk/abi"
)

// CallFunction calls one of the module's functions for Spark's expressions with
// arguments, and returns the result, both encoded as abi.ExportFunction has
// them. A panic is an error. It is for tests, and runs one call at a time.
func CallFunction(index int32, arguments []byte) (result []byte, err error) {
	oneCall.Lock()
	defer oneCall.Unlock()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, stack())
		}
	}()
	in, out := newReader(arguments), udfWriter{}
	if err := callFunction(index, &in, &out); err != nil {
		return nil, err
	}
	return out.data, nil
}

var oneCall sync.Mutex

// callFunction does not recover from panics: an executor tells what a module
// prints as it ends, and gets a new instance. In a JVM a recover in each call
// would take longer than most functions.
func callFunction(index int32, in *udfReader, out *udfWriter) error {
	functions := registered().functions // complete since init
	if index < 0 || int(index) >= len(functions) {
		return fmt.Errorf("there is no function %d in this module", index)
	}
	f := functions[index]
	var err error
	if f.step != nil {
		err = f.step(abi.AggregateStep(in.take(1)[0]), in, out)
	} else {
		err = f.call(in, out)
	}
	if in.err != nil {
		return in.err
	}
	return err
}
