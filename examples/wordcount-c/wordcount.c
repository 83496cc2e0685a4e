/* The words of text files, counted: what plugins/demo does in Go, with the same answers. */
#include "sparkstalk.h"

/* What Python's str.split() splits at. */
static const char white_space[] = "[\t-\r\x1c- \xc2\x85\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+";

static ss_expr lower(ss_expr text) { return ss_call("lower", text); }

static int simple_sum(const ss_context *context) {
  /* The sum of no rows is NULL. */
  ss_expr sum = ss_call("coalesce", ss_call("sum", ss_col("id")), ss_int(0));
  ss_json rows = ss_collect(ss_agg(ss_range(0, ss_arg_int(context, 0)), sum));
  if (!rows) return ss_fail();
  return ss_return_int(ss_json_int(ss_json_at(ss_json_first(rows), 0)));
}

/* What makes words of a line by Spark's means. */
static ss_expr split(void) { return ss_call("split", ss_col("value"), ss_string(white_space), ss_int(-1)); }

/* Every word in text files, and how often it is there. The host keeps it for all tasks. */
static ss_frame words(const char *inputs, ss_expr words_of_line) {
  ss_frame all = ss_select(ss_read("text", inputs), ss_as(ss_call("explode", words_of_line), "word"));
  ss_frame some = ss_filter(all, ss_call("!=", ss_col("word"), ss_string("")));
  return ss_cache(ss_agg_by(some, ss_col("word"), ss_as(ss_call("count", ss_int(1)), "count")), "c.words");
}

/* How many bytes of white space a text of n bytes begins with. */
static size_t space(const char *text, size_t n) {
  static const char *const wide[] = {"\xc2\x85", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
                                     "\u2007", "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};
  if (*text == ' ' || (*text >= '\t' && *text <= '\r') || (*text >= 0x1c && *text <= 0x1f)) return 1;
  for (size_t i = 0; *text & 0x80 && i < sizeof wide / sizeof *wide; i++)
    if (strlen(wide[i]) <= n && !memcmp(text, wide[i], strlen(wide[i]))) return strlen(wide[i]);
  return 0;
}

/* The words of a text: it runs on the executors. */
static ss_value tokens(const ss_value *args) {
  ss_value words = ss_value_array();
  const char *end = args[0].at + args[0].n, *word = args[0].at;
  for (const char *at = word; at < end;) {
    size_t skip = space(at, (size_t)(end - at));
    if (skip && at > word) ss_value_push(&words, ss_value_bytes(word, (size_t)(at - word)));
    at += skip ? skip : 1;
    if (skip) word = at;
  }
  if (end > word) ss_value_push(&words, ss_value_bytes(word, (size_t)(end - word)));
  return words;
}

static int most_common(const ss_context *context, ss_expr words_of_line) {
  const char *letter = ss_arg_string(context, 1);
  if (!*letter) return ss_raise("ValueError", "first_letter is empty");
  ss_expr first = ss_call("substring", ss_col("word"), ss_int(1), ss_int(1));
  ss_frame mine = ss_filter(words(ss_arg_string(context, 0), words_of_line), ss_call("==", lower(first), lower(ss_string(letter))));
  ss_frame sorted = ss_order_by(mine, ss_desc(ss_col("count")), ss_asc(ss_col("word")));
  return ss_return_frame(ss_limit(sorted, (int32_t)ss_arg_int(context, 2)));
}

static int word_count(const ss_context *context) { return most_common(context, split()); }

static int word_count_udf(const ss_context *context) {
  return most_common(context, ss_call_udf("words", ss_col("value")));
}

/* How many characters a text has. */
static size_t characters(const char *text) {
  size_t n = 0;
  for (; *text; text++) n += (*text & 0xc0) != 0x80;
  return n;
}

static int longest(const ss_context *context) {
  if (ss_update_state("PROGRESS", "{\"step\": \"collecting\"}") < 0) return ss_fail();
  ss_json rows = ss_collect(ss_select(words(ss_arg_string(context, 0), split()), ss_col("word")));
  if (!rows) return ss_fail();
  const char *best = NULL;
  int count = 0;
  for (ss_json row = ss_json_first(rows); row; row = ss_json_next(row), count++) {
    const char *word = ss_json_string(ss_json_first(row));
    size_t n = characters(word), most = best ? characters(best) : 0;
    /* Of several the first in the alphabet. */
    if (n > most || (n == most && strcmp(word, best) < 0)) best = word;
  }
  ss_log("words collected", ss_format("{\"count\": %d}", count));
  if (!best) ss_panic("there are no words");
  return ss_return_string(best);
}

static const ss_task tasks[] = {
    {"c.simple_sum", simple_sum, "the sum of the numbers from 0 to n-1", "int64", {{"n", "int64", "how many numbers, from 0 on"}}},
    {"c.WordCount", word_count, "the most common words with a first letter; words are split at white space", "DataFrame",
     {{"inputs", "string", "path, folder or glob of text files"},
      {"first_letter", "string", "what the words begin with, in upper or lower case"},
      {"limit", "int32", "how many words", "5"}},
     "\"max_retries\": 1"},
    {"c.WordCountUDF", word_count_udf, "the same, with the words split on the executors, by this module's own function", "DataFrame",
     {{"inputs", "string"}, {"first_letter", "string"}, {"limit", "int32", NULL, "5"}}},
    {"c.longest", longest, "the longest of the words, counted in this module", "any", {{"inputs", "string"}}},
};

static const ss_function functions[] = {
    {"words", tokens, "the words of a text: what stands between white space", "array<string>", {{"text", "string"}}},
};

SS_MODULE(tasks, functions)
