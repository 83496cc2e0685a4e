package console

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// patience is for whatever has to come: builds on a busy machine take long.
const patience = 3 * time.Minute

// A shell is a bash that commands are typed into.
type shell struct {
	t          *testing.T
	dir        string // where it began
	in         io.Writer
	out        *proctest.Output
	read       int    // how much of out was looked at
	background string // the file that has the output of what runs in the background
	seen       int    // how much of that was matched
	typed      int    // commands
}

func startShell(t *testing.T, env ...string) *shell {
	t.Helper()
	s := &shell{t: t, dir: t.TempDir(), out: &proctest.Output{}}
	s.background = filepath.Join(t.TempDir(), "background")
	cmd := exec.Command("bash", "--norc", "--noprofile")
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = s.dir, s.out, s.out, append(os.Environ(), env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.in = in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// What is in the background ends cleanly, and says with what.
		if _, err := io.WriteString(in, "for p in $(jobs -p); do kill -TERM $p; wait $p; echo \"background ended with $?\"; done; exit 0\n"); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the shell ended with %v:\n%s", err, s.out)
		}
		for _, code := range regexp.MustCompile(`background ended with (\d+)`).FindAllStringSubmatch(s.out.String(), -1) {
			if code[1] != "0" {
				t.Errorf("what ran in the background ended with %s", code[1])
			}
		}
	})
	return s
}

// await waits until text matches, and returns where the match ends.
func (s *shell) await(text func() string, pattern *regexp.Regexp) (int, error) {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		now := text()
		if at := pattern.FindStringIndex(now); at != nil {
			return at[1], nil
		}
		if time.Now().After(end) {
			return 0, fmt.Errorf("what came is\n%s", now)
		}
	}
}

// command types a command, and compares what it prints and that it succeeds.
func (s *shell) command(c Command) error {
	s.typed++
	began := time.Now()
	if !strings.HasPrefix(c.Text, pwd) { // nobody types that
		defer func() { s.t.Logf("%6.2f s  $ %s", time.Since(began).Seconds(), c.Text) }()
	}
	if typed, ok := strings.CutSuffix(c.Text, "&"); ok {
		if _, err := fmt.Fprintf(s.in, "%s > %s 2>&1 < /dev/null &\n", typed, s.background); err != nil {
			return err
		}
		return s.more(c.Output)
	}
	mark := fmt.Sprintf("--done %d-- ", s.typed)
	if _, err := fmt.Fprintf(s.in, "%s\necho \"%s$?\"\n", c.Text, mark); err != nil {
		return err
	}
	printed := func() string { return s.out.String()[s.read:] }
	end, err := s.await(printed, regexp.MustCompile(regexp.QuoteMeta(mark)+`\d+\n`))
	if err != nil {
		return fmt.Errorf("it does not end: %w", err)
	}
	output, status, _ := strings.Cut(printed()[:end], mark)
	s.read += end
	if strings.TrimSpace(status) != "0" {
		return fmt.Errorf("exit status %s:\n%s", strings.TrimSpace(status), output)
	}
	if !Pattern(c.Output, true).MatchString(output) {
		return fmt.Errorf("it printed\n%s\nnot\n%s", output, c.Output)
	}
	return nil
}

// more waits for more output of what is in the background.
func (s *shell) more(expected string) error {
	began := time.Now()
	end, err := s.await(func() string {
		data, err := os.ReadFile(s.background)
		if err != nil {
			return "" // not begun yet
		}
		return string(data[s.seen:])
	}, Pattern(expected, false))
	if err != nil {
		return fmt.Errorf("in the background did not come\n%s\n%w", expected, err)
	}
	s.seen += end
	s.t.Logf("%6.2f s  until in the background came %q", time.Since(began).Seconds(), lastLine(expected))
	return nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

const pwd = "pwd > "

// pwd is the folder that the shell is in.
func (s *shell) pwd() string {
	s.t.Helper()
	path := filepath.Join(filepath.Dir(s.background), "pwd")
	if err := s.command(Command{Text: pwd + path}); err != nil {
		s.t.Fatal(err)
	}
	s.typed--
	data, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// run follows a block.
func (s *shell) run(b Block) error {
	switch {
	case b.Info == "console":
		for _, c := range Commands(b.Text) {
			if err := s.command(c); err != nil {
				return fmt.Errorf("$ %s\n%w", c.Text, err)
			}
		}
		return nil
	case b.Info == "console dev":
		return s.more(b.Text)
	case b.File == "":
		return nil
	}
	path := filepath.Join(s.pwd(), b.File)
	text := b.Text
	if b.Info == "diff" {
		old, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if text, err = Change(string(old), b.Text); err != nil {
			return fmt.Errorf("%s: %w", b.File, err)
		}
	}
	s.t.Logf("          %s %s", map[bool]string{true: "edit", false: "write"}[b.Info == "diff"], b.File)
	return os.WriteFile(path, []byte(text), 0o666)
}
