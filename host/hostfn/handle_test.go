package hostfn

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
)

func TestAHandleThatDoesNotExistIsNamedByTheAction(t *testing.T) {
	i := open(t, &session{}, Config{})
	col := i.ExprColumn("a")
	frame := i.FrameRange(0, 10, 1, 0)
	tests := map[string]struct {
		frame abi.Frame
		words []string
	}{
		"frame":           {i.FrameFilter(7, col), []string{"FrameFilter", "frame 7", "does not exist in this task"}},
		"no frame":        {i.FrameSelect(0, nil), []string{"FrameSelect", "no frame"}},
		"expression":      {i.FrameFilter(frame, 99), []string{"FrameFilter", "expression 99"}},
		"in a list":       {i.FrameSelect(frame, []abi.Expr{col, 42}), []string{"FrameSelect", "expression 42"}},
		"far below":       {i.FrameLimit(i.FrameAlias(i.FrameDrop(8, nil), "x"), 1), []string{"FrameDrop", "frame 8"}},
		"in a column":     {i.FrameFilter(frame, i.ExprAlias(i.ExprCall("f", []abi.Expr{55}, false), []string{"x"})), []string{"ExprCall", "expression 55"}},
		"of the right":    {i.FrameJoin(frame, 66, "inner", 0, nil), []string{"FrameJoin", "frame 66"}},
		"of a condition":  {i.FrameJoin(frame, frame, "inner", 77, nil), []string{"FrameJoin", "expression 77"}},
		"under the cache": {i.FrameCache(88, "mine"), []string{"FrameCache", "frame 88"}},
		"largest":         {i.FrameDistinct(math.MaxUint32, nil), []string{"FrameDistinct", "frame 4294967295"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.frame == 0 {
				t.Fatal("no handle")
			}
			wantError(t, actionError(i, test.frame), "sparkstalk.BadHandle", test.words...)
		})
	}
	wantError(t, actionError(i, 1234), "sparkstalk.BadHandle", "ActionCount", "frame 1234")
	wantError(t, i.ResultFrame(1234, abi.RowArrays), "sparkstalk.BadHandle", "ResultFrame", "frame 1234")
	_, err := i.ActionSchema(0)
	wantError(t, err, "sparkstalk.BadHandle", "ActionSchema", "no frame")
}

func TestValuesThatCannotBeAreAnErrorOfTheAction(t *testing.T) {
	i := open(t, &session{}, Config{})
	frame, col := i.FrameRange(0, 10, 1, 0), i.ExprInt(1)
	tests := map[string]struct {
		frame abi.Frame
		words []string
	}{
		"columns": {i.FrameWithColumns(frame, []string{"a", "b"}, []abi.Expr{col}), []string{"FrameWithColumns", "2 names", "1 columns"}},
		"names":   {i.FrameWithColumns(frame, nil, []abi.Expr{col}), []string{"FrameWithColumns", "0 names", "1 columns"}},
		"rename":  {i.FrameRename(frame, []string{"a"}, []string{"b", "c"}), []string{"FrameRename", "1 old names", "2 new names"}},
		"sql":     {i.FrameSQL("SELECT :a", []string{"a"}, nil), []string{"FrameSQL", "1 names", "0 arguments"}},
		"options": {i.FrameRead("csv", "", []string{"header"}, []string{"/x"}), []string{"FrameRead", "by turns", "header"}},
		"table":   {i.FrameTable("t", []string{"a", "b", "c"}), []string{"FrameTable", `"c"`}},
		"range":   {i.FrameRange(0, 10, 0, 0), []string{"FrameRange", "step is 0"}},
		"group":   {i.FrameAggregate(frame, 9, nil, nil), []string{"FrameAggregate", "grouping 9"}},
		"set op":  {i.FrameSetOp(frame, frame, -1, false, false, false), []string{"FrameSetOp", "operation -1"}},
		"join":    {i.FrameJoin(frame, frame, "inner", col, []string{"a"}), []string{"FrameJoin", "only one of them"}},
		"limit":   {i.FrameLimit(frame, -5), []string{"FrameLimit", "-5 rows"}},
		"text":    {i.FrameSelect(frame, []abi.Expr{i.ExprString("a\xff")}), []string{"ExprString", `"a\xff" is not UTF-8`}},
		"paths":   {i.FrameRead("text", "", nil, []string{"/a", "/\xff"}), []string{"FrameRead", "not UTF-8"}},
		"alias":   {i.FrameSelect(frame, []abi.Expr{i.ExprAlias(col, nil)}), []string{"ExprAlias", "no name"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			wantError(t, actionError(i, test.frame), "ValueError", test.words...)
		})
	}
}

func TestPlansThatSparkRefusesToBuildAreErrorsOfTheAction(t *testing.T) {
	i := open(t, &session{}, Config{})
	frame := i.FrameRange(0, 10, 1, 0)
	wantError(t, actionError(i, i.FrameSort(frame, nil, true)), "ValueError", "sort")
	wantError(t, actionError(i, i.FrameJoin(frame, frame, "sideways", 0, nil)), "pyspark.errors.AnalysisException", "sideways")
	deep := frame
	for range 300 {
		deep = i.FrameLimit(deep, 1)
	}
	wantError(t, actionError(i, deep), "sparkstalk.LimitExceeded", "200")
	wantError(t, actionError(i, i.FrameCache(deep, "deep")), "ValueError", `"deep"`, "200")
	// A cached frame is one step of the plans that use it.
	for range 3 {
		for range 150 {
			frame = i.FrameLimit(frame, 1)
		}
		frame = i.FrameCache(frame, "step")
	}
	if err := actionError(i, frame); err != nil {
		t.Errorf("450 steps with cached frames between them: %v", err)
	}
}

func TestTooManyHandlesAreAnErrorAndCostNothing(t *testing.T) {
	i := open(t, &session{}, Config{Limits: abi.Limits{Handles: 10}})
	good := i.FrameRange(0, 10, 1, 0)
	for range 9 {
		i.ExprColumn("a")
	}
	if err := actionError(i, good); err != nil {
		t.Fatalf("the frame within the limit: %v", err)
	}
	first := i.FrameLimit(good, 1)
	for range 1000 {
		if f := i.FrameLimit(good, 1); f != first {
			t.Fatalf("handle %d after %d, want the same for all that are too many", f, first)
		}
		i.ExprInt(1)
	}
	wantError(t, actionError(i, first), "sparkstalk.LimitExceeded", "more than 10 frames and expressions")
	wantError(t, actionError(i, i.FrameSelect(good, []abi.Expr{i.ExprInt(2)})), "sparkstalk.LimitExceeded")
	if n := len(i.frames.slots) + len(i.exprs.slots); n > 12 {
		t.Errorf("%d slots are held, want the 10 and one of each kind for the error", n)
	}
	if err := actionError(i, good); err != nil {
		t.Errorf("the frame within the limit, later: %v", err)
	}
}

// A frame that is joined with itself forty times is small in memory and
// larger than any message as a plan.
func TestAPlanThatDoublesIsStopped(t *testing.T) {
	i := open(t, &session{}, Config{})
	frame := i.FrameRange(0, 10, 1, 0)
	for range 40 {
		frame = i.FrameSetOp(frame, frame, abi.Union, true, false, false)
	}
	wantError(t, actionError(i, frame), "sparkstalk.LimitExceeded", "FrameSetOp", "the plan would take more than 64 MiB", "cached")

	expr := i.ExprInt(1)
	for range 40 {
		expr = i.ExprCall("+", []abi.Expr{expr, expr}, false)
	}
	wantError(t, actionError(i, i.FrameFilter(i.FrameRange(0, 10, 1, 0), expr)), "sparkstalk.LimitExceeded", "ExprCall")
}

func TestTextsHandedOverAreLimited(t *testing.T) {
	i := open(t, &session{}, Config{Limits: abi.Limits{PlanBytes: 1 << 20}})
	megabyte := strings.Repeat("x", 1<<20)
	half := i.ExprString(megabyte[:1<<19])
	frame := i.FrameFilter(i.FrameRange(0, 10, 1, 0), half)
	if err := actionError(i, frame); err != nil {
		t.Errorf("half of the limit: %v", err)
	}
	wantError(t, actionError(i, i.FrameFilter(frame, i.ExprBinary([]byte(megabyte)))), "sparkstalk.LimitExceeded", "1 MiB of texts and literals")
}

// Whatever a guest hands over, nothing panics and there is always a handle.
func TestEveryFunctionTakesNonsense(t *testing.T) {
	host := reflect.TypeFor[abi.Host]()
	for round := range 4 {
		i := open(t, &session{explain: func(string) (string, error) { return "", nil }}, Config{})
		v := reflect.ValueOf(abi.Host(i))
		for n := range host.NumMethod() {
			method := host.Method(n)
			if round == 0 && needsEngine(method.Name) {
				continue // the one good frame
			}
			args := make([]reflect.Value, method.Type.NumIn())
			for a := range args {
				args[a] = nonsense(method.Type.In(a), round)
			}
			out := v.MethodByName(method.Name).Call(args)
			if len(out) == 1 && out[0].Kind() == reflect.Uint32 && out[0].Uint() == 0 {
				t.Errorf("round %d: %s gave no handle", round, method.Name)
			}
		}
	}
}

// needsEngine says that the fake session has no answer.
func needsEngine(method string) bool {
	switch method {
	case "ActionCount", "ActionSchema", "ActionExplain":
		return false
	}
	return strings.HasPrefix(method, "Action") || method == "CursorOpen"
}

func nonsense(typ reflect.Type, round int) reflect.Value {
	v := reflect.New(typ).Elem()
	switch typ.Kind() {
	case reflect.Uint32:
		v.SetUint([]uint64{1, 0, math.MaxUint32, 3}[round])
	case reflect.Int32:
		v.SetInt([]int64{0, -1, math.MaxInt32, math.MinInt32}[round])
	case reflect.Int64:
		v.SetInt([]int64{0, -1, math.MaxInt64, math.MinInt64}[round])
	case reflect.Float64:
		v.SetFloat([]float64{0, math.NaN(), math.Inf(1), math.Copysign(0, -1)}[round])
	case reflect.Bool:
		v.SetBool(round%2 == 1)
	case reflect.String:
		v.SetString([]string{"", "\x00", "\xff\xfe", "'); DROP TABLE t --"}[round])
	case reflect.Slice:
		if round > 0 {
			v = reflect.MakeSlice(typ, round, round)
			for n := range round {
				v.Index(n).Set(nonsense(typ.Elem(), round))
			}
		}
	case reflect.Uint8:
		v.SetUint(0xff)
	}
	return v
}

func TestAClosedInvocationHasNoHandles(t *testing.T) {
	i := open(t, &session{}, Config{})
	frame := i.FrameRange(0, 10, 1, 0)
	i.Close()
	i.Close()
	wantError(t, actionError(i, frame), "sparkstalk.BadHandle", "after its task had ended")
}
