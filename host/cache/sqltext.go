package cache

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// command returns the statement's leading keyword, in capitals, if the SQL
// text is anything but a query. A query begins with SELECT, VALUES, FROM,
// TABLE, or with WITH followed by one of these; comments and opening
// parentheses in front do not count.
//
// It reads only as much as it takes to tell. Text that Spark's parser would
// refuse may pass for a query: the error is then Spark's own, at the action.
func command(sql string) (string, bool) {
	s := scanner{text: sql}
	tok := s.next()
	for tok == "(" {
		tok = s.next()
	}
	switch {
	case tok == "WITH":
		return s.afterWith()
	case isQuery(tok):
		return "", false
	}
	return tok, true
}

func isQuery(keyword string) bool {
	switch keyword {
	case "SELECT", "VALUES", "FROM", "TABLE":
		return true
	}
	return false
}

// afterWith finds the statement behind the common table expressions of
//
//	WITH name [(columns)] [MAX RECURSION LEVEL n] [AS] (query), … statement
//
// The statement's keyword is the first word outside of parentheses that comes
// right after a closing one and belongs to none of these parts.
func (s *scanner) afterWith() (string, bool) {
	depth := 0
	for prev := ""; ; {
		tok := s.next()
		switch tok {
		case "":
			// WITH … (SELECT …): nothing but a query may stand in parentheses.
			return "", false
		case "(":
			depth++
		case ")":
			depth--
		case "AS", "MAX", ",":
		default:
			if depth == 0 && prev == ")" {
				return tok, !isQuery(tok)
			}
		}
		prev = tok
	}
}

// scanner splits SQL text into words in capitals and single other characters.
type scanner struct {
	text string
	pos  int
}

// next returns the next token, or nothing at the end. A quoted string or name
// is the token of its quotation mark: no keyword can be in it.
func (s *scanner) next() string {
	for s.pos < len(s.text) {
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
	return ""
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// lineComment passes over a comment that begins with two dashes. A backslash
// at the end of its line continues it.
func (s *scanner) lineComment(rest string) {
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
func (s *scanner) raw(rest string) bool {
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
func (s *scanner) comment(rest string) {
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
func (s *scanner) quoted(quote byte) {
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
