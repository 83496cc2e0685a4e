package spark

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
)

// flushAt is how many bytes of rows are written at a time, about.
const flushAt = 64 << 10

// A part of a batch is at least so many rows, and a batch is cut into no more
// than so many, which are written at the same time: the engine has sent the last
// of many rows when much of their JSON is still to be written.
const (
	partRows = 1024
	maxParts = 4
)

// rowWriter writes batches as the elements of one JSON array.
type rowWriter struct {
	w       io.Writer
	limit   int64 // of all bytes; 0 is none
	buf     []byte
	parts   [][]byte // beside buf, of a batch that is written in parts
	written int64    // flushed before
	rows    int64
	types   []Field // nil if Arrow's names and types are all that is known
}

func newRowWriter(w io.Writer, limit int64, types []Field) *rowWriter {
	return &rowWriter{w: w, limit: limit, buf: []byte{'['}, types: types}
}

// end writes what ends the array.
func (r *rowWriter) end() error {
	r.buf = append(r.buf, ']')
	if r.over(len(r.buf)) {
		return &TooLargeError{Limit: r.limit, Rows: r.rows}
	}
	return r.flush(r.buf)
}

func (r *rowWriter) batch(batch arrow.RecordBatch, form RowForm) error {
	rows := int(batch.NumRows())
	ways := max(1, min(rows/partRows, maxParts, runtime.GOMAXPROCS(0)))
	tables := make([]*rowTable, ways)
	for i := range tables {
		// Each has appenders of its own, made here: Arrow counts NULLs when first asked.
		var err error
		if tables[i], err = r.table(batch, form); err != nil {
			return err
		}
	}
	if ways > 1 {
		if whole, err := r.together(tables, rows); whole || err != nil {
			return err
		}
		// It is too large: which row is the first that does not fit shows below.
	}
	t := tables[0]
	for row := range rows {
		r.buf = t.append(r.buf, row, r.rows == 0)
		if r.over(len(r.buf)) {
			return &TooLargeError{Limit: r.limit, Rows: r.rows}
		}
		r.rows++
		if len(r.buf) >= flushAt {
			if err := r.flush(r.buf); err != nil {
				return err
			}
		}
	}
	return nil
}

// together writes the rows in as many parts as there are tables. It reports false,
// and has done nothing, if they take more than the limit.
func (r *rowWriter) together(tables []*rowTable, rows int) (bool, error) {
	for len(r.parts) < len(tables) {
		r.parts = append(r.parts, nil)
	}
	var parts sync.WaitGroup
	for i, t := range tables {
		parts.Go(func() {
			out := r.parts[i][:0]
			for row := i * rows / len(tables); row < (i+1)*rows/len(tables); row++ {
				if out = t.append(out, row, r.rows == 0 && row == 0); r.over(len(out)) {
					break
				}
			}
			r.parts[i] = out
		})
	}
	parts.Wait()
	size := len(r.buf)
	for _, part := range r.parts[:len(tables)] {
		size += len(part)
	}
	if r.over(size) {
		return false, nil
	}
	if err := r.flush(r.buf); err != nil {
		return false, err
	}
	for _, part := range r.parts[:len(tables)] {
		if err := r.flush(part); err != nil {
			return false, err
		}
	}
	r.rows += int64(rows)
	return true, nil
}

// over reports whether so many bytes more are over the limit.
func (r *rowWriter) over(more int) bool { return r.limit > 0 && r.written+int64(more) > r.limit }

// flush writes bytes, which are buf's or a part's.
func (r *rowWriter) flush(data []byte) error {
	n, err := r.w.Write(data)
	r.written += int64(n)
	r.buf = r.buf[:0]
	if err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}

// rowTable appends the rows of one batch.
type rowTable struct {
	cells            []appender
	names            [][]byte // in front of the cells of an object; nil of arrays
	opening, closing byte
}

func (r *rowWriter) table(batch arrow.RecordBatch, form RowForm) (*rowTable, error) {
	fields := r.types
	if fields == nil {
		fields = fieldsOf(batch.Schema(), nil)
	}
	t := &rowTable{cells: make([]appender, len(fields)), opening: '[', closing: ']'}
	switch form {
	case RowArrays:
	case RowObjects:
		t.opening, t.closing, t.names = '{', '}', make([][]byte, len(fields))
	default:
		return nil, errors.New("rows as JSON: the form is neither arrays nor objects")
	}
	seen := make(map[string]bool)
	for i, field := range fields {
		var err error
		if t.cells[i], err = newAppender(batch.Column(i), field.kind); err != nil {
			return nil, fmt.Errorf("column %q: %w", field.Name, err)
		}
		if form != RowObjects {
			continue
		}
		name := field.Name // Arrow's may be numbered, where two are equal
		t.names[i] = append(appendString(nil, name), ':')
		if seen[name] {
			return nil, fmt.Errorf("rows as objects: two columns are named %q; rename one of them, or take rows as arrays", name)
		}
		seen[name] = true
	}
	return t, nil
}

// append appends a row, with a comma in front unless it is the first of all.
func (t *rowTable) append(dst []byte, row int, first bool) []byte {
	if !first {
		dst = append(dst, ',')
	}
	dst = append(dst, t.opening)
	for i, cell := range t.cells {
		if i > 0 {
			dst = append(dst, ',')
		}
		if t.names != nil {
			dst = append(dst, t.names[i]...)
		}
		dst = cell(dst, row)
	}
	return append(dst, t.closing)
}
