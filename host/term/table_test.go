package term

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

var columns = []abi.ColumnSchema{{Name: "word", Type: "string"}, {Name: "n", Type: "bigint"}, {Name: "more", Type: "array<int>"}}

func TestTable(t *testing.T) {
	for name, c := range map[string]struct {
		table      Table
		rows, want string
	}{
		"arrays": {Table{}, `[["a", 12, [1, 2]], ["é\n\u0007", null, NaN]]`, `
+------+------+--------+
| word |    n | more   |
+------+------+--------+
| a    |   12 | [1, 2] |
| é⏎�  | NULL | NaN    |
+------+------+--------+
2 rows
`},
		"objects": {Table{}, `[{"n": 1, "more": {"__type__": "datetime", "__value__": "2026-01-02"}}]`, `
+------+---+------------+
| word | n | more       |
+------+---+------------+
| NULL | 1 | 2026-01-02 |
+------+---+------------+
1 row
`},
		"cut": {Table{Rows: 1, Width: 4}, `[["abcdef", 1, null], ["", 2, null]]`, `
+------+---+------+
| word | n | more |
+------+---+------+
| abc… | 1 | NULL |
+------+---+------+
2 rows, the first 1 of them shown
`},
		"none": {Table{Rows: 1}, `[]`, `
+------+---+------+
| word | n | more |
+------+---+------+
+------+---+------+
0 rows
`},
	} {
		var out strings.Builder
		if err := c.table.Write(&out, columns, json.RawMessage(c.rows)); err != nil || "\n"+out.String() != c.want {
			t.Errorf("%s: got %v\n%s\nwant%s", name, err, out.String(), c.want)
		}
	}
}

func TestRowsThatDoNotFitTheirColumnsAreAnError(t *testing.T) {
	for _, rows := range []string{`7`, `[7]`, `[["a"]]`, `[["a", 1, 2, 3]]`} {
		if err := (Table{}).Write(new(strings.Builder), columns, json.RawMessage(rows)); err == nil {
			t.Errorf("%s is no error", rows)
		}
	}
}
