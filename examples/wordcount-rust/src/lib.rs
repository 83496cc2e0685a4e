//! The words of text files, counted: what plugins/demo does in Go, with the same answers.

use sparkstalk::{call_udf, col, functions as f, lit, module, Column, Context, DataFrame, Error, Json, Result};

module! {
    /// the sum of the numbers from 0 to n-1
    task "rust.simple_sum"(
        /// how many numbers, from 0 on
        n: i64,
    ) -> i64 = simple_sum;

    /// the most common words with a first letter; words are split at white space
    task "rust.WordCount"(
        /// path, folder or glob of text files
        inputs: String,
        /// what the words begin with, in upper or lower case
        first_letter: String,
        /// how many words
        limit: i32 = 5,
    ) -> DataFrame = word_count, max_retries: 1;

    /// the same, with the words split on the executors, by this module's own function
    task "rust.WordCountUDF"(inputs: String, first_letter: String, limit: i32 = 5) -> DataFrame = word_count_udf;

    /// the words of a text: what stands between white space
    function "words"(text: &str) -> Vec<&str> = tokens;

    /// the longest of the words, counted in this module
    task "rust.longest"(inputs: String) -> Json = longest;
}

/// What Python's str.split() splits at.
const WHITE_SPACE: &str = "[\t-\r\x1c- \u{85}\u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}]+";

fn simple_sum(ctx: &Context, n: i64) -> Result<i64> {
    // The sum of no rows is NULL.
    let sum = ctx.spark().range(0, n).agg([f::coalesce([f::sum("id"), lit(0)])]);
    Ok(sum.scalar()?.unwrap_or(0))
}

fn word_count(ctx: &Context, inputs: String, first_letter: String, limit: i32) -> Result<DataFrame> {
    most_common(words(ctx, &inputs, split()), first_letter, limit)
}

fn word_count_udf(ctx: &Context, inputs: String, first_letter: String, limit: i32) -> Result<DataFrame> {
    most_common(words(ctx, &inputs, call_udf("words", ["value"])), first_letter, limit)
}

fn tokens(text: &str) -> Vec<&str> {
    let space = |c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c);
    text.split(space).filter(|word| !word.is_empty()).collect()
}

fn most_common(words: DataFrame, first_letter: String, limit: i32) -> Result<DataFrame> {
    if first_letter.is_empty() {
        return Err(Error::new("ValueError", "first_letter is empty"));
    }
    let first = f::lower(f::substring("word", 1, 1));
    Ok(words
        .filter(first.eq(f::lower(lit(&first_letter))))
        .order_by([col("count").desc(), col("word").asc()])
        .limit(limit))
}

fn longest(ctx: &Context, inputs: String) -> Result<Json> {
    ctx.update_state("PROGRESS", [("step", Json::from("collecting"))])?;
    let rows = words(ctx, &inputs, split()).select(["word"]).collect()?;
    ctx.log("words collected", [("count", Json::from(rows.len()))]);
    let words = rows.iter().filter_map(|row| row.as_array()?.first()?.as_str());
    // Of several the first in the alphabet.
    let longest = words.max_by_key(|w| (w.chars().count(), std::cmp::Reverse(*w)));
    Ok(Json::from(longest.expect("there are no words")))
}

/// What makes words of a line by Spark's means.
fn split() -> Column {
    f::split("value", WHITE_SPACE)
}

/// Every word in text files, and how often it is there. The host keeps it for all tasks.
fn words(ctx: &Context, inputs: &str, words: Column) -> DataFrame {
    ctx.spark()
        .read()
        .text(inputs)
        .select([f::explode(words).alias("word")])
        .filter(col("word").neq(lit("")))
        .group_by(["word"])
        .count()
        .cache("rust.words")
}
