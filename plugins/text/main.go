// Command text is a module whose own functions run on Spark's executors: a
// tokenizer, a slug and a measure of likeness that SQL does not have.
package main

import (
	"strings"
	"unicode"

	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

var (
	words      = sdk.UDF("words", tokenize, sdk.FunctionDoc("the words of a text, in lower case"), sdk.ParamNames("text"))
	slug       = sdk.UDF("slug", slugify, sdk.FunctionDoc("a text as part of an address"), sdk.ParamNames("text"))
	similarity = sdk.UDF("similarity", jaroWinkler, sdk.FunctionDoc("how alike two texts are, 0 to 1: Jaro and Winkler's"), sdk.ParamNames("a", "b"))
)

// tokenize splits a text where there is no letter or apostrophe.
func tokenize(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r != '\'' && !unicode.IsLetter(r) })
}

// slugify keeps letters and digits and joins the rest by hyphens.
func slugify(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), "-")
}

type countArgs struct {
	Inputs string `arg:"inputs" doc:"path, folder or glob of text files"`
	Limit  int    `arg:"limit,default=5"`
}

func wordCount(ctx *sdk.Context, a countArgs) (*spark.DataFrame, error) {
	word := F.Explode(words.Call(F.Col("value"))).As("word")
	return ctx.Spark().Read().Text(a.Inputs).Select(word).GroupBy("word").Count().
		OrderBy(F.Desc("count"), F.Asc("word")).Limit(a.Limit), nil
}

type slugArgs struct {
	Title string `arg:"title"`
}

func slugOf(ctx *sdk.Context, a slugArgs) (*spark.DataFrame, error) {
	return ctx.Spark().SQL("SELECT slug(:title), similarity(:title, slug(:title)) AS likeness", map[string]any{"title": a.Title}), nil
}

func init() {
	sdk.Task("text.WordCount", wordCount, sdk.Doc("the commonest words, with a tokenizer that runs on the executors"))
	sdk.Task("text.Slug", slugOf)
}

func main() {}
