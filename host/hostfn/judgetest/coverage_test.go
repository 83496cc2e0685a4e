package judgetest_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/hostfn/judgetest"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// TestPySparksNamesAreListed holds the list of sdk/COVERAGE.md to PySpark's
// client. The client may be older than Spark: what it lacks is said in the list.
func TestPySparksNamesAreListed(t *testing.T) {
	data, err := os.ReadFile("../../../sdk/coverage/pyspark.json")
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Classes, Newer map[string][]string }
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	for class, newer := range list.Newer {
		list.Classes[class] = slices.DeleteFunc(list.Classes[class], func(n string) bool { return slices.Contains(newer, n) })
	}
	for _, names := range list.Classes {
		slices.Sort(names)
	}
	judgetest.Run(t, judgetest.Suite{Script: "testdata/names.py", SparkOnly: true, Cases: []judgetest.Case{
		{Name: "public names", Value: func(*spark.Session) (any, error) { return list.Classes, nil }},
	}})
}
