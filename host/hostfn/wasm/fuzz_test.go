package wasm

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/abitest"
)

// FuzzHostCall calls host functions with any values over any memory: a call
// succeeds or ends with a CallError, and never with an error of Go's runtime.
func FuzzHostCall(f *testing.F) {
	fs := functions()
	m := newForwarder(f, newRuntime(f, wazero.NewRuntimeConfig()), 1, abi.ExportMemory, fs)
	for i := range fs {
		for _, e := range edges {
			var params []byte
			for range 4 {
				params = binary.LittleEndian.AppendUint64(params, e.ptr)
				params = binary.LittleEndian.AppendUint64(params, e.length)
			}
			f.Add(uint8(i), params, []byte{})
		}
		f.Add(uint8(i), make([]byte, 64), []byte("\x01\x00\x00\x00a"))
	}
	f.Fuzz(func(t *testing.T, index uint8, values, memory []byte) {
		if len(memory) > page {
			memory = memory[:page]
		}
		m.Memory().Write(0, memory)
		fn := fs[int(index)%len(fs)]
		params := make([]uint64, len(fn.params))
		for i := range params {
			if len(values) >= 8 {
				params[i], values = binary.LittleEndian.Uint64(values), values[8:]
			}
			// Guests cannot pass more than this in an i32.
			if fn.params[i] == i32 {
				params[i] &= 1<<32 - 1
			}
		}
		ctx := WithHost(t.Context(), &abitest.Recorder{Round: abitest.Plain})
		_, err := m.ExportedFunction(fn.name).Call(ctx, params...)
		if err == nil {
			return
		}
		if _, ok := errors.AsType[*CallError](err); !ok {
			t.Errorf("%s%v: %v", fn.name, params, err)
		}
	})
}
