// Command guest has the functions of the measurement in Go.
package main

import "github.com/sparkstalk/sparkstalk/sdk"

func triple(n int64) int64 { return 3*n + 7 }

// vowels counts the letters a, e, i, o and u.
func vowels(text string) int64 {
	n := int64(0)
	for _, c := range []byte(text) {
		switch c {
		case 'a', 'e', 'i', 'o', 'u':
			n++
		}
	}
	return n
}

func init() {
	sdk.UDF("triple", triple)
	sdk.UDF("vowels", vowels)
	sdk.Task("bench.nothing", func(*sdk.Context, struct{}) (any, error) { return nil, nil })
}

func main() {}
