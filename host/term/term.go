// Package term writes for people at a terminal: tables of rows, exceptions with
// the lines of source that they come from, and the state of a task under way.
//
// All of it is plain text on anything that is no terminal.
package term

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// IsTerminal reports whether people look at f.
func IsTerminal(f any) bool {
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && file.Name() != os.DevNull
}

// A Style marks text on a terminal. The zero Style leaves it as it is.
type Style struct{ color bool }

// StyleFor returns how text is marked that is written to f: not at all unless f
// is a terminal, nor where the environment has NO_COLOR or TERM=dumb.
func StyleFor(f any) Style {
	return Style{color: IsTerminal(f) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (s Style) mark(code, text string) string {
	if !s.color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Bold, Dim, Red, Green and Yellow mark a text.
func (s Style) Bold(text string) string { return s.mark("1", text) }

// Dim marks what matters less.
func (s Style) Dim(text string) string { return s.mark("2", text) }

// Red marks what went wrong.
func (s Style) Red(text string) string { return s.mark("31", text) }

// Green marks what went well.
func (s Style) Green(text string) string { return s.mark("32", text) }

// Yellow marks warnings.
func (s Style) Yellow(text string) string { return s.mark("33", text) }

// Took is a time for people: "12 ms", "3.4 s".
func Took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// Indent puts prefix before each line of text.
func Indent(text, prefix string) string {
	return prefix + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+prefix)
}
