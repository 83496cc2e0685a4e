package spark_test

import (
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
	"github.com/sparkstalk/sparkstalk/host/spark"
)

// TestWhatSparkNeverCasts has Spark try what is said of it, in both of its modes.
func TestWhatSparkNeverCasts(t *testing.T) {
	s := openWith(t, spark.Config{Remote: proctest.Spark(t)})
	constants := map[string]*spark.Column{
		"NULL": spark.Lit(nil), "boolean": spark.Lit(true), "int": spark.Lit(1), "bigint": spark.Lit(1 << 40), "double": spark.Lit(1.5),
		"string": spark.Lit("1"), "binary": spark.Lit([]byte("1")), "date": spark.Literal("date", []byte(`"2024-02-29"`)),
		"decimal": spark.Literal("decimal(4,2)", []byte("1.25")), "array<int>": spark.Literal("array<int>", []byte("[1]")),
		"array<binary>": spark.Literal("array<binary>", []byte(`["YQ=="]`)), "map": spark.Literal("map<string,int>", []byte(`[["a",1]]`)),
		"struct": spark.Literal("struct<a:int>", []byte("[1]")), "a cast": spark.Col("id").Cast("array<date>", false),
	}
	types := []string{"boolean", "int", "double", "decimal(10,2)", "string", "binary", "date", "timestamp", "array<int>", "array<date>", "array<array<int>>"}
	never := 0
	for _, ansi := range []string{"true", "false"} {
		if err := s.Exec(t.Context(), "SET spark.sql.ansi.enabled="+ansi, spark.Options{}); err != nil {
			t.Fatal(err)
		}
		for name, c := range constants {
			for _, to := range types {
				is, no := c.NeverCasts(to)
				if !no {
					continue
				}
				never++
				// The frame has no row and so no value that cannot be cast.
				in := spark.Range(0, 0, 1, 1)
				if name == "a cast" {
					in = in.Select(spark.Call("array", nil, false).Alias("id"))
				}
				if _, err := s.Schema(t.Context(), in.Select(c.Cast(to, false))); err == nil {
					t.Errorf("Spark (ANSI %s) casts %s, %s, to %s", ansi, name, is, to)
				}
			}
		}
	}
	if never < 100 {
		t.Errorf("only %d casts are known to be none", never)
	}
}
