package pyfloat_test

import (
	"math"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
)

func TestFloatsAreWrittenAsPythonDoes(t *testing.T) {
	for f, want := range map[float64][2]string{
		2: {"2.0", "2.0"}, 0.1: {"0.1", "0.1"}, 1e16: {"1e+16", "1e+16"}, 1e15: {"1000000000000000.0", "1000000000000000.0"},
		0.0001: {"0.0001", "0.0001"}, 0.00001: {"1e-05", "1e-05"}, 1e300: {"1e+300", "1e+300"}, math.Copysign(0, -1): {"-0.0", "-0.0"},
		math.Inf(1): {"Infinity", "inf"}, math.Inf(-1): {"-Infinity", "-inf"}, math.NaN(): {"NaN", "nan"},
	} {
		got := [2]string{string(pyfloat.AppendJSON(nil, f)), string(pyfloat.AppendRepr(nil, f))}
		if got != want {
			t.Errorf("%v: got %q, want %q", f, got, want)
		}
	}
}
