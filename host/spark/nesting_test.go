package spark

import "testing"

func TestNestingOfSQL(t *testing.T) {
	for text, want := range map[string]int{
		"":                              0,
		"SELECT 1":                      0,
		"SELECT ((1))":                  2,
		"SELECT 1 + 2 - 3":              2,
		"SELECT 1 + 2, 3 + 4, 5 + 6":    1,
		"SELECT (1 + (2 * 3)) + 4":      4,
		"SELECT not not true":           2,
		"SELECT a || b || c":            2,
		"SELECT * FROM a JOIN b JOIN c": 2,
		"SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3":                        2,
		"SELECT CASE WHEN a AND b THEN 1 WHEN c AND d THEN 2 ELSE 3 END FROM t": 2,
		"SELECT * FROM t WHERE a = 1 OR a = 2 OR a = 3":                         2,
		"SELECT '((((' || \"((((\", `((((`, r'((' -- ((((\n /* (((( */":         1,
		"SELECT 'it\\'s (((' ": 0,
		"SELECT ')))' + 1":     1,
		"))) ((":               2,
		"'((((":                0,
		"/* ((((":              0,
		"-- ((((":              0,
		"SELECT a[b[1]]":       2,
		"SELECT in (1, 2, 3)":  1,
	} {
		if got := sqlNesting(text); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

func FuzzSQLNesting(f *testing.F) {
	f.Add("SELECT (a + b) FROM t -- c")
	f.Add("'\\")
	f.Add("/*")
	f.Fuzz(func(t *testing.T, text string) {
		if depth := sqlNesting(text); depth < 0 || depth > len(text) {
			t.Errorf("got %d for %d bytes", depth, len(text))
		}
	})
}
