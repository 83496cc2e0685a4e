package worker

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

// TestClassesMatchAsInPython compares each pair of Python's and PySpark's exceptions.
func TestClassesMatchAsInPython(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), proctest.PySpark(t), "testdata/classes.py").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mro map[string][]string
	if err := json.Unmarshal(out, &mro); err != nil {
		t.Fatal(err)
	}
	// A class of PySpark's is that of its Connect client: what is told apart there is
	// one here.
	all := map[string][]string{}
	for class, supers := range mro {
		for _, s := range supers {
			all[className(class)] = append(all[className(class)], className(s))
		}
	}
	delete(all, "pyspark.errors.TempTableAlreadyExistsException") // of the other AnalysisException, and Connect never raises it
	if len(all["pyspark.errors.ParseException"]) == 0 {
		t.Fatal("PySpark's exceptions are not there")
	}
	for class, supers := range all {
		module, name := "", class
		if i := strings.LastIndexByte(class, '.'); i >= 0 {
			module, name = class[:i], class[i+1:]
		}
		for other := range all {
			if got, want := matches([]string{other}, &abi.Error{Module: module, Type: name}), slices.Contains(supers, other); got != want {
				t.Errorf("%s is a %s: %v, in Python %v", class, other, got, want)
			}
		}
	}
	for _, c := range []struct {
		class, module, name string
		want                bool
	}{
		{"Exception", "mine", "Error", true}, {"mine.Error", "mine", "Error", true}, {"OSError", "mine", "Error", false},
		{"builtins.OSError", "builtins", "ConnectionError", true}, {"IOError", "", "TimeoutError", true}, {"OSError", "celery.exceptions", "TimeoutError", false},
		{"pyspark.errors.exceptions.base.PySparkException", "pyspark.errors", "AnalysisException", true},
	} {
		if got := matches([]string{"other.Error", c.class}, &abi.Error{Module: c.module, Type: c.name}); got != c.want {
			t.Errorf("%s.%s is a %s: %v", c.module, c.name, c.class, got)
		}
	}
}
