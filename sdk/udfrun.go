package sdk

import (
	"fmt"
	"unsafe"

	"github.com/sparkstalk/sparkstalk/abi"
)

// udfCalls is where the functions of an instance are called. Executors make one
// call of an instance at a time.
type udfCalls struct {
	in  []byte
	out udfWriter
}

var functionCalls udfCalls

// room returns where arguments of that size may be written to.
func (c *udfCalls) room(size int32) unsafe.Pointer {
	if int(size) > len(c.in) {
		c.in = make([]byte, size)
	}
	return unsafe.Pointer(unsafe.SliceData(c.in))
}

// answer calls a function with the first length bytes there, and returns the
// pointer to the result and its length, in the halves of a number; negative is
// an error's text.
func (c *udfCalls) answer(index, length int32) int64 {
	c.out.data = c.out.data[:0]
	var err error
	if length < 0 || int(length) > len(c.in) {
		err = fmt.Errorf("%d bytes of arguments in a buffer of %d", length, len(c.in))
	} else {
		err = callFunction(index, c.in[:length], &c.out)
	}
	packed := int64(0)
	if err != nil {
		c.out.data = append(c.out.data[:0], err.Error()...)
		packed = -1 << 63
	}
	at := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(c.out.data))))
	return packed | int64(len(c.out.data))<<32 | int64(at)
}

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
