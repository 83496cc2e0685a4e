package spark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// decodeError reads what an engine says with a status. The second result is the
// id under which Spark keeps the whole of a message that it cut.
func decodeError(st *status.Status) (*Error, string) {
	e := &Error{Message: strings.TrimSpace(st.Message()), Code: st.Code().String()}
	for _, detail := range st.Details() {
		info, ok := detail.(*errdetails.ErrorInfo)
		if !ok {
			continue
		}
		e.Class = info.GetReason()
		e.Condition = info.GetMetadata()["errorClass"]
		e.SQLState = info.GetMetadata()["sqlState"]
		// Both are left out, or cut, where they would be too long.
		if json.Unmarshal([]byte(info.GetMetadata()["classes"]), &e.Classes) != nil {
			e.Classes = nil
		}
		if json.Unmarshal([]byte(info.GetMetadata()["messageParameters"]), &e.Parameters) != nil {
			e.Parameters = nil
		}
		return e, info.GetMetadata()["errorId"]
	}
	return e, ""
}

// asksForRetry reports whether the engine, or what stands before it, wants the
// same request again a little later, as PySpark sends it.
func asksForRetry(st *status.Status) bool {
	for _, detail := range st.Details() {
		if _, ok := detail.(*errdetails.RetryInfo); ok {
			return true
		}
	}
	return false
}

// cutLength is how many characters of a message Spark sends with a status.
const cutLength = 2048

// fail makes of a request's failure an error for the caller, and replaces the
// session if that is what failed. ctx is the caller's.
func (s *Session) fail(ctx context.Context, g *generation, err error) error {
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	e, id := decodeError(st)
	if asksForRetry(st) {
		return fmt.Errorf("%w: %w", ErrUnavailable, e)
	}
	if e.Class == "" {
		switch st.Code() {
		case codes.Canceled, codes.DeadlineExceeded:
			// Ours, since engines say why.
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if _, err := s.begin(); err != nil {
				return err
			}
			return fmt.Errorf("%w: %s", ErrUnavailable, st.Message())
		case codes.Unavailable:
			if saysUntrusted(st.Message()) {
				return fmt.Errorf("the TLS connection to Spark is refused: %s (settings use_ssl=true, spark_tls_ca, spark_tls_cert and spark_tls_key)", st.Message())
			}
			return fmt.Errorf("%w: %s", ErrUnavailable, st.Message())
		}
		return e
	}
	e.Message = placed(e.Message)
	cut := len(st.Message()) >= cutLength
	if id != "" && (cut || strings.HasPrefix(e.Condition, "DATATYPE_MISMATCH")) {
		whole, err := s.wholeError(ctx, g, id)
		if err == nil && cut {
			e.Message = placed(strings.TrimSpace(whole.GetMessage()))
		}
		// Of what Spark finds as it analyzes a plan the message does not tell the place.
		if place := placeOf(whole); place != "" && !strings.HasPrefix(e.Message, place) {
			e.Message = place + ": " + e.Message
		}
	}
	if e.Condition == "" && saysLacking(e) && g.isSail() {
		e.Message += " (Sail does not have this: express it in another way, or " + otherEngine + ")"
	}
	if saysTooNew(e) {
		e.Message += " (the server does not know what it was asked for: its Spark is too old for that; write it in SQL text, or use a newer Spark)"
	}
	switch {
	case saysSessionLost(e):
		// A new engine takes an id that another one has closed.
		s.lose(g, e.Error(), e.Condition == "" || e.Condition == "INVALID_HANDLE.SESSION_CLOSED")
		return fmt.Errorf("%w: %w", ErrSessionLost, e)
	case errors.Is(s.checkLine(ctx, g), ErrSessionLost):
		// What is missing was in the session of an engine that is gone.
		return fmt.Errorf("%w: %w", ErrSessionLost, e)
	case saysRelationGone(e):
		return fmt.Errorf("%w: %w", ErrRelationGone, e)
	case e.Condition == "OPERATION_CANCELED":
		return fmt.Errorf("%w: %w", ErrInterrupted, e)
	}
	return e
}

// saysLacking reports whether Sail lacks what it was asked for.
func saysLacking(e *Error) bool {
	return e.Class == "java.lang.UnsupportedOperationException" ||
		strings.HasPrefix(e.Message, "not supported:") || strings.HasSuffix(e.Message, "command with parameters") || strings.HasPrefix(e.Message, "No data source found for")
}

// saysSessionLost reports whether the engine does not know the session any
// more. Spark has conditions for it, Sail only words.
func saysSessionLost(e *Error) bool {
	return strings.HasPrefix(e.Condition, "INVALID_HANDLE.SESSION_") ||
		e.Condition == "" && strings.Contains(e.Message, "session") && strings.Contains(e.Message, "is not running")
}

// saysRelationGone reports whether a checkpoint is gone: its name, or on Spark
// the blocks that an executor held.
func saysRelationGone(e *Error) bool {
	return e.Condition == "CONNECT_INVALID_PLAN.DATAFRAME_NOT_FOUND" ||
		strings.Contains(e.Message, "CHECKPOINT_RDD_BLOCK_ID_NOT_FOUND") ||
		e.Condition == "TABLE_OR_VIEW_NOT_FOUND" && strings.Contains(e.Message, "`"+handlePrefix) ||
		e.Condition == "" && strings.Contains(e.Message, "checkpoint relation does not exist") ||
		// Spark 4.0 has no condition for it.
		e.Condition == "" && strings.HasPrefix(e.Message, "No DataFrame with id ")
}

// saysTooNew reports whether the server met a part of the protocol that came
// after it: to it the field is as if it were not there.
func saysTooNew(e *Error) bool {
	return strings.Contains(e.Message, "TYPE_NOT_SET not supported") || strings.Contains(e.Message, "to be set, but is empty")
}

// saysOperationGone reports whether the engine does not know an execution.
func saysOperationGone(e *Error) bool {
	switch e.Condition {
	case "INVALID_HANDLE.OPERATION_NOT_FOUND", "INVALID_HANDLE.OPERATION_ABANDONED", "INVALID_CURSOR.POSITION_NOT_AVAILABLE", "INVALID_CURSOR.POSITION_NOT_FOUND":
		return true
	}
	return e.Condition == "" && (strings.Contains(e.Message, "not found for operation") || strings.Contains(e.Message, "operation not found"))
}

// wholeError asks for what a status has no room for.
func (s *Session) wholeError(ctx context.Context, g *generation, id string) (*sparkpb.FetchErrorDetailsResponse_Error, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), controlTimeout)
	defer cancel()
	answer, err := s.client.FetchErrorDetails(ctx, &sparkpb.FetchErrorDetailsRequest{
		SessionId: g.id, UserContext: s.user, ClientType: &s.agent, ClientObservedServerSideSessionId: g.observed(),
		ErrorId: id,
	})
	if err != nil {
		return nil, err
	}
	root := int(answer.GetRootErrorIdx())
	if root < 0 || root >= len(answer.GetErrors()) {
		return nil, errors.New("the engine no longer has the message")
	}
	return answer.GetErrors()[root], nil
}

// engineError returns what the engine said in err, or an empty Error.
func engineError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{}
}
