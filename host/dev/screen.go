package dev

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host"
	"github.com/sparkstalk/sparkstalk/host/term"
)

// screen shows what happens: on a terminal the last round alone, in place of
// the one before; elsewhere a line after the other; or, for programs, an event a
// line as JSON. It may be used by several goroutines.
type screen struct {
	mu     sync.Mutex
	out    io.Writer
	clear  bool // a terminal, which a round begins by clearing
	json   bool
	style  term.Style
	head   string // stays on a terminal
	status bool   // a line of the state is on the terminal
	err    error  // the first that writing gave
}

func newScreen(out io.Writer, asJSON bool) *screen {
	return &screen{out: out, clear: term.IsTerminal(out) && !asJSON, json: asJSON, style: term.StyleFor(out)}
}

// write writes text, in place of a state that is shown.
func (s *screen) write(text string) {
	if s.status {
		text = "\r\x1b[K" + text
		s.status = false
	}
	if _, err := io.WriteString(s.out, text); err != nil && s.err == nil {
		s.err = err
	}
}

// event writes text for people or an event for programs.
func (s *screen) event(name string, fields map[string]any, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.json {
		if text != "" {
			s.write(text)
		}
		return
	}
	line := map[string]any{"event": name}
	for k, v := range fields {
		line[k] = v
	}
	data, err := json.Marshal(line)
	if err != nil { // a result with NaN in it
		line["result"] = nil
		line["text"] = text
		data, _ = json.Marshal(line)
	}
	s.write(string(data) + "\n")
}

// begin begins a round. why is what led to it.
func (s *screen) begin(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.clear:
		s.write("\x1b[2J\x1b[3J\x1b[H" + s.head + why)
	case !s.json:
		s.write("\n" + why)
	}
}

// intro says what is served, once it is known. On a terminal it stays on top.
func (s *screen) intro(fields map[string]any, text string) {
	s.mu.Lock()
	s.head = text
	s.mu.Unlock()
	s.event("ready", fields, text)
}

func (s *screen) building(name string) {
	s.event("building", map[string]any{"module": name}, "")
	s.state("building "+name, nil)
}

func (s *screen) built(name string, size int64, took time.Duration) {
	s.event("built", map[string]any{"module": name, "bytes": size, "seconds": took.Seconds()},
		s.style.Dim(fmt.Sprintf("built %s in %s, %.1f MB", name, term.Took(took), float64(size)/1e6))+"\n")
}

func (s *screen) notBuilt(output string, sources term.Sources) {
	s.event("build failed", map[string]any{"output": output}, s.style.Red(s.style.Bold("the build failed"))+"\n"+term.Compile(output, sources, s.style))
}

func (s *screen) loaded(name, hash string, tasks []abi.TaskSpec, took time.Duration) {
	var names []string
	for _, t := range tasks {
		names = append(names, t.Name)
	}
	s.event("loaded", map[string]any{"module": name, "version": hash, "tasks": names, "seconds": took.Seconds()},
		s.style.Dim(fmt.Sprintf("loaded in %s: %s", term.Took(took), strings.Join(names, ", ")))+"\n")
}

func (s *screen) refused(name, reason string) {
	s.event("refused", map[string]any{"module": name, "reason": reason}, s.style.Red(s.style.Bold("the module is refused"))+"\n"+reason+"\n")
}

func (s *screen) tests(ok bool, output string, took time.Duration) {
	text := s.style.Green("tests passed") + s.style.Dim(" in "+term.Took(took)) + "\n"
	if !ok {
		text = s.style.Red(s.style.Bold("tests failed")) + "\n" + output
	}
	s.event("tests", map[string]any{"passed": ok, "output": output, "seconds": took.Seconds()}, text)
}

func (s *screen) calling(line string) {
	s.event("calling", map[string]any{"call": line}, s.style.Bold(line)+"\n")
}

// state shows a state on the last line of a terminal.
func (s *screen) state(name string, meta json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clear {
		text := "\r\x1b[K" + s.style.Dim(term.DescribeState(name, meta))
		s.status = false
		s.write(text)
		s.status = true
	}
}

// result shows what a call came to, and how long after the save that led to it.
func (s *screen) result(o host.Outcome, table term.Table, took time.Duration, saved time.Time) {
	var b strings.Builder
	if o.Columns == nil {
		fmt.Fprintln(&b, string(o.Value))
	} else if err := table.Write(&b, o.Columns, o.Value); err != nil {
		fmt.Fprintf(&b, "%s\n(%v)\n", o.Value, err)
	}
	fields := map[string]any{"result": o.Value, "columns": o.Columns, "seconds": took.Seconds()}
	fmt.Fprintln(&b, s.style.Green("took "+term.Took(took))+s.since(saved, fields))
	s.event("result", fields, b.String())
}

func (s *screen) failure(e *abi.Error, sources term.Sources, took time.Duration, saved time.Time) {
	fields := map[string]any{"error": e, "seconds": took.Seconds()}
	text := term.Failure(e, sources, s.style)
	s.event("failure", fields, text+s.style.Red("failed after "+term.Took(took))+s.since(saved, fields)+"\n")
}

func (s *screen) since(saved time.Time, fields map[string]any) string {
	if saved.IsZero() {
		return ""
	}
	d := time.Since(saved)
	fields["seconds_since_save"] = d.Seconds()
	return s.style.Dim(fmt.Sprintf(", %s after the save", term.Took(d)))
}

func (s *screen) trouble(err error) {
	s.event("error", map[string]any{"error": err.Error()}, s.style.Red(err.Error())+"\n")
}

func (s *screen) note(text string) { s.event("note", map[string]any{"text": text}, text+"\n") }

// say is a place for the lines of what is installed.
type sayer struct{ s *screen }

func (w sayer) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		w.s.note(strings.TrimRight(line, "\n"))
	}
	return len(p), nil
}

// logged shows a line that a task or the host has logged.
func (s *screen) logged(level slog.Level, message, attrs string) {
	word := strings.ToLower(level.String())
	switch {
	case level >= slog.LevelError:
		word = s.style.Red(word)
	case level >= slog.LevelWarn:
		word = s.style.Yellow(word)
	default:
		word = s.style.Dim(word)
	}
	s.event("log", map[string]any{"level": strings.ToLower(level.String()), "message": message, "attrs": attrs},
		fmt.Sprintf("  %s  %s%s\n", word, message, s.style.Dim(attrs)))
}
