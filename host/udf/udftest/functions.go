// Package udftest has functions for Spark's expressions of every type and of
// every misbehaviour. Its command guest is a module of them.
package udftest

import (
	"errors"
	"math/rand"
	"strings"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// identity is a value that goes in and out by reflection, NULL included.
func identity[T any](name string, options ...sdk.FunctionOption) *sdk.Function {
	return sdk.UDF("same_"+name, func(v *T) *T { return v }, options...)
}

// typed takes plain values, so that NULL is NULL.
func typed[T any](name string) *sdk.Function {
	return sdk.UDF1("plain_"+name, func(v T) T { return v })
}

type spread struct {
	N          int64
	Sum        float64
	Least      *float64
	Names      []string
	First      time.Time
	Everything []*int64
}

func init() {
	identity[bool]("boolean")
	identity[int8]("tinyint")
	identity[int16]("smallint")
	identity[int32]("int")
	identity[int64]("bigint")
	identity[float32]("float")
	identity[float64]("double")
	identity[string]("string")
	identity[[]byte]("binary")
	identity[time.Time]("timestamp")
	identity[time.Time]("date", sdk.ParamTypes("date"), sdk.ReturnType("date"))
	identity[spark.Decimal]("decimal", sdk.ParamTypes("decimal(20,4)"), sdk.ReturnType("decimal(20,4)"))
	identity[[]*string]("strings")
	identity[[][]*int32]("nested")
	identity[[]*time.Time]("dates", sdk.ParamTypes("array<date>"), sdk.ReturnType("array<date>"))
	typed[bool]("boolean")
	typed[int8]("tinyint")
	typed[int16]("smallint")
	typed[int32]("int")
	typed[int64]("bigint")
	typed[float32]("float")
	typed[float64]("double")
	typed[string]("string")
	typed[[]byte]("binary")

	sdk.UDF("none", func() string { return "nothing in" })
	sdk.UDF("join_all", func(a string, b int64, c float64, d bool, e []string, f, g, h, i, j string) string {
		return strings.Join(append([]string{a, f, g, h, i, j}, e...), "-")
	})
	sdk.UDF3("three", func(a int64, b string, c float64) string { return b })
	sdk.UDF("words", strings.Fields)
	sdk.UDF("triple", func(n int64) int64 { return factor*n + 7 })
	sdk.UDF("dice", func() int64 { return rand.Int63n(1 << 40) }, sdk.Nondeterministic())
	sdk.UDF("noisy", func(n int64) int64 { return n + rand.Int63n(1<<40) }, sdk.Nondeterministic())
	sdk.UDF("refuse", func(s string) (string, error) { return "", errors.New("no " + s + " here") })
	sdk.UDF("panics", func(s string, n int64) string { return s[n:] })
	sdk.UDF("loops", func(n int64) int64 {
		for n >= 0 {
			n = (n + 1) & 0xffff
		}
		return n
	})
	sdk.UDF("recurses", recurse)
	sdk.UDF("overflows", overflow)
	sdk.UDF("eats", func(n int64) int64 {
		var all [][]byte
		for range n {
			all = append(all, make([]byte, 1<<20))
		}
		return int64(len(all))
	})
	sdk.UDF("long_array", func(n int64) []int64 { return make([]int64, n) })

	sdk.UDAF("sum_squares", func(s, x float64) float64 { return s + x*x }, func(a, b float64) float64 { return a + b }, func(s float64) float64 { return s })
	sdk.UDAF("spread", addSpread, mergeSpread, func(s spread) string {
		return strings.Join(s.Names, ",")
	})
	sdk.UDAF("longest", func(s, v string) string { return longer(s, v) }, longer, func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	})
}

// version is 2 in a module that is another version, whose triple multiplies by 5.
// The linker sets it.
var version = "1"

var factor = map[string]int64{"1": 3, "2": 5}[version]

func longer(a, b string) string {
	if len(b) > len(a) || len(a) == len(b) && b < a {
		return b
	}
	return a
}

func addSpread(s spread, v *string) spread {
	if v == nil {
		return s
	}
	s.N++
	s.Names = append(s.Names, *v)
	if s.First.IsZero() {
		s.First = time.Unix(0, 0)
	}
	return s
}

func mergeSpread(a, b spread) spread {
	a.N += b.N
	a.Names = append(a.Names, b.Names...)
	return a
}

// recurse is a tree of calls without a loop, which ends long after the sun.
func recurse(n int64) int64 {
	if n <= 0 {
		return 1
	}
	return recurse(n-1) + recurse(n-2)
}

func overflow(n int64) int64 {
	if n < 0 {
		return 0
	}
	return overflow(n+1) + 1
}
