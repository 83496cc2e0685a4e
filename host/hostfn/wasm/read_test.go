package wasm

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

// encodeStrings is what a guest sends.
func encodeStrings(list []string) string {
	var b []byte
	for _, s := range list {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return string(b)
}

func TestDecodeStrings(t *testing.T) {
	for _, c := range []struct {
		name, encoded string
		want          []string
		err           error
	}{
		{"nothing", "", nil, nil},
		{"one empty string", "\x00\x00\x00\x00", []string{""}, nil},
		{"the page's example", "\x01\x00\x00\x00a\x02\x00\x00\x00bc", []string{"a", "bc"}, nil},
		{"no text", "\x02\x00\x00\x00\xff\x00", []string{"\xff\x00"}, nil},
		{"half a length", "\x01\x00\x00", nil, ErrMalformed},
		{"half a string", "\x03\x00\x00\x00ab", nil, ErrMalformed},
		{"the largest length", "\xff\xff\xff\xffab", nil, ErrMalformed},
		{"a sound one, then a length of too much", "\x01\x00\x00\x00a\x00\x00\x00\x80", nil, ErrMalformed},
		{"a sound one, then a rest", "\x01\x00\x00\x00a\x00", nil, ErrMalformed},
		{"more than allowed", strings.Repeat("\x00", 4*(MaxElements+1)), nil, ErrTooLong},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decodeStrings(c.encoded)
			if !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v\nwant %q, %v", got, err, c.want, c.err)
			}
		})
	}
}

func FuzzDecodeStrings(f *testing.F) {
	f.Add("")
	f.Add("\x01\x00\x00\x00a\x02\x00\x00\x00bc")
	f.Add("\x00\x00\x00\x00\x00\x00\x00\x00")
	f.Add("\xff\xff\xff\xff")
	f.Add("\x03\x00\x00\x00ab")
	f.Fuzz(func(t *testing.T, encoded string) {
		list, err := decodeStrings(encoded)
		if err != nil {
			if list != nil || !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLong) {
				t.Errorf("got %q, %v", list, err)
			}
			return
		}
		if again := encodeStrings(list); again != encoded {
			t.Errorf("%q decodes to %q, which encodes to %q", encoded, list, again)
		}
	})
}

func FuzzDecodeHandles(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, encoded []byte) {
		list := decodeHandles[abi.Expr](encoded)
		var again []byte
		for _, h := range list {
			again = binary.LittleEndian.AppendUint32(again, uint32(h))
		}
		if want := encoded[:len(encoded)/4*4]; string(again) != string(want) {
			t.Errorf("%x decodes to %v, which encodes to %x", encoded, list, again)
		}
	})
}
