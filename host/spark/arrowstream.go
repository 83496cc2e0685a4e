package spark

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	flatbuffers "github.com/google/flatbuffers/go"
)

// An arrowStream hands the messages of an IPC stream that a guest wrote to
// Arrow's reader, which trusts what they say of themselves. It lets through what
// takes no more memory than the stream: no compressed bodies, no metadata that
// refer to one thing many times, nor types that hold themselves. Bodies are parts
// of the stream, so that only what is decoded is copied.
type arrowStream struct {
	rest     []byte
	messages int // so far
	current  *ipc.Message
}

// The numbers of tables' fields in Arrow's flatbuffers, as their offsets in a
// vtable, and of messages: format/Message.fbs and Schema.fbs.
const (
	fbMessageVersion, fbMessageKind, fbMessageHeader, fbMessageBody, fbMessageCustom = 4, 6, 8, 10, 12
	fbSchemaEndian, fbSchemaFields, fbSchemaCustom                                   = 4, 6, 8
	fbFieldName, fbFieldKind, fbFieldType, fbFieldChildren, fbFieldCustom            = 4, 8, 10, 14, 16
	fbDictData, fbDictDelta                                                          = 6, 8
	fbBatchCompression                                                               = 10
	fbKey, fbValue                                                                   = 4, 6
	fbTimezone                                                                       = 6

	fbSchema, fbDictionary, fbBatch = 1, 2, 3
	fbTimestamp                     = 10
	fbVersion4                      = 3
)

// arrowKinds are the kinds of types, by their numbers, that Spark has none for.
var arrowKinds = map[byte]string{
	14: "union", 22: "run-end encoded", 23: "binary view", 24: "string view", 25: "list view", 26: "large list view",
}

const (
	// maxArrowNesting is how deep types may be nested: Arrow's reader takes a few
	// more.
	maxArrowNesting = 60
	// maxArrowFields is how many columns, and fields of their types, a table may have.
	maxArrowFields = 20_000
)

// arrowMagic begins Arrow's files, which hold a stream.
const arrowMagic = "ARROW1"

// errStreamEnds says that the stream was cut.
var errStreamEnds = errors.New("the stream ends amid it")

// Retain does nothing: the stream lives as long as who reads it.
func (s *arrowStream) Retain() {}

// Release lets go of the last message.
func (s *arrowStream) Release() {
	if s.current != nil {
		s.current.Release()
		s.current = nil
	}
}

// Message implements [ipc.MessageReader].
func (s *arrowStream) Message() (m *ipc.Message, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the metadata are broken: %v", p)
		}
		if err != nil && err != io.EOF {
			m, err = nil, fmt.Errorf("message %d: %w", s.messages, err)
		}
	}()
	if len(s.rest) == 0 {
		return nil, io.EOF // which streams may end with
	}
	s.messages++
	meta, err := s.metadata()
	if err != nil {
		return nil, err
	}
	length, err := checkMessage(meta)
	if err != nil {
		return nil, err
	}
	if length < 0 || length > int64(len(s.rest)) {
		return nil, fmt.Errorf("%w: its body takes %d bytes, and %d are left", errStreamEnds, length, len(s.rest))
	}
	body := s.rest[:length]
	s.rest = s.rest[length:]
	s.Release()
	s.current = ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body))
	return s.current, nil
}

// metadata takes the length and the metadata of a message, or io.EOF at the
// stream's end.
func (s *arrowStream) metadata() ([]byte, error) {
	number := func() (uint32, error) {
		if len(s.rest) < 4 {
			return 0, errStreamEnds
		}
		n := binary.LittleEndian.Uint32(s.rest)
		s.rest = s.rest[4:]
		return n, nil
	}
	if bytes.HasPrefix(s.rest, []byte(arrowMagic)) {
		return nil, errors.New("this is an Arrow file; a stream is needed, which pyarrow.ipc.new_stream and the like write")
	}
	n, err := number()
	if err == nil && n == 0xFFFFFFFF { // absent before Arrow 0.15
		n, err = number()
	}
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, io.EOF
	case uint64(n) > uint64(len(s.rest)):
		return nil, fmt.Errorf("%w: its metadata take %d bytes, and %d are left", errStreamEnds, n, len(s.rest))
	}
	meta := s.rest[:n]
	s.rest = s.rest[n:]
	return meta, nil
}

// checkMessage checks a message's metadata and returns the length of its body.
// What it reads out of bounds panics.
func checkMessage(meta []byte) (int64, error) {
	// Who writes each thing once comes to no more than the whole.
	c := &arrowCheck{left: 2 * len(meta)}
	m := flatbuffers.Table{Bytes: meta, Pos: flatbuffers.GetUOffsetT(meta)}
	if version := fbInt16(m, fbMessageVersion); version < fbVersion4 {
		return 0, errors.New("it is of a version of Arrow before 0.8")
	}
	if err := c.pairs(m, fbMessageCustom); err != nil {
		return 0, err
	}
	var header flatbuffers.Table
	o := m.Offset(fbMessageHeader)
	if o == 0 {
		return 0, errors.New("it has no header")
	}
	m.Union(&header, flatbuffers.UOffsetT(o))
	var err error
	switch kind := fbByte(m, fbMessageKind); kind {
	case fbSchema:
		err = c.schema(header)
	case fbDictionary:
		if fbByte(header, fbDictDelta) != 0 {
			return 0, errors.New("it adds to a dictionary; write whole ones (emit_dictionary_deltas)")
		}
		if o := header.Offset(fbDictData); o != 0 {
			err = checkBatch(flatbuffers.Table{Bytes: meta, Pos: header.Indirect(header.Pos + flatbuffers.UOffsetT(o))})
		}
	case fbBatch:
		err = checkBatch(header)
	default:
		err = fmt.Errorf("it is of kind %d: only schemas, dictionaries and batches of rows can be in a table", kind)
	}
	if err != nil {
		return 0, err
	}
	length := int64(0)
	if o := m.Offset(fbMessageBody); o != 0 {
		length = m.GetInt64(m.Pos + flatbuffers.UOffsetT(o))
	}
	return length, nil
}

func checkBatch(batch flatbuffers.Table) error {
	if batch.Offset(fbBatchCompression) != 0 {
		return errors.New("its rows are compressed; write the stream without compression")
	}
	return nil
}

// arrowCheck counts what metadata come to once they are read.
type arrowCheck struct{ left, fields int }

// take counts n bytes and what it takes to hold them.
func (c *arrowCheck) take(n int) error {
	if c.left -= n + 8; c.left < 0 {
		return errors.New("its metadata refer to the same parts again and again")
	}
	return nil
}

func (c *arrowCheck) schema(s flatbuffers.Table) error {
	if fbInt16(s, fbSchemaEndian) != 0 {
		return errors.New("its numbers are big-endian; write them little-endian")
	}
	if err := c.pairs(s, fbSchemaCustom); err != nil {
		return err
	}
	return eachTable(s, fbSchemaFields, func(f flatbuffers.Table) error { return c.field(f, 1) })
}

func (c *arrowCheck) field(f flatbuffers.Table, level int) error {
	if level > maxArrowNesting {
		return fmt.Errorf("a type is nested more than %d levels deep", maxArrowNesting)
	}
	if c.fields++; c.fields > maxArrowFields {
		return fmt.Errorf("there are more than %d columns and fields", maxArrowFields)
	}
	if err := c.text(f, fbFieldName); err != nil {
		return err
	}
	kind := fbByte(f, fbFieldKind)
	if name := arrowKinds[kind]; name != "" || kind == 0 || kind > 26 {
		return fmt.Errorf("no type of Spark's is for one of kind %d %s; cast it before", kind, name)
	}
	if o := f.Offset(fbFieldType); o != 0 && kind == fbTimestamp {
		var t flatbuffers.Table
		f.Union(&t, flatbuffers.UOffsetT(o))
		if err := c.text(t, fbTimezone); err != nil {
			return err
		}
	}
	if err := c.pairs(f, fbFieldCustom); err != nil {
		return err
	}
	return eachTable(f, fbFieldChildren, func(child flatbuffers.Table) error { return c.field(child, level+1) })
}

// pairs counts keys and their values.
func (c *arrowCheck) pairs(t flatbuffers.Table, field flatbuffers.VOffsetT) error {
	return eachTable(t, field, func(pair flatbuffers.Table) error {
		if err := c.text(pair, fbKey); err != nil {
			return err
		}
		return c.text(pair, fbValue)
	})
}

func (c *arrowCheck) text(t flatbuffers.Table, field flatbuffers.VOffsetT) error {
	n := 0
	if o := t.Offset(field); o != 0 {
		n = len(t.ByteVector(t.Pos + flatbuffers.UOffsetT(o)))
	}
	return c.take(n)
}

// eachTable visits a vector of tables until one fails.
func eachTable(t flatbuffers.Table, field flatbuffers.VOffsetT, visit func(flatbuffers.Table) error) error {
	o := flatbuffers.UOffsetT(t.Offset(field))
	if o == 0 {
		return nil
	}
	start := t.Vector(o)
	for n := range t.VectorLen(o) {
		at := t.Indirect(start + 4*flatbuffers.UOffsetT(n))
		if err := visit(flatbuffers.Table{Bytes: t.Bytes, Pos: at}); err != nil {
			return err
		}
	}
	return nil
}

func fbInt16(t flatbuffers.Table, field flatbuffers.VOffsetT) int16 { return t.GetInt16Slot(field, 0) }

func fbByte(t flatbuffers.Table, field flatbuffers.VOffsetT) byte { return t.GetByteSlot(field, 0) }
