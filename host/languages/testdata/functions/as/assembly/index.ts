// The functions of ../rust in AssemblyScript.
import {
  Boxed, callUDF, col, Context, DataFrame, Decimal, LocalDate, raise, task, Timestamp, udaf, udf0, udf1, udf10, udf2,
} from "../sparkstalk";
import * as F from "../sparkstalk/functions";
import "./fetch";

export { sparkstalk_describe, sparkstalk_run, sparkstalk_udf, sparkstalk_udf_buffer } from "../sparkstalk";

let rolled: i64 = 0;

task<DataFrame>("as.calls", (ctx: Context): DataFrame => {
  const parts = ctx.spark.range(0, 4).select([callUDF("triple", [col("id")]).as("n")]);
  return parts.agg([F.sum(col("n")), callUDF("spread", [col("n")]), callUDF("sum_squares", [col("n")])]);
}).doc("calls functions in a plan");

task<DataFrame>("as.sql", (ctx: Context): DataFrame =>
  ctx.spark.sql("SELECT sum(triple(id)), spread(triple(id)), sum_squares(triple(id)) FROM range(4)"),
).doc("calls them in SQL text");

udf1("same_boolean", (v: Boxed<bool> | null): Boxed<bool> | null => v).names(["v"]);
udf1("same_tinyint", (v: Boxed<i8> | null): Boxed<i8> | null => v).names(["v"]);
udf1("same_smallint", (v: Boxed<i16> | null): Boxed<i16> | null => v).names(["v"]);
udf1("same_int", (v: Boxed<i32> | null): Boxed<i32> | null => v).names(["v"]);
udf1("same_bigint", (v: Boxed<i64> | null): Boxed<i64> | null => v).names(["v"]);
udf1("same_float", (v: Boxed<f32> | null): Boxed<f32> | null => v).names(["v"]);
udf1("same_double", (v: Boxed<f64> | null): Boxed<f64> | null => v).names(["v"]);
udf1("same_string", (v: string | null): string | null => v).names(["v"]);
udf1("same_binary", (v: Uint8Array | null): Uint8Array | null => v).names(["v"]);
udf1("same_timestamp", (v: Timestamp | null): Timestamp | null => v).names(["v"]);
udf1("same_date", (v: LocalDate | null): LocalDate | null => v).names(["v"]);
udf1("same_decimal", (v: Decimal | null): Decimal | null => v).names(["v"]).param(0, "decimal(20,4)").returns("decimal(20,4)");
udf1("same_strings", (v: Array<string | null> | null): Array<string | null> | null => v).names(["v"]);
udf1("same_nested", (v: Array<Array<Boxed<i32> | null>> | null): Array<Array<Boxed<i32> | null>> | null => v).names(["v"]);
udf1("same_dates", (v: Array<LocalDate | null> | null): Array<LocalDate | null> | null => v).names(["v"]);
udf1("plain_bigint", (v: i64): i64 => v).names(["v"]);
udf1("plain_string", (v: string): string => v).names(["v"]);
udf1("plain_binary", (v: Uint8Array): Uint8Array => v).names(["v"]);

udf0("none", (): string => "nothing in");
udf10("join_all", joinAll).doc("ten of them").names(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
udf1("triple", (n: i64): i64 => 3 * n + 7).names(["n"]);
udf1("exported", exported).names(["n"]).option("export", "\"exported\"");
udf0("dice", dice).nondeterministic();
udf1("refuse", (s: string): string => { raise("ValueError", "no " + s + " here"); return s; }).names(["s"]);
udf2("panics", panics).names(["s", "n"]);
udf1("overflows", overflows).names(["n"]);
udf0("tasks_only", (): i64 => { callUDF("triple", [col("id")]); return 1; });

udaf("sum_squares", (sum: f64, x: f64): f64 => sum + x * x, (a: f64, b: f64): f64 => a + b, (sum: f64): f64 => sum).names(["x"]);
udaf("spread", widen, widest, spread).names(["x"]);

function joinAll(a: string, b: i64, c: f64, d: bool, e: string[], f: string, g: string, h: string, i: string, j: string): string {
  return [a, f, g, h, i, j].concat(e).join("-");
}

export function exported(n: i64): i64 { return 3 * n + 7; }

/** No random numbers, but others for each row. */
function dice(): i64 { return rolled++; }

function panics(s: string, n: i64): string {
  if (n > s.length) throw new Error(n.toString() + " is beyond the end");
  return s.substring(<i32>n);
}

function overflows(n: i64): i64 { return n < 0 ? 0 : 1 + n * overflows(n + 1); }

/** The least and the most so far, if there are any. */
function widen(bounds: i64[], x: i64): i64[] { return widest(bounds, [x, x]); }

function widest(a: i64[], b: i64[]): i64[] {
  if (a.length == 0 || b.length == 0) return a.length == 0 ? b : a;
  return [min(a[0], b[0]), max(a[1], b[1])];
}

function spread(bounds: i64[]): Boxed<i64> | null {
  return bounds.length == 0 ? null : new Boxed<i64>(bounds[1] - bounds[0]);
}
