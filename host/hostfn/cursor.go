package hostfn

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// A cursor holds at most four batches: the one in the guest's hands, one that
// waits, one that is being handed over and one that arrives. The engine's
// stream is read no faster than that, and its flow control holds the engine back.
const batchesWaiting = 1

// What a batch is cut to, for the guest's memory is small.
const (
	maxBatchRows  = 64 << 10
	maxBatchBytes = 8 << 20
)

var errCursorClosed = errors.New("the cursor was closed")

// cursor is an execution whose batches the guest takes one by one. A goroutine
// of its own reads ahead and keeps the cached inputs in the engine until the end.
type cursor struct {
	cancel  context.CancelCauseFunc
	opened  chan struct{} // closed once fields and schema are known
	fields  []spark.Field
	schema  *arrow.Schema
	batches chan arrow.RecordBatch // closed at the end, after err was set
	err     error

	// Of the guest's side.
	batch   arrow.RecordBatch // from the engine; nil before the first and after the last
	cut     int64             // where in batch the next part begins
	part    arrow.RecordBatch // what the guest sees
	buffers []*spark.Buffers  // of part, once the guest has asked for a column
	json    []*spark.Buffers  // the same as JSON
	rows    int64             // handed over so far
}

// CursorOpen implements [abi.Host]. It waits for the first rows, so that what is
// wrong with the plan shows here.
func (i *Invocation) CursorOpen(frame abi.Frame) (abi.Cursor, error) {
	df, err := i.lookup("CursorOpen", frame)
	if err == nil && len(i.cursors) >= i.most.Cursors {
		err = abi.Errorf(typeLimit, "CursorOpen: the task has %d cursors open, which is the most it may have; close one", len(i.cursors))
	}
	if err != nil {
		return 0, i.failed(i.ctx, err)
	}
	ctx, cancel := context.WithCancelCause(i.working())
	c := &cursor{cancel: cancel, opened: make(chan struct{}), batches: make(chan arrow.RecordBatch, batchesWaiting)}
	go c.pump(ctx, i, df)
	select {
	case <-c.opened:
	case <-i.working().Done():
		return 0, i.failed(i.ctx, context.Cause(i.working()))
	}
	if c.schema == nil { // it ended before there was one
		cancel(errCursorClosed)
		return 0, i.failed(i.ctx, c.err)
	}
	if i.cursors == nil {
		i.cursors = make(map[abi.Cursor]*cursor)
	}
	i.opened++
	i.cursors[i.opened] = c
	return i.opened, nil
}

// pump runs the plan and passes its batches on.
func (c *cursor) pump(ctx context.Context, i *Invocation, df *spark.DataFrame) {
	handed := false
	var late error
	err := i.cfg.Cache.Do(ctx, df, i.opt, func(ctx context.Context, df *spark.DataFrame) error {
		stream, err := i.cfg.Session.Collect(ctx, df, i.opt)
		if err != nil {
			return err
		}
		defer func() { _ = stream.Close() }() // returns nil
		if c.schema == nil {
			c.fields, c.schema = stream.Fields(), stream.Schema()
			close(c.opened)
		}
		for stream.Next() {
			batch := stream.Record()
			batch.Retain()
			select {
			case c.batches <- batch:
				handed = true
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err = stream.Err(); handed {
			// Rows are with the guest: another run would hand them over again.
			late = err
			return nil
		}
		return err
	})
	c.err = err
	if late != nil {
		c.err = late
	}
	if c.schema == nil {
		close(c.opened)
	}
	close(c.batches)
}

// cursor returns an open cursor, or what is wrong with the handle.
func (i *Invocation) cursor(fn string, handle abi.Cursor) (*cursor, error) {
	c := i.cursors[handle]
	switch {
	case c != nil:
		return c, nil
	case handle != 0 && handle <= i.opened:
		return nil, i.failed(i.ctx, abi.Errorf(typeBadHandle, "%s: cursor %d is closed", fn, handle))
	}
	return nil, i.failed(i.ctx, abi.Errorf(typeBadHandle, "%s: cursor %d does not exist in this task", fn, handle))
}

// CursorSchema implements [abi.Host].
func (i *Invocation) CursorSchema(handle abi.Cursor) ([]byte, error) {
	c, err := i.cursor("CursorSchema", handle)
	if err != nil {
		return nil, err
	}
	schema := abi.CursorSchema{Columns: make([]abi.CursorColumn, len(c.fields))}
	for n, f := range c.fields {
		schema.Columns[n] = abi.CursorColumn{
			Name: f.Name, Type: f.Type, Nullable: f.Nullable, Layout: abi.Layout(spark.LayoutOf(f, c.schema.Field(n).Type)),
		}
	}
	return asJSON(i, schema, nil)
}

// CursorNext implements [abi.Host].
func (i *Invocation) CursorNext(handle abi.Cursor, maxRows int32) (int64, error) {
	c, err := i.cursor("CursorNext", handle)
	if err != nil {
		return 0, err
	}
	c.part, c.buffers, c.json = nil, nil, nil
	if c.batch == nil || c.cut == c.batch.NumRows() {
		c.drop()
		select {
		case batch, more := <-c.batches:
			if !more {
				return 0, c.end(i)
			}
			c.batch, c.cut = batch, 0
		case <-i.working().Done():
			return 0, i.failed(i.ctx, context.Cause(i.working()))
		}
	}
	n := cutRows(c.batch, c.cut, int64(maxRows))
	c.part = c.batch.NewSlice(c.cut, c.cut+n)
	c.buffers, c.json = make([]*spark.Buffers, c.part.NumCols()), make([]*spark.Buffers, c.part.NumCols())
	c.cut += n
	c.rows += n
	if err := i.takeIn(n, batchBytes(c.part)); err != nil {
		return 0, i.failed(i.ctx, err)
	}
	return n, nil
}

// end says how the rows ended.
func (c *cursor) end(i *Invocation) error {
	if c.err == nil {
		return nil
	}
	if c.rows > 0 {
		return i.failed(i.ctx, fmt.Errorf("after %d rows had been read: %w", c.rows, c.err))
	}
	return i.failed(i.ctx, c.err)
}

func (c *cursor) drop() {
	if c.batch != nil {
		c.batch.Release()
		c.batch = nil
	}
}

// cutRows returns how many rows from row on make the next part: as many as the
// guest wants, and no more than its memory may be expected to take.
func cutRows(batch arrow.RecordBatch, row, wanted int64) int64 {
	rows, most := batch.NumRows(), int64(maxBatchRows)
	if size := batchBytes(batch); size > maxBatchBytes {
		most = max(1, min(most, rows*maxBatchBytes/size))
	}
	if most > 8 {
		most &^= 7 // whole bytes of bitmaps need not be moved
	}
	if wanted > 0 {
		most = min(most, wanted)
	}
	return min(most, rows-row)
}

// batchBytes returns about how many bytes a batch takes.
func batchBytes(batch arrow.RecordBatch) int64 {
	var n int64
	var add func(arrow.ArrayData)
	add = func(data arrow.ArrayData) {
		for _, b := range data.Buffers() {
			if b != nil {
				n += int64(b.Len())
			}
		}
		for _, child := range data.Children() {
			add(child)
		}
	}
	for _, column := range batch.Columns() {
		add(column.Data())
	}
	return n
}

// CursorColumn implements [abi.Host]. What it returns may be a part of the
// batch: it is good until the next CursorNext.
func (i *Invocation) CursorColumn(handle abi.Cursor, column int32, buffer abi.Buffer) ([]byte, error) {
	c, err := i.cursor("CursorColumn", handle)
	if err != nil {
		return nil, err
	}
	switch {
	case c.part == nil:
		return nil, i.failed(i.ctx, abi.Errorf(typeValue, "CursorColumn: the cursor is at no batch; CursorNext goes to one"))
	case column < 0 || int64(column) >= c.part.NumCols():
		return nil, i.failed(i.ctx, abi.Errorf(typeValue, "CursorColumn: there is no column %d; there are %d, counted from 0", column, c.part.NumCols()))
	}
	b, err := c.buffersOf(column, buffer)
	if err != nil {
		return nil, i.failed(i.ctx, fmt.Errorf("column %s: %w", c.fields[column].Name, err))
	}
	switch buffer {
	case abi.Validity:
		return b.Validity, nil
	case abi.Offsets, abi.JSONOffsets:
		return b.Offsets, nil
	case abi.Values, abi.JSONValues:
		return b.Values, nil
	}
	return nil, i.failed(i.ctx, abi.Errorf(typeValue, "CursorColumn: buffer %d is unknown: 0 is validity, 1 offsets, 2 values, 3 and 4 the same as JSON", buffer))
}

// buffersOf returns a column's buffers, which are made when first asked for.
func (c *cursor) buffersOf(column int32, buffer abi.Buffer) (*spark.Buffers, error) {
	kept, read := &c.buffers[column], spark.BuffersOf
	if buffer == abi.JSONOffsets || buffer == abi.JSONValues {
		kept, read = &c.json[column], spark.JSONBuffers
	}
	if *kept == nil {
		found, err := read(c.fields[column], c.part.Column(int(column)))
		if err != nil {
			return nil, err
		}
		*kept = &found
	}
	return *kept, nil
}

// CursorClose implements [abi.Host].
func (i *Invocation) CursorClose(handle abi.Cursor) error {
	if handle == 0 || handle > i.opened {
		_, err := i.cursor("CursorClose", handle)
		return err
	}
	i.closeCursor(handle)
	return nil
}

// closeCursor ends a cursor's execution. Its goroutine goes on for as long as
// it takes to tell the engine.
func (i *Invocation) closeCursor(handle abi.Cursor) {
	c := i.cursors[handle]
	if c == nil {
		return
	}
	delete(i.cursors, handle)
	c.cancel(errCursorClosed)
	c.drop()
	c.part, c.buffers, c.json = nil, nil, nil
	go func() {
		for batch := range c.batches {
			batch.Release()
		}
	}()
}
