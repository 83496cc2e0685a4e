package sparktest

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// service is the wire side of a Server.
type service struct {
	sparkpb.UnimplementedSparkConnectServiceServer
	server *Server
}

func (s *service) ExecutePlan(request *sparkpb.ExecutePlanRequest, stream grpc.ServerStreamingServer[sparkpb.ExecutePlanResponse]) error {
	if root, ok := request.GetPlan().GetOpType().(*sparkpb.Plan_Root); ok && root.Root.GetRelType() == nil {
		return s.refuse(stream.Context(), request)
	}
	if err := s.server.arrived(stream.Context(), "ExecutePlan", request); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := &Operation{
		Request: request, server: s.server, ctx: ctx, cancel: cancel,
		cuts: make(map[int]error), changed: make(chan struct{}),
	}
	s.server.mu.Lock()
	_, exists := s.server.operations[request.GetOperationId()]
	if s.server.operations != nil && !exists {
		s.server.operations[request.GetOperationId()] = o
		s.server.running.Go(func() {
			defer cancel()
			o.run(s.server.script)
		})
	}
	s.server.mu.Unlock()
	if exists {
		cancel()
		return Error("INVALID_HANDLE.OPERATION_ALREADY_EXISTS", "org.apache.spark.SparkSQLException", "[INVALID_HANDLE.OPERATION_ALREADY_EXISTS]")
	}
	return o.stream(stream.Context(), "", stream.Send)
}

// refuse fails an execution of nothing, which cancels the jobs of its id. It is
// recorded under a name of its own.
func (s *service) refuse(ctx context.Context, request *sparkpb.ExecutePlanRequest) error {
	if err := s.server.arrived(ctx, "CancelJobs", request); err != nil {
		return err
	}
	return Error("CONNECT_INVALID_PLAN.INVALID_ONE_OF_FIELD_NOT_SET", "org.apache.spark.sql.connect.common.InvalidPlanInput", "[CONNECT_INVALID_PLAN.INVALID_ONE_OF_FIELD_NOT_SET]")
}

func (s *service) ReattachExecute(request *sparkpb.ReattachExecuteRequest, stream grpc.ServerStreamingServer[sparkpb.ExecutePlanResponse]) error {
	if err := s.server.arrived(stream.Context(), "ReattachExecute", request); err != nil {
		return err
	}
	o, err := s.server.operation(request.GetOperationId())
	if err != nil {
		return err
	}
	return o.stream(stream.Context(), request.GetLastResponseId(), stream.Send)
}

func (s *service) Interrupt(_ context.Context, request *sparkpb.InterruptRequest) (*sparkpb.InterruptResponse, error) {
	answer := &sparkpb.InterruptResponse{SessionId: request.GetSessionId()}
	s.server.mu.Lock()
	o := s.server.operations[request.GetOperationId()]
	answer.ServerSideSessionId = s.server.serverID(request.GetSessionId())
	s.server.mu.Unlock()
	if o != nil && o.ctx.Err() == nil {
		o.cancel()
		answer.InterruptedIds = []string{request.GetOperationId()}
	}
	return answer, nil
}

func (s *service) ReleaseExecute(_ context.Context, request *sparkpb.ReleaseExecuteRequest) (*sparkpb.ReleaseExecuteResponse, error) {
	if request.GetReleaseAll() != nil {
		o, err := s.server.operation(request.GetOperationId())
		if err != nil {
			return nil, err
		}
		o.cancel()
		s.server.mu.Lock()
		delete(s.server.operations, request.GetOperationId())
		s.server.mu.Unlock()
	}
	return &sparkpb.ReleaseExecuteResponse{SessionId: request.GetSessionId()}, nil
}

func (s *service) Config(_ context.Context, request *sparkpb.ConfigRequest) (*sparkpb.ConfigResponse, error) {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	answer := &sparkpb.ConfigResponse{SessionId: request.GetSessionId(), ServerSideSessionId: s.server.serverID(request.GetSessionId())}
	for _, pair := range request.GetOperation().GetSet().GetPairs() {
		s.server.settings[request.GetSessionId()+" "+pair.GetKey()] = pair.GetValue()
	}
	for _, key := range request.GetOperation().GetGetOption().GetKeys() {
		pair := &sparkpb.KeyValue{Key: key}
		if value, ok := s.server.settings[request.GetSessionId()+" "+key]; ok {
			pair.Value = &value
		}
		answer.Pairs = append(answer.Pairs, pair)
	}
	return answer, nil
}

func (s *service) AnalyzePlan(_ context.Context, request *sparkpb.AnalyzePlanRequest) (*sparkpb.AnalyzePlanResponse, error) {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	return &sparkpb.AnalyzePlanResponse{
		SessionId: request.GetSessionId(), ServerSideSessionId: s.server.serverID(request.GetSessionId()),
		Result: &sparkpb.AnalyzePlanResponse_SparkVersion_{SparkVersion: &sparkpb.AnalyzePlanResponse_SparkVersion{Version: "scripted"}},
	}, nil
}

func (s *service) ReleaseSession(_ context.Context, request *sparkpb.ReleaseSessionRequest) (*sparkpb.ReleaseSessionResponse, error) {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.closed[request.GetSessionId()] = true
	return &sparkpb.ReleaseSessionResponse{SessionId: request.GetSessionId()}, nil
}

// FetchErrorDetails answers every id with one long message.
func (s *service) FetchErrorDetails(_ context.Context, request *sparkpb.FetchErrorDetailsRequest) (*sparkpb.FetchErrorDetailsResponse, error) {
	root := int32(0)
	return &sparkpb.FetchErrorDetailsResponse{
		SessionId: request.GetSessionId(), RootErrorIdx: &root,
		Errors: []*sparkpb.FetchErrorDetailsResponse_Error{{Message: "the whole message of " + request.GetErrorId()}},
	}, nil
}

func (s *service) ArtifactStatus(_ context.Context, request *sparkpb.ArtifactStatusesRequest) (*sparkpb.ArtifactStatusesResponse, error) {
	return &sparkpb.ArtifactStatusesResponse{SessionId: request.GetSessionId()}, nil
}

// AddArtifacts takes any, unless the server's manners are others, and keeps none.
func (s *service) AddArtifacts(stream grpc.ClientStreamingServer[sparkpb.AddArtifactsRequest, sparkpb.AddArtifactsResponse]) error {
	answer := &sparkpb.AddArtifactsResponse{}
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(answer)
		}
		if err != nil {
			return err
		}
		var names []string
		for _, a := range request.GetBatch().GetArtifacts() {
			names = append(names, a.GetName())
		}
		if begin := request.GetBeginChunk(); begin != nil {
			names = append(names, begin.GetName())
		}
		for _, name := range names {
			if refuse := s.server.manners.Refuse; refuse != nil {
				if err := refuse(name); err != nil {
					return err
				}
			}
			answer.Artifacts = append(answer.Artifacts, &sparkpb.AddArtifactsResponse_ArtifactSummary{Name: name, IsCrcSuccessful: true})
		}
		answer.SessionId = request.GetSessionId()
		s.server.mu.Lock()
		answer.ServerSideSessionId = s.server.serverID(answer.SessionId)
		s.server.mu.Unlock()
	}
}
