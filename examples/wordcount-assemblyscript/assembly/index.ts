// The words of text files, counted: what plugins/demo does in Go, with the same answers.
import { callUDF, col, Column, Context, DataFrame, Json, lit, raise, task, udf1 } from "../../../sdk/lang/assemblyscript";
import * as F from "../../../sdk/lang/assemblyscript/functions";
import { tokens } from "./tokens";

export { sparkstalk_describe, sparkstalk_run, sparkstalk_udf, sparkstalk_udf_buffer } from "../../../sdk/lang/assemblyscript";

/** What Python's str.split() splits at. */
const WHITE_SPACE = "[\t-\r\x1c- \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+";

task<i64>("as.simple_sum", simpleSum)
  .doc("the sum of the numbers from 0 to n-1")
  .param("n", "int64", "how many numbers, from 0 on");

task<DataFrame>("as.WordCount", wordCount)
  .doc("the most common words with a first letter; words are split at white space")
  .param("inputs", "string", "path, folder or glob of text files")
  .param("first_letter", "string", "what the words begin with, in upper or lower case")
  .param("limit", "int32", "how many words", "5")
  .option("max_retries", "1");

task<DataFrame>("as.WordCountUDF", wordCountUDF)
  .doc("the same, with the words split on the executors, by this module's own function")
  .param("inputs", "string")
  .param("first_letter", "string")
  .param("limit", "int32", "", "5");

udf1("words", tokens).doc("the words of a text: what stands between white space").names(["text"]);

task<Json>("as.longest", longest)
  .doc("the longest of the words, counted in this module")
  .param("inputs", "string");

function simpleSum(ctx: Context): i64 {
  // The sum of no rows is NULL.
  return ctx.spark.range(0, ctx.i64("n")).agg([F.coalesce([F.sum(col("id")), lit(0)])]).scalar().toI64();
}

function wordCount(ctx: Context): DataFrame { return mostCommon(ctx, split()); }

function wordCountUDF(ctx: Context): DataFrame { return mostCommon(ctx, callUDF("words", [col("value")])); }

function mostCommon(ctx: Context, wordsOfLine: Column): DataFrame {
  const letter = ctx.string("first_letter");
  if (letter == "") raise("ValueError", "first_letter is empty");
  const first = F.lower(F.substring(col("word"), 1, 1));
  return words(ctx, wordsOfLine)
    .filter(first.eq(F.lower(lit(letter))))
    .orderBy([col("count").desc(), col("word").asc()])
    .limit(ctx.i32("limit"));
}

function longest(ctx: Context): Json {
  ctx.updateState("PROGRESS", Json.object().set("step", Json.string("collecting")));
  const rows = words(ctx, split()).select([col("word")]).collect();
  ctx.log("words collected", Json.object().set("count", Json.i64(rows.length)));
  if (rows.length == 0) throw new Error("there are no words");
  let best = "";
  for (let i = 0; i < rows.length; i++) {
    const word = rows.at(i).at(0).text;
    // Of several the first in the alphabet.
    if (word.length > best.length || (word.length == best.length && word < best)) best = word;
  }
  return Json.string(best);
}

/** What makes words of a line by Spark's means. */
function split(): Column { return F.split(col("value"), WHITE_SPACE); }

/** Every word in text files, and how often it is there. The host keeps it for all tasks. */
function words(ctx: Context, wordsOfLine: Column): DataFrame {
  return ctx.spark.read().text(ctx.string("inputs"))
    .select([F.explode(wordsOfLine).as("word")])
    .filter(col("word").neq(lit("")))
    .groupBy([col("word")]).count()
    .cache("as.words");
}
