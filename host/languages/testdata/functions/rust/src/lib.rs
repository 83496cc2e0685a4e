//! Functions of every type and of every misbehaviour, of which all languages here have the same.

use sparkstalk::{call_udf, col, functions as f, module, Context, DataFrame, Date, Decimal, Json, Result, Timestamp};

mod fetch;

module! {
    needs "http:127.0.0.1:*";
    needs "http:localhost:*";
    needs "env:SPARKSTALK_TEST_*";

    task "rust.rate"(url: String, currency: String) -> Json = fetch::rate;
    task "rust.told"(url: String, text: String) -> Json = fetch::told;
    task "rust.why_not"(url: String) -> String = fetch::why_not;
    task "rust.zone"(name: String) -> Json = fetch::zone;

    /// calls functions in a plan
    task "rust.calls"() -> DataFrame = calls;
    /// calls them in SQL text
    task "rust.sql"() -> DataFrame = sql;

    function "same_boolean"(v: Option<bool>) -> Option<bool> = same;
    function "same_tinyint"(v: Option<i8>) -> Option<i8> = same;
    function "same_smallint"(v: Option<i16>) -> Option<i16> = same;
    function "same_int"(v: Option<i32>) -> Option<i32> = same;
    function "same_bigint"(v: Option<i64>) -> Option<i64> = same;
    function "same_float"(v: Option<f32>) -> Option<f32> = same;
    function "same_double"(v: Option<f64>) -> Option<f64> = same;
    function "same_string"(v: Option<&str>) -> Option<&str> = same;
    function "same_binary"(v: Option<&[u8]>) -> Option<&[u8]> = same;
    function "same_timestamp"(v: Option<Timestamp>) -> Option<Timestamp> = same;
    function "same_date"(v: Option<Date>) -> Option<Date> = same;
    function "same_decimal"(v: Option<Decimal<20, 4>>) -> Option<Decimal<20, 4>> = same;
    function "same_strings"(v: Option<Vec<Option<&str>>>) -> Option<Vec<Option<&str>>> = same;
    function "same_nested"(v: Option<Vec<Vec<Option<i32>>>>) -> Option<Vec<Vec<Option<i32>>>> = same;
    function "same_dates"(v: Option<Vec<Option<Date>>>) -> Option<Vec<Option<Date>>> = same;
    function "plain_bigint"(v: i64) -> i64 = same;
    function "plain_string"(v: String) -> String = same;
    function "plain_binary"(v: Vec<u8>) -> Vec<u8> = same;

    function "none"() -> &str = none;
    /// ten of them
    function "join_all"(a: &str, b: i64, c: f64, d: bool, e: Vec<&str>, f: &str, g: &str, h: &str, i: &str, j: &str) -> String = join_all;
    function "triple"(n: i64) -> i64 = triple;
    function "exported"(n: i64) -> i64 = exported, export: "exported";
    function "dice"() -> i64 = dice, nondeterministic: true;
    function "refuse"(s: &str) -> String = refuse;
    function "panics"(s: &str, n: i64) -> String = panics;
    function "overflows"(n: i64) -> i64 = overflows;
    function "tasks_only"() -> i64 = tasks_only;

    aggregate "sum_squares"(x: f64) -> f64 = sum_squares, merge: std::ops::Add::add, finish: same;
    aggregate "spread"(x: i64) -> Option<i64> = widen, merge: widest, finish: spread;
}

fn same<T>(v: T) -> T {
    v
}

fn none() -> &'static str {
    "nothing in"
}

#[allow(clippy::too_many_arguments)]
fn join_all(a: &str, _: i64, _: f64, _: bool, e: Vec<&str>, f: &str, g: &str, h: &str, i: &str, j: &str) -> String {
    [vec![a, f, g, h, i, j], e].concat().join("-")
}

fn triple(n: i64) -> i64 {
    3 * n + 7
}

#[no_mangle]
extern "C" fn exported(n: i64) -> i64 {
    triple(n)
}

/// No random numbers, but others for each row.
fn dice() -> i64 {
    use std::sync::atomic::{AtomicI64, Ordering};
    static N: AtomicI64 = AtomicI64::new(0);
    N.fetch_add(1, Ordering::Relaxed)
}

fn refuse(s: &str) -> Result<String> {
    Err(format!("no {} here", s).into())
}

fn panics(s: &str, n: i64) -> String {
    s.get(n as usize..)
        .unwrap_or_else(|| panic!("{} is beyond the end", n))
        .to_string()
}

#[allow(unconditional_recursion)]
fn overflows(n: i64) -> i64 {
    1 + overflows(n + 1) * n
}

fn tasks_only() -> i64 {
    call_udf("triple", [col("id")]);
    1
}

fn sum_squares(sum: f64, x: f64) -> f64 {
    sum + x * x
}

/// The least and the most so far.
type Bounds = (Option<i64>, Option<i64>);

fn widen(bounds: Bounds, x: i64) -> Bounds {
    widest(bounds, (Some(x), Some(x)))
}

fn widest(a: Bounds, b: Bounds) -> Bounds {
    (a.0.into_iter().chain(b.0).min(), a.1.max(b.1))
}

fn spread(bounds: Bounds) -> Option<i64> {
    Some(bounds.1? - bounds.0?)
}

fn calls(ctx: &Context) -> Result<DataFrame> {
    let parts = ctx.spark().range(0, 4).select([call_udf("triple", [col("id")]).alias("n")]);
    Ok(parts.agg([
        f::sum("n"),
        call_udf("spread", [col("n")]),
        call_udf("sum_squares", [col("n")]),
    ]))
}

fn sql(ctx: &Context) -> Result<DataFrame> {
    let none: [&str; 0] = [];
    Ok(ctx.spark().sql(
        "SELECT sum(triple(id)), spread(triple(id)), sum_squares(triple(id)) FROM range(4)",
        none,
    ))
}
