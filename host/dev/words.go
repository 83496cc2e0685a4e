package dev

import (
	"errors"
	"strings"
)

// Words splits a line as a shell does: at white space, but for what stands in
// quotation marks or behind a backslash.
func Words(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune // that is open, or 0
	inWord, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case strings.ContainsRune(" \t\r\n", r):
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 || escaped {
		return nil, errors.New("a quotation mark has no end")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
