package module

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// Bounds of what is kept and logged of a guest's output.
const (
	tailLimit  = 4 << 10 // what TrapError.Stderr has at most
	panicLimit = 8 << 10 // of a panic, from its first line on
	lineLimit  = 1 << 10 // of a line in the log
	lineBurst  = 100     // lines of one version logged without pause
	lineRate   = 20      // lines a second after that
)

// An output takes what one instance prints. It keeps the end of it, keeps a
// panic from its first line on, and logs lines. One goroutine uses it at a time.
type output struct {
	log  *lineLog
	task string // of the call under way
	// tee, if there is one, gets all instead.
	tee func(slog.Level, []byte)

	tail []byte
	// panic has what was printed since the last line that looked like the
	// beginning of a panic.
	panic     []byte
	panicking bool
	out, err  partial
}

// partial is a line that has not ended yet.
type partial struct {
	line []byte
	cut  bool // the line was longer than lineLimit
}

func newOutput(log *lineLog) *output { return &output{log: log} }

// begin prepares for a call: what was printed before is not about it.
func (o *output) begin(task string) {
	o.task = task
	o.tail, o.panic, o.panicking = o.tail[:0], o.panic[:0], false
}

// end logs what has no newline behind it.
func (o *output) end() {
	for level, p := range map[slog.Level]*partial{slog.LevelDebug: &o.out, slog.LevelWarn: &o.err} {
		if len(p.line) > 0 {
			o.endLine(level, p)
		}
	}
}

// stdout and stderr are what the guest writes to.
func (o *output) stdout() io.Writer { return stream{o, slog.LevelDebug, &o.out} }
func (o *output) stderr() io.Writer { return stream{o, slog.LevelWarn, &o.err} }

type stream struct {
	*output
	level   slog.Level
	partial *partial
}

// Write never fails.
func (s stream) Write(data []byte) (int, error) {
	if s.tee != nil {
		s.tee(s.level, data)
		return len(data), nil
	}
	s.keep(data)
	for rest := data; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		p := s.partial
		if room := lineLimit - len(p.line); len(line) > room {
			p.line, p.cut = append(p.line, line[:room]...), true
		} else {
			p.line = append(p.line, line...)
		}
		if ended {
			s.endLine(s.level, p)
		}
		rest = after
	}
	return len(data), nil
}

// keep adds to the tail, letting go of its beginning now and then.
func (o *output) keep(data []byte) {
	if len(data) > tailLimit {
		data = data[len(data)-tailLimit:]
	}
	o.tail = append(o.tail, data...)
	if len(o.tail) > 2*tailLimit {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-tailLimit:]...)
	}
}

func (o *output) endLine(level slog.Level, p *partial) {
	if beginsPanic(p.line) {
		o.panic, o.panicking = o.panic[:0], true
	}
	if o.panicking && len(o.panic)+len(p.line) < panicLimit {
		o.panic = append(append(o.panic, p.line...), '\n')
	}
	if len(p.line) > 0 {
		text := strings.ToValidUTF8(string(p.line), "\uFFFD")
		if p.cut {
			text += "…"
		}
		o.log.write(level, o.task, text)
	}
	p.line, p.cut = p.line[:0], false
}

// beginsPanic recognises how Go, TinyGo and Rust begin to report the end.
func beginsPanic(line []byte) bool {
	return bytes.HasPrefix(line, []byte("panic: ")) ||
		bytes.HasPrefix(line, []byte("fatal error: ")) ||
		bytes.HasPrefix(line, []byte("thread '")) && bytes.Contains(line, []byte("panicked at"))
}

// last returns the end of what was printed.
func (o *output) last() string {
	tail := o.tail
	if len(tail) > tailLimit {
		tail = tail[len(tail)-tailLimit:]
	}
	return strings.ToValidUTF8(string(tail), "\uFFFD")
}

// panicked returns the line that says why the guest panicked, and all that it
// printed about it. They are empty if it did not.
func (o *output) panicked() (message, all string) {
	if !o.panicking {
		return "", ""
	}
	all = strings.ToValidUTF8(string(o.panic), "\uFFFD")
	message, rest, _ := strings.Cut(all, "\n")
	if strings.HasPrefix(message, "thread '") { // Rust says why on the second line
		why, _, _ := strings.Cut(rest, "\n")
		message = strings.TrimSpace(message + " " + why)
	}
	return message, all
}

// A lineLog logs the lines of all instances of one version, but not more than
// a log can bear.
type lineLog struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	tokens  float64
	at      time.Time
	dropped int
}

func newLineLog(log *slog.Logger) *lineLog {
	return &lineLog{log: log, now: time.Now, tokens: lineBurst}
}

func (l *lineLog) write(level slog.Level, task, text string) {
	ctx := context.Background()
	if !l.log.Enabled(ctx, level) {
		return
	}
	dropped, ok := l.take()
	if !ok {
		return
	}
	attrs := []slog.Attr{slog.String(logkey.Text, text)}
	if task != "" {
		attrs = append(attrs, slog.String(logkey.Task, task))
	}
	if dropped > 0 {
		l.log.LogAttrs(ctx, slog.LevelWarn, fmt.Sprintf("a module prints too much, %d lines were dropped", dropped))
	}
	l.log.LogAttrs(ctx, level, "printed by a module", attrs...)
}

// take asks for leave to log a line. dropped is how many did not get it before.
func (l *lineLog) take() (dropped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if !l.at.IsZero() {
		l.tokens = min(lineBurst, l.tokens+now.Sub(l.at).Seconds()*lineRate)
	}
	l.at = now
	if l.tokens < 1 {
		l.dropped++
		return 0, false
	}
	l.tokens--
	dropped, l.dropped = l.dropped, 0
	return dropped, true
}
