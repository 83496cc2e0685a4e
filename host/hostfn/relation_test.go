package hostfn

import (
	"math"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

func TestStepsThatCannotBeAreAnErrorOfTheAction(t *testing.T) {
	i := open(t, &session{}, Config{})
	frame, one, text, col := i.FrameRange(0, 10, 1, 0), i.ExprInt(1), i.ExprString("x"), i.ExprColumn("id")
	list := func(e ...abi.Expr) []abi.Expr { return e }
	for name, c := range map[string]struct {
		frame abi.Frame
		words []string
	}{
		"set without end":       {i.FrameGroupingSets(frame, list(col, 0, col), list(col), nil), []string{"FrameGroupingSets", "not ended by a 0"}},
		"no set":                {i.FrameGroupingSets(frame, nil, list(col), nil), []string{"no set is given"}},
		"pivot by a column":     {i.FramePivot(frame, nil, col, list(col), nil), []string{"a value must be a constant"}},
		"sample of NaN":         {i.FrameSample(frame, 0, math.NaN(), false, false, 1), []string{"no share of the rows"}},
		"sample below zero":     {i.FrameSample(frame, -1, 0.5, false, false, 1), []string{"no share of the rows"}},
		"sample of more":        {i.FrameSample(frame, 0, 1.5, false, false, 1), []string{"only with replacement"}},
		"fractions":             {i.FrameSampleBy(frame, col, list(one), nil, 1), []string{"FrameSampleBy", "1 values", "0 fractions"}},
		"a fraction's type":     {i.FrameSampleBy(frame, col, list(one), list(text), 1), []string{"a fraction must be a number"}},
		"tail":                  {i.FrameTail(frame, -1), []string{"FrameTail", "-1 rows"}},
		"watermark":             {i.FrameWatermark(frame, "", ""), []string{"the column and the delay"}},
		"partitioning":          {i.FrameRepartition(frame, 9, 1, nil), []string{"partitioning 9 is unknown"}},
		"no partitions":         {i.FrameRepartition(frame, abi.Shuffle, 0, nil), []string{"1 or more"}},
		"coalesce by a column":  {i.FrameRepartition(frame, abi.Coalesce, 1, list(col)), []string{"by no expression"}},
		"range of nothing":      {i.FrameRepartition(frame, abi.ByRange, 1, nil), []string{"whose order counts"}},
		"fill with a column":    {i.FrameFillNA(frame, nil, list(col)), []string{"must be a constant"}},
		"fill with NULL":        {i.FrameFillNA(frame, nil, list(i.ExprNull())), []string{"a number, a string or a bool"}},
		"fill with too many":    {i.FrameFillNA(frame, []string{"a"}, list(one, one)), []string{"2 values for 1 columns"}},
		"replacements":          {i.FrameReplace(frame, nil, list(one), nil), []string{"FrameReplace", "1 values", "0 replacements"}},
		"replace two kinds":     {i.FrameReplace(frame, nil, list(one), list(text)), []string{"values of one type"}},
		"statistic":             {i.FrameStatistic(frame, 9, nil, nil), []string{"statistic 9 is unknown"}},
		"crosstab":              {i.FrameStatistic(frame, abi.Crosstab, []string{"a"}, nil), []string{"two columns, not of 1"}},
		"support":               {i.FrameStatistic(frame, abi.FreqItems, []string{"a"}, list(i.ExprFloat(2))), []string{"from 0.0001 to 1"}},
		"probability":           {i.FrameStatistic(frame, abi.ApproxQuantile, []string{"a"}, list(one, i.ExprFloat(2))), []string{"a probability is from 0 to 1"}},
		"numbers for a summary": {i.FrameStatistic(frame, abi.Summary, nil, list(one)), []string{"it takes 0"}},
		"observe":               {i.FrameObserve(frame, "", list(one)), []string{"the name is empty"}},
		"observe nothing":       {i.FrameObserve(frame, "m", nil), []string{"no metric is given"}},
		"schema":                {i.FrameToSchema(frame, ""), []string{"the schema is empty"}},
		"parse":                 {i.FrameParse(frame, "xml", "", nil), []string{`the format "xml" is unknown`}},
		"parse options":         {i.FrameParse(frame, "csv", "", []string{"header"}), []string{"FrameParse", "by turns"}},
		"table function":        {i.FrameTableFunction("", nil), []string{"the name is empty"}},
		"hint":                  {i.FrameHint(frame, "", nil), []string{"the name is empty"}},
		"relations":             {i.FrameWithRelations(frame, []abi.Frame{frame}), []string{"only a SQL statement"}},
		"subquery":              {i.FrameFilter(frame, i.ExprSubquery(frame, 9, nil)), []string{"ExprSubquery", "kind 9 is unknown"}},
		"as of on both":         {i.FrameJoinAsOf(frame, frame, col, col, "inner", col, []string{"id"}, 0, true, "backward"), []string{"only one of them"}},
	} {
		t.Run(name, func(t *testing.T) { wantError(t, actionError(i, c.frame), "ValueError", c.words...) })
	}
	for name, c := range map[string]struct {
		frame abi.Frame
		words []string
	}{
		"in a set":          {i.FrameGroupingSets(frame, list(55, 0), nil, nil), []string{"FrameGroupingSets", "expression 55"}},
		"as of":             {i.FrameJoinAsOf(frame, frame, 55, col, "inner", 0, nil, 0, true, "backward"), []string{"FrameJoinAsOf", "expression 55"}},
		"tolerance":         {i.FrameJoinAsOf(frame, frame, col, col, "inner", 0, nil, 55, true, "backward"), []string{"FrameJoinAsOf", "expression 55"}},
		"lateral":           {i.FrameJoinLateral(frame, 66, "inner", 0), []string{"FrameJoinLateral", "frame 66"}},
		"nearest":           {i.FrameJoinNearest(frame, frame, 55, 1, "inner", "exact", "distance"), []string{"FrameJoinNearest", "expression 55"}},
		"zip":               {i.FrameZip(frame, 66), []string{"FrameZip", "frame 66"}},
		"relation":          {i.FrameWithRelations(i.FrameSQL("SELECT 1", nil, nil), []abi.Frame{66}), []string{"FrameWithRelations", "frame 66"}},
		"of a subquery":     {i.FrameFilter(frame, i.ExprSubquery(66, abi.SubqueryExists, nil)), []string{"ExprSubquery", "frame 66"}},
		"a transpose index": {i.FrameTranspose(frame, 55), []string{"FrameTranspose", "expression 55"}},
	} {
		t.Run("handle "+name, func(t *testing.T) { wantError(t, actionError(i, c.frame), "sparkstalk.BadHandle", c.words...) })
	}
	for _, how := range []string{"sideways", "full"} {
		wantError(t, actionError(i, i.FrameJoinLateral(frame, frame, how, 0)), "pyspark.errors.AnalysisException", "UNSUPPORTED_JOIN_TYPE", how)
	}
}

func TestManySetsOfNothingAreTooMuch(t *testing.T) {
	i := open(t, &session{}, Config{Limits: abi.Limits{PlanBytes: 1 << 12}})
	err := actionError(i, i.FrameGroupingSets(i.FrameRange(0, 10, 1, 0), make([]abi.Expr, 1<<12), nil, nil))
	wantError(t, err, "sparkstalk.LimitExceeded", "FrameGroupingSets")
}

func TestASubqueryCountsWithItsPlan(t *testing.T) {
	i := open(t, &session{}, Config{Limits: abi.Limits{PlanBytes: 1 << 14}})
	frame := i.FrameSQL("SELECT '"+strings.Repeat("x", 1<<12)+"'", nil, nil)
	exists := i.ExprSubquery(frame, abi.SubqueryExists, nil)
	var all []abi.Expr
	for range 8 {
		all = append(all, exists)
	}
	wantError(t, actionError(i, i.FrameSelect(frame, all)), "sparkstalk.LimitExceeded", "FrameSelect", "cached")
}

func TestNoMetricsBeforeAnAction(t *testing.T) {
	i := open(t, &session{}, Config{})
	_, err := i.ActionObserved("m")
	wantError(t, err, "RuntimeError", "ActionObserved", `"m"`)
	i.observe("m", []byte(`{"n":1}`))
	if data, err := i.ActionObserved("m"); err != nil || string(data) != `{"n":1}` {
		t.Errorf("got %s, %v", data, err)
	}
}
