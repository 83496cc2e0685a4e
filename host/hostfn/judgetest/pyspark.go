package judgetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "embed" // of judge.py

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

//go:embed judge.py
var judgeScript []byte

// answer is what one side says to a case.
type answer struct {
	Name    string          `json:"name"`
	Schema  [][2]string     `json:"schema"` // names and types
	Rows    json.RawMessage `json:"rows"`
	Value   json.RawMessage `json:"value"`
	Error   string          `json:"error"` // the exception's class
	Message string          `json:"message"`
}

// String is the answer for a failed test.
func (a answer) String() string {
	if a.Error != "" {
		return a.Error + ": " + a.Message
	}
	return fmt.Sprintf("%s %s%s", a.Schema, a.Rows, a.Value)
}

func (c Case) function() string { return strings.ReplaceAll(c.Name, " ", "_") }

// ask has PySpark answer the suite's cases that match on an engine, in the
// background, and returns what waits for the answers.
func (s Suite) ask(t *testing.T, remote string, match func(Case) bool) func() map[string]answer {
	t.Helper()
	var names []string
	for _, c := range s.Cases {
		if match(c) {
			names = append(names, c.function())
		}
	}
	python := proctest.PySpark(t)
	args, err := json.Marshal(s.Args)
	if err != nil {
		t.Fatal(err)
	}
	// In a folder of its own, for Python looks for modules beside the script.
	script := filepath.Join(t.TempDir(), "judge.py")
	if err := os.WriteFile(script, judgeScript, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	wait := sync.OnceValues(func() (map[string]answer, error) {
		if len(names) == 0 {
			return nil, nil
		}
		cmd := exec.CommandContext(ctx, python, append([]string{script, s.Script, remote, string(args)}, names...)...)
		cmd.Env = append(os.Environ(), "TZ=UTC")
		var failure bytes.Buffer
		cmd.Stderr = &failure
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%w\n%s", err, failure.Bytes())
		}
		return readAnswers(out)
	})
	started := make(chan struct{})
	go func() {
		defer close(started)
		_, _ = wait() // who needs the answers gets the error
	}()
	t.Cleanup(func() {
		cancel()
		<-started
	})
	return func() map[string]answer {
		answers, err := wait()
		if err != nil {
			t.Fatalf("PySpark: %v", err)
		}
		return answers
	}
}

func readAnswers(out []byte) (map[string]answer, error) {
	answers := make(map[string]answer)
	lines := json.NewDecoder(bytes.NewReader(quoteNumbers(out)))
	for {
		var a answer
		switch err := lines.Decode(&a); err {
		case nil:
			answers[a.Name] = a
		case io.EOF:
			return answers, nil
		default:
			return nil, fmt.Errorf("read the answers: %w\n%s", err, out)
		}
	}
}
