package term

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Sources finds the source that a stack names. Builds leave the folders out of
// the names, or have those of another machine.
type Sources struct {
	// Dir is the folder of a module's source. Empty finds nothing.
	Dir string
}

// find returns the file in Dir that a stack calls name: the one with the longest
// end in common, which is a whole name at least.
func (s Sources) find(name string) (string, bool) {
	if s.Dir == "" {
		return "", false
	}
	parts := strings.Split(filepath.ToSlash(name), "/")
	for i := range parts {
		path := filepath.Join(s.Dir, filepath.FromSlash(strings.Join(parts[i:], "/")))
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, true
		}
	}
	return "", false
}

// around returns a line of a file with the one before and the one after, and
// their numbers; column, if it is not zero, is pointed at.
func (s Sources) around(name string, line, column int, style Style) string {
	path, ok := s.find(name)
	if !ok {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return "" // it was there a moment ago, and is only for comfort
	}
	defer func() { _ = f.Close() }()
	var b strings.Builder
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan() && n <= line+1; n++ {
		text := strings.ReplaceAll(lines.Text(), "\t", "    ")
		switch {
		case n == line:
			fmt.Fprintf(&b, "%s %s\n", style.Red(fmt.Sprintf("  > %4d |", n)), text)
			if column > 0 && column <= len(lines.Text())+1 {
				before := strings.ReplaceAll(lines.Text()[:column-1], "\t", "    ")
				fmt.Fprintf(&b, "         | %s%s\n", strings.Repeat(" ", len([]rune(before))), style.Red("^"))
			}
		case n >= line-1:
			fmt.Fprintf(&b, "    %4d | %s\n", n, text)
		}
	}
	return b.String()
}

// goFrame is a frame of a Go stack: the function, and its place on the next line.
var goFrame = regexp.MustCompile(`(?m)^(\S.*)\n\t(\S+\.go):(\d+)`)

// A frame is a place in a stack.
type frame struct {
	function, file string
	line           int
}

// frames returns the frames of a Go stack that are the author's: neither Go's
// own nor the SDK's, which called the task.
func frames(stack string) []frame {
	var list []frame
	for _, m := range goFrame.FindAllStringSubmatch(stack, -1) {
		function, _, _ := strings.Cut(m[1], "(0x")
		function = strings.TrimPrefix(function, "created by ")
		function = strings.TrimSuffix(function, "(...)")
		function = strings.TrimSuffix(function, "({...})")
		line, err := strconv.Atoi(m[3])
		if err != nil || own(m[2], function) {
			continue
		}
		list = append(list, frame{strings.TrimRight(function, "("), m[2], line})
	}
	return list
}

// own reports whether a frame is Go's or the SDK's.
func own(file, function string) bool {
	root, _, _ := strings.Cut(strings.TrimPrefix(function, "panic"), ".")
	switch {
	case strings.HasPrefix(file, "runtime/") || strings.Contains(file, "/src/runtime/") || strings.HasPrefix(function, "runtime"):
		return true
	case strings.HasPrefix(function, "github.com/sparkstalk/sparkstalk/sdk"):
		return true
	}
	return root == "" || strings.HasPrefix(file, "_cgo_")
}

// Failure is an exception as people read it: its class and message, the places
// in the module's source that it came by with their lines, or else its
// traceback as it is.
func Failure(e *abi.Error, sources Sources, style Style) string {
	var b strings.Builder
	name := e.Type
	if e.Module != "" && e.Module != "builtins" {
		name = e.Module + "." + e.Type
	}
	b.WriteString(style.Red(style.Bold(name)))
	if m := e.Message(); m != "" {
		b.WriteString(": " + strings.TrimRight(m, "\n"))
	}
	b.WriteByte('\n')
	if e.Traceback == "" {
		return b.String()
	}
	places := frames(e.Traceback)
	if len(places) == 0 {
		return b.String() + style.Dim(Indent(e.Traceback, "  ")) + "\n"
	}
	for i, f := range places {
		fmt.Fprintf(&b, "  at %s (%s:%d)\n", f.function, f.file, f.line)
		if i == 0 {
			b.WriteString(sources.around(f.file, f.line, 0, style))
		}
	}
	return b.String()
}

// place is what compilers begin a message with: file, line and mostly column.
var place = regexp.MustCompile(`^(?:vet: )?(?:\./)?([^\s:]+\.[a-z]+):(\d+)(?::(\d+))?: (.*)`)

// Compile is what a compiler printed, with the lines of source that it is about.
func Compile(output string, sources Sources, style Style) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(output, "\n"), "\n") {
		m := place.FindStringSubmatch(line)
		if m == nil {
			b.WriteString(line + "\n")
			continue
		}
		n, _ := strconv.Atoi(m[2])      // digits; too many are no line of any file
		column, _ := strconv.Atoi(m[3]) // or nothing, which is zero
		fmt.Fprintf(&b, "%s:%s: %s\n", m[1], m[2], style.Red(m[4]))
		b.WriteString(sources.around(m[1], n, column, style))
	}
	return b.String()
}
