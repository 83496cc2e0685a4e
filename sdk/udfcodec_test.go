package sdk

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestPlainValuesGoInAndOut(t *testing.T) {
	plain(t, int64(math.MinInt64))
	plain(t, -2.5)
	plain(t, "größe")
	plain(t, "")
	plain(t, strings.Repeat("long ", longText))
	plain(t, int(-7))
	plain(t, int32(math.MaxInt32))
	plain(t, true)
	plain(t, int8(-128))
	plain(t, int16(-2))
	plain(t, float32(1.5))
	plain(t, []byte{0, 255})
	plain(t, []string{"a", "", "bc"})
	plain(t, []string{})
}

// plain writes a value and reads it: the whole, NULL, and what was cut short.
func plain[T any](t *testing.T, v T) {
	t.Run(fmt.Sprintf("%T of %d", v, reflect.TypeFor[T]().Size()), func(t *testing.T) {
		out := slotOf(&v, "")
		if out.kind == notPlain {
			t.Fatal("it is not a plain type")
		}
		var w udfWriter
		out.write(&w)
		read := func(data []byte) (got T, ok bool, err error) {
			r := newReader(data)
			ok = slotOf(&got, "").read(&r)
			if err = r.err; err == nil && r.left() > 0 {
				t.Errorf("%d bytes are left of %d", r.left(), len(data))
			}
			return got, ok, err
		}
		if got, ok, err := read(w.data); !ok || err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("got %v, %v, %v; want %v", got, ok, err, v)
		}
		if _, ok, err := read([]byte{0}); ok || err != nil {
			t.Errorf("NULL is read as %v, %v", ok, err)
		}
		for n := range min(len(w.data), 1000) {
			if _, _, err := read(w.data[:n]); !errors.Is(err, errShortArguments) {
				t.Errorf("of the first %d bytes: %v", n, err)
			}
		}
	})
}

func TestStringsAreKeptFromEachOther(t *testing.T) {
	data := []byte("0123456789")
	var all []string
	for i := range textsSize / 4 {
		data[0] = byte('0' + i%10)
		all = append(all, keep(data))
	}
	for i, s := range all {
		if want := string(rune('0'+i%10)) + "123456789"; s != want {
			t.Fatalf("string %d is %q; want %q", i, s, want)
		}
	}
}
