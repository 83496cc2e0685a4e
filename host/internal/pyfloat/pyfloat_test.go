package pyfloat_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
)

func TestFloatsAreWrittenAsPythonDoes(t *testing.T) {
	for f, want := range map[float64][2]string{
		2: {"2.0", "2.0"}, 0.1: {"0.1", "0.1"}, 1e16: {"1e+16", "1e+16"}, 1e15: {"1000000000000000.0", "1000000000000000.0"},
		0.0001: {"0.0001", "0.0001"}, 0.00001: {"1e-05", "1e-05"}, 1e300: {"1e+300", "1e+300"}, math.Copysign(0, -1): {"-0.0", "-0.0"},
		0.5: {"0.5", "0.5"}, -1.25: {"-1.25", "-1.25"}, 0.001: {"0.001", "0.001"}, 1234567.089: {"1234567.089", "1234567.089"}, 999999999999.9: {"999999999999.9", "999999999999.9"},
		math.Inf(1): {"Infinity", "inf"}, math.Inf(-1): {"-Infinity", "-inf"}, math.NaN(): {"NaN", "nan"},
	} {
		got := [2]string{string(pyfloat.AppendJSON(nil, f)), string(pyfloat.AppendRepr(nil, f))}
		if got != want {
			t.Errorf("%v: got %q, want %q", f, got, want)
		}
	}
}

// TestShortNumbersAreTheShortest compares what is written fast with what the
// standard library finds.
func TestShortNumbersAreTheShortest(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		f := float64(source.Int64N(1<<source.IntN(60)+1)-1<<20) / math.Pow10(source.IntN(6))
		for _, f := range []float64{f, math.Nextafter(f, 0), math.Nextafter(f, math.Inf(1))} {
			if abs := math.Abs(f); abs < 1e-4 || abs >= 1e16 {
				continue
			}
			want := strconv.FormatFloat(f, 'f', -1, 64)
			if !strings.Contains(want, ".") {
				want += ".0"
			}
			if got := string(pyfloat.AppendRepr(nil, f)); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
	}
}

func BenchmarkFloats(b *testing.B) {
	for name, step := range map[string]float64{"halves": 0.5, "cents": 0.01, "thirds": 1.0 / 3} {
		b.Run(name, func(b *testing.B) {
			var dst []byte
			f := 0.0
			for b.Loop() {
				f += step
				dst = pyfloat.AppendJSON(dst[:0], f)
			}
		})
	}
}
