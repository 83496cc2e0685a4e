// Command demo is a task module with the three tasks that spark-celery shows
// itself with: a sum, and the words of text files counted in two ways.
package main

import (
	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

// version says in the log which build answers: go build -ldflags "-X main.version=2".
var version = "1"

// whiteSpace matches what Python's str.split() splits at: the characters for
// which str.isspace() is true. They stand in the class as they are, because the
// engines' regular expressions (Java's, Rust's) differ in their escapes.
const whiteSpace = "[\t-\r\x1c- \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"

type sumArgs struct {
	N int64 `arg:"n" doc:"how many numbers, from 0 on"`
}

type wordArgs struct {
	Inputs      string `arg:"inputs" doc:"path, folder or glob of text files"`
	FirstLetter string `arg:"first_letter" doc:"what the words begin with, in upper or lower case"`
}

var (
	words = sdk.Cached("demo.words", func(ctx *sdk.Context, inputs string) *spark.DataFrame {
		return count(ctx, inputs, whiteSpace)
	})
	wordsBySpace = sdk.Cached("demo.words_by_space", func(ctx *sdk.Context, inputs string) *spark.DataFrame {
		return count(ctx, inputs, " ")
	})
)

func init() {
	sdk.Task("demo.simple_sum", simpleSum, sdk.Doc("the sum of the numbers from 0 to n-1"))
	sdk.Task("demo.WordCount", wordCount, sdk.Doc("the five most common words with a first letter; words are split at white space"))
	sdk.Task("demo.DataFrameWordCount", dataFrameWordCount, sdk.Doc("the five most common words with a first letter; words are split at single spaces"))
}

func simpleSum(ctx *sdk.Context, a sumArgs) (int64, error) {
	ctx.Log().Debug("adding up", "n", a.N, "version", version)
	// The sum of no rows is NULL.
	return spark.Scalar[int64](ctx.Spark().Range(0, a.N).Agg(F.Coalesce(F.Sum("id"), F.Lit(0))))
}

func wordCount(ctx *sdk.Context, a wordArgs) (*spark.DataFrame, error) {
	return mostCommon(words.Get(ctx, a.Inputs), a.FirstLetter).Limit(5), nil
}

func dataFrameWordCount(ctx *sdk.Context, a wordArgs) (*spark.DataFrame, error) {
	return mostCommon(wordsBySpace.Get(ctx, a.Inputs), a.FirstLetter).Limit(5), nil
}

// count returns every word in text files, and how often it is there.
func count(ctx *sdk.Context, inputs, separator string) *spark.DataFrame {
	ctx.Log().Debug("counting words", "inputs", inputs, "version", version)
	return ctx.Spark().Read().Text(inputs).
		Select(F.Explode(F.Split("value", separator)).As("word")).
		Where(F.Col("word").NotEqual("")).
		GroupBy("word").Count()
}

// mostCommon returns the words with a first letter, the most common ones first.
// Lower case is the engine's on both sides.
func mostCommon(counts *spark.DataFrame, firstLetter string) *spark.DataFrame {
	return counts.
		Where(F.Lower(F.Substring("word", 1, 1)).EqualTo(F.Lower(F.Lit(firstLetter)))).
		OrderBy(F.Desc("count"), F.Asc("word"))
}

func main() {}
