// Package abitest calls every method of an [abi.Host] with known values, to
// compare a way of reaching a Host with having it at hand: what a [Recorder]
// receives and what [CallAll] gets back must be the same on both.
//
// Neither side lists the methods, so that a new one is covered when it is
// generated.
package abitest

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A Round is a set of values to call all methods with.
type Round int

// The rounds.
const (
	// Empty has zeros, empty strings and empty lists.
	Empty Round = iota
	// Plain has small values, all different.
	Plain
	// Edge has the largest and smallest numbers, long strings with bytes that
	// are no text, and long lists.
	Edge
	// Failing is like Plain, with an *abi.Error from each method that can return one.
	Failing
	// Rounds is their number.
	Rounds
)

// A Recorder is an abi.Host that notes what it is called with and answers with
// known values, or errors, of its round. It serves one goroutine.
type Recorder struct {
	Round Round
	// Calls has a line for each call, such as FrameLimit(7, -3).
	Calls []string
}

func (r *Recorder) record(method string, args ...any) {
	r.Calls = append(r.Calls, method+"("+list(args)+")")
}

func (r *Recorder) failure(method string) error {
	if r.Round != Failing {
		return nil
	}
	return &abi.Error{
		Type:      "AnalysisException",
		Module:    "pyspark.errors",
		Args:      []json.RawMessage{json.RawMessage(strconv.Quote("no luck with " + method)), json.RawMessage("42")},
		Traceback: "one\n  two",
	}
}

func answer[T any](r *Recorder, method string) T {
	return known(reflect.TypeFor[T](), r.Round, seed(method, "result"), 0).Interface().(T)
}

func fallible[T any](r *Recorder, method string) (T, error) {
	if err := r.failure(method); err != nil {
		var zero T
		return zero, err
	}
	v := reflect.New(reflect.TypeFor[T]()).Elem()
	v.Set(known(v.Type(), r.Round, seed(method, "result"), 0))
	// Beside an error only numbers that are not negative exist.
	if v.CanInt() && v.Int() < 0 {
		v.SetInt(v.Int() & math.MaxInt32)
	}
	return v.Interface().(T), nil
}

// CallAll calls every method of h with the round's values, in the order of
// their names, and returns what came back, a line for each.
func CallAll(h abi.Host, round Round) []string {
	var lines []string
	host := reflect.TypeFor[abi.Host]()
	for i := range host.NumMethod() {
		m := host.Method(i)
		var results []any
		for _, v := range reflect.ValueOf(h).MethodByName(m.Name).Call(arguments(m, round)) {
			results = append(results, v.Interface())
		}
		lines = append(lines, m.Name+" = "+list(results))
	}
	return lines
}

// arguments are what a round calls the method m with.
func arguments(m reflect.Method, round Round) []reflect.Value {
	args := make([]reflect.Value, m.Type.NumIn())
	for i := range args {
		args[i] = known(m.Type.In(i), round, seed(m.Name, strconv.Itoa(i)), i)
	}
	return args
}

func list(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = format(v)
	}
	return strings.Join(texts, ", ")
}

// format writes a value so that equal texts mean equal values. A nil slice and
// an empty one are equal: WASM has no difference between them.
func format(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case []byte:
		return fmt.Sprintf("bytes %q", v)
	case float64:
		return fmt.Sprintf("%g %#x", v, math.Float64bits(v))
	case error:
		var e *abi.Error
		if !errors.As(v, &e) {
			return fmt.Sprintf("%T %q", v, v)
		}
		return fmt.Sprintf("%s %s %q %q", e.Module, e.Type, e.Args, e.Traceback)
	default:
		return fmt.Sprintf("%q", fmt.Sprint(v)) + shape(v)
	}
}

// shape tells lists of strings apart that print alike.
func shape(v any) string {
	s, ok := v.([]string)
	if !ok {
		return ""
	}
	return fmt.Sprintf(" %q", s)
}

func seed(method, part string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(method + "/" + part)) // a hash has no write errors
	return h.Sum32()
}

// known is the value of type t that a round has for a seed. The position among
// a method's arguments is for bools: one bit of it in each round, so that no
// two of them are the same in all rounds.
func known(t reflect.Type, round Round, seed uint32, position int) reflect.Value {
	v := reflect.New(t).Elem()
	if round == Empty {
		return v
	}
	edge := round == Edge
	switch t.Kind() {
	case reflect.Bool:
		v.SetBool(position>>(round-Plain)&1 == 0)
	case reflect.Uint32:
		v.SetUint(uint64(seed % 1000))
		if edge {
			v.SetUint(uint64([]uint32{0, 1 << 31, math.MaxUint32}[seed%3]))
		}
	case reflect.Int32:
		v.SetInt(int64(int32(seed%2000) - 1000))
		if edge {
			v.SetInt([]int64{-1, math.MinInt32, math.MaxInt32}[seed%3])
		}
	case reflect.Int64:
		v.SetInt(int64(seed) - math.MaxInt32)
		if edge {
			v.SetInt([]int64{-1, math.MinInt64, math.MaxInt64}[seed%3])
		}
	case reflect.Float64:
		v.SetFloat(float64(seed) / 7)
		if edge {
			v.SetFloat([]float64{math.Inf(-1), math.Copysign(0, -1), math.NaN()}[seed%3])
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d é€😀", seed))
		if edge {
			v.SetString(strings.Repeat(fmt.Sprintf("\x00\xff%d", seed), 3000))
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(known(reflect.TypeFor[string](), round, seed, 0).String()))
			break
		}
		n := 1 + int(seed%3)
		if edge {
			n = 300
		}
		v.Set(reflect.MakeSlice(t, n, n))
		for i := range n {
			v.Index(i).Set(known(t.Elem(), Plain, seed+uint32(i), 0))
			if i%5 == 4 {
				v.Index(i).SetZero()
			}
		}
	default:
		panic(fmt.Sprintf("abitest: no values of type %s", t))
	}
	return v
}
