// Package pyfloat writes floating-point numbers as Python does.
package pyfloat

import (
	"bytes"
	"math"
	"strconv"
)

// AppendJSON appends f as Python's json.dumps writes it.
func AppendJSON(dst []byte, f float64) []byte { return appendNamed(dst, f, "NaN", "Infinity") }

// AppendRepr appends f as Python's repr writes it.
func AppendRepr(dst []byte, f float64) []byte { return appendNamed(dst, f, "nan", "inf") }

// appendNamed appends f with the given names for what is not a number.
func appendNamed(dst []byte, f float64, nan, inf string) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, nan...)
	case math.IsInf(f, 1):
		return append(dst, inf...)
	case math.IsInf(f, -1):
		return append(append(dst, '-'), inf...)
	}
	// Python chooses between the forms by the decimal exponent.
	if abs := math.Abs(f); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if bytes.IndexByte(dst[start:], '.') >= 0 {
		return dst
	}
	return append(dst, ".0"...)
}
