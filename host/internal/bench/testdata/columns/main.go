// Command columns is the module of the benchmarks that move many rows.
package main

import (
	"fmt"

	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

type args struct {
	Rows int64 `arg:"rows"`
}

// table has five columns, as pyspark_columns.py has them.
func table(ctx *sdk.Context, rows int64) *spark.DataFrame {
	return ctx.Spark().SQL(fmt.Sprintf("SELECT id, CAST(id %% 1000 AS INT) AS k, id * 0.5D AS x, "+
		"concat('name ', CAST(id %% 100 AS STRING)) AS s, id %% 2 = 0 AS even FROM range(%d)", rows))
}

// sums is what the rows add up to, so that no column goes unread.
type sums struct {
	Rows, IDs, Ks, Texts, Evens int64
	Xs                          float64
}

func (s sums) String() string {
	return fmt.Sprintf("%d rows, %d, %d, %.1f, %d, %d", s.Rows, s.IDs, s.Ks, s.Xs, s.Texts, s.Evens)
}

func init() {
	sdk.Task("bench.batches", func(ctx *sdk.Context, a args) (string, error) {
		var total sums
		for batch, err := range table(ctx, a.Rows).Batches(0) {
			if err == nil {
				err = total.add(batch)
			}
			if err != nil {
				return "", err
			}
		}
		return total.String(), nil
	})
	sdk.Task("bench.structs", func(ctx *sdk.Context, a args) (string, error) {
		type row struct {
			ID   int64   `json:"id"`
			K    int32   `json:"k"`
			X    float64 `json:"x"`
			S    string  `json:"s"`
			Even bool    `json:"even"`
		}
		var total sums
		for r, err := range spark.Iterate[row](table(ctx, a.Rows)) {
			if err != nil {
				return "", err
			}
			total.Rows++
			total.IDs += r.ID
			total.Ks += int64(r.K)
			total.Xs += r.X
			total.Texts += int64(len(r.S))
			if r.Even {
				total.Evens++
			}
		}
		return total.String(), nil
	})
	sdk.Task("bench.primes", func(_ *sdk.Context, a args) (int64, error) { return primes(a.Rows), nil })
	sdk.Task("bench.frame", func(ctx *sdk.Context, a args) (*spark.DataFrame, error) { return table(ctx, a.Rows), nil })
	sdk.Task("bench.select1", func(ctx *sdk.Context, _ struct{}) (*spark.DataFrame, error) { return ctx.Spark().SQL("SELECT 1"), nil })
}

// primes counts the primes below n with a sieve.
func primes(n int64) (count int64) {
	composite := make([]bool, n)
	for i := int64(2); i < n; i++ {
		if composite[i] {
			continue
		}
		count++
		for j := i * i; j < n; j += i {
			composite[j] = true
		}
	}
	return count
}

func (s *sums) add(b *spark.Batch) error {
	columns := make([]*spark.Vector, b.NumColumns())
	for i := range columns {
		var err error
		if columns[i], err = b.At(i); err != nil {
			return err
		}
	}
	ids, ks, xs, texts, evens := columns[0].Int64s(), columns[1].Int32s(), columns[2].Float64s(), columns[3], columns[4]
	total := *s
	for row := range b.NumRows() {
		total.IDs += ids[row]
		total.Ks += int64(ks[row])
		total.Xs += xs[row]
		total.Texts += int64(len(texts.Bytes(row)))
		if evens.Bool(row) {
			total.Evens++
		}
	}
	total.Rows += int64(b.NumRows())
	*s = total
	return nil
}

func main() {}
