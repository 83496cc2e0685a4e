package cache

import "testing"

func TestCommandTellsQueriesFromCommands(t *testing.T) {
	queries := []string{
		"SELECT 1",
		"select * from t",
		"  \n\tSELECT 1",
		"-- INSERT\nSELECT 1",
		"/* DROP TABLE t */ SELECT 1",
		"/* a /* nested */ DROP */ SELECT 1",
		"((SELECT 1) UNION (SELECT 2))",
		"( /* x */ ( select 1 ))",
		"VALUES (1), (2)",
		"FROM t SELECT a",
		"FROM t |> WHERE a > 1",
		"TABLE t",
		"WITH a AS (SELECT 1) SELECT * FROM a",
		"WITH a (x, y) AS (SELECT 1, 2), b AS (SELECT ')' FROM a) SELECT * FROM b",
		"WITH a (SELECT 1) TABLE a",
		"WITH insert AS (SELECT 1) SELECT * FROM insert",
		"WITH `drop ) INSERT` AS (SELECT 1) FROM `drop ) INSERT`",
		"WITH a AS (SELECT ') INSERT INTO t', \") DROP\" /* ) MERGE */ ) SELECT 1",
		`WITH a AS (SELECT 'it\'s ) INSERT', 'it''s ) INSERT') SELECT 1`,
		`WITH a AS (SELECT r'\', ' ) INSERT ') SELECT 1`,
		"-- DROP \\\n INSERT\nSELECT 1",
		"WITH RECURSIVE t(n) MAX RECURSION LEVEL 10 AS (VALUES (1)) SELECT n FROM t",
		"WITH a AS (SELECT 1) (SELECT * FROM a)",
	}
	for _, q := range queries {
		if word, is := command(q); is {
			t.Errorf("command(%q) = %q, true; want a query", q, word)
		}
	}
	commands := map[string]string{
		"-- x \\\n SELECT \n DROP TABLE t":               "DROP",
		`WITH a AS (SELECT r'\') INSERT INTO t SELECT 1`: "INSERT",
		"DROP TABLE t":                                       "DROP",
		"insert into t values (1)":                           "INSERT",
		"INSERT OVERWRITE t SELECT 1":                        "INSERT",
		"-- SELECT\nSET a = 1":                               "SET",
		"/* SELECT 1 */SHOW TABLES":                          "SHOW",
		"CREATE TABLE t AS SELECT 1":                         "CREATE",
		"EXPLAIN SELECT 1":                                   "EXPLAIN",
		"DESCRIBE t":                                         "DESCRIBE",
		"CACHE TABLE t":                                      "CACHE",
		"MERGE INTO t USING s ON a = b":                      "MERGE",
		"BEGIN SELECT 1; END":                                "BEGIN",
		"WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a": "INSERT",
		"WITH a AS (SELECT 1), b(x) AS (SELECT 2) MERGE INTO t USING b": "MERGE",
		"WITH a AS (SELECT 1) /* SELECT */ FROM_ x":                     "FROM_",
		"":              "",
		"-- nothing":    "",
		"/* open":       "",
		"'just a text'": "'",
		"; SELECT 1":    ";",
	}
	for q, want := range commands {
		if word, is := command(q); !is || word != want {
			t.Errorf("command(%q) = %q, %v; want %q, true", q, word, is, want)
		}
	}
}

func FuzzCommandEnds(f *testing.F) {
	f.Add("WITH a AS (SELECT '\\")
	f.Add("/*/**/")
	f.Add("`\xff(")
	f.Fuzz(func(t *testing.T, sql string) {
		if word, is := command(sql); !is && word != "" {
			t.Errorf("command(%q) = %q for a query", sql, word)
		}
	})
}
