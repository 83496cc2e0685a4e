//go:build lakehouse && servers

package lakehouse

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// TestOtherSparks runs the tests of the Spark client against servers of other
// versions than the one that is installed, which scripts/servers fetches.
func TestOtherSparks(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(os.Getenv("SPARKSTALK_SERVERS"), "spark-*"))
	if err != nil || os.Getenv("SPARKSTALK_SERVERS") == "" || len(dirs) == 0 {
		t.Fatalf("no servers in %q, %v: run make servers", os.Getenv("SPARKSTALK_SERVERS"), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-timeout", "15m", "../spark")
			cmd.Env = append(os.Environ(), proctest.EnvSpark+"="+start(t, dir, nil))
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Error(err)
			}
		})
	}
}
