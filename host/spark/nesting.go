package spark

import (
	"fmt"

	"github.com/sparkstalk/sparkstalk/host/internal/sqltext"
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
	s := sqltext.New(text)
	for word, last := s.Next(), ""; word != ""; word, last = s.Next(), word {
		top := &levels[len(levels)-1]
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
		case "+", "-", "*", "/", "%", "&", "^", "~", "!", "AND", "OR", "NOT", "DIV":
			top.terms++
		case "|":
			if last != "|" { // || is one operator
				top.terms++
			}
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
