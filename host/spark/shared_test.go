package spark_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// sharing opens sessions as so many hosts do whose remote names one session_id.
func sharing(t *testing.T, n int, cfg spark.Config) []*spark.Session {
	t.Helper()
	cfg.Remote += "/;session_id=" + uuid.NewString()
	var out []*spark.Session
	for range n {
		out = append(out, openWith(t, cfg))
	}
	return out
}

// sees makes a view and a checkpoint in one session and reads them in another.
func sees(t *testing.T, a, b *spark.Session) {
	t.Helper()
	if err := a.Exec(t.Context(), "CREATE OR REPLACE TEMP VIEW shared AS SELECT id FROM range(7)", spark.Options{}); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Count(t.Context(), spark.Table("shared", nil), spark.Options{}); n != 7 || err != nil {
		t.Errorf("the view has %d rows in the other session: %v", n, err)
	}
	kept, err := a.Checkpoint(t.Context(), spark.Range(0, 9, 1, 1), spark.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cached := spark.Range(0, 9, 1, 1).Cached("shared")
	read := cached.Substitute(map[string]string{cached.CachedInputs()[0].ID: kept.RelationID})
	if n, err := b.Count(t.Context(), read, spark.Options{}); n != 9 || err != nil {
		t.Errorf("the checkpoint has %d rows in the other session: %v", n, err)
	}
}

func TestHostsShareASession(t *testing.T) {
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		s := sharing(t, 3, spark.Config{Remote: remote})
		first := s[0].ID()
		sees(t, s[0], s[1])
		sees(t, s[1], s[0])
		// One that ends does not take the session away from the others.
		if err := s[2].Close(); err != nil {
			t.Error(err)
		}
		sees(t, s[0], s[1])

		// Someone ends the session at the engine: all go on in the same one.
		end(t, remote, first)
		for _, session := range s[:2] {
			if err := session.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			if session.Generation() != 2 || session.ID() == first {
				t.Errorf("session %s of generation %d, want another of generation 2", session.ID(), session.Generation())
			}
		}
		sees(t, s[0], s[1])
		// One that comes later finds it, too.
		late := openWith(t, spark.Config{Remote: remote + "/;session_id=" + first})
		if err := late.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		sees(t, s[0], late)
		// The engine forgets what it has closed when the last of them is gone.
		end(t, remote, s[0].ID())
	})
}

func TestHostsShareASessionAfterTheEngineWasRestarted(t *testing.T) {
	for _, spec := range []string{"sail", "local[1]"} {
		t.Run(spec, func(t *testing.T) {
			e := proctest.StartEngine(t, spec)
			s := sharing(t, 2, spark.Config{Remote: e.Remote(), Address: e.Address})
			sees(t, s[0], s[1])
			first, restarts := s[0].ID(), e.Status().Running[0].Restarts
			kill(t, e.Status().Running[0].PID)
			eventually(t, "a restart", func() bool {
				running := e.Status().Running
				return len(running) == 1 && running[0].Restarts > restarts
			})
			for _, session := range s {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := session.Count(ctx, spark.Table("shared", nil), spark.Options{}); !errors.Is(err, spark.ErrSessionLost) {
					t.Errorf("got %v, want ErrSessionLost", err)
				}
				if session.ID() != first || session.Generation() != 2 {
					t.Errorf("session %s of generation %d, want %s of 2", session.ID(), session.Generation(), first)
				}
			}
			sees(t, s[1], s[0])
		})
	}
}

// end releases a session as another client of the same user would.
func end(t *testing.T, remote, id string) {
	t.Helper()
	if err := spark.ReleaseSessionForTest(t.Context(), remote, id); err != nil {
		t.Fatal(err)
	}
}
