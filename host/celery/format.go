package celery

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// A Format is how bodies and stored results are written: one of kombu's
// serializers. The zero value is JSON.
type Format struct{ serializer *serializer }

// ParseFormat returns the format of a serializer's name or content type; empty
// is JSON. The error names what is written here. pickle never is.
func ParseFormat(name string) (Format, error) {
	if name == "" {
		return Format{}, nil
	}
	i := slices.IndexFunc(serializers, func(s serializer) bool { return name == s.name || name == s.contentType })
	switch {
	case i >= 0:
		return Format{&serializers[i]}, nil
	case name == "pickle" || name == "application/x-python-serialize":
		return Format{}, fmt.Errorf("pickle is never written; use %s", serializerNames())
	}
	return Format{}, fmt.Errorf("%q is no serializer of this worker; it writes %s", name, serializerNames())
}

func (f Format) get() *serializer {
	if f.serializer == nil {
		return &serializers[0]
	}
	return f.serializer
}

// Name is kombu's name of the format.
func (f Format) Name() string { return f.get().name }

// IsJSON reports whether values are written as they are.
func (f Format) IsJSON() bool { return f.get().fromJSON == nil }

// An Encoded is a value as a message carries it.
type Encoded struct {
	Body                         []byte
	ContentType, ContentEncoding string
}

// Encode writes a JSON value. What the format has a form for and JSON has not,
// kombu's special values, is written in that; the rest of those is text. The
// error is for a number that the format cannot hold.
func (f Format) Encode(value []byte) (Encoded, error) {
	s := f.get()
	e := Encoded{Body: value, ContentType: s.contentType, ContentEncoding: s.encoding}
	if s.fromJSON == nil {
		return e, nil
	}
	var err error
	if e.Body, err = s.fromJSON(value); err != nil {
		return Encoded{}, fmt.Errorf("write %s: %w", s.name, err)
	}
	return e, nil
}

// Decode reads a value of this format as JSON. JSON itself is read whatever the
// format, since others may have been set up to write that.
func (f Format) Decode(body []byte) (json.RawMessage, error) {
	s := f.get()
	if s.toJSON == nil || s.name == "msgpack" && len(body) > 0 && (body[0] == '{' || body[0] == '[') && Valid(body) == nil {
		return body, nil
	}
	return s.toJSON(body)
}

// Value returns the body of a message that is no task, such as a control request
// or an event, as JSON. The error is for what is not accepted or cannot be read.
func (d Decoder) Value(m Incoming) (json.RawMessage, error) {
	s, ok := d.serializer(m.ContentType)
	if !ok {
		return nil, fmt.Errorf("content type %q is refused, only %s is accepted", m.ContentType, d.accepts())
	}
	body, e := d.body(&Task{}, m, s)
	if e != nil {
		return nil, e
	}
	return body, nil
}

// Write has the message carry its body in a format, and compressed unless method
// is empty.
func (out Outgoing) Write(f Format, method string) (Outgoing, error) {
	e, err := f.Encode(out.Body)
	if err != nil {
		return out, err
	}
	out.Body, out.ContentType, out.ContentEncoding = e.Body, e.ContentType, e.ContentEncoding
	if method == "" {
		return out, nil
	}
	body, contentType, err := compress(method, out.Body)
	if err != nil {
		return out, err
	}
	out.Body = body
	out.Headers["compression"] = contentType
	return out, nil
}

// A Codec is how a result backend keeps values: Celery's result_serializer and
// result_compression. The zero value is JSON as it is.
type Codec struct {
	Format Format
	// Compression is gzip, brotli or zstd; empty is none. See [CheckCompression].
	Compression string
}

// compressedResult is how a value that result_compression packed begins; the
// content type of the compression and a zero byte follow.
var compressedResult = []byte("\x00celery-compressed\x00")

// Encode writes a JSON value.
func (c Codec) Encode(value []byte) ([]byte, error) {
	e, err := c.Format.Encode(value)
	if err != nil || c.Compression == "" {
		return e.Body, err
	}
	packed, contentType, err := compress(c.Compression, e.Body)
	if err != nil {
		return nil, err
	}
	return slices.Concat(compressedResult, []byte(contentType), []byte{0}, packed), nil
}

// Decode reads a value that this or another worker stored, compressed or not.
func (c Codec) Decode(data []byte) (json.RawMessage, error) {
	if rest, ok := bytes.CutPrefix(data, compressedResult); ok {
		method, packed, _ := bytes.Cut(rest, []byte{0})
		var err error
		if data, err = decompress(string(method), packed, MaxBody); err != nil {
			return nil, err
		}
	}
	return c.Format.Decode(data)
}

// DecodeResult reads a document that [Codec.Encode] or Celery wrote. A null result
// of FAILURE, or one that is no exception, stays in Value.
func (c Codec) DecodeResult(data []byte) (Result, error) {
	value, err := c.Decode(data)
	if err != nil {
		return Result{}, fmt.Errorf("decode result: %w", err)
	}
	return decodeResult(value)
}
