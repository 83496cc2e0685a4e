package proctest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/engine"
)

// EnvTPCHScale chooses the scale factor of [TPCH]: 0.01 or 0.1.
const EnvTPCHScale = "SPARKSTALK_TEST_TPCH_SCALE"

// TPCH returns the folder of TPC-H's tables that scripts/setup made, at scale
// factor 0.01 unless the environment chooses another.
func TPCH(t testing.TB) string {
	t.Helper()
	scale := os.Getenv(EnvTPCHScale)
	if scale == "" {
		scale = "0.01"
	}
	home, err := engine.DefaultHome()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, "tpch", "sf"+scale)
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(withSetup(err, "tpch"))
	}
	return dir
}

// TPCHQueries returns the folder with the SQL texts of TPC-H's queries, q1.sql
// to q22.sql, that come with Sail.
func TPCHQueries(t testing.TB) string {
	t.Helper()
	home, err := engine.DefaultHome()
	if err != nil {
		t.Fatal(err)
	}
	pattern := filepath.Join(home, "engines", "sail-*", "*", "lib", "python3*", "site-packages", "pysail", "data", "tpch", "queries")
	dirs, err := filepath.Glob(pattern)
	if err == nil && len(dirs) == 0 {
		err = fmt.Errorf("no folder is like %s", pattern)
	}
	if err != nil {
		t.Fatal(withSetup(err, "sail"))
	}
	return dirs[len(dirs)-1]
}
