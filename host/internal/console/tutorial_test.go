package console

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/freeport"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m) }

// The tutorial is followed as its reader would. Its first part, up to the second
// answer that a Celery client gets, is what a new user must have within five
// minutes and ten commands.
func TestTutorial(t *testing.T) {
	page, err := os.ReadFile("../../../sdk/TUTORIAL.md")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "sparkstalk"), "../../cmd/sparkstalk").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// The port may be in use, by another test as well.
	port, err := freeport.Pick()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(page), "6390", strconv.Itoa(port))
	text = strings.ReplaceAll(text, "sparkstalk dev ", fmt.Sprintf("sparkstalk dev --port %d ", port))
	text = strings.ReplaceAll(text, fmt.Sprintf("sparkstalk dev --port %d  words", port), "sparkstalk dev  words") // its output

	s := startShell(t, "PATH="+strings.Join([]string{bin, filepath.Dir(proctest.Python(t)), os.Getenv("PATH")}, ":"), "SPARK_REMOTE="+proctest.Sail(t),
		// A cache of compiled modules of its own: that of other versions is none of a new user's.
		"SPARKSTALK_HOME="+t.TempDir())
	began, answers := time.Now(), 0
	for _, b := range Blocks(text) {
		if err := s.run(b); err != nil {
			background, _ := os.ReadFile(s.background) // for people
			t.Fatalf("TUTORIAL.md:%d: %v\n\nin the background:\n%s", b.Line, err, background)
		}
		if b.Info != "console" || !strings.Contains(b.Text, "$ python client.py") {
			continue
		}
		if answers++; answers == 2 {
			took := time.Since(began)
			t.Logf("from `sparkstalk new` to a task called by a Celery client, edited and called again: %.1f s, %d commands", took.Seconds(), s.typed)
			if took > 5*time.Minute || s.typed > 10 {
				t.Errorf("it took %v and %d commands", took, s.typed)
			}
		}
	}
	if answers < 2 {
		t.Error("the tutorial calls no task twice")
	}
}
