package spark

import (
	"encoding/json"
	"fmt"
	"iter"
	"unsafe"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Batches runs the plan and returns its rows batch by batch, as columns, for as
// many rows as there may be: only a few batches are in memory at a time. It is
// what foreachBatch and toArrow are for in PySpark. A batch has at most maxRows
// rows, or as many as come at once if that is zero.
//
//	for batch, err := range df.Batches(0) {
//		if err != nil {
//			return err
//		}
//		ids, err := batch.Column("id")
//		…
//		for row, id := range ids.Int64s() {
//
// A batch and all that is read from it, but for texts, is good until the next
// one. An error ends the rows. One in the middle, such as an engine that was
// restarted, comes after rows that were good.
func (df *DataFrame) Batches(maxRows int) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		c, err := df.open()
		if err != nil {
			yield(nil, err)
			return
		}
		// What close could say matters to nobody: the rows are here.
		defer func() { _ = c.host.CursorClose(c.handle) }()
		for {
			batch, err := c.next(maxRows)
			if err != nil {
				yield(nil, err)
				return
			}
			if batch == nil || !yield(batch, nil) {
				return
			}
		}
	}
}

// cursor is a cursor of the host's, and the memory for its batches.
type cursor struct {
	session *Session
	host    abi.Host
	handle  abi.Cursor
	columns []abi.CursorColumn
	memory  []columnMemory
	batch   Batch
}

// columnMemory is where the buffers of one column go, batch after batch.
type columnMemory struct{ buffers [5][]uint64 }

// taker is a host that can copy its next bytes into memory that is there. It
// does nothing where the bytes are at hand.
type taker interface{ TakeInto(memory []byte) }

func (df *DataFrame) open() (*cursor, error) {
	if err := df.check(); err != nil {
		return nil, err
	}
	host := df.session.host
	handle, err := host.CursorOpen(df.handle)
	if err != nil {
		return nil, err
	}
	c := &cursor{session: df.session, host: host, handle: handle}
	data, err := host.CursorSchema(handle)
	if err == nil {
		var schema abi.CursorSchema
		err = json.Unmarshal(data, &schema)
		c.columns = schema.Columns
	}
	if err != nil {
		_ = host.CursorClose(handle) // the first error counts
		return nil, fmt.Errorf("read the cursor's columns: %w", err)
	}
	c.memory = make([]columnMemory, len(c.columns))
	return c, nil
}

// next goes to the next batch, or returns nil at the end.
func (c *cursor) next(maxRows int) (*Batch, error) {
	if err := c.session.check(); err != nil {
		return nil, err
	}
	n, err := c.host.CursorNext(c.handle, clamp(maxRows))
	if err != nil || n == 0 {
		return nil, err
	}
	c.batch = Batch{cursor: c, rows: int(n), vectors: c.batch.vectors}
	if c.batch.vectors == nil {
		c.batch.vectors = make([]Vector, len(c.columns))
	}
	for i := range c.batch.vectors {
		c.batch.vectors[i] = Vector{}
	}
	return &c.batch, nil
}

// buffer fetches a buffer of a column. The memory of the last batch's is used
// again where the host copies.
func (c *cursor) buffer(column int, which abi.Buffer) ([]byte, error) {
	memory := &c.memory[column].buffers[which]
	host, copies := c.host.(taker)
	if copies {
		host.TakeInto(bytesOf(*memory))
	}
	data, err := c.host.CursorColumn(c.handle, int32(column), which)
	if err != nil {
		return nil, err
	}
	if copies && len(data) > len(*memory)*8 {
		// It came in memory of its own, since it did not fit. The next ones will.
		*memory = make([]uint64, len(data)/8+len(data)/64+1)
	}
	if p := unsafe.SliceData(data); uintptr(unsafe.Pointer(p))%8 != 0 {
		moved := bytesOf(make([]uint64, len(data)/8+1))
		return moved[:copy(moved, data)], nil
	}
	return data, nil
}

// bytesOf is memory that is aligned for numbers of 64 bits.
func bytesOf(words []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(words)*8)
}
