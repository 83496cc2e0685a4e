/* What tests in C call, beside SS_TEST of sparkstalk.h: the tasks of the module. Their host is one of sparkstalk test's, as Go's
 * sdktest has it: what their actions come to was recorded from an engine, in testdata/recorded, or is an engine's.
 *
 *   sparkstalk test --spark sail --record     asks the engine, and keeps its answers
 *   sparkstalk test                           needs none */
#ifndef SPARKSTALK_TEST_H
#define SPARKSTALK_TEST_H

#include "sparkstalk.h"

#define SS_TEST_IMPORT(name) __attribute__((import_module("sparkstalk_test"), import_name(name)))

SS_TEST_IMPORT("call") int64_t ss_test_import_call(const char *task, uint32_t task_len, const char *args, uint32_t args_len);
SS_TEST_IMPORT("take") void ss_test_import_take(char *to);
SS_TEST_IMPORT("given") void ss_test_import_given(const char *source, uint32_t source_len, const char *schema, uint32_t schema_len,
                                                  const char *rows, uint32_t rows_len);

/* Calls a task, in an instance of the module of its own, with arguments in a JSON array. It returns the result in JSON, or the error
 * as Python prints it: "ValueError: n is negative". */
SS_UNUSED static const char *ss_test_call(const char *task, const char *args) {
  int64_t n = ss_test_import_call(SS_TEXT(task), SS_TEXT(args));
  char *out = ss_alloc((size_t)n + 1);
  ss_test_import_take(out);
  out[n] = 0;
  return out;
}

/* Has rows stand in for what tasks read from a table of that name, or from files of that path: ss_test_given("/texts", "value string",
 * "[[\"to be\"],[\"or not\"]]"); */
SS_UNUSED static void ss_test_given(const char *source, const char *schema, const char *rows) {
  ss_test_import_given(SS_TEXT(source), SS_TEXT(schema), SS_TEXT(rows));
}

#endif
