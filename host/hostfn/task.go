package hostfn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/bind"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// What a task may log.
const (
	maxLogLine  = 8 << 10 // bytes of a message, and of its attributes
	maxLogAttrs = 32      // attributes in one line
)

// readyStates are those after which Celery's clients stop waiting.
var readyStates = []string{"SUCCESS", "FAILURE", "REVOKED"}

// TaskArgs implements [abi.Host].
func (i *Invocation) TaskArgs() []byte { return i.task.Args }

// TaskBind implements [abi.Host].
func (i *Invocation) TaskBind() ([]byte, error) {
	values, err := bind.Values(i.task.Name, i.task.Params, i.task.Args)
	if err != nil {
		return nil, i.failed(i.ctx, err)
	}
	return pyjson.Join('[', values), nil
}

// TaskRequest implements [abi.Host].
func (i *Invocation) TaskRequest() []byte { return i.task.Request }

// TaskState implements [abi.Host]. The states that end a task are refused:
// they are the worker's to report. From the first state on, what Spark reports
// by itself is no longer told: the task knows better.
func (i *Invocation) TaskState(state string, meta []byte) error {
	switch {
	case state == "" || len(state) > 100 || strings.IndexFunc(state, unicode.IsControl) >= 0:
		return i.failed(i.ctx, abi.Errorf(typeValue, "TaskState: %q is no name for a state", cut(state, 100)))
	case slices.Contains(readyStates, state):
		return i.failed(i.ctx, abi.Errorf(typeValue, "TaskState: the state %s is set when the task ends; return a result or an error instead", state))
	}
	if err := i.checkSize("the state", len(meta)); err != nil {
		return i.failed(i.ctx, err)
	}
	if len(meta) == 0 {
		meta = []byte("null")
	}
	if err := checkJSON(meta); err != nil {
		return i.failed(i.ctx, abi.Errorf(typeValue, "TaskState: the state's meta is not one JSON value: %v", err))
	}
	if i.task.State == nil || i.closed {
		return nil
	}
	i.progress.stop()
	if err := i.task.State(i.ctx, state, slices.Clone(meta)); err != nil {
		return i.failed(i.ctx, fmt.Errorf("report state %s: %w", state, err))
	}
	return nil
}

// TaskLog implements [abi.Host]. Control bytes are escaped, and what is too
// long or too much is cut: a task can not forge or flood the host's log.
func (i *Invocation) TaskLog(level abi.Level, message string, attrs []byte) {
	l := logLevel(level)
	if i.closed || !i.cfg.Log.Enabled(i.ctx, l) {
		return
	}
	i.lines++
	switch {
	case i.lines == i.most.LogLines+1:
		i.logger().WarnContext(i.ctx, "the task has logged too much; its further lines are dropped", logkey.Count, i.most.LogLines)
		return
	case i.lines > i.most.LogLines:
		return
	}
	line := printable(cut(message, maxLogLine))
	if len(attrs) == 0 {
		i.logger().Log(i.ctx, l, line)
		return
	}
	// In a group of their own they cannot pass for the host's attributes.
	i.logger().LogAttrs(i.ctx, l, line, slog.GroupAttrs(logkey.Fields, logAttrs(attrs)...))
}

// logLevel is the nearest level below that the host's log tells apart.
func logLevel(level abi.Level) slog.Level {
	switch l := slog.Level(level); {
	case l < slog.LevelInfo:
		return slog.LevelDebug
	case l < slog.LevelWarn:
		return slog.LevelInfo
	case l < slog.LevelError:
		return slog.LevelWarn
	}
	return slog.LevelError
}

// logAttrs turns a JSON object into attributes, in the object's order.
func logAttrs(object []byte) []slog.Attr {
	if len(object) > maxLogLine {
		return []slog.Attr{slog.String("attrs", fmt.Sprintf("dropped: %d bytes", len(object)))}
	}
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return []slog.Attr{slog.String("attrs", printable(string(object)))}
	}
	var attrs []slog.Attr
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			return []slog.Attr{slog.String("attrs", printable(string(object)))}
		}
		if len(attrs) == maxLogAttrs {
			attrs = append(attrs, slog.String("attrs", fmt.Sprintf("cut after %d", maxLogAttrs)))
			break
		}
		attrs = append(attrs, slog.String(printable(fmt.Sprint(key)), logValue(value)))
	}
	return attrs
}

// logValue is a string's text, or any other value's JSON.
func logValue(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) == nil {
		return printable(s)
	}
	return printable(string(value))
}

// printable returns s with control characters, and bytes that are no
// characters, as Go escapes them: one line stays one line on any terminal.
func printable(s string) string {
	plain := func(r rune) bool { return unicode.IsGraphic(r) && r != '\u2028' && r != '\u2029' }
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for n := 0; n < len(s); {
		r, width := utf8.DecodeRuneInString(s[n:])
		switch {
		case r == utf8.RuneError && width == 1:
			fmt.Fprintf(&b, `\x%02x`, s[n])
		case plain(r):
			b.WriteRune(r)
		default:
			q := fmt.Sprintf("%+q", r) // 'x', '\n', '\u2028'
			b.WriteString(q[1 : len(q)-1])
		}
		n += width
	}
	return b.String()
}

// cut returns s, or its first n bytes and a word on how long it was.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := n
	for end > 0 && end > n-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:end], len(s))
}

// size is a number of bytes for people.
func size(n int64) string {
	if n >= 1<<20 && n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}
