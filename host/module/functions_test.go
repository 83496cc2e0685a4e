package module

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

func TestFunctionsAreExported(t *testing.T) {
	// Exports of a module that has nothing else: functions, but for memory.
	exporting := func(names ...string) []byte {
		var entries [][]byte
		for i, name := range names {
			kind := byte(0)
			if name == "memory" {
				kind = 2
			}
			entries = append(entries, slices.Concat(str(name), []byte{kind}, leb(i)))
		}
		return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"), section(sectionExport, vec(entries...)))
	}
	encoded, plain := abi.FunctionSpec{Name: "f", Returns: "bigint"}, abi.FunctionSpec{Name: "g", Returns: "bigint", Export: "fast"}
	for _, c := range []struct {
		name    string
		file    []byte
		specs   []abi.FunctionSpec
		missing string
	}{
		{"all", exporting("memory", "fast", abi.ExportFunction, abi.ExportFunctionBuffer), []abi.FunctionSpec{encoded, plain}, ""},
		{"plain ones need no others", exporting("fast"), []abi.FunctionSpec{plain}, ""},
		{"no plain export", exporting(abi.ExportFunction, abi.ExportFunctionBuffer), []abi.FunctionSpec{encoded, plain}, "fast"},
		{"no buffer", exporting(abi.ExportFunction), []abi.FunctionSpec{encoded}, abi.ExportFunctionBuffer},
		{"no function", exporting("memory"), []abi.FunctionSpec{encoded}, abi.ExportFunction},
		{"the functions' own module counts", slices.Concat(exporting("fast"),
			section(sectionCustom, slices.Concat(str(abi.FunctionsSection), exporting("memory")))), []abi.FunctionSpec{plain}, "fast"},
		{"not asked for", exporting(), nil, ""},
	} {
		_, err := functionsOf(c.file, abi.Manifest{Functions: c.specs}, 1<<20)
		switch {
		case c.missing == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.missing != "" && (err == nil || !strings.Contains(err.Error(), "does not export "+c.missing+",")):
			t.Errorf("%s: %v, want that %s is not exported", c.name, err, c.missing)
		}
	}
	whole := exporting("memory", "a", "b")
	if got := slices.Sorted(maps.Keys(exportedFunctions(whole))); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("exports %q", got)
	}
	for n := range whole {
		exportedFunctions(whole[:n]) // does not panic
	}
}
