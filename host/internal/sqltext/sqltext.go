// Package sqltext reads Spark's SQL as far as its tokens go.
package sqltext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Scanner splits SQL text into words in capitals and single other characters.
type Scanner struct {
	text  string
	pos   int
	start int
}

// New returns a scanner of text.
func New(text string) *Scanner { return &Scanner{text: text} }

// Start is where in the text the last token begins, and End where it ends.
func (s *Scanner) Start() int { return s.start }

// End is where in the text the last token ends.
func (s *Scanner) End() int { return s.pos }

// Next returns the next token, or nothing at the end. A quoted string or name
// is the token of its quotation mark: no keyword can be in it.
func (s *Scanner) Next() string {
	for s.pos < len(s.text) {
		s.start = s.pos
		rest := s.text[s.pos:]
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case unicode.IsSpace(r):
			s.pos += size
		case strings.HasPrefix(rest, "--"):
			s.lineComment(rest)
		case strings.HasPrefix(rest, "/*"):
			s.comment(rest)
		case r == '\'' || r == '"' || r == '`':
			s.quoted(byte(r))
			return string(r)
		case isWord(r):
			end := strings.IndexFunc(rest, func(r rune) bool { return !isWord(r) })
			if end < 0 {
				end = len(rest)
			}
			s.pos += end
			word := strings.ToUpper(rest[:end])
			if word == "R" && s.raw(rest[end:]) {
				return "'"
			}
			return word
		default:
			s.pos += size
			return rest[:size]
		}
	}
	s.start = s.pos
	return ""
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// lineComment passes over a comment that begins with two dashes. A backslash
// at the end of its line continues it.
func (s *Scanner) lineComment(rest string) {
	for i := 2; i < len(rest); i++ {
		if (rest[i] == '\n' && rest[i-1] != '\\') || rest[i] == '\r' {
			s.pos += i
			return
		}
	}
	s.pos = len(s.text)
}

// raw passes over the rest of a raw string, r'…', in which a backslash is just
// that, and reports whether there was one.
func (s *Scanner) raw(rest string) bool {
	if rest == "" || (rest[0] != '\'' && rest[0] != '"') {
		return false
	}
	if end := strings.IndexByte(rest[1:], rest[0]); end >= 0 {
		s.pos += end + 2
	} else {
		s.pos = len(s.text)
	}
	return true
}

// comment passes over a bracketed comment. They nest in Spark's SQL.
func (s *Scanner) comment(rest string) {
	depth := 0
	for i := 0; i < len(rest); {
		switch {
		case strings.HasPrefix(rest[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(rest[i:], "*/"):
			depth--
			i += 2
		default:
			i++
		}
		if depth == 0 {
			s.pos += i
			return
		}
	}
	s.pos = len(s.text)
}

// quoted passes over a string or a quoted name. A backslash escapes in
// strings, a doubled quotation mark stands for itself in both.
func (s *Scanner) quoted(quote byte) {
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == '\\' && quote != '`':
			s.pos++
		case c == quote:
			// The second half of a doubled mark opens a new quotation at once,
			// so that reading on from here is right in both cases.
			s.pos++
			return
		}
	}
	s.pos = len(s.text)
}
