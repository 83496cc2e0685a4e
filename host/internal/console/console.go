// Package console runs the console blocks of a Markdown page as its reader would,
// so that a tutorial cannot say what is not so.
//
// A block with the info string "console" has commands behind "$ " and below each
// its output, in which "…" stands for any text. All are typed into one shell. A
// command that ends in "&" goes on in the background, and so its output; a later
// block "console dev" has more of that.
//
// Any other block is a file if the text before it names one: the last word in
// backquotes of a paragraph that ends with a colon. A block "diff" changes that
// file: its lines without those that begin with "+" are looked for, and replaced
// by those without the ones that begin with "-".
package console

import (
	"fmt"
	"regexp"
	"strings"
)

// A Block is a fenced block of a page.
type Block struct {
	Line int    // of the fence
	Info string // the info string
	File string // that the text before it names
	Text string
}

var named = regexp.MustCompile("`([^`\\s]+)`[^`]*:\\s*$")

// Blocks returns the fenced blocks of a page.
func Blocks(page string) []Block {
	var blocks []Block
	var open *Block
	before := ""
	for i, line := range strings.Split(page, "\n") {
		switch info, fence := strings.CutPrefix(line, "```"); {
		case fence && open == nil:
			open = &Block{Line: i + 1, Info: info}
			if m := named.FindStringSubmatch(before); m != nil {
				open.File = m[1]
			}
		case fence:
			blocks = append(blocks, *open)
			open, before = nil, ""
		case open != nil:
			open.Text += line + "\n"
		case strings.TrimSpace(line) != "":
			before = line
		}
	}
	return blocks
}

// A Command is what is typed, and what is expected.
type Command struct {
	Text   string
	Output string
}

// Commands returns the commands of a console block.
func Commands(text string) []Command {
	var list []Command
	for line := range strings.Lines(text) {
		if typed, ok := strings.CutPrefix(line, "$ "); ok {
			list = append(list, Command{Text: strings.TrimSuffix(typed, "\n")})
		} else if len(list) > 0 {
			list[len(list)-1].Output += line
		}
	}
	return list
}

// Pattern returns what output must match: from its beginning, unless it may have
// begun before, and to its end if whole.
func Pattern(expected string, whole bool) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`(?s)`)
	if whole {
		b.WriteString(`^`)
	}
	for i, part := range strings.Split(strings.TrimRight(expected, "\n"), "…") {
		if i > 0 {
			b.WriteString(`.*?`)
		}
		b.WriteString(regexp.QuoteMeta(part))
	}
	if whole {
		b.WriteString(`\s*$`)
	}
	return regexp.MustCompile(b.String())
}

// Change applies the text of a diff block to a file's.
func Change(file, diff string) (string, error) {
	var before, after strings.Builder
	for line := range strings.Lines(diff) {
		switch line[0] {
		case '+':
			after.WriteString(line[1:])
		case '-':
			before.WriteString(line[1:])
		default:
			rest := strings.TrimPrefix(line, " ")
			before.WriteString(rest)
			after.WriteString(rest)
		}
	}
	if n := strings.Count(file, before.String()); n != 1 {
		return "", fmt.Errorf("the lines to change are there %d times:\n%s", n, before.String())
	}
	return strings.Replace(file, before.String(), after.String(), 1), nil
}
