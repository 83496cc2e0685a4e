package spark

import (
	"fmt"
	"strings"
)

// checkSQL refuses text whose expressions are nested too deeply, and returns how
// many steps of a plan the nesting counts for.
func checkSQL(text string) (int, error) {
	depth := sqlNesting(text)
	if depth > MaxNesting {
		return 0, fmt.Errorf("%w: the SQL text nests more than %d expressions, or has as many operators in a row; "+
			"use IN for lists of values, and tables for data", ErrPlanLimit, MaxNesting)
	}
	// The engines' parsers get further than their planners.
	return depth / 2, nil
}

// nestLevel counts what is nested at one level of parentheses.
type nestLevel struct {
	terms   int // operators in a row
	queries int // set operations and joins in a row
}

// sqlNesting estimates how deep the tree is that a parser makes of text. It
// never fails: what is no SQL is refused by the engine.
func sqlNesting(text string) int {
	levels := []nestLevel{{}}
	below, deepest := 0, 0 // of the levels under the last
	for i := 0; i < len(text); {
		word, next := sqlToken(text, i)
		i = next
		top := &levels[len(levels)-1]
		if len(word) <= len("INTERSECT") {
			word = strings.ToUpper(word)
		}
		switch word {
		case "(", "[", "CASE":
			below += 1 + top.terms + top.queries
			levels = append(levels, nestLevel{})
		case ")", "]", "END":
			if len(levels) > 1 {
				levels = levels[:len(levels)-1]
				top = &levels[len(levels)-1]
				below -= 1 + top.terms + top.queries
			}
		case "+", "-", "*", "/", "%", "|", "&", "^", "~", "!", "AND", "OR", "NOT", "DIV":
			top.terms++
		case "UNION", "INTERSECT", "EXCEPT", "MINUS", "JOIN":
			top.queries++
			top.terms = 0
		case ",", "SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "ON", "WHEN", "THEN", "ELSE":
			top.terms = 0
		}
		top = &levels[len(levels)-1]
		deepest = max(deepest, below+top.terms+top.queries)
	}
	return deepest
}

// sqlToken returns the word or the character at i and where the next one is.
// Quoted text and comments are tokens of one space.
func sqlToken(text string, i int) (token string, next int) {
	switch c := text[i]; {
	case c == '\'' || c == '"' || c == '`':
		return " ", skipQuoted(text, i)
	case strings.HasPrefix(text[i:], "--"):
		if end := strings.IndexByte(text[i:], '\n'); end >= 0 {
			return " ", i + end + 1
		}
		return " ", len(text)
	case strings.HasPrefix(text[i:], "/*"):
		if end := strings.Index(text[i+2:], "*/"); end >= 0 {
			return " ", i + 2 + end + 2
		}
		return " ", len(text)
	case isWordByte(c):
		end := i
		for end < len(text) && isWordByte(text[end]) {
			end++
		}
		return text[i:end], end
	}
	if strings.HasPrefix(text[i:], "||") {
		return "|", i + 2
	}
	return text[i : i+1], i + 1
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// skipQuoted returns where the text goes on after a quotation.
func skipQuoted(text string, start int) int {
	quote := text[start]
	for i := start + 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quote != '`':
			i++
		case c == quote:
			return i + 1
		}
	}
	return len(text)
}
