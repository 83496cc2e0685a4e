/* The functions of ../rust in C. */
#include "sparkstalk.h"

static ss_value same(const ss_value *args) { return args[0]; }

static ss_value none(const ss_value *args) {
  (void)args;
  return ss_value_text("nothing in");
}

static ss_value join_all(const ss_value *args) {
  char *out = ss_value_string(&args[0]);
  for (int i = 5; i < 10; i++) out = ss_format("%s-%s", out, ss_value_string(&args[i]));
  for (uint32_t i = 0; i < args[4].n; i++) out = ss_format("%s-%s", out, ss_value_string(&args[4].items[i]));
  return ss_value_text(out);
}

static ss_value triple(const ss_value *args) { return ss_value_int(3 * args[0].i + 7); }

SS_EXPORT("exported") int64_t exported(int64_t n) { return 3 * n + 7; }

/* No random numbers, but others for each row. */
static ss_value dice(const ss_value *args) {
  (void)args;
  static int64_t n;
  return ss_value_int(n++);
}

static ss_value refuse(const ss_value *args) { return ss_value_error(ss_format("no %s here", ss_value_string(&args[0]))); }

static ss_value panics(const ss_value *args) {
  if (args[1].i > args[0].n) ss_panic(ss_format("%d is beyond the end", (int)args[1].i));
  return ss_value_bytes(args[0].at + args[1].i, args[0].n - (size_t)args[1].i);
}

static int64_t deeper(int64_t n) { return n < 0 ? 0 : 1 + n * deeper(n + 1); }

static ss_value overflows(const ss_value *args) { return ss_value_int(deeper(args[0].i)); }

static ss_value tasks_only(const ss_value *args) {
  (void)args;
  return ss_value_int(ss_col("id"));
}

static void add_square(void *sum, const ss_value *args) { *(double *)sum += args[0].f * args[0].f; }
static void add_sum(void *sum, const void *other) { *(double *)sum += *(const double *)other; }
static ss_value sum_of(const void *sum) { return ss_value_double(*(const double *)sum); }

/* The least and the most so far, if there are any. */
struct bounds {
  bool some;
  int64_t least, most;
};

static void widest(void *bounds, const void *other) {
  struct bounds *a = bounds;
  const struct bounds *b = other;
  if (!b->some) return;
  if (!a->some || b->least < a->least) a->least = b->least;
  if (!a->some || b->most > a->most) a->most = b->most;
  a->some = true;
}

static void widen(void *bounds, const ss_value *args) { widest(bounds, &(struct bounds){true, args[0].i, args[0].i}); }

static ss_value spread(const void *bounds) {
  const struct bounds *b = bounds;
  return b->some ? ss_value_int(b->most - b->least) : ss_value_null();
}

#define SAME(name, type) {"same_" name, same, NULL, type, {{"v", type}}, .takes_null = true}
#define PLAIN(type) {"plain_" type, same, NULL, type, {{"v", type}}}

static const ss_function functions[] = {
    SAME("boolean", "boolean"),
    SAME("tinyint", "tinyint"),
    SAME("smallint", "smallint"),
    SAME("int", "int"),
    SAME("bigint", "bigint"),
    SAME("float", "float"),
    SAME("double", "double"),
    SAME("string", "string"),
    SAME("binary", "binary"),
    SAME("timestamp", "timestamp"),
    SAME("date", "date"),
    SAME("decimal", "decimal(20,4)"),
    SAME("strings", "array<string>"),
    SAME("nested", "array<array<int>>"),
    SAME("dates", "array<date>"),
    PLAIN("bigint"),
    PLAIN("string"),
    PLAIN("binary"),
    {"none", none, NULL, "string"},
    {"join_all", join_all, "ten of them", "string",
     {{"a", "string"}, {"b", "bigint"}, {"c", "double"}, {"d", "boolean"}, {"e", "array<string>"},
      {"f", "string"}, {"g", "string"}, {"h", "string"}, {"i", "string"}, {"j", "string"}}},
    {"triple", triple, NULL, "bigint", {{"n", "bigint"}}},
    {"exported", NULL, NULL, "bigint", {{"n", "bigint"}}, "\"export\": \"exported\""},
    {"dice", dice, NULL, "bigint", .options = "\"nondeterministic\": true"},
    {"refuse", refuse, NULL, "string", {{"s", "string"}}},
    {"panics", panics, NULL, "string", {{"s", "string"}, {"n", "bigint"}}},
    {"overflows", overflows, NULL, "bigint", {{"n", "bigint"}}},
    {"tasks_only", tasks_only, NULL, "bigint"},
    {"sum_squares", NULL, NULL, "double", {{"x", "double"}}, NULL, false, sizeof(double), add_square, add_sum, sum_of},
    {"spread", NULL, NULL, "bigint", {{"x", "bigint"}}, .state = sizeof(struct bounds), .update = widen, .merge = widest, .finish = spread},
};

static int calls(const ss_context *context) {
  (void)context;
  ss_frame parts = ss_select(ss_range(0, 4), ss_as(ss_call_udf("triple", ss_col("id")), "n"));
  return ss_return_frame(ss_agg(parts, ss_call("sum", ss_col("n")), ss_call_udf("spread", ss_col("n")), ss_call_udf("sum_squares", ss_col("n"))));
}

static int sql(const ss_context *context) {
  (void)context;
  return ss_return_frame(ss_sql("SELECT sum(triple(id)), spread(triple(id)), sum_squares(triple(id)) FROM range(4)"));
}

SS_NEEDS("http:127.0.0.1:*", "http:localhost:*", "env:SPARKSTALK_TEST_*");

/* What the server at a URL says of a currency. */
static int rate(const ss_context *context) {
  ss_http_response *answer = ss_http(.url = ss_arg_string(context, 0));
  if (!answer) return ss_fail();
  if (!ss_http_ok(answer)) return ss_http_fail(answer);
  ss_json rate = ss_json_get(ss_http_json(answer), ss_arg_string(context, 1));
  if (!rate) return ss_raise("KeyError", ss_arg_string(context, 1));
  return ss_return_double(ss_json_double(rate));
}

/* Sends a text, and returns the answer's status, one of its headers, its URL and its body. */
static int told(const ss_context *context) {
  ss_http_response *answer = ss_http(.method = "PUT", .url = ss_arg_string(context, 0), .headers = {"X-Token", "a\"b"},
                                     .body = ss_arg_string(context, 1), .timeout = 20.5, .no_redirects = true);
  if (!answer) return ss_fail();
  const char *header = ss_http_header(answer, "x-answer");
  return ss_return_json(ss_format("[%d,%s,%s,%s]", answer->status, ss_quote(header ? header : "none"), ss_quote(answer->url),
                                  ss_quote(answer->body)));
}

/* The class of the error that a request fails with. */
static int why_not(const ss_context *context) {
  ss_http_response *answer = ss_http(.method = "POST", .url = ss_arg_string(context, 0), .headers = {"Content-Type", "text/plain"},
                                     .body = "why not?");
  return ss_return_string(answer ? answer->body : ss_json_string(ss_json_get(ss_last_error(), "type")));
}

/* An environment variable. */
static int zone(const ss_context *context) {
  char *value;
  if (!ss_env(ss_arg_string(context, 0), &value)) return ss_fail();
  return ss_return_json(value ? ss_quote(value) : "null");
}

static const ss_task tasks[] = {
    {"c.calls", calls, "calls functions in a plan", "DataFrame"},
    {"c.sql", sql, "calls them in SQL text", "DataFrame"},
    {"c.rate", rate, .params = {{"url", "string"}, {"currency", "string"}}},
    {"c.told", told, .params = {{"url", "string"}, {"text", "string"}}},
    {"c.why_not", why_not, .params = {{"url", "string"}}},
    {"c.zone", zone, .params = {{"name", "string"}}},
};

SS_MODULE(tasks, functions)
