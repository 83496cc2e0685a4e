package hostfn

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

var errNotUTF8 = errors.New("not UTF-8")

// checkJSON returns why data is not one JSON value as Python reads it: in
// UTF-8, and with NaN, Infinity and -Infinity as numbers.
func checkJSON(data []byte) error {
	if !utf8.Valid(data) {
		return errNotUTF8
	}
	if json.Valid(data) {
		return nil
	}
	// The standard library knows no NaN. With a plain number of the same length
	// in its place it can judge the rest, and its offsets stay right.
	var any json.RawMessage
	err := json.Unmarshal(withoutNaN(data), &any)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%w at byte %d of %d", err, syntax.Offset, len(data))
	}
	return err
}

// withoutNaN returns data with a zero and spaces for each NaN and Infinity
// that stands where a value may.
func withoutNaN(data []byte) []byte {
	out := make([]byte, len(data))
	copy(out, data)
	inString := false
	valueMay := true // whether a value may begin here
	for i := 0; i < len(out); i++ {
		c := out[i]
		switch {
		case inString:
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
			}
			continue
		case c == '"':
			inString = true
			valueMay = false
			continue
		case valueMay:
			if n := nonFinite(out[i:]); n > 0 {
				out[i] = '0'
				for j := i + 1; j < i+n; j++ {
					out[j] = ' '
				}
				i += n - 1
				valueMay = false
				continue
			}
		}
		switch c {
		case '[', ',', ':':
			valueMay = true
		case ' ', '\t', '\r', '\n':
		default:
			valueMay = false
		}
	}
	return out
}

// nonFinite returns the length of the NaN or Infinity that data begins with, or 0.
func nonFinite(data []byte) int {
	for _, word := range []string{"NaN", "Infinity", "-Infinity"} {
		if len(data) >= len(word) && string(data[:len(word)]) == word {
			return len(word)
		}
	}
	return 0
}
