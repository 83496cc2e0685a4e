//go:build lakehouse && servers

package lakehouse

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// ownEngine are the tests that start the installed Spark, or compare with the
// list of what that has; older ones lack some of it.
const ownEngine = "^(TestCapabilitiesOfEachEngine|TestAnEarlyInterruptLeavesSparkIdle)$"

// after40 are the tests of what Spark 4.0 does not have: it came with 4.2, but for
// mode ignore of a table that exists, at which 4.0 fails (IllegalStateException: with
// status Analyzed) whoever asks.
const after40 = "^(TestCatalogOnEachEngine|TestCatalogPartitions|TestWriteModes|TestWriteToTablesAndMerge|TestSourcesThatNeedMoreThanTheEngine)$"

// TestOtherSparks runs the tests of the Spark client against servers of other
// versions than the one that is installed, which scripts/servers fetches.
func TestOtherSparks(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(os.Getenv("SPARKSTALK_SERVERS"), "spark-*"))
	if err != nil || os.Getenv("SPARKSTALK_SERVERS") == "" || len(dirs) == 0 {
		t.Fatalf("no servers in %q, %v: run make servers", os.Getenv("SPARKSTALK_SERVERS"), err)
	}
	for _, dir := range dirs {
		skip := ownEngine
		if strings.HasPrefix(filepath.Base(dir), "spark-4.0.") {
			skip += "|" + after40
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-timeout", "15m", "-skip", skip, "../spark")
			cmd.Env = append(os.Environ(), proctest.EnvSpark+"="+start(t, dir, nil))
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestChangesOnSpark42 reads changes by DataFrameReader.changes, which Spark has
// from 4.2 on, and Delta Lake for it.
func TestChangesOnSpark42(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(os.Getenv("SPARKSTALK_SERVERS"), "spark-4.2.*"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("Spark 4.2 is in %q, %v; run make servers", dirs, err)
	}
	s := open(t, start(t, dirs[0], map[string]string{
		"spark.sql.extensions":                       "io.delta.sql.DeltaSparkSessionExtension",
		"spark.sql.catalog.spark_catalog":            "org.apache.spark.sql.delta.catalog.DeltaCatalog",
		"spark.sql.warehouse.dir":                    t.TempDir(),
		"spark.databricks.delta.snapshotPartitions":  "1",
		"spark.databricks.delta.changelogV2.enabled": "true",
	}))
	s.judge(t, "changelog", "go_changelog", "py_changelog", "delta")
}
