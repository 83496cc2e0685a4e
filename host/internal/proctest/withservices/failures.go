package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
)

// failures passes on what go test prints and keeps the lines that say what
// failed, for the end of a long log.
type failures struct {
	out  io.Writer
	line []byte // the beginning of one
	kept []string
	said int // lines of the last failed test that were kept
}

// maxSaid is how many lines are kept of what a failed test says.
const maxSaid = 4

var (
	failed = regexp.MustCompile(`^ *--- FAIL: `)
	ended  = regexp.MustCompile(`^(FAIL\s.|panic: |fatal error: |WARNING: DATA RACE|goroutines are left)`)
	says   = regexp.MustCompile(`^ +\w+\.go:\d+: `)
)

// Write implements [io.Writer].
func (f *failures) Write(p []byte) (int, error) {
	for rest := p; ; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		f.line = append(f.line, line...)
		if !whole {
			break
		}
		f.keep(string(f.line))
		f.line, rest = f.line[:0], after
	}
	return f.out.Write(p)
}

func (f *failures) keep(line string) {
	switch {
	case failed.MatchString(line):
		f.said = 0
	case ended.MatchString(line):
		f.said = maxSaid
	case says.MatchString(line) && f.said < maxSaid && len(f.kept) > 0:
		f.said++
	default:
		return
	}
	f.kept = append(f.kept, line)
}

// repeat prints what was kept.
func (f *failures) repeat() error {
	if len(f.kept) == 0 {
		return nil
	}
	text := "\nwhat failed:\n"
	for _, line := range f.kept {
		text += line + "\n"
	}
	_, err := fmt.Fprint(f.out, text)
	return err
}
