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
// client, which is of the Spark that tests run on.
func TestPySparksNamesAreListed(t *testing.T) {
	data, err := os.ReadFile("../../../sdk/coverage/pyspark.json")
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Classes map[string][]string }
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	for _, names := range list.Classes {
		slices.Sort(names)
	}
	judgetest.Run(t, judgetest.Suite{Script: "testdata/names.py", SparkOnly: true, Cases: []judgetest.Case{
		{Name: "public names", Value: func(*spark.Session) (any, error) { return list.Classes, nil }},
	}})
}
