//go:build wasip1

// This guest has work to measure: JSON, a hash, and sorting.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
)

type row struct {
	Name  string         `json:"name"`
	Count int            `json:"count"`
	Parts []float64      `json:"parts"`
	More  map[string]any `json:"more"`
}

//go:wasmexport json
func jsonWork() int32 {
	var rows []row
	for i := range 100 {
		rows = append(rows, row{Name: "some name", Count: i, Parts: []float64{1, 2.5, float64(i)}, More: map[string]any{"a": "b", "n": i}})
	}
	text, err := json.Marshal(rows)
	if err != nil {
		panic(err)
	}
	var back []row
	if err := json.Unmarshal(text, &back); err != nil {
		panic(err)
	}
	return int32(len(back) + len(text))
}

var data = make([]byte, 64<<10)

//go:wasmexport sha
func sha() int32 {
	sum := sha256.Sum256(data)
	copy(data, sum[:])
	return int32(sum[0])
}

//go:wasmexport sort
func sort() int32 {
	list := make([]uint32, 10_000)
	x := uint32(1)
	for i := range list {
		x = x*1664525 + 1013904223
		list[i] = x
	}
	slices.Sort(list)
	return int32(list[0])
}

func main() {}
