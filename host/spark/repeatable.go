package spark

import "strings"

// repeatable reports whether the plan can be run a second time without harm,
// which is certain if it has no SQL text but plain queries.
func (df *DataFrame) repeatable() bool {
	for _, text := range df.Queries() {
		if !isPlainQuery(text) {
			return false
		}
	}
	return true
}

// isPlainQuery reports whether text begins as a query does. WITH may also begin
// an INSERT.
func isPlainQuery(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n(")
	end := strings.IndexFunc(text, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end < 0 {
		end = len(text)
	}
	switch strings.ToUpper(text[:end]) {
	case "SELECT", "VALUES", "TABLE":
		return true
	}
	return false
}
