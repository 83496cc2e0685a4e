package sparktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// ErrQuiet ends an execution as Sail does when it is interrupted: its stream ends
// without an error and without a result, and nobody has ever heard of it.
var ErrQuiet = errors.New("end without a word")

// Error returns an engine's error: its condition (empty as Sail's), its Java
// class and its message.
func Error(condition, class, message string) error {
	return ErrorWith(message, map[string]string{"errorClass": condition}, class)
}

// ErrorWith returns an engine's error with metadata of its own.
func ErrorWith(message string, details map[string]string, class string) error {
	info := &errdetails.ErrorInfo{Reason: class, Domain: "org.apache.spark", Metadata: map[string]string{"classes": fmt.Sprintf("[%q]", class)}}
	for key, value := range details {
		if value != "" {
			info.Metadata[key] = value
		}
	}
	st, err := status.New(codes.Internal, message).WithDetails(info)
	if err != nil { // an ErrorInfo always marshals
		panic(err)
	}
	return st.Err()
}

// Operation is one execution. Its script sends with it; its methods are safe
// for concurrent use.
type Operation struct {
	// Request is what began it.
	Request *sparkpb.ExecutePlanRequest

	server *Server
	ctx    context.Context
	cancel context.CancelFunc

	mu        sync.Mutex
	responses []*sparkpb.ExecutePlanResponse
	cuts      map[int]error // after how many responses a stream ends, once each
	mute      bool
	ended     bool
	err       error
	changed   chan struct{} // closed when there is more to see
	rows      int64
}

// Context ends when the execution is interrupted, released or forgotten.
func (o *Operation) Context() context.Context { return o.ctx }

// CutAfter ends the stream that sends response n, counted from 1, right after
// it: with err, or in peace if that is nil. Zero cuts before the first.
func (o *Operation) CutAfter(n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cuts[n] = err
	o.wake() // a stream may have begun already
}

// Mute ends every stream in peace before it has said anything.
func (o *Operation) Mute() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mute = true
	o.wake()
}

// Forget makes the server not know the execution any more, as Sail does once it
// has sent the whole result, arrived or not.
func (o *Operation) Forget() {
	o.server.mu.Lock()
	defer o.server.mu.Unlock()
	delete(o.server.operations, o.Request.GetOperationId())
}

// Send adds a response. The ids of responses and sessions are filled in.
func (o *Operation) Send(r *sparkpb.ExecutePlanResponse) {
	o.server.mu.Lock()
	server := o.server.serverID(o.Request.GetSessionId())
	o.server.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	r.SessionId, r.ServerSideSessionId, r.OperationId = o.Request.GetSessionId(), server, o.Request.GetOperationId()
	r.ResponseId = fmt.Sprintf("response-%d", len(o.responses)+1)
	o.responses = append(o.responses, r)
	o.wake()
}

// Rows sends a batch of one bigint column, id.
func (o *Operation) Rows(values ...int64) { o.batch(int64(len(values)), Batch(values...)) }

// Texts sends a batch of one string column, text.
func (o *Operation) Texts(values ...string) {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(values, nil)
	o.batch(int64(len(values)), stream("text", b))
}

func (o *Operation) batch(rows int64, data []byte) {
	o.mu.Lock()
	offset := o.rows
	o.rows += rows
	o.mu.Unlock()
	o.Send(&sparkpb.ExecutePlanResponse{ResponseType: &sparkpb.ExecutePlanResponse_ArrowBatch_{
		ArrowBatch: &sparkpb.ExecutePlanResponse_ArrowBatch{RowCount: rows, StartOffset: &offset, Data: data},
	}})
}

// Batch returns the Arrow stream of one bigint column, id.
func Batch(values ...int64) []byte {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(values, nil)
	return stream("id", b)
}

// stream returns the Arrow stream of a column.
func stream(name string, b array.Builder) []byte {
	column := b.NewArray()
	defer column.Release()
	schema := arrow.NewSchema([]arrow.Field{{Name: name, Type: column.DataType()}}, nil)
	batch := array.NewRecordBatch(schema, []arrow.Array{column}, int64(column.Len()))
	defer batch.Release()
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	if err := errors.Join(w.Write(batch), w.Close()); err != nil { // to memory
		panic(err)
	}
	return out.Bytes()
}

// wake tells the streams that there is more. o.mu is held.
func (o *Operation) wake() {
	close(o.changed)
	o.changed = make(chan struct{})
}

// run lets the script answer.
func (o *Operation) run(script Script) {
	err := script(o)
	if err == nil {
		o.Send(&sparkpb.ExecutePlanResponse{ResponseType: &sparkpb.ExecutePlanResponse_ResultComplete_{
			ResultComplete: &sparkpb.ExecutePlanResponse_ResultComplete{},
		}})
	}
	if errors.Is(err, ErrQuiet) {
		o.Forget()
		err = nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended, o.err = true, err
	o.wake()
}

// stream sends the responses after the one with the given id.
func (o *Operation) stream(ctx context.Context, last string, send func(*sparkpb.ExecutePlanResponse) error) error {
	next := 0
	o.mu.Lock()
	for i, r := range o.responses {
		if r.GetResponseId() == last {
			next = i + 1
		}
	}
	o.mu.Unlock()
	for {
		o.mu.Lock()
		if cut, ok := o.cuts[next]; ok {
			delete(o.cuts, next)
			o.mu.Unlock()
			return cut
		}
		if o.mute {
			o.mu.Unlock()
			return nil
		}
		var response *sparkpb.ExecutePlanResponse
		if next < len(o.responses) {
			response = o.responses[next]
		}
		ended, err, changed := o.ended, o.err, o.changed
		o.mu.Unlock()
		switch {
		case response != nil:
			if err := send(response); err != nil {
				return err
			}
			next++
		case ended:
			return err
		default:
			select {
			case <-changed:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}
