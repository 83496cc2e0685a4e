// Command loss is the module of the tests that lose the Spark session. Its tasks
// go on for long while the file of their argument has one line, and end soon
// when it has more. They tell the state RUNNING once they are in the middle.
package main

import (
	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
)

type args struct {
	File string `arg:"file"`
}

type writeArgs struct {
	File string `arg:"file"`
	To   string `arg:"to"`
}

// rows is how many there are to be.
func rows(ctx *sdk.Context, file string) (int64, error) {
	lines, err := ctx.Spark().Read().Text(file).Count()
	if lines > 1 {
		return 1000, err
	}
	return 200_000_000_000, err
}

func init() {
	sdk.Task("loss.read", read)
	sdk.Task("loss.read_again", read, sdk.Idempotent())
	sdk.Task("loss.read_annotated", read)
	sdk.Task("loss.send", func(ctx *sdk.Context, a args) (int64, error) {
		if _, err := ctx.Send(sdk.Call("other.task")); err != nil {
			return 0, err
		}
		return read(ctx, a)
	}, sdk.Idempotent())
	sdk.Task("loss.write", write)
	sdk.Task("loss.write_again", write, sdk.Idempotent())
}

// read counts the rows of a cursor.
func read(ctx *sdk.Context, a args) (n int64, err error) {
	all, err := rows(ctx, a.File)
	if err != nil {
		return 0, err
	}
	for batch, err := range ctx.Spark().Range(0, all).Batches(0) {
		if err != nil {
			return n, err
		}
		if n == 0 {
			if err := ctx.UpdateState("RUNNING", nil); err != nil {
				return 0, err
			}
		}
		n += int64(batch.NumRows())
	}
	return n, nil
}

// write writes few of many rows.
func write(ctx *sdk.Context, a writeArgs) (int64, error) {
	n, err := rows(ctx, a.File)
	if err != nil {
		return 0, err
	}
	if err := ctx.UpdateState("RUNNING", nil); err != nil {
		return 0, err
	}
	few := ctx.Spark().Range(0, n).Where(F.Expr("id < 10 or hash(id) % 1000003 = 7"))
	if err := few.Write().Mode("overwrite").Parquet(a.To); err != nil {
		return 0, err
	}
	return ctx.Spark().Read().Parquet(a.To).Count()
}

func main() {}
