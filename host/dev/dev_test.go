package dev

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/scaffold"
)

func TestMain(m *testing.M) { proctest.Main(m) }

// A session is a loop under test.
type session struct {
	t      *testing.T
	dir    string
	in     io.WriteCloser
	events chan map[string]any
	stop   func()
	ended  chan error
}

// patience is for whatever has to come: builds on a busy machine take long.
const patience = 3 * time.Minute

func startLoop(t *testing.T, cfg Config) *session {
	t.Helper()
	s := &session{t: t, dir: filepath.Join(t.TempDir(), "words"), events: make(chan map[string]any, 1000), ended: make(chan error, 1)}
	if _, err := scaffold.New(scaffold.Config{Dir: s.dir, Version: host.Version}); err != nil {
		t.Fatal(err)
	}
	out, in := io.Pipe()
	lines, to := io.Pipe()
	s.in = to
	cfg.Host.Spark, cfg.Host.Home, cfg.Dir, cfg.JSON, cfg.Out, cfg.In = proctest.Sail(t), t.TempDir(), s.dir, true, in, lines
	cfg.Parse = func(words []string) ([]json.RawMessage, map[string]json.RawMessage, error) {
		var args []json.RawMessage
		for _, w := range words {
			data, err := json.Marshal(w)
			if err != nil {
				return nil, nil, err
			}
			args = append(args, data)
		}
		return args, nil, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go func() {
		err := Run(ctx, cfg)
		_ = in.Close() // never fails
		s.ended <- err
	}()
	go func() {
		defer close(s.events)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			var e map[string]any
			if json.Unmarshal(scanner.Bytes(), &e) == nil {
				s.events <- e
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = to.Close() // never fails
		for range s.events {
		}
		if err := <-s.ended; err != nil {
			t.Errorf("the loop ended with %v", err)
		}
	})
	return s
}

// await returns the next event of that name.
func (s *session) await(name string) map[string]any {
	s.t.Helper()
	deadline := time.After(patience)
	var seen []string
	for {
		select {
		case e, ok := <-s.events:
			if !ok {
				s.t.Fatalf("the loop ended before %q; before came %v", name, seen)
			}
			if e["event"] == name {
				return e
			}
			text, err := json.Marshal(e)
			if err != nil {
				s.t.Fatal(err)
			}
			seen = append(seen, string(text))
		case <-deadline:
			s.t.Fatalf("no %q came; instead %v", name, seen)
		}
	}
}

// edit saves the module's source with a text replaced.
func (s *session) edit(old, new string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "main.go")
	text, err := os.ReadFile(path)
	if err == nil && !bytes.Contains(text, []byte(old)) {
		s.t.Fatalf("the source has no %q", old)
	}
	if err == nil {
		err = os.WriteFile(path, bytes.Replace(text, []byte(old), []byte(new), 1), 0o666)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func result(t *testing.T, e map[string]any) string {
	t.Helper()
	data, err := json.Marshal(e["result"])
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEachSaveBuildsLoadsAndCallsAgain(t *testing.T) {
	s := startLoop(t, Config{Call: []string{"words.top", "to be or not to be"}})
	ready := s.await("ready")
	if got := result(t, s.await("result")); got != `[["be",2],["to",2],["not",1]]` {
		t.Errorf("the first call gave %s", got)
	}

	s.edit(`F.Lower(F.Lit(a.Text))`, `F.Upper(F.Lit(a.Text))`)
	e := s.await("result")
	if got := result(t, e); got != `[["BE",2],["TO",2],["NOT",1]]` || e["seconds_since_save"] == nil {
		t.Errorf("after the save: %v", e)
	}

	s.edit(`Limit(a.N)`, `Limit(a.Nothing)`)
	if output, _ := s.await("build failed")["output"].(string); !strings.Contains(output, "main.go:31:") || !strings.Contains(output, "a.Nothing undefined") {
		t.Errorf("the compiler's output is %q", output)
	}
	s.edit(`Limit(a.Nothing)`, `Limit(1)`)
	if got := result(t, s.await("result")); got != `[["BE",2]]` {
		t.Errorf("mended, it gave %s", got)
	}

	if _, err := io.WriteString(s.in, "words.top 'a b  b'\n"); err != nil {
		t.Fatal(err)
	}
	if got := result(t, s.await("result")); got != `[["B",2]]` {
		t.Errorf("the line gave %s", got)
	}

	s.edit(`if a.N < 1 {`, `var p *int; if *p < 1 {`)
	if e, _ := s.await("failure")["error"].(map[string]any); e["type"] != "Panic" || !strings.Contains(e["traceback"].(string), "words/main.go:23") {
		t.Errorf("the panic is %v", e)
	}
	s.edit(`var p *int; if *p < 1 {`, `if a.N < 1 {`)
	s.await("result")

	// A Celery client is served beside, by the loop's own broker.
	url := ready["broker"].(string)
	out, err := exec.Command(proctest.Python(t), "-c", `
import sys
from celery import Celery
app = Celery(broker=sys.argv[1], backend=sys.argv[1])
print([app.send_task("words.top", args=(text,)).get(timeout=120) for text in ("x y y", "z")])
`, url).CombinedOutput()
	if want := "[[['Y', 2]], [['Z', 1]]]\n"; err != nil || string(out) != want {
		t.Errorf("the client got %s, %v", out, err)
	}
}

func TestWithoutABrokerTasksAreCalledHere(t *testing.T) {
	s := startLoop(t, Config{Call: []string{"words.top", "to be or not to be"}, NoBroker: true})
	if ready := s.await("ready"); ready["broker"] != "" {
		t.Errorf("it has a broker: %v", ready)
	}
	if got := result(t, s.await("result")); got != `[["be",2],["to",2],["not",1]]` {
		t.Errorf("the call gave %s", got)
	}
}

func TestAFolderWithoutASourceIsAnError(t *testing.T) {
	err := Run(t.Context(), Config{Dir: t.TempDir(), Out: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "sparkstalk new") {
		t.Errorf("got %v", err)
	}
}

func TestWords(t *testing.T) {
	for line, want := range map[string]string{
		"":                           "",
		"  a  b\tc ":                 "a|b|c",
		`t 'to be' "it's" x=\ y ""`:  "t|to be|it's|x= y|",
		`n="a b"c '\n' "\"" é`:       `n=a bc|\n|"|é`,
		`demo.f '{"a": [1, 2]}' k=1`: `demo.f|{"a": [1, 2]}|k=1`,
	} {
		words, err := Words(line)
		if got := strings.Join(words, "|"); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", line, got, err, want)
		}
	}
	for _, line := range []string{`'a`, `a "b`, `a\`} {
		if _, err := Words(line); err == nil {
			t.Errorf("%q is no error", line)
		}
	}
}
