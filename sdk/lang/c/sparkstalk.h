/* Task modules in C for sparkstalk, a Celery worker with a warm Spark session. One source file of a module includes this and
 * ends with SS_MODULE and the table of its tasks.
 *
 * What has no name here is in sparkstalk_v1.h, the host's functions as they are. Memory that functions here return is the
 * call's: it is freed once the task has returned. Texts are UTF-8 with a zero at the end. */
#ifndef SPARKSTALK_H
#define SPARKSTALK_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sparkstalk_v1.h"

#define SS_UNUSED __attribute__((unused))

/* ---- Memory of a call ---- */

struct ss_block {
  _Alignas(max_align_t) struct ss_block *next;
};
static struct ss_block *ss_blocks;

/* n bytes that are freed once the task has returned. */
SS_UNUSED static void *ss_alloc(size_t n) {
  struct ss_block *block = malloc(sizeof *block + n);
  if (!block) __builtin_trap();
  block->next = ss_blocks;
  ss_blocks = block;
  return block + 1;
}

static void ss_free_all(void) {
  while (ss_blocks) {
    struct ss_block *next = ss_blocks->next;
    free(ss_blocks);
    ss_blocks = next;
  }
}

/* A text as printf makes it. */
__attribute__((format(printf, 1, 2))) SS_UNUSED static char *ss_format(const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  char *out = ss_alloc((size_t)n + 1);
  vsnprintf(out, (size_t)n + 1, format, again);
  va_end(args);
  va_end(again);
  return out;
}

/* ---- Errors: what a task returns ---- */

/* How many bytes the character of UTF-8 has that a text goes on with; 0 if it is none. */
static int ss_utf8(const unsigned char *at) {
  static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
  int n = *at < 0x80 ? 1 : *at < 0xc0 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : *at < 0xf8 ? 4 : 0;
  unsigned code = n > 1 ? *at & (0xffu >> (n + 1)) : *at;
  for (int i = 1; i < n; i++) {
    if ((at[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | (at[i] & 0x3f);
  }
  return code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : n;
}

/* A text as a JSON string, with U+FFFD for bytes that are no UTF-8. */
SS_UNUSED static char *ss_quote(const char *text) {
  char *out = ss_alloc(6 * strlen(text) + 3), *to = out;
  *to++ = '"';
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
    if (*c < ' ') {
      to += sprintf(to, "\\u%04x", *c);
    } else if (*c < 0x80) {
      if (*c == '"' || *c == '\\') *to++ = '\\';
      *to++ = (char)*c;
    } else {
      int n = ss_utf8(c);
      to += n ? sprintf(to, "%.*s", n, (const char *)c) : sprintf(to, "\\ufffd");
      c += n > 1 ? n - 1 : 0;
    }
  }
  strcpy(to, "\"");
  return out;
}

/* The n bytes that the last call left in the host's register. */
SS_UNUSED static char *ss_fetch(int64_t n) {
  size_t size = n > 0 ? (size_t)n : 0;
  char *out = ss_alloc(size + 1);
  if (size) ss_take(out);
  out[size] = 0;
  return out;
}

/* Fails the task with the error of the host function that has just failed: return ss_fail(); */
SS_UNUSED static int ss_fail(void) {
  char *error = ss_fetch(ss_error_take());
  ss_result_error(error, (uint32_t)strlen(error));
  return 1;
}

/* Fails the task with an exception, one of Python's own, such as "ValueError", or another with its module before the last dot:
 * return ss_raise("ValueError", "no"); */
SS_UNUSED static int ss_raise(const char *type, const char *message) {
  const char *dot = strrchr(type, '.');
  const char *module = dot ? ss_format("%.*s", (int)(dot - type), type) : "builtins";
  char *error = ss_format("{\"type\":%s,\"module\":%s,\"args\":[%s]}", ss_quote(dot ? dot + 1 : type), ss_quote(module),
                          ss_quote(message));
  ss_result_error(error, (uint32_t)strlen(error));
  return 1;
}

/* Whether this is an executor of Spark's, which has no host: see sparkstalk_udf.h. */
static bool ss_on_executor;

/* Ends the task or the query, and its instance, for a mistake of the module's own. */
#define ss_panic(message) ss_panic_at(message, __FILE__, __LINE__)
__attribute__((noreturn)) SS_UNUSED static void ss_panic_at(const char *message, const char *file, int line) {
  if (ss_on_executor) { /* what is printed goes into the query's error */
    char *text = ss_format("panic: %s (%s:%d)\n", message, file, line);
    if (write(STDERR_FILENO, text, strlen(text)) >= 0) __builtin_trap();
  }
  char *error = ss_format("{\"type\":\"Panic\",\"module\":\"sparkstalk\",\"args\":[%s],\"traceback\":%s}", ss_quote(message),
                          ss_quote(ss_format("%s:%d", file, line)));
  ss_result_error(error, (uint32_t)strlen(error));
  __builtin_trap();
}

/* ---- Results: return ss_return_int(n); ---- */

/* The result in JSON. */
SS_UNUSED static int ss_return_json(const char *json) {
  return ss_result_json(json, (uint32_t)strlen(json)) < 0 ? ss_fail() : 0;
}
SS_UNUSED static int ss_return_int(int64_t n) { return ss_return_json(ss_format("%lld", (long long)n)); }
SS_UNUSED static int ss_return_double(double x) { return ss_return_json(ss_format("%.17g", x)); }
SS_UNUSED static int ss_return_string(const char *text) { return ss_return_json(ss_quote(text)); }

/* The rows of a frame, which never come into the module. */
SS_UNUSED static int ss_return_frame(ss_frame frame) { return ss_result_frame(frame, SS_ROW_ARRAYS) < 0 ? ss_fail() : 0; }

/* ---- JSON that comes from the host ---- */

/* A value within a text; NULL where there is none. */
typedef const char *ss_json;

static ss_json ss_json_space(ss_json at) {
  while (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n') at++;
  return at;
}

/* What is behind a value. */
static ss_json ss_json_skip(ss_json at) {
  int depth = 0;
  do {
    at = ss_json_space(at);
    if (*at == '"') {
      for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1]) at++;
      if (*at) at++;
    } else if (*at == '[' || *at == '{') {
      depth++, at++;
    } else if (*at == ']' || *at == '}') {
      depth--, at++;
    } else if (*at == ',' || *at == ':') {
      at++;
    } else {
      while (*at && !strchr(",:]} \t\r\n", *at)) at++;
    }
  } while (depth > 0 && *at);
  return at;
}

/* The first element of an array, or the first name of an object. */
SS_UNUSED static ss_json ss_json_first(ss_json value) {
  if (!value || (*value != '[' && *value != '{')) return NULL;
  value = ss_json_space(value + 1);
  return *value == ']' || *value == '}' ? NULL : value;
}

/* What follows an element of an array, or a name or value of an object. */
SS_UNUSED static ss_json ss_json_next(ss_json value) {
  if (!value) return NULL;
  value = ss_json_space(ss_json_skip(value));
  return *value == ',' || *value == ':' ? ss_json_space(value + 1) : NULL;
}

/* An element of an array. */
SS_UNUSED static ss_json ss_json_at(ss_json array, int i) {
  ss_json at = ss_json_first(array);
  while (at && i-- > 0) at = ss_json_next(at);
  return at;
}

/* A number that the host has found to be one. */
SS_UNUSED static int64_t ss_json_int(ss_json value) { return value ? strtoll(value, NULL, 10) : 0; }
SS_UNUSED static double ss_json_double(ss_json value) { return value ? strtod(value, NULL) : 0; }
SS_UNUSED static bool ss_json_bool(ss_json value) { return value && *value == 't'; }

static unsigned ss_json_hex(ss_json at) {
  char digits[5] = {0};
  strncpy(digits, at, 4);
  return (unsigned)strtoul(digits, NULL, 16);
}

/* The text of a string; NULL if it is none. */
SS_UNUSED static char *ss_json_string(ss_json value) {
  if (!value || *value != '"') return NULL;
  const char *end = ss_json_skip(value);
  char *out = ss_alloc((size_t)(end - value) + 1), *to = out;
  for (const char *at = value + 1; at < end && *at != '"'; at++) {
    if (*at != '\\' || at + 1 == end) {
      *to++ = *at;
      continue;
    }
    static const char from[] = "bfnrt", by[] = "\b\f\n\r\t";
    const char *found = strchr(from, *++at);
    if (*at != 'u') {
      *to++ = found && *found ? by[found - from] : *at;
      continue;
    }
    unsigned code = ss_json_hex(at + 1);
    at += strnlen(at + 1, 4);
    if (code >= 0xd800 && code < 0xdc00 && at[1] == '\\' && at[2] == 'u') { /* the first of two for one character */
      code = 0x10000 + ((code - 0xd800) << 10) + ((ss_json_hex(at + 3) - 0xdc00) & 0x3ff);
      at += 2 + strnlen(at + 3, 4);
    }
    if (code >= 0x10000) *to++ = (char)(0xf0 | code >> 18), *to++ = (char)(0x80 | (code >> 12 & 0x3f));
    else if (code >= 0x800) *to++ = (char)(0xe0 | code >> 12);
    if (code >= 0x800) *to++ = (char)(0x80 | (code >> 6 & 0x3f));
    else if (code >= 0x80) *to++ = (char)(0xc0 | code >> 6);
    *to++ = (char)(code >= 0x80 ? 0x80 | (code & 0x3f) : code);
  }
  *to = 0;
  return out;
}

/* The value of a name in an object; NULL if it has none. */
SS_UNUSED static ss_json ss_json_get(ss_json object, const char *name) {
  if (!object || *object != '{') return NULL;
  for (ss_json at = ss_json_first(object); at; at = ss_json_next(ss_json_next(at))) {
    const char *text = ss_json_string(at);
    if (text && !strcmp(text, name)) return ss_json_next(at);
  }
  return NULL;
}

/* The error of the host function that has just failed, instead of failing with it: an object with type, module, args and
 * traceback. */
SS_UNUSED static ss_json ss_last_error(void) { return ss_fetch(ss_error_take()); }

/* ---- Columns and frames, by PySpark's names. What is wrong with one is the error of the action that needs it. ---- */

/* A text as the host takes it: a pointer and a length. */
#define SS_TEXT(text) (text), (uint32_t)strlen(text)
/* Values of one type as the host takes lists of handles: a pointer and a count. */
#define SS_LIST(type, ...) (const type[]){__VA_ARGS__}, (uint32_t)(sizeof((const type[]){__VA_ARGS__}) / sizeof(type))

/* A list of one string on the wire: its length as four bytes, and its bytes. */
static char *ss_one(const char *text) {
  uint32_t n = (uint32_t)strlen(text);
  char *out = ss_alloc(n + 4);
  memcpy(out, &n, 4);
  memcpy(out + 4, text, n);
  return out;
}
#define SS_ONE(text) ss_one(text), (uint32_t)strlen(text) + 4

/* A column by name, constants, and an expression in SQL text. */
SS_UNUSED static ss_expr ss_col(const char *name) { return ss_expr_column(SS_TEXT(name)); }
SS_UNUSED static ss_expr ss_string(const char *text) { return ss_expr_string(SS_TEXT(text)); }
SS_UNUSED static ss_expr ss_int(int64_t n) { return ss_expr_int(n); }
SS_UNUSED static ss_expr ss_sql_expr(const char *text) { return ss_expr_sql(SS_TEXT(text)); }

/* Any of Spark's functions or operators by its name in SQL: ss_call("split", text, pattern). */
#define ss_call(name, ...) ss_expr_call(SS_TEXT(name), SS_LIST(ss_expr, __VA_ARGS__), false)

SS_UNUSED static ss_expr ss_as(ss_expr column, const char *name) { return ss_expr_alias(column, SS_ONE(name)); }
SS_UNUSED static ss_expr ss_asc(ss_expr column) { return ss_expr_sort(column, false, false); }
SS_UNUSED static ss_expr ss_desc(ss_expr column) { return ss_expr_sort(column, true, true); }

/* Reads a path, folder or glob in a format of Spark's. */
SS_UNUSED static ss_frame ss_read(const char *format, const char *path) {
  return ss_frame_read(SS_TEXT(format), NULL, 0, NULL, 0, SS_ONE(path));
}
SS_UNUSED static ss_frame ss_table(const char *name) { return ss_frame_table(SS_TEXT(name), NULL, 0); }
SS_UNUSED static ss_frame ss_sql(const char *query) { return ss_frame_sql(SS_TEXT(query), NULL, 0, NULL, 0); }
SS_UNUSED static ss_frame ss_range(int64_t start, int64_t end) { return ss_frame_range(start, end, 1, 0); }

#define ss_select(frame, ...) ss_frame_select(frame, SS_LIST(ss_expr, __VA_ARGS__))
#define ss_filter(frame, condition) ss_frame_filter(frame, condition)
#define ss_order_by(frame, ...) ss_frame_sort(frame, SS_LIST(ss_expr, __VA_ARGS__), true)
#define ss_limit(frame, n) ss_frame_limit(frame, n)
/* Aggregates of all rows, and of the groups of a key. */
#define ss_agg(frame, ...) ss_frame_aggregate(frame, SS_GROUP_BY, NULL, 0, SS_LIST(ss_expr, __VA_ARGS__))
#define ss_agg_by(frame, key, ...) ss_frame_aggregate(frame, SS_GROUP_BY, SS_LIST(ss_expr, key), SS_LIST(ss_expr, __VA_ARGS__))

/* The frame as a cached one: computed by the first action that needs it, and kept by the host for all tasks with the same
 * plan. The name is for people. */
SS_UNUSED static ss_frame ss_cache(ss_frame frame, const char *name) { return ss_frame_cache(frame, SS_TEXT(name)); }

/* The rows of a frame, an array of arrays of values; NULL is an error: return ss_fail(); */
SS_UNUSED static ss_json ss_collect(ss_frame frame) {
  int64_t n = ss_action_collect(frame, SS_ROW_ARRAYS);
  return n < 0 ? NULL : ss_fetch(n);
}

#include "sparkstalk_http.h"
#include "sparkstalk_udf.h"

/* ---- Tasks ---- */

typedef struct ss_task ss_task;

/* A call that a task answers. */
typedef struct {
  const ss_task *task;
  ss_json values; /* of the parameters, in their order */
} ss_context;

/* A parameter. type is bool, int32, int64, float64, string, a list of these such as []string, one with a star that takes None
 * too, or any. The default is JSON; without one the caller has to give the argument. */
typedef struct {
  const char *name, *type, *doc, *default_json;
} ss_param;

#define SS_MAX_PARAMS 16

struct ss_task {
  const char *name;
  int (*run)(const ss_context *context); /* returns what ss_return_… and ss_fail do */
  const char *doc;
  const char *returns; /* the result's type, such as int64 or DataFrame */
  ss_param params[SS_MAX_PARAMS];
  const char *options; /* Celery's, as the members of a JSON object: "\"max_retries\": 5, \"acks_late\": true";
                          \"idempotent\": true has the task run once more when Spark lost its session */
};

/* The value of a parameter by its place, counted from 0. The host has held it to its type. */
SS_UNUSED static ss_json ss_arg(const ss_context *context, int i) { return ss_json_at(context->values, i); }
SS_UNUSED static char *ss_arg_string(const ss_context *context, int i) { return ss_json_string(ss_arg(context, i)); }
SS_UNUSED static int64_t ss_arg_int(const ss_context *context, int i) { return ss_json_int(ss_arg(context, i)); }
SS_UNUSED static double ss_arg_double(const ss_context *context, int i) { return ss_json_double(ss_arg(context, i)); }
SS_UNUSED static bool ss_arg_bool(const ss_context *context, int i) { return ss_json_bool(ss_arg(context, i)); }

/* Writes a line to the host's log; attributes are a JSON object, or empty. */
SS_UNUSED static void ss_log(const char *message, const char *attributes) { ss_task_log(0, SS_TEXT(message), SS_TEXT(attributes)); }

/* Reports a state of the task's own, such as PROGRESS, with meta in JSON. A negative result is an error: return ss_fail(); */
SS_UNUSED static int64_t ss_update_state(const char *state, const char *meta) { return ss_task_state(SS_TEXT(state), SS_TEXT(meta)); }

/* The rights that a module asks for, in its source file: SS_NEEDS("http:api.example.com", "env:TZ"); and others such as "sql" and
 * "read_table:sales.*". The worker's setting modules grants them or not; without one, what needs it is a PermissionError. A
 * module that asks for none of read, write, read_table, write_table, sql, send and conf has of these what the worker grants; one
 * that asks for some, no others. */
#define SS_NEEDS(...) static const char *const *ss_needs = (const char *const[]){__VA_ARGS__, NULL}
static const char *const *ss_needs; /* none, unless the source defines it */

SS_UNUSED static int ss_describe(const ss_task *tasks, int count, const ss_function *functions, int function_count) {
  char *text = "";
  for (int i = 0; i < count; i++) {
    const ss_task *t = &tasks[i];
    char *params = "";
    for (const ss_param *p = t->params; p < t->params + SS_MAX_PARAMS && p->name; p++) {
      params = ss_format("%s%s{\"name\":%s,\"type\":%s,\"doc\":%s%s%s}", params, *params ? "," : "", ss_quote(p->name),
                         ss_quote(p->type ? p->type : "any"), ss_quote(p->doc ? p->doc : ""),
                         p->default_json ? ",\"default\":" : "", p->default_json ? p->default_json : "");
    }
    text = ss_format("%s%s{\"name\":%s,\"doc\":%s,\"returns\":%s,\"params\":[%s]%s%s}", text, i ? "," : "", ss_quote(t->name),
                     ss_quote(t->doc ? t->doc : ""), ss_quote(t->returns ? t->returns : "any"), params, t->options ? "," : "",
                     t->options ? t->options : "");
  }
  char *needs = "";
  for (const char *const *n = ss_needs; n && *n; n++) needs = ss_format("%s%s%s", needs, *needs ? "," : "", ss_quote(*n));
  int status =
      ss_return_json(ss_format("{\"abi\":1,\"sdk\":\"c/0.1.0\",\"capabilities\":[%s],\"tasks\":[%s],\"functions\":[%s]}", needs, text,
                               ss_describe_functions(functions, function_count)));
  ss_free_all();
  return status;
}

SS_UNUSED static int ss_run(const ss_task *tasks, int count, int index) {
  int status;
  int64_t n = ss_task_bind();
  if (n < 0 || index < 0 || index >= count) {
    status = n < 0 ? ss_fail() : ss_raise("IndexError", "there is no such task in this module");
  } else {
    ss_context context = {&tasks[index], ss_fetch(n)};
    status = tasks[index].run(&context);
  }
  ss_free_all();
  return status;
}

/* A test that sparkstalk test runs, of a file named …_test.c, which includes what it tests: SS_TEST(adds) { assert(add(1, 1) == 2); }
 * It fails by assert and the like; what asks the host fails it, too. */
#define SS_TEST(name) SS_EXPORT("test_" #name) void test_##name(void)

/* Makes the functions that a module exports, of the table of its tasks and perhaps that of its functions on executors. */
#define SS_MODULE(...) SS_MODULE_OF(__VA_ARGS__, SS_MODULE_BOTH, SS_MODULE_TASKS, )(__VA_ARGS__)
#define SS_MODULE_OF(tasks, functions, macro, ...) macro

#define SS_COUNT(table) (int)(sizeof table / sizeof *table)
#define SS_MODULE_TASKS(tasks) SS_MODULE_MAIN(tasks, NULL, 0)
#define SS_MODULE_BOTH(tasks, functions)                                                                       \
  SS_MODULE_MAIN(tasks, functions, SS_COUNT(functions))                                                        \
  SS_EXPORT("sparkstalk_udf_buffer") char *sparkstalk_udf_buffer(int size) {                                   \
    return ss_grow(&ss_arguments, (size_t)size);                                                               \
  }                                                                                                            \
  SS_EXPORT("sparkstalk_udf") int64_t sparkstalk_udf(int index, SS_UNUSED int length) {                        \
    return ss_call_function(functions, SS_COUNT(functions), index);                                            \
  }
#define SS_MODULE_MAIN(tasks, functions, function_count)                                                       \
  SS_EXPORT("sparkstalk_describe") int sparkstalk_describe(void) {                                             \
    return ss_describe(tasks, SS_COUNT(tasks), functions, function_count);                                     \
  }                                                                                                            \
  SS_EXPORT("sparkstalk_run") int sparkstalk_run(int index) { return ss_run(tasks, SS_COUNT(tasks), index); }

#endif
