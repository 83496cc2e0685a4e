package spark

import (
	"context"
	"errors"
	"math"
	"regexp"
	"strconv"
)

// A Size is how much a DataFrame holds, as far as an engine tells.
type Size struct {
	Rows  int64
	Bytes int64
	// From says where Bytes is from: SizeFromEngine or SizeFromSample.
	From string
}

// Where a [Size] is from.
const (
	// SizeFromEngine is the engine's own statistics: what Spark's columnar
	// buffers take of a persisted DataFrame that is filled, and what Sail's
	// checkpoint holds, uncompressed.
	SizeFromEngine = "engine"
	// SizeFromSample is the mean size of the first rows, as Arrow, times the
	// number of rows: Spark keeps no size of a checkpoint that its clients can
	// ask for.
	SizeFromSample = "sample"
)

// sampleRows is of how many rows a sample is.
const sampleRows = 1000

// Measure finds out how much df holds. It is meant for rows that the engine
// keeps: where the engine has no statistics of them it reads a thousand, and
// counts them all.
func (s *Session) Measure(ctx context.Context, df *DataFrame, opt Options) (Size, error) {
	text, err := s.Explain(ctx, df, "cost")
	if err != nil {
		return Size{}, err
	}
	if size, ok := sailSize(text); ok {
		return size, nil
	}
	size, err := s.sample(ctx, df, opt)
	if err != nil || size.Rows < sampleRows {
		return size, err
	}
	sampled := size.Bytes
	if size.Rows, err = s.Count(ctx, df, opt); err != nil {
		return Size{}, err
	}
	size.Bytes = int64(float64(sampled) / sampleRows * float64(size.Rows))
	if n, ok := persistedSize(text); ok {
		size.Bytes, size.From = n, SizeFromEngine
	}
	return size, nil
}

// sample measures the first rows of df.
func (s *Session) sample(ctx context.Context, df *DataFrame, opt Options) (Size, error) {
	size := Size{From: SizeFromSample}
	stream, err := s.Collect(ctx, df.Limit(sampleRows), opt)
	if err != nil {
		return size, err
	}
	for stream.Next() {
		size.Rows += stream.Record().NumRows()
		for _, column := range stream.Record().Columns() {
			size.Bytes += int64(column.Data().SizeInBytes())
		}
	}
	return size, errors.Join(stream.Err(), stream.Close())
}

var (
	sailStatistics      = regexp.MustCompile(`statistics=\[Rows=Exact\((\d+)\), Bytes=(?:Exact|Inexact)\((\d+)\)`)
	persistedStatistics = regexp.MustCompile(`== Optimized Logical Plan ==\s+InMemoryRelation .*Statistics\(sizeInBytes=([\d.]+) ([KMGTPE]i)?B, rowCount=`)
)

// sailSize reads the statistics of a whole plan from Sail's explanation.
func sailSize(text string) (Size, bool) {
	m := sailStatistics.FindStringSubmatch(text)
	if m == nil {
		return Size{}, false
	}
	rows, err := strconv.ParseInt(m[1], 10, 64)
	bytes, err2 := strconv.ParseInt(m[2], 10, 64)
	return Size{Rows: rows, Bytes: bytes, From: SizeFromEngine}, err == nil && err2 == nil
}

// persistedSize reads the size of a persisted DataFrame from Spark's
// explanation. There is a row count only once it is filled; before, the size
// would be a guess.
func persistedSize(text string) (int64, bool) {
	m := persistedStatistics.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, false
	}
	power := map[string]float64{"": 0, "Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}[m[2]]
	return int64(n * math.Pow(1024, power)), true
}
