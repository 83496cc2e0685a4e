/* sparkstalk test examples/wordcount-c */
#include <assert.h>

#include "sparkstalk_test.h"
#include "wordcount.c"

/* The words of a text, with a bar between any two. */
static const char *joined(const char *text) {
  ss_value arg = ss_value_text(text), words = tokens(&arg);
  char *out = "";
  for (uint32_t i = 0; i < words.n; i++) out = ss_format("%s%s%s", out, i ? "|" : "", ss_value_string(&words.items[i]));
  return out;
}

SS_TEST(words_stand_between_white_space) {
  assert(!strcmp(joined("the\tquick  brown\u2003fox\x1c"), "the|quick|brown|fox"));
  assert(!strcmp(joined("größe"), "größe"));
}

SS_TEST(white_space_has_no_words) {
  assert(!strcmp(joined(""), ""));
  assert(!strcmp(joined(" \n"), ""));
}

SS_TEST(words_are_counted) {
  ss_test_given("/texts", "value string", "[[\"and And and\"],[\"an apple, so it goes\"]]");
  assert(!strcmp(ss_test_call("c.WordCount", "[\"/texts\",\"a\"]"), "[[\"and\",2],[\"And\",1],[\"an\",1],[\"apple,\",1]]"));
  assert(!strcmp(ss_test_call("c.longest", "[\"/texts\"]"), "\"apple,\""));
  assert(!strcmp(ss_test_call("c.WordCount", "[\"/texts\",\"\"]"), "ValueError: first_letter is empty"));
}
