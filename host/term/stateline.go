package term

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/hostfn"
)

// A StateLine shows the states of a task on one line of a terminal, and the time
// that has passed. On anything else it shows nothing: a file of them would help
// nobody. It may be used by several goroutines.
type StateLine struct {
	mu    sync.Mutex
	out   io.Writer // nil if it is no terminal
	shown bool
	began time.Time
}

// NewStateLine returns a line of f.
func NewStateLine(f *os.File) *StateLine {
	if !IsTerminal(f) {
		return &StateLine{}
	}
	return &StateLine{out: f, began: time.Now()}
}

// eraseLine goes to the line's begin and erases it.
const eraseLine = "\r\x1b[K"

// Show shows a state in place of the one before.
func (l *StateLine) Show(state string, meta json.RawMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil {
		return
	}
	l.shown = true
	_, _ = fmt.Fprint(l.out, eraseLine, l.elapsed(), DescribeState(state, meta)) // for people who look
}

// Clear makes room for the result.
func (l *StateLine) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown {
		_, _ = fmt.Fprint(l.out, eraseLine)
		l.shown = false
	}
}

// DescribeState is a state in a few words.
func DescribeState(state string, meta json.RawMessage) string {
	var p hostfn.SparkProgress
	if json.Unmarshal(meta, &p) != nil || p.Total <= 0 || state != hostfn.StateProgress && p.Stages > 0 {
		p = hostfn.SparkProgress{}
	}
	if p.Stages == 0 && p.Total > 0 { // the task's own, in the form that Celery's users know
		return fmt.Sprintf("%s %3.0f%%  %s: %d of %d", bar(float64(p.Current)/float64(p.Total)), 100*float64(p.Current)/float64(p.Total), state, p.Current, p.Total)
	}
	if p.Stages == 0 {
		const most = 100
		text := []rune(fmt.Sprintf("%s %s", state, meta))
		return string(text[:min(len(text), most)])
	}
	return fmt.Sprintf("%s %3.0f%%  %d of %d tasks in %d stages, %d running, %.1f MiB read",
		bar(p.Fraction), p.Fraction*100, p.Current, p.Total, p.Stages, p.Running, float64(p.BytesRead)/(1<<20))
}

// bar is a fraction of 20 characters.
func bar(fraction float64) string {
	const width = 20
	n := int(max(0, min(1, fraction)) * width)
	return strings.Repeat("█", n) + strings.Repeat("░", width-n)
}

// elapsed is the time that has passed, for the line's begin.
func (l *StateLine) elapsed() string {
	if l.began.IsZero() {
		return ""
	}
	return fmt.Sprintf("%4.1fs ", time.Since(l.began).Seconds())
}
