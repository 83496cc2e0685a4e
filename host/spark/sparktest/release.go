package sparktest

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// Release has the engine at remote, "sc://host:port", close a session for good,
// as it closes idle ones, behind the back of who uses it: the request comes from
// another client of the same user.
func Release(t testing.TB, remote, id string) {
	t.Helper()
	conn, err := grpc.NewClient(strings.TrimPrefix(remote, "sc://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = sparkpb.NewSparkConnectServiceClient(conn).ReleaseSession(t.Context(), &sparkpb.ReleaseSessionRequest{
		SessionId: id, UserContext: &sparkpb.UserContext{UserId: "sparkstalk"},
	})
	if err := errors.Join(err, conn.Close()); err != nil {
		t.Fatal(err)
	}
}
