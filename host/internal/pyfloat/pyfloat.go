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
	if n := f * 1000; math.Abs(n) < 1e15 && n == math.Trunc(n) && n/1000 == f && n != 0 {
		return appendThousandths(dst, int64(n))
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if bytes.IndexByte(dst[start:], '.') >= 0 {
		return dst
	}
	return append(dst, ".0"...)
}

// appendThousandths appends a number of at most three digits behind the point, of
// at most fifteen in all. Of those no two are one float, so that it is the
// shortest text that is read as this one; most numbers of people's are such, and
// to look for the shortest one takes twice as long.
func appendThousandths(dst []byte, n int64) []byte {
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	dst = append(strconv.AppendInt(dst, n/1000, 10), '.')
	rest := n % 1000
	dst = append(dst, byte('0'+rest/100))
	if rest %= 100; rest == 0 {
		return dst
	}
	dst = append(dst, byte('0'+rest/10))
	if rest %= 10; rest == 0 {
		return dst
	}
	return append(dst, byte('0'+rest))
}
