package spark

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

const (
	// inlineLocal is how many bytes of local data go within a plan. More are
	// sent once in a session, as PySpark does from the same size on, since plans
	// are sent again for every question about them.
	inlineLocal = 1 << 20
	// artifactChunk is PySpark's.
	artifactChunk = 32 << 10
)

// sendLocal replaces large local data in a message by a reference, and sends the
// data to the engine unless it has them. They stay in the message where the
// engine takes none (Sail).
func (s *Session) sendLocal(ctx context.Context, g *generation, message proto.Message) error {
	if g.takesNoFiles.Load() || proto.Size(message) <= inlineLocal {
		return nil
	}
	var large []*sparkpb.Relation
	eachRelation(message.ProtoReflect(), func(r *sparkpb.Relation) {
		if len(r.GetLocalRelation().GetData()) > inlineLocal {
			large = append(large, r)
		}
	})
	for _, r := range large {
		data, err := proto.Marshal(r.GetLocalRelation())
		if err != nil {
			return fmt.Errorf("send local data: %w", err)
		}
		hash := sha256.Sum256(data)
		name := hex.EncodeToString(hash[:])
		switch err := s.sendArtifact(ctx, g, "cache/"+name, data); {
		case saysNo(err):
			g.takesNoFiles.Store(true)
			return nil
		case err != nil:
			return fmt.Errorf("send local data: %w", err)
		}
		r.RelType = &sparkpb.Relation_CachedLocalRelation{CachedLocalRelation: &sparkpb.CachedLocalRelation{Hash: name}}
	}
	return nil
}

// eachRelation visits the relations of a message, outer ones first.
func eachRelation(m protoreflect.Message, visit func(*sparkpb.Relation)) {
	if r, ok := m.Interface().(*sparkpb.Relation); ok {
		visit(r)
	}
	// Nothing in here fails.
	_ = eachMessage(m, func(inner protoreflect.Message) error { eachRelation(inner, visit); return nil })
}

// sendArtifact gives the engine a file, in pieces, unless it has one of that
// name. Names that begin with cache/ are those of their contents.
func (s *Session) sendArtifact(ctx context.Context, g *generation, name string, data []byte) error {
	status, err := s.client.ArtifactStatus(ctx, &sparkpb.ArtifactStatusesRequest{
		SessionId: g.id, UserContext: s.user, ClientType: &s.agent, ClientObservedServerSideSessionId: g.observed(), Names: []string{name},
	})
	if err != nil {
		return s.fail(ctx, g, err)
	}
	if status.GetStatuses()[name].GetExists() {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of a stream that was not read to its end
	stream, err := s.client.AddArtifacts(ctx)
	if err != nil {
		return s.fail(ctx, g, err)
	}
	chunks := (len(data) + artifactChunk - 1) / artifactChunk
	for n := 0; n < chunks; n++ {
		piece := data[n*artifactChunk : min((n+1)*artifactChunk, len(data))]
		chunk := &sparkpb.AddArtifactsRequest_ArtifactChunk{Data: piece, Crc: int64(crc32.ChecksumIEEE(piece))}
		request := &sparkpb.AddArtifactsRequest{
			SessionId: g.id, UserContext: s.user, ClientType: &s.agent, ClientObservedServerSideSessionId: g.observed(),
			Payload: &sparkpb.AddArtifactsRequest_Chunk{Chunk: chunk},
		}
		switch {
		case chunks == 1: // which Spark takes in this form alone
			request.Payload = &sparkpb.AddArtifactsRequest_Batch_{Batch: &sparkpb.AddArtifactsRequest_Batch{
				Artifacts: []*sparkpb.AddArtifactsRequest_SingleChunkArtifact{{Name: name, Data: chunk}},
			}}
		case n == 0:
			request.Payload = &sparkpb.AddArtifactsRequest_BeginChunk{BeginChunk: &sparkpb.AddArtifactsRequest_BeginChunkedArtifact{
				Name: name, TotalBytes: int64(len(data)), NumChunks: int64(chunks), InitialChunk: chunk,
			}}
		}
		if stream.Send(request) != nil {
			break // CloseAndRecv says why
		}
	}
	answer, err := stream.CloseAndRecv()
	if err != nil {
		return s.fail(ctx, g, err)
	}
	for _, summary := range answer.GetArtifacts() {
		if !summary.GetIsCrcSuccessful() {
			return fmt.Errorf("the engine received %s damaged", summary.GetName())
		}
	}
	s.cfg.Log.DebugContext(ctx, "sent data to Spark", logkey.Session, g.id, "name", name, "bytes", len(data))
	return s.check(ctx, g, answer)
}
