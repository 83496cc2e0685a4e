package wasm

import (
	"encoding/binary"
	"errors"
	"runtime"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi/abitest"
	"github.com/sparkstalk/sparkstalk/abi/pipe"
)

// FuzzServed has a module's process send anything to the host by pipe: calls one
// after another, each behind its length. Each is answered or refused, and none
// has the host's own code go wrong.
func FuzzServed(f *testing.F) {
	var all [][]byte
	record := &pipe.Client{Do: pipe.Remote(func(call []byte) ([]byte, error) {
		all = append(all, call)
		return pipe.Serve(&abitest.Recorder{}, call)
	})}
	for round := range abitest.Rounds {
		abitest.CallAll(record, round)
	}
	frame := func(calls ...[]byte) (data []byte) {
		for _, call := range calls {
			data = append(binary.AppendUvarint(data, uint64(len(call))), call...)
		}
		return data
	}
	for i, call := range all {
		f.Add(frame(call))
		if i%10 == 9 {
			f.Add(frame(all[i-9 : i+1]...))
		}
	}
	g := newHostileGuest(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		g.t = t
		inv := g.open()
		defer inv.Close()
		for range 60 {
			n, used := binary.Uvarint(data)
			if used <= 0 {
				break
			}
			data = data[used:]
			call := data[:min(n, uint64(len(data)))]
			data = data[len(call):]
			answer, err := pipe.Serve(inv, call)
			if wrong, ok := errors.AsType[runtime.Error](err); ok {
				t.Fatalf("%q: %v", call, wrong)
			}
			if (err == nil) != (len(answer) > 0) {
				t.Errorf("%q: answer %q, %v", call, answer, err)
			}
		}
	})
}
