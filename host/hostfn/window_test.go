package hostfn

import (
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

func TestWrongWindowsLambdasAndPartsAreErrorsOfTheAction(t *testing.T) {
	i := open(t, &session{}, Config{Limits: abi.Limits{PlanBytes: 1 << 20}})
	frame, col := i.FrameRange(0, 10, 1, 0), i.ExprColumn("id")
	window := func(frame abi.WindowFrame, lower, upper abi.WindowBound, value abi.Expr) abi.Expr {
		return i.ExprWindow(col, []abi.Expr{col}, []abi.Expr{col}, frame, lower, upper, value, value)
	}
	for name, test := range map[string]struct {
		expr  abi.Expr
		words []string
	}{
		"function":       {i.ExprWindow(99, nil, nil, 0, 0, 0, 0, 0), []string{"ExprWindow", "expression 99"}},
		"partition":      {i.ExprWindow(col, []abi.Expr{99}, nil, 0, 0, 0, 0, 0), []string{"ExprWindow", "expression 99"}},
		"order":          {i.ExprWindow(col, nil, []abi.Expr{99}, 0, 0, 0, 0, 0), []string{"ExprWindow", "expression 99"}},
		"bound":          {window(abi.RowsFrame, abi.ValueBound, abi.CurrentRow, 99), []string{"ExprWindow", "expression 99"}},
		"no bound":       {window(abi.RowsFrame, abi.CurrentRow, abi.ValueBound, 0), []string{"ExprWindow", "no expression"}},
		"frame":          {window(7, 0, 0, 0), []string{"frame 7"}},
		"kind of bound":  {window(abi.RangeFrame, 9, 0, 0), []string{"bound 9"}},
		"no parameter":   {i.ExprLambda(nil, col), []string{"1 to 3 parameters, not 0"}},
		"one twice":      {i.ExprLambda([]string{"x", "x"}, col), []string{"names that differ"}},
		"body":           {i.ExprLambda([]string{"x"}, 99), []string{"ExprLambda", "expression 99"}},
		"variable":       {i.ExprLambdaVariable(""), []string{"no name"}},
		"key":            {i.ExprExtract(col, 99), []string{"ExprExtract", "expression 99"}},
		"field":          {i.ExprWithField(col, "a", 99), []string{"ExprWithField", "expression 99"}},
		"no field":       {i.ExprDropFields(col, nil), []string{"no field"}},
		"type":           {i.ExprLiteral("nonsense", []byte("1")), []string{"nonsense"}},
		"value":          {i.ExprLiteral("int", []byte("{")), []string{"int"}},
		"no UTF-8":       {i.ExprLiteral("string", []byte("\"\xff\"")), []string{"ExprLiteral", "UTF-8"}},
		"argument":       {i.ExprNamedArgument("x", 99), []string{"ExprNamedArgument", "expression 99"}},
		"no function":    {i.ExprCallFunction("", nil), []string{"name is empty"}},
		"regex's frame":  {i.ExprRegex(99, "`a`"), []string{"ExprRegex", "frame 99"}},
		"no frame":       {i.ExprMetadataColumn(0, "m"), []string{"ExprMetadataColumn", "no frame"}},
		"metadata":       {i.ExprAliasMetadata(col, "a", []byte("[1]")), []string{"no JSON object"}},
		"partition's id": {i.ExprShufflePartition(99), []string{"ExprShufflePartition", "expression 99"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := i.ActionCount(i.FrameSelect(frame, []abi.Expr{test.expr}))
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range test.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%v lacks %q", err, w)
				}
			}
		})
	}
	if _, err := i.ActionCount(i.FrameSelect(frame, []abi.Expr{
		window(abi.RowsFrame, abi.Unbounded, abi.CurrentRow, 99), i.ExprRegex(0, "`a`"), i.ExprLambda([]string{"x"}, i.ExprLambdaVariable("x")),
	})); err != nil {
		t.Errorf("a value that does not count is looked at: %v", err)
	}
	large := make([]byte, 2<<20)
	for n := range large {
		large[n] = '['
	}
	_, err := i.ActionCount(i.FrameSelect(frame, []abi.Expr{i.ExprLiteral("array<int>", large)}))
	wantError(t, err, "sparkstalk.LimitExceeded", "1 MiB")
}
