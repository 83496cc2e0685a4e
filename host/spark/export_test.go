package spark

import (
	"context"
	"errors"

	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// ReleaseSessionForTest ends a session behind the backs of those who use it.
func ReleaseSessionForTest(ctx context.Context, remote, id string) error {
	s, err := Open(Config{Remote: remote})
	if err != nil {
		return err
	}
	_, err = s.client.ReleaseSession(ctx, &sparkpb.ReleaseSessionRequest{SessionId: id, UserContext: s.user})
	return errors.Join(err, s.Close())
}
