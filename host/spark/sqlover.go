package spark

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A View is a frame that SQL text reads by a name, as if it were a temporary
// view of the session, but of one caller's own: see [SQLOver].
type View struct {
	Name  string
	Frame *DataFrame
}

// viewName is what Spark takes as a name without quotes, and Sail too.
var viewName = regexp.MustCompile(`^[\pL_][\pL\pN_]*$`)

// CheckViewName returns why name cannot be that of a view.
func CheckViewName(name string) error {
	if !viewName.MatchString(name) {
		return wrongArgument("view name %q: it has letters, digits and underscores only, and does not begin with a digit", name)
	}
	return nil
}

// SQLOver is [SQL] for text that may read views. They are sent with the query,
// as common table expressions, so that no other user of the session sees them.
// A command can read none: those that mention one are invalid.
func SQLOver(query string, names []string, args []*Column, views []View) *DataFrame {
	var tables []string
	var frames []*DataFrame
	for _, v := range views {
		// Sail tells common table expressions apart by case, so it is named as
		// the query names it.
		name := mentioned(query, v.Name)
		if name == "" {
			continue
		}
		hidden := "_view_" + v.Name
		tables = append(tables, fmt.Sprintf("`%s` AS (SELECT * FROM `%s`)", name, hidden))
		frames = append(frames, v.Frame.Alias(hidden))
		if !mayBeQuery(query) {
			return Invalid(wrongArgument("the SQL command reads the temporary view %q, which only queries can; run the query and write its rows with a writer", v.Name))
		}
	}
	if len(tables) == 0 {
		return SQL(query, names, args)
	}
	// The query stands in parentheses, for it may have a WITH of its own. A
	// comment at its end must not hide the last of them.
	text := "WITH " + strings.Join(tables, ", ") + " (\n" + strings.TrimRight(query, "; \t\r\n") + "\n)"
	return SQL(text, names, args).WithRelations(frames...)
}

// mentioned returns how text spells name where it first has it as a word, or
// nothing. A word behind a dot is the last part of another name.
func mentioned(text, name string) string {
	const before = "(?:^|[^\\pL\\pN_.`]|(?:^|[^.])`)"
	found := regexp.MustCompile(`(?i)` + before + `(` + regexp.QuoteMeta(name) + `)(?:$|[^\pL\pN_])`).FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return found[1]
}

// mayBeQuery reports whether text begins as a query does. What follows a WITH
// is the engine's to judge: an INSERT there is no query in parentheses.
func mayBeQuery(text string) bool {
	for {
		text = strings.TrimLeft(text, " \t\r\n(")
		rest, line := strings.CutPrefix(text, "--")
		if line {
			_, text, _ = strings.Cut(rest, "\n")
			continue
		}
		if rest, comment := strings.CutPrefix(text, "/*"); comment {
			_, text, _ = strings.Cut(rest, "*/")
			continue
		}
		break
	}
	end := strings.IndexFunc(text, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end < 0 {
		end = len(text)
	}
	return slices.Contains([]string{"SELECT", "VALUES", "TABLE", "FROM", "WITH"}, strings.ToUpper(text[:end]))
}
