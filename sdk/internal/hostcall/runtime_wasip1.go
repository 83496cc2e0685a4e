package hostcall

import (
	"encoding/binary"
	"encoding/json"
	"unsafe"

	"github.com/sparkstalk/sparkstalk/abi"
)

// standard is the host that runs this module.
var standard abi.Host = imports{}

// listStack is the size up to which an encoded list of strings stays on the
// stack. Options, column names and paths nearly always do.
const listStack = 256

//go:wasmimport sparkstalk_v1 take
//go:noescape
func take(to unsafe.Pointer)

//go:wasmimport sparkstalk_v1 error_take
//go:noescape
func errorTake() int64

// into is memory for the next bytes that are fetched, if they fit.
var into []byte

// TakeInto gives memory for the bytes that the next call returns. The caller
// of that call must not let it keep them as a string.
func (imports) TakeInto(memory []byte) { into = memory }

// takeBytes fetches the n bytes that the last call left in the register.
func takeBytes(n int64) []byte {
	b := into
	into = nil
	if n <= 0 {
		return nil
	}
	if int64(cap(b)) < n {
		b = make([]byte, n)
	}
	b = b[:n]
	take(unsafe.Pointer(unsafe.SliceData(b)))
	return b
}

func takeString(n int64) string {
	b := takeBytes(n)
	// Nobody else has b, so that it may become the string without a copy.
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// failed returns the error that a negative result stands for.
func failed(result int64) error {
	if result >= 0 {
		return nil
	}
	text := takeBytes(errorTake())
	failure := new(abi.Error)
	if err := json.Unmarshal(text, failure); err != nil {
		return abi.Errorf("sparkstalk.HostError", "the host gave an error that cannot be read: %v: %q", err, text)
	}
	return failure
}

// appendStrings encodes a list of strings: each is its length, a little-endian
// u32, and its bytes.
func appendStrings(to []byte, list []string) []byte {
	for _, s := range list {
		to = binary.LittleEndian.AppendUint32(to, uint32(len(s)))
		to = append(to, s...)
	}
	return to
}
