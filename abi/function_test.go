package abi_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
)

func TestFunctionsInAManifestAreChecked(t *testing.T) {
	parse := func(f ...abi.FunctionSpec) error {
		data, err := json.Marshal(abi.Manifest{ABI: abi.Version, Tasks: []abi.TaskSpec{{Name: "t"}}, Functions: f})
		if err != nil {
			t.Fatal(err)
		}
		_, err = abi.ParseManifest(data)
		return err
	}
	params := func(types ...string) (p []abi.FunctionParam) {
		for _, typ := range types {
			p = append(p, abi.FunctionParam{Type: typ})
		}
		return p
	}
	ten := params("int", "int", "int", "int", "int", "int", "int", "int", "int", "int")
	for name, f := range map[string]abi.FunctionSpec{
		"all types": {Name: "f", Params: params("boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "string", "binary", "date"), Returns: "timestamp"},
		"decimals":  {Name: "F_1", Params: params("decimal(38,0)", "decimal(10,10)"), Returns: "array<array<decimal(1,0)>>"},
		"ten":       {Name: "f", Params: ten, Returns: "int"},
		"nothing":   {Name: "f", Returns: "int", Nondeterministic: true},
		"plain":     {Name: "f", Params: params("bigint", "string"), Returns: "binary", Export: "f!"},
		"aggregate": {Name: "f", Params: params("string"), Returns: "string", Aggregate: true},
	} {
		if err := parse(f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		f    []abi.FunctionSpec
		word string
	}{
		"no name":             {[]abi.FunctionSpec{{Returns: "int"}}, `named ""`},
		"a name with a space": {[]abi.FunctionSpec{{Name: "a b", Returns: "int"}}, "a b"},
		"a digit first":       {[]abi.FunctionSpec{{Name: "1a", Returns: "int"}}, "1a"},
		"a long name":         {[]abi.FunctionSpec{{Name: strings.Repeat("a", 65), Returns: "int"}}, "64 letters"},
		"two of a name":       {[]abi.FunctionSpec{{Name: "f", Returns: "int"}, {Name: "F", Returns: "int"}}, "two functions"},
		"eleven":              {[]abi.FunctionSpec{{Name: "f", Params: append(params("int"), ten...), Returns: "int"}}, "11 parameters"},
		"ten and chance":      {[]abi.FunctionSpec{{Name: "f", Params: ten, Returns: "int", Nondeterministic: true}}, "there may be 9"},
		"a map":               {[]abi.FunctionSpec{{Name: "f", Returns: "map<int,int>"}}, "map<int,int>"},
		"a wide decimal":      {[]abi.FunctionSpec{{Name: "f", Returns: "decimal(39,0)"}}, "decimal(39,0)"},
		"a decimal's end":     {[]abi.FunctionSpec{{Name: "f", Returns: "decimal(3,1)x"}}, "decimal(3,1)x"},
		"a negative scale":    {[]abi.FunctionSpec{{Name: "f", Returns: "decimal(3,-1)"}}, "decimal(3,-1)"},
		"deep arrays":         {[]abi.FunctionSpec{{Name: "f", Returns: strings.Repeat("array<", 50) + "int" + strings.Repeat(">", 50)}}, "array"},
		"a plain array":       {[]abi.FunctionSpec{{Name: "f", Returns: "array<int>", Export: "f"}}, "export"},
		"a strange export":    {[]abi.FunctionSpec{{Name: "f", Returns: "int", Export: "a\tb"}}, "export"},
		"an aggregate of 0":   {[]abi.FunctionSpec{{Name: "f", Returns: "int", Aggregate: true}}, "aggregate"},
	} {
		if err := parse(c.f...); !errors.Is(err, abi.ErrManifest) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADateIsTheDayOfItsOwnCalendar(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2024, 2, 29, 23, 30, 0, 0, time.FixedZone("west", -5*3600)), "2024-02-29"},
		{time.Date(2024, 2, 29, 0, 30, 0, 0, time.FixedZone("east", 5*3600)), "2024-02-29"},
		{time.Date(1582, 10, 4, 12, 0, 0, 0, time.UTC), "1582-10-04"},
		{time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), "0001-01-01"},
		{time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), "9999-12-31"},
	} {
		if got := abi.Date(abi.Days(c.at)).Format(time.DateOnly); got != c.want {
			t.Errorf("%v has the date %s, want %s", c.at, got, c.want)
		}
	}
}
