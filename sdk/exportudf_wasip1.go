package sdk

import "unsafe"

//go:wasmexport sparkstalk_udf_buffer
func udfBuffer(size int32) unsafe.Pointer { return functionCalls.room(size) }

//go:wasmexport sparkstalk_udf
func udf(index, length int32) int64 { return functionCalls.answer(index, length) }
