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

// The tutorial is followed as its reader would, on a machine that has no engine
// yet: dev installs one. Its first part, up to the second answer that a Celery
// client gets, is what a new user must have within five minutes and ten commands;
// with -v each command and its time is shown. With SPARKSTALK_TEST_NEW_USER=1 the
// test ends there, and Go's cache of builds is empty at the beginning, too.
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

	home := t.TempDir()
	env := []string{"PATH=" + strings.Join([]string{bin, filepath.Dir(proctest.Python(t)), os.Getenv("PATH")}, ":"),
		// Neither an engine nor compiled modules of others, and no word on which engine.
		"SPARKSTALK_HOME=" + home, "SPARK_REMOTE="}
	short := os.Getenv("SPARKSTALK_TEST_NEW_USER") != ""
	if short {
		env = append(env, "GOCACHE="+t.TempDir())
	}
	s := startShell(t, env...)
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
			if short {
				return
			}
		}
	}
	if answers < 2 {
		t.Error("the tutorial calls no task twice")
	}
	if background, err := os.ReadFile(s.background); err != nil || !strings.Contains(string(background), "the engine sail is not installed; that is done now") {
		t.Errorf("dev said nothing of the engine, %v:\n%s", err, background)
	}
	if engines, err := filepath.Glob(filepath.Join(home, "engines", "*")); err != nil || len(engines) == 0 {
		t.Errorf("no engine was installed in %s, %v", home, err)
	}
}
