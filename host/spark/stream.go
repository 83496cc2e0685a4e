package spark

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// A Stream is the result of an execution as it arrives, batch by batch:
//
//	for stream.Next() {
//		use(stream.Record())
//	}
//	err := stream.Err()
//
// It is used by one goroutine, and closed by whoever asked for it.
type Stream struct {
	x      *execution
	schema *arrow.Schema
	types  []*sparkpb.DataType_StructField // as the engine names them, before the first batch
	reader *ipc.Reader                     // of the message that is being read
	batch  arrow.RecordBatch               // what Record returns
	ahead  bool                            // batch was read before the first Next
	rows   int64                           // of the batches so far
	chunks []byte                          // of a batch that comes in pieces
	pieces int64                           // that have arrived
	err    error
	done   bool
}

// open reads until the schema is known, so that what is wrong with a query
// shows before its first row is asked for.
func (s *Stream) open() error {
	s.ahead = s.advance()
	if s.err != nil {
		return s.err
	}
	if s.schema == nil { // a command
		s.schema = arrow.NewSchema(nil, nil)
	}
	return nil
}

// Schema returns the columns. Engines differ in what is nullable and in the
// kinds of strings (utf8, large utf8).
func (s *Stream) Schema() *arrow.Schema { return s.schema }

// Fields returns the columns with their types in DDL form.
func (s *Stream) Fields() []Field { return fieldsOf(s.schema, s.types) }

// fieldsOf returns columns as Spark names them, or as Arrow does where Spark has
// not told.
func fieldsOf(schema *arrow.Schema, types []*sparkpb.DataType_StructField) []Field {
	fields := make([]Field, schema.NumFields())
	for i, f := range schema.Fields() {
		fields[i] = Field{Name: f.Name, Type: f.Type.String(), Nullable: f.Nullable}
		if len(types) == len(fields) {
			t := types[i]
			fields[i] = Field{Name: t.GetName(), Type: ddl(t.GetDataType()), Nullable: t.GetNullable(), kind: t.GetDataType()}
		}
	}
	return fields
}

// Next goes to the next batch that has rows. It is false at the end and after
// an error: see Err.
func (s *Stream) Next() bool {
	if s.ahead {
		s.ahead = false
		return true
	}
	return s.advance()
}

// Record returns the batch that Next went to. It is valid until the next call
// of Next or Close; who keeps it retains it.
func (s *Stream) Record() arrow.RecordBatch { return s.batch }

// Rows returns how many rows the batches had so far.
func (s *Stream) Rows() int64 { return s.rows }

// Err returns why Next was false, or nil at the end of the rows.
func (s *Stream) Err() error { return s.err }

// Close gives the stream up. If the execution was not at its end, it is
// interrupted in the background. Close may be called twice; it returns nil.
func (s *Stream) Close() error {
	s.drop()
	s.done, s.ahead = true, false
	s.x.close()
	return nil
}

func (s *Stream) drop() {
	s.batch = nil // belongs to the reader
	if s.reader != nil {
		s.reader.Release()
		s.reader = nil
	}
}

func (s *Stream) advance() bool {
	s.batch = nil
	for !s.done {
		if s.reader != nil {
			if s.reader.Next() {
				batch := s.reader.RecordBatch()
				s.rows += batch.NumRows()
				if batch.NumRows() > 0 {
					s.batch, s.x.given = batch, true
					return true
				}
				continue
			}
			if err := s.reader.Err(); err != nil && !errors.Is(err, io.EOF) {
				s.fail(fmt.Errorf("read Arrow batch: %w", err))
				return false
			}
			s.drop()
		}
		response, err := s.x.next()
		if columns := response.GetSchema().GetStruct().GetFields(); columns != nil {
			s.types = columns
		}
		switch {
		case errors.Is(err, io.EOF):
			s.done = true
			if s.pieces > 0 {
				s.fail(errors.New("the engine ended the result amid a batch"))
			}
		case err != nil:
			s.fail(err)
		case response.GetArrowBatch() != nil:
			if err := s.take(response.GetArrowBatch()); err != nil {
				s.fail(err)
			}
		}
	}
	return false
}

func (s *Stream) fail(err error) {
	s.drop()
	s.err, s.done = err, true
	s.x.close()
}

// take opens the Arrow stream in a message, or adds a piece to the one that is
// arriving.
func (s *Stream) take(m *sparkpb.ExecutePlanResponse_ArrowBatch) error {
	data := m.GetData()
	if n := m.GetNumChunksInBatch(); n > 1 {
		s.x.given = true
		if m.GetChunkIndex() != s.pieces {
			return fmt.Errorf("the engine sent piece %d of a batch after piece %d", m.GetChunkIndex(), s.pieces-1)
		}
		if len(s.chunks)+len(data) > MaxMessage {
			return fmt.Errorf("one batch of rows takes more than %d MiB: its rows are too large", MaxMessage>>20)
		}
		s.chunks = append(s.chunks, data...)
		if s.pieces++; s.pieces < n {
			return nil
		}
		data, s.chunks, s.pieces = s.chunks, nil, 0
	}
	// After a break, what follows must begin where the last batch ended.
	if m.StartOffset != nil && m.GetStartOffset() != s.rows {
		return fmt.Errorf("the engine sent rows from %d on after %d rows", m.GetStartOffset(), s.rows)
	}
	reader, err := ipc.NewReader(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("read Arrow batch: %w", err)
	}
	if s.schema == nil {
		s.schema = reader.Schema()
	}
	s.reader = reader
	return nil
}
