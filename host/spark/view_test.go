package spark_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

func id() string {
	u := uuid.New()
	return "t" + uuid.UUID(u).String()[:8]
}

// Rows that one session publishes outlive it, its release of them, and the
// published name, in a session that took hold of them.
func TestViewsHoldOnToRows(t *testing.T) {
	remote := proctest.Spark(t)
	a, b := openWith(t, spark.Config{Remote: remote}), openWith(t, spark.Config{Remote: remote})
	ctx := t.Context()
	kept, err := a.Checkpoint(ctx, spark.Range(0, 1000, 1, 2), spark.Options{})
	if err != nil {
		t.Fatal(err)
	}
	name, handle := "sparkstalk_"+id(), spark.HandleName(id())
	if _, err := a.DefineView(ctx, spark.Relation(kept.RelationID), name, true); err != nil {
		t.Fatal(err)
	}
	if names, err := b.GlobalViews(ctx, name[:15]); err != nil || !slices.Equal(names, []string{name}) {
		t.Errorf("global views = %q, %v; want %s", names, err, name)
	}
	if _, err := b.DefineView(ctx, spark.Table("global_temp."+name, nil), handle, false); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Release(ctx, kept), a.DropView(ctx, name, true), a.Close()); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Count(ctx, spark.Table(handle, nil), spark.Options{}); n != 1000 || err != nil {
		t.Errorf("count = %d, %v; want 1000", n, err)
	}
	if _, err := b.DefineView(ctx, spark.Table("global_temp."+name, nil), handle, false); err == nil {
		t.Error("a name that was dropped is still there")
	}
	if err := b.DropView(ctx, handle, false); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Count(ctx, spark.Table(handle, nil), spark.Options{}); !errors.Is(err, spark.ErrRelationGone) {
		t.Errorf("count without the view = %v, want ErrRelationGone", err)
	}
	if err := b.DropView(ctx, handle, false); err != nil {
		t.Errorf("drop it again: %v", err)
	}
}

func TestScopeIsThatOfSessionsAlike(t *testing.T) {
	remote := proctest.Spark(t)
	a, b := openWith(t, spark.Config{Remote: remote}), openWith(t, spark.Config{Remote: remote})
	scope := func(s *spark.Session) string {
		t.Helper()
		text, err := s.Scope(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if x, y := scope(a), scope(b); x == "" || x != y {
		t.Errorf("two new sessions have the scopes %q and %q, want the same", x, y)
	}
	exec := func(sql string) {
		t.Helper()
		if err := b.Exec(t.Context(), sql, spark.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.DefineView(t.Context(), spark.Range(0, 1, 1, 1), spark.HandleName(id()), false); err != nil {
		t.Fatal(err)
	}
	if x, y := scope(a), scope(b); x != y {
		t.Errorf("a handle made the scope %q, want %q", y, x)
	}
	exec("SET spark.sql.session.timeZone=Asia/Tokyo")
	if x, y := scope(a), scope(b); y == "" || x == y {
		t.Errorf("with another time zone the scope is %q", y)
	}
	exec("CREATE TEMP VIEW mine AS SELECT 1 AS n")
	if y := scope(b); y != "" {
		t.Errorf("with a view of its own the session's scope is %q, want none", y)
	}
	exec("DROP VIEW mine")
	if y := scope(b); y == "" {
		t.Error("without the view there is still no scope")
	}
	exec("CREATE TEMPORARY FUNCTION mine(x INT) RETURNS INT RETURN x + 1")
	if y := scope(b); y != "" {
		t.Errorf("with a function of its own the session's scope is %q, want none", y)
	}
}
