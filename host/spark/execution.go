package spark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/sparkstalk/sparkstalk/host/internal/backoff"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// Options of one execution. The zero value is fine.
type Options struct {
	// Tags mark the execution in the engine, for interrupts and its UI. A tag
	// is not empty and has no comma.
	Tags []string
	// Description is what the execution is for. Spark's UI begins with it where
	// it names a job, and has the whole in the details of its stages; the end of
	// a long one is cut. It is left out when the remote names a user.
	Description string
	// OperationID is the execution's name, a UUID that was not used before.
	// Empty makes a new one.
	OperationID string
	// Progress is called with what the engine reports, on the goroutine that
	// waits for the result. Sail reports nothing.
	Progress func(Progress)
	// Observed is called with the metrics of [DataFrame.Observe] that come with
	// the result, on the same goroutine: a JSON object of names and values.
	Observed func(name string, metrics []byte)
}

func (o Options) check() error {
	for _, tag := range o.Tags {
		if tag == "" || strings.Contains(tag, ",") {
			return fmt.Errorf("tag %q: a tag is not empty and has no comma", tag)
		}
	}
	if o.OperationID != "" {
		if _, err := uuid.Parse(o.OperationID); err != nil {
			return fmt.Errorf("operation id %q: %w", o.OperationID, err)
		}
	}
	return nil
}

// execution is one operation at the engine. Streams end early for many reasons;
// it is over only when the engine says so. It is used by one goroutine.
type execution struct {
	session *Session
	gen     *generation
	ctx     context.Context // the caller's
	request *sparkpb.ExecutePlanRequest
	again   bool // may be run a second time if it is unclear whether it was
	report  *reporter
	observe func(name string, metrics []byte)

	inner     context.Context // of the streams; ends after the interrupt was sent
	cancel    context.CancelFunc
	stream    grpc.ServerStreamingClient[sparkpb.ExecutePlanResponse]
	sent      bool        // a request may have reached the engine: reattach
	answered  atomic.Bool // the engine knows the operation
	last      string      // id of the last response
	given     bool        // the caller has got rows, or the outcome of a command
	anew      bool        // it was run a second time since its result was lost
	responses int

	disarm    func() bool   // keeps the end of ctx from interrupting
	interrupt chan struct{} // closed when the interrupt was sent

	wait   *backoff.Backoff // since the last response
	outage time.Time        // when the engine was first not reached
	empty  int              // streams that ended without a response
	opened time.Time        // when the last stream was
	quiet  bool             // the last stream ended without an error
	over   bool
}

// maxEmpty is how many streams in a row may end at once and without a word.
const maxEmpty = 6

// Spark ends streams after 2 minutes or 1 GB by itself: those that lived longer
// than this are no cause for worry.
const shortLife = 10 * time.Second

// releaseEvery is after how many responses the engine is told that they arrived.
const releaseEvery = 32

// execute begins to run a plan. again says that running it twice does no harm.
func (s *Session) execute(ctx context.Context, plan *sparkpb.Plan, opt Options, again bool) (*execution, error) {
	g, err := s.begin()
	if err != nil {
		return nil, err
	}
	if err := opt.check(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := s.open(ctx, g); err != nil {
		return nil, err
	}
	if err := s.sendLocal(ctx, g, plan); err != nil {
		return nil, err
	}
	if opt.OperationID == "" {
		opt.OperationID = uuid.NewString()
	}
	chunk := int64(4 << 20)
	x := &execution{
		session: s, gen: g, ctx: ctx, again: again, wait: newBackoff(), report: &reporter{tell: opt.Progress}, observe: opt.Observed,
		interrupt: make(chan struct{}),
		request: &sparkpb.ExecutePlanRequest{
			SessionId: g.id, UserContext: s.describe(opt.Description), ClientType: &s.agent,
			OperationId: &opt.OperationID, Tags: opt.Tags, Plan: plan,
			RequestOptions: []*sparkpb.ExecutePlanRequest_RequestOption{
				{RequestOption: &sparkpb.ExecutePlanRequest_RequestOption_ReattachOptions{
					ReattachOptions: &sparkpb.ReattachOptions{Reattachable: true},
				}},
				// Without it, a batch of large rows is one message that may be too large.
				{RequestOption: &sparkpb.ExecutePlanRequest_RequestOption_ResultChunkingOptions{
					ResultChunkingOptions: &sparkpb.ResultChunkingOptions{AllowArrowBatchChunking: true, PreferredArrowChunkSize: &chunk},
				}},
			},
		},
	}
	if size := proto.Size(x.request); size > MaxMessage {
		return nil, fmt.Errorf("%w: it takes %d MiB, and an engine accepts %d", ErrPlanLimit, size>>20, MaxMessage>>20)
	}
	x.inner, x.cancel = context.WithCancel(context.WithoutCancel(ctx))
	x.disarm = context.AfterFunc(ctx, x.sendInterrupt)
	return x, nil
}

// next returns the next response. io.EOF says that the engine has completed the
// execution; after any error there are no more.
func (x *execution) next() (*sparkpb.ExecutePlanResponse, error) {
	if x.over {
		return nil, io.EOF
	}
	for {
		response, err := x.receive()
		if err == nil {
			err = x.session.check(x.ctx, x.gen, response)
			if err != nil {
				return nil, x.end(err)
			}
		} else {
			if err = x.mend(err); err != nil {
				return nil, x.end(err)
			}
			continue
		}
		x.answered.Store(true)
		if response.GetResponseId() != "" {
			x.last = response.GetResponseId()
		}
		x.wait, x.outage, x.empty, x.quiet = newBackoff(), time.Time{}, 0, false
		if response.GetResultComplete() != nil {
			return nil, x.end(io.EOF)
		}
		if x.responses++; x.responses%releaseEvery == 0 {
			x.releaseUntil(x.last)
		}
		switch response.GetResponseType().(type) {
		case nil, *sparkpb.ExecutePlanResponse_ExecutionProgress_, *sparkpb.ExecutePlanResponse_ArrowBatch_: // whose rows the stream counts
		default:
			x.given = true
		}
		x.report.read(response.GetExecutionProgress())
		if err := x.readMetrics(response); err != nil {
			return nil, x.end(err)
		}
		return response, nil
	}
}

// receive reads from the stream, and opens one before if there is none: the
// first by running the plan, the others by taking it up where it was left.
func (x *execution) receive() (*sparkpb.ExecutePlanResponse, error) {
	if x.stream == nil {
		var err error
		x.opened = time.Now()
		if !x.sent {
			x.request.ClientObservedServerSideSessionId = x.gen.observed()
			x.session.cfg.Log.DebugContext(x.ctx, "run Spark plan", logkey.Operation, x.request.GetOperationId(), logkey.Tags, x.request.GetTags())
			x.stream, err = x.session.client.ExecutePlan(x.inner, x.request)
			// A connection that was not there when the stream was to be opened
			// means that nothing was sent. Any other failure leaves it open.
			x.sent = err == nil || status.Code(err) != codes.Unavailable
		} else {
			again := &sparkpb.ReattachExecuteRequest{
				SessionId: x.request.SessionId, UserContext: x.request.UserContext, ClientType: x.request.ClientType,
				ClientObservedServerSideSessionId: x.gen.observed(), OperationId: x.request.GetOperationId(),
			}
			if x.last != "" {
				again.LastResponseId = &x.last
			}
			x.session.cfg.Log.DebugContext(x.ctx, "take up Spark execution again", logkey.Operation, x.request.GetOperationId(), logkey.Tags, x.request.GetTags())
			x.stream, err = x.session.client.ReattachExecute(x.inner, again)
		}
		if err != nil {
			x.stream = nil
			return nil, err
		}
	}
	return x.stream.Recv()
}

// mend decides what follows a stream's end: nil means to take it up again.
func (x *execution) mend(err error) error {
	x.stream = nil
	if x.ctx.Err() != nil {
		return x.interrupted()
	}
	ended := x.quiet
	if x.quiet = errors.Is(err, io.EOF); x.quiet {
		if time.Since(x.opened) > shortLife {
			x.empty = 0
		}
		if x.empty++; x.empty > maxEmpty {
			return fmt.Errorf("%w: the engine ended the execution's stream %d times without a result", ErrUnavailable, x.empty)
		}
		if x.empty > 1 && !x.wait.Sleep(x.ctx, nil) {
			return x.interrupted()
		}
		return nil
	}
	failure := x.session.fail(x.ctx, x.gen, err)
	e := engineError(failure)
	switch {
	case errors.Is(failure, ErrUnavailable), e.Condition == "INVALID_CURSOR.DISCONNECTED":
		return x.await(failure)
	case e.Condition == "INVALID_HANDLE.OPERATION_ALREADY_EXISTS" && !x.answered.Load():
		return x.await(failure) // it did arrive: x.sent is set
	case saysOperationGone(e):
		return x.lost(e, ended)
	case e.Class != "":
		e.Operation = x.request.GetOperationId()
	}
	return failure
}

// await pauses before the next try to reach the engine.
func (x *execution) await(failure error) error {
	now := time.Now()
	if x.outage.IsZero() {
		x.outage = now
		x.session.cfg.Log.DebugContext(x.ctx, "Spark execution broken off",
			logkey.Operation, x.request.GetOperationId(), logkey.Error, failure)
	}
	if now.Sub(x.outage) >= x.session.cfg.Patience {
		return failure
	}
	if !x.wait.Sleep(x.ctx, nil) {
		return x.interrupted()
	}
	// gRPC would wait by itself, too.
	x.session.conn.ResetConnectBackoff()
	return nil
}

// lost is for an engine that does not know the operation: it never arrived, or
// the engine is another, or has dropped it. ended says that the engine had ended
// its stream before.
func (x *execution) lost(e *Error, ended bool) error {
	switch err := x.session.verify(x.ctx, x.gen); {
	case x.ctx.Err() != nil:
		return x.interrupted()
	case errors.Is(err, ErrUnavailable): // away again: ask once more when it is back
		x.quiet = ended
		return x.await(err)
	case err != nil:
		return err
	}
	if ended && e.Condition == "" {
		// Sail's way of saying that someone has interrupted it.
		return fmt.Errorf("%w: the engine has ended it without a result", ErrInterrupted)
	}
	// Only Spark keeps apart what it never knew from what it has dropped.
	never := e.Condition == "INVALID_HANDLE.OPERATION_NOT_FOUND"
	if !x.answered.Load() && (never || x.again) {
		x.sent = false
		return x.await(e)
	}
	// Sail drops an execution when it has sent the last of its result, which may
	// have been into a connection that was silent by then.
	if e.Condition == "" && x.again && !x.given && !x.anew {
		x.sent, x.last, x.anew = false, "", true
		return x.await(e)
	}
	return fmt.Errorf("%w: the engine has dropped the execution: %w", ErrUnavailable, e)
}

// interrupted waits until the engine was told, so that the caller leaves
// nothing behind that runs for no one.
func (x *execution) interrupted() error {
	<-x.interrupt
	return fmt.Errorf("%w: %w", ErrInterrupted, context.Cause(x.ctx))
}

// sendInterrupt runs when the caller's context ends: cancelling the stream
// alone would leave the query running.
func (x *execution) sendInterrupt() {
	defer close(x.interrupt)
	defer x.cancel()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.ctx), controlTimeout)
	defer cancel()
	wait := newBackoff()
	for range 6 {
		known := x.answered.Load()
		n, err := x.session.interrupt(ctx, x.gen, x.request.GetOperationId())
		if err != nil {
			x.session.cfg.Log.Debug("interrupt Spark execution", logkey.Operation, x.request.GetOperationId(), logkey.Error, err)
			return
		}
		// An operation that the engine does not know may be still on its way.
		if n > 0 || known || !wait.Sleep(ctx, nil) {
			return
		}
	}
}

// interrupt stops an operation and returns how many were running: 1 or 0.
func (s *Session) interrupt(ctx context.Context, g *generation, operation string) (int, error) {
	answer, err := s.client.Interrupt(ctx, &sparkpb.InterruptRequest{
		SessionId: g.id, UserContext: s.user, ClientType: &s.agent, ClientObservedServerSideSessionId: g.observed(),
		InterruptType: sparkpb.InterruptRequest_INTERRUPT_TYPE_OPERATION_ID,
		Interrupt:     &sparkpb.InterruptRequest_OperationId{OperationId: operation},
	})
	if err != nil {
		return 0, err
	}
	return len(answer.GetInterruptedIds()), nil
}

// end is the end of the execution, by success, failure or interrupt. The engine
// is told behind the caller's back to forget it.
func (x *execution) end(err error) error {
	x.over = true
	switch {
	case !x.disarm():
		<-x.interrupt
		x.abandon(true)
	case errors.Is(err, ErrInterrupted): // by someone else
		x.abandon(true)
	case errors.Is(err, io.EOF), engineError(err).Class != "":
		x.releaseAll()
	default: // it may be running
		x.abandon(false)
	}
	return err
}

// close gives up an execution that may be still running.
func (x *execution) close() {
	if x.over {
		return
	}
	x.over = true
	interrupted := !x.disarm()
	if interrupted {
		<-x.interrupt
	}
	x.abandon(interrupted)
}
