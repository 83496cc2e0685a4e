package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// missing is why a name is not there when mapping.json says nothing.
const missing = "not there yet"

// result is what came of one class.
type result struct {
	class   string
	covered []string // PySpark's name, with ours where it is spelt otherwise
	lacks   [][2]string
	na      [][2]string
}

func (r result) applies() int { return len(r.covered) + len(r.lacks) }

func report(names pyspark, mapping map[string]class, exported sdk) ([]byte, error) {
	var results []result
	var errs []error
	for _, c := range slices.Sorted(maps.Keys(names.Classes)) {
		m, ok := mapping[c]
		if !ok {
			errs = append(errs, fmt.Errorf("mapping.json says nothing of %s", c))
			continue
		}
		r, err := m.cover(c, names.Classes[c], exported)
		results = append(results, r)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# What of PySpark the SDK has\n\n"+
		"PySpark %s's public names in pyspark.sql.connect and what covers them in [spark](spark) and [functions](functions).\n"+
		"Names are PySpark's in Go's CamelCase: `groupBy` is `GroupBy`. What does not apply to a batch task is named with the\n"+
		"reason and does not count. Written by `make generate` from [coverage](coverage); a test holds the list to PySpark.\n\n"+
		"| | applies | covered | |\n| --- | --- | --- | --- |\n", names.Spark)
	all, done := 0, 0
	for _, r := range results {
		all, done = all+r.applies(), done+len(r.covered)
		fmt.Fprintf(&b, "| %s | %d | %d | %s |\n", r.class, r.applies(), len(r.covered), percent(len(r.covered), r.applies()))
	}
	fmt.Fprintf(&b, "| all | %d | %d | %s |\n", all, done, percent(done, all))
	for _, r := range results {
		r.write(&b)
	}
	return b.Bytes(), nil
}

func percent(n, of int) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of))
}

// cover looks up each name of a class.
func (m class) cover(c string, names []string, exported sdk) (result, error) {
	r := result{class: c}
	prefix := m.Type + "."
	if m.Package != "" {
		prefix = m.Package + "."
	}
	var errs []error
	for said := range m.Names {
		if !slices.Contains(names, said) {
			errs = append(errs, fmt.Errorf("mapping.json: %s has no %s", c, said))
		}
	}
	for _, n := range names {
		said := m.Names[n]
		found := exported[key(prefix+n)]
		switch {
		case said.NA != "":
			r.na = append(r.na, [2]string{n, said.NA})
		case said.Go != "":
			found = exported[key(said.Go)]
			if found == "" && m.Package != "" {
				found = exported[key(m.Package+"."+said.Go)]
			}
			if found == "" {
				r.lacks = append(r.lacks, [2]string{n, missing})
				continue
			}
			r.covered = append(r.covered, n+" → "+found)
		case found == "":
			reason := said.Lacks
			if reason == "" {
				reason = missing
			}
			r.lacks = append(r.lacks, [2]string{n, reason})
		default:
			r.covered = append(r.covered, spelt(n, strings.TrimPrefix(found, m.Type+".")))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return r, errors.Join(errs...)
}

// spelt shows ours beside PySpark's name unless it is that in CamelCase.
func spelt(python, ours string) string {
	camel := ""
	for word := range strings.SplitSeq(python, "_") {
		camel += strings.ToUpper(word[:min(1, len(word))]) + word[min(1, len(word)):]
	}
	if camel == ours {
		return python
	}
	return python + " → " + ours
}

func (r result) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n## %s\n", r.class)
	if len(r.covered) > 0 {
		b.WriteByte('\n')
		line := "Covered:"
		for i, n := range r.covered {
			word := " `" + strings.ReplaceAll(n, " → ", "` → `") + "`"
			if i < len(r.covered)-1 {
				word += ","
			} else {
				word += "."
			}
			if len(line)+len(word) > 118 {
				b.WriteString(line + "\n")
				line, word = "", strings.TrimPrefix(word, " ")
			}
			line += word
		}
		b.WriteString(line + "\n")
	}
	for _, part := range []struct {
		title string
		names [][2]string
	}{{"not covered", r.lacks}, {"does not apply", r.na}} {
		if len(part.names) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n| %s | why |\n| --- | --- |\n", part.title)
		for _, n := range part.names {
			fmt.Fprintf(b, "| `%s` | %s |\n", n[0], n[1])
		}
	}
}
