package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/sparkstalk/sparkstalk/host/hostfn"
)

// A stateLine shows the states of a task on one line of a terminal. On anything
// else it shows nothing: a file of them would help nobody.
type stateLine struct {
	mu    sync.Mutex
	out   io.Writer // nil if it is no terminal
	shown bool
}

func newStateLine(f *os.File) *stateLine {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &stateLine{}
	}
	return &stateLine{out: f}
}

// eraseLine goes to the line's begin and erases it.
const eraseLine = "\r\x1b[K"

func (l *stateLine) show(state string, meta json.RawMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil {
		return
	}
	l.shown = true
	_, _ = fmt.Fprint(l.out, eraseLine, describeState(state, meta)) // for people who look
}

// clear makes room for the result.
func (l *stateLine) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown {
		_, _ = fmt.Fprint(l.out, eraseLine)
		l.shown = false
	}
}

// describeState is a state in a few words.
func describeState(state string, meta json.RawMessage) string {
	var p hostfn.SparkProgress
	if state != hostfn.StateProgress || json.Unmarshal(meta, &p) != nil || p.Stages == 0 {
		const most = 100
		text := []rune(fmt.Sprintf("%s %s", state, meta))
		return string(text[:min(len(text), most)])
	}
	return fmt.Sprintf("Spark %2.0f%%: %d of %d tasks in %d stages, %d running, %.1f MiB read",
		p.Fraction*100, p.Current, p.Total, p.Stages, p.Running, float64(p.BytesRead)/(1<<20))
}
