package cache

import "github.com/sparkstalk/sparkstalk/host/internal/sqltext"

// command returns the statement's leading keyword, in capitals, if the SQL
// text is anything but a query. A query begins with SELECT, VALUES, FROM,
// TABLE, or with WITH followed by one of these; comments and opening
// parentheses in front do not count.
//
// It reads only as much as it takes to tell. Text that Spark's parser would
// refuse may pass for a query: the error is then Spark's own, at the action.
func command(sql string) (string, bool) {
	s := sqltext.New(sql)
	tok := s.Next()
	for tok == "(" {
		tok = s.Next()
	}
	switch {
	case tok == "WITH":
		return afterWith(s)
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
func afterWith(s *sqltext.Scanner) (string, bool) {
	depth := 0
	for prev := ""; ; {
		tok := s.Next()
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
