package sdk

import (
	"fmt"
	"unsafe"
)

//go:wasmexport sparkstalk_udf_buffer
func udfBuffer(size int32) unsafe.Pointer { return functionCalls.room(size) }

//go:wasmexport sparkstalk_udf
func udf(index, length int32) int64 { return functionCalls.answer(index, length) }

// udfCalls is where the functions of an instance are called. Executors make one
// call of an instance at a time.
type udfCalls struct {
	in     []byte
	reader udfReader
	out    udfWriter

	collector collector
}

var functionCalls udfCalls

// room returns where arguments of that size may be written to.
func (c *udfCalls) room(size int32) unsafe.Pointer {
	if int(size) > len(c.in) {
		c.in = make([]byte, size)
		c.reader.data = c.in
	}
	return unsafe.Pointer(unsafe.SliceData(c.in))
}

// answer calls a function with the first length bytes there, and returns the
// pointer to the result and its length, in the halves of a number; negative is
// an error's text.
func (c *udfCalls) answer(index, length int32) int64 {
	c.collector.called() // the last one; what it answered was read
	c.out.data = c.out.data[:0]
	var err error
	if length < 0 || int(length) > len(c.in) {
		err = fmt.Errorf("%d bytes of arguments in a buffer of %d", length, len(c.in))
	} else {
		c.reader.at, c.reader.end, c.reader.err = 0, int(length), nil
		err = callFunction(index, &c.reader, &c.out)
	}
	packed := int64(0)
	if err != nil {
		c.out.data = append(c.out.data[:0], err.Error()...)
		packed = -1 << 63
	}
	at := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(c.out.data))))
	return packed | int64(len(c.out.data))<<32 | int64(at)
}
