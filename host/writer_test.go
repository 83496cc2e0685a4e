package host

import (
	"path/filepath"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestTaskWritesAndAsksTheCatalog(t *testing.T) {
	t.Parallel()
	proctest.EachEngine(t, func(t *testing.T, remote string) {
		w := serve(t, func(c *Config) { c.Spark = remote })
		got := w.python(call{name: "test.archive", args: []any{filepath.Join(t.TempDir(), "archive")}})[0]
		const want = `{"read": [[1,1],[2,0],[3,1],[4,0],[5,1]], "exists": true, "tables": 1, "type": "bigint", "rows": 6, "there": false, "denied": "PermissionError"}`
		if !hosttest.EqualJSON(string(got.OK), want) {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
