// Command text is a module whose own functions run on Spark's executors: a
// tokenizer, and a measure of likeness that SQL does not have.
package main

import (
	"strings"
	"unicode"

	"github.com/sparkstalk/sparkstalk/sdk"
	F "github.com/sparkstalk/sparkstalk/sdk/functions"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

var (
	words      = sdk.UDF("words", tokenize, sdk.ParamNames("text"), sdk.FunctionDoc("the words of a text: what stands between white space"))
	similarity = sdk.UDF("similarity", jaroWinkler, sdk.ParamNames("a", "b"), sdk.FunctionDoc("how alike two texts are, from 0 to 1: Jaro's and Winkler's"))
)

// tokenize splits a text as Python's str.split() does.
func tokenize(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f })
}

// slugify keeps letters and digits and joins the rest by hyphens.
func slugify(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), "-")
}

type wordArgs struct {
	Inputs      string `arg:"inputs" doc:"path, folder or glob of text files"`
	FirstLetter string `arg:"first_letter" doc:"what the words begin with, in upper or lower case"`
}

// wordCount is demo.WordCount with a tokenizer of its own.
func wordCount(ctx *sdk.Context, a wordArgs) (*spark.DataFrame, error) {
	return ctx.Spark().Read().Text(a.Inputs).
		Select(F.Explode(words.Call(F.Col("value"))).As("word")).
		Where(F.Lower(F.Substring("word", 1, 1)).EqualTo(F.Lower(F.Lit(a.FirstLetter)))).
		GroupBy("word").Count().
		OrderBy(F.Desc("count"), F.Asc("word")).Limit(5), nil
}

type slugArgs struct {
	Titles []string `arg:"titles"`
}

// slugs calls the function from SQL text.
func slugs(ctx *sdk.Context, a slugArgs) (*spark.DataFrame, error) {
	return ctx.Spark().SQL("SELECT slug(title) AS slug FROM (SELECT explode(:titles) AS title)", map[string]any{"titles": a.Titles}), nil
}

type matchArgs struct {
	Rows  int64   `arg:"rows,default=1000000" doc:"how many misspelt names to make"`
	Least float64 `arg:"least,default=0.9" doc:"from which likeness on two names match"`
}

// cities are what the misspelt names are of.
var cities = []any{"Amsterdam", "Barcelona", "Copenhagen", "Dublin", "Edinburgh", "Florence", "Gothenburg", "Hamburg", "Istanbul", "Lisbon",
	"Marseille", "Naples", "Oslo", "Palermo", "Rotterdam", "Stockholm", "Turin", "Utrecht", "Valencia", "Warsaw"}

// matches joins misspelt names with those that they are like, and counts them.
func matches(ctx *sdk.Context, a matchArgs) (*spark.DataFrame, error) {
	list := spark.Lit(cities)
	known := ctx.Spark().Range(0, 1).Select(F.Explode(list).As("city"))
	// Of each name a letter is left out or doubled, which one depends on the row.
	name, place := F.Col("name"), F.Col("place")
	misspelt := ctx.Spark().Range(0, a.Rows).
		Select(F.Col("id"), F.ElementAt(list, F.Col("id").Mod(len(cities)).Plus(1).Cast("int")).As("name")).
		Select(F.Col("id"), name, F.Lit(2).Plus(F.Col("id").Mod(F.Length(name).Minus(1))).Cast("int").As("place")).
		Select(F.Concat(name.Substr(F.Lit(1), place.Minus(F.Col("id").Mod(2).Cast("int"))), name.Substr(place.Plus(F.Col("id").Mod(2).Cast("int")), F.Lit(100))).As("seen"))
	alike := similarity.Call(F.Col("seen"), F.Col("city")).Ge(a.Least)
	return misspelt.Join(known, F.Left(F.Col("seen"), F.Lit(1)).EqualTo(F.Left(F.Col("city"), F.Lit(1))).And(alike), "inner").
		GroupBy("city").Count().OrderBy(F.Asc("city")), nil
}

func init() {
	sdk.UDF("slug", slugify, sdk.ParamNames("text"), sdk.FunctionDoc("a text as part of an address")) // only SQL text calls it
	sdk.Task("text.WordCount", wordCount, sdk.Doc("the five most common words with a first letter, by a tokenizer that runs on the executors"))
	sdk.Task("text.Slugs", slugs, sdk.Doc("texts as parts of addresses"))
	sdk.Task("text.Matches", matches, sdk.Doc("how many misspelt names are like which city's"))
}

func main() {}
