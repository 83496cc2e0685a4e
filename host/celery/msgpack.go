package celery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
)

var errNotUTF8 = errors.New("text is not UTF-8")

// msgpackToJSON reads one MessagePack value as kombu does. Extension types,
// timestamps among them, come to a Python task as opaque objects and are
// refused here.
func msgpackToJSON(body []byte) (json.RawMessage, error) {
	r := bytes.NewReader(body)
	m := msgpackReader{Decoder: msgpack.NewDecoder(r), left: r, out: make([]byte, 0, 2*len(body))}
	if err := m.value(0); err != nil {
		return nil, fmt.Errorf("msgpack: %w at byte %d", err, len(body)-r.Len())
	}
	if r.Len() > 0 {
		return nil, fmt.Errorf("msgpack: %d bytes behind the value", r.Len())
	}
	return m.out, nil
}

type msgpackReader struct {
	*msgpack.Decoder
	left *bytes.Reader // which the decoder reads without a buffer
	out  []byte
}

// value appends the next value. Containers are not made before their elements
// are there, so that a large count in a short body costs nothing.
func (m *msgpackReader) value(depth int) error {
	code, err := m.PeekCode()
	if err != nil {
		return err
	}
	switch {
	case code == msgpcode.Nil:
		m.out = append(m.out, "null"...)
		return m.DecodeNil()
	case code == msgpcode.True || code == msgpcode.False:
		v, err := m.DecodeBool()
		m.out = strconv.AppendBool(m.out, v)
		return err
	case code == msgpcode.Uint64:
		v, err := m.DecodeUint64()
		m.out = strconv.AppendUint(m.out, v, 10)
		return err
	case msgpcode.IsFixedNum(code), msgpcode.Uint8 <= code && code <= msgpcode.Int64:
		v, err := m.DecodeInt64()
		m.out = strconv.AppendInt(m.out, v, 10)
		return err
	case code == msgpcode.Float || code == msgpcode.Double:
		v, err := m.DecodeFloat64()
		m.out = pyfloat.AppendJSON(m.out, v)
		return err
	case msgpcode.IsString(code):
		v, err := m.bytes()
		if err == nil && !utf8.Valid(v) {
			err = errNotUTF8
		}
		m.out = AppendString(m.out, string(v))
		return err
	case msgpcode.IsBin(code):
		v, err := m.bytes()
		m.out = appendBytes(m.out, v)
		return err
	case depth == MaxDepth:
		return errDepth
	case msgpcode.IsFixedArray(code) || code == msgpcode.Array16 || code == msgpcode.Array32:
		return m.array(depth + 1)
	case msgpcode.IsFixedMap(code) || code == msgpcode.Map16 || code == msgpcode.Map32:
		return m.object(depth + 1)
	}
	return fmt.Errorf("value of type 0x%02x, which is not read", code)
}

// bytes reads a string or binary. Its length is checked before room is made.
func (m *msgpackReader) bytes() ([]byte, error) {
	n, err := m.DecodeBytesLen()
	if err != nil {
		return nil, err
	}
	if n > m.left.Len() {
		return nil, io.ErrUnexpectedEOF
	}
	v := make([]byte, n)
	return v, m.ReadFull(v)
}

func (m *msgpackReader) array(depth int) error {
	n, err := m.DecodeArrayLen()
	if err != nil {
		return err
	}
	m.out = append(m.out, '[')
	for i := range n {
		if i > 0 {
			m.out = append(m.out, ", "...)
		}
		if err := m.value(depth); err != nil {
			return err
		}
	}
	m.out = append(m.out, ']')
	return nil
}

func (m *msgpackReader) object(depth int) error {
	n, err := m.DecodeMapLen()
	if err != nil {
		return err
	}
	m.out = append(m.out, '{')
	for i := range n {
		if i > 0 {
			m.out = append(m.out, ", "...)
		}
		start := len(m.out)
		if err := m.value(depth); err != nil {
			return err
		}
		if m.out, err = asKey(m.out, start); err != nil {
			return err
		}
		m.out = append(m.out, ": "...)
		if err := m.value(depth); err != nil {
			return err
		}
	}
	m.out = append(m.out, '}')
	return nil
}

// asKey turns the value at out[start:] into a key, as Python's json does: the
// text of numbers, booleans and null. Other keys are refused.
func asKey(out []byte, start int) ([]byte, error) {
	switch key := out[start:]; key[0] {
	case '"':
		return out, nil
	case '{', '[':
		return nil, fmt.Errorf("key %s is no text", SafeRepr(key, 64))
	default:
		text := string(key)
		return AppendString(out[:start], text), nil
	}
}
