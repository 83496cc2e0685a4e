/* A module's own functions for Spark's expressions, which the executors run in a copy of the module without a host. It is a
 * part of sparkstalk.h. What ss_alloc and what is made by it return is freed at the end of each call.
 *
 *   static ss_value twice(const ss_value *args) { return ss_value_int(2 * args[0].i); }
 *
 *   static const ss_function functions[] = {
 *       {"twice", twice, "a number and itself", "bigint", {{"n", "bigint"}}},
 *   };
 *   SS_MODULE(tasks, functions)
 *
 * Plans call it by ss_call_udf("twice", column), SQL text by its name. */
#ifndef SPARKSTALK_UDF_H
#define SPARKSTALK_UDF_H

/* A value of a type that the function's declaration names. */
typedef struct ss_value ss_value;
struct ss_value {
  enum { SS_NULL, SS_PRESENT, SS_ERROR } is;
  int64_t i;       /* boolean, tinyint to bigint; date is days, timestamp is microseconds since 1970 in UTC */
  double f;        /* float, double */
  const char *at;  /* the n bytes of a string, binary, or a decimal as text, -12.50; no zero follows them */
  ss_value *items; /* the n elements of an array */
  uint32_t n;
};

SS_UNUSED static ss_value ss_value_null(void) { return (ss_value){.is = SS_NULL}; }
SS_UNUSED static ss_value ss_value_int(int64_t i) { return (ss_value){SS_PRESENT, .i = i}; }
SS_UNUSED static ss_value ss_value_double(double f) { return (ss_value){SS_PRESENT, .f = f}; }
SS_UNUSED static ss_value ss_value_bytes(const void *at, size_t n) { return (ss_value){SS_PRESENT, .at = at, .n = (uint32_t)n}; }
SS_UNUSED static ss_value ss_value_text(const char *text) { return ss_value_bytes(text, strlen(text)); }
SS_UNUSED static ss_value ss_value_array(void) { return (ss_value){.is = SS_PRESENT}; }

/* Fails the query with a message. */
SS_UNUSED static ss_value ss_value_error(const char *message) {
  return (ss_value){SS_ERROR, .at = message, .n = (uint32_t)strlen(message)};
}

/* Adds an element to an array that ss_value_array has made. */
SS_UNUSED static void ss_value_push(ss_value *array, ss_value item) {
  uint32_t n = array->n++;
  if (!(n & (n - 1))) { /* there is room for 1, 2, 4, 8, … */
    ss_value *items = ss_alloc((n ? 2 * n : 1) * sizeof *items);
    if (n) memcpy(items, array->items, n * sizeof *items);
    array->items = items;
  }
  array->items[n] = item;
}

/* The bytes of a value with a zero behind them. */
SS_UNUSED static char *ss_value_string(const ss_value *value) {
  char *out = ss_alloc(value->n + 1);
  memcpy(out, value->at, value->n);
  out[value->n] = 0;
  return out;
}

#define SS_MAX_UDF_PARAMS 10

/* A function, or with finish an aggregate. Types are boolean, tinyint, smallint, int, bigint, float, double, string, binary,
 * date, timestamp, decimal(p,s), and array<…> of these. */
typedef struct {
  const char *name;
  ss_value (*run)(const ss_value *args);
  const char *doc;
  const char *returns;
  struct {
    const char *name, *type;
  } params[SS_MAX_UDF_PARAMS];
  /* More members of its entry in the manifest: "\"nondeterministic\": true", or "\"export\": \"twice\"" for an export of plain
   * values, which is faster: SS_EXPORT("twice") int64_t twice(int64_t n) { … }. abi/README.md has its types. */
  const char *options;
  /* Without it a NULL for any argument makes the result NULL, or leaves the row out, without a call. */
  bool takes_null;
  /* An aggregate keeps a state of so many bytes, which are zero for no rows, and has no run. */
  size_t state;
  void (*update)(void *state, const ss_value *args);
  void (*merge)(void *state, const void *other);
  ss_value (*finish)(const void *state);
} ss_function;

/* A call of one of the module's functions in a plan. */
#define ss_call_udf(name, ...) ss_expr_udf(SS_TEXT(name), SS_LIST(ss_expr, __VA_ARGS__))

#define SS_EXPORT(name) __attribute__((export_name(name)))

/* How many bytes values of a type have; 0 is for those with a length before them. A few letters tell types apart. */
static uint32_t ss_type_size(const char *type) {
  switch (type[0]) {
    case 'b': return type[1] == 'o' ? 1 : type[2] == 'g' ? 8 : 0; /* boolean, bigint, binary */
    case 't': return type[2] == 'n' ? 1 : 8;                      /* tinyint, timestamp */
    case 's': return type[1] == 'm' ? 2 : 0;                      /* smallint, string */
    case 'd': return type[1] == 'o' ? 8 : type[2] == 't' ? 4 : 0; /* double, date, decimal */
    case 'i': case 'f': return 4;                                 /* int, float */
  }
  return 0;
}

static bool ss_type_floats(const char *type) { return type[0] == 'f' || (type[0] == 'd' && type[1] == 'o'); }

/* The type of the elements of array<…>; only its beginning is looked at. */
static const char *ss_type_element(const char *type) { return type[0] == 'a' ? type + sizeof "array<" - 1 : NULL; }

static void ss_take_bytes(const char **from, void *to, size_t n) {
  memcpy(to, *from, n);
  *from += n;
}

static ss_value ss_read_value(const char **from, const char *type) {
  ss_value v = {.is = *(*from)++ ? SS_PRESENT : SS_NULL};
  uint32_t size = ss_type_size(type);
  if (v.is == SS_NULL) return v;
  if (size && ss_type_floats(type)) {
    float single;
    ss_take_bytes(from, size == 4 ? (void *)&single : &v.f, size);
    if (size == 4) v.f = single;
  } else if (size) {
    ss_take_bytes(from, &v.i, size);
    v.i = (int64_t)((uint64_t)v.i << (64 - 8 * size)) >> (64 - 8 * size); /* with its sign */
  } else {
    ss_take_bytes(from, &v.n, 4);
    if (!ss_type_element(type)) {
      v.at = *from;
      *from += v.n;
      return v;
    }
    v.items = ss_alloc(v.n * sizeof *v.items);
    for (uint32_t i = 0; i < v.n; i++) v.items[i] = ss_read_value(from, ss_type_element(type));
  }
  return v;
}

/* Where arguments and answers are; they stay there until larger ones come. */
static struct ss_room {
  char *at;
  size_t n, size;
} ss_arguments, ss_answer;

static char *ss_grow(struct ss_room *room, size_t size) {
  if (size > room->size) {
    room->size = 2 * size;
    room->at = realloc(room->at, room->size);
    if (!room->at) __builtin_trap();
  }
  return room->at;
}

static void ss_put(const void *bytes, size_t n) {
  if (n) memcpy(ss_grow(&ss_answer, ss_answer.n + n) + ss_answer.n, bytes, n);
  ss_answer.n += n;
}

static void ss_write_value(const ss_value *v, const char *type) {
  char present = v->is != SS_NULL;
  uint32_t size = ss_type_size(type);
  ss_put(&present, 1);
  if (!present) return;
  if (size && ss_type_floats(type)) {
    float single = (float)v->f;
    ss_put(size == 4 ? (void *)&single : &v->f, size);
  } else if (size) {
    ss_put(&v->i, size);
  } else {
    ss_put(&v->n, 4);
    if (!ss_type_element(type)) ss_put(v->at, v->n);
    else
      for (uint32_t i = 0; i < v->n; i++) ss_write_value(&v->items[i], ss_type_element(type));
  }
}

/* A state, which executors keep as bytes; NULL is that of no rows. */
static void *ss_read_state(const ss_function *f, const char **from) {
  ss_value bytes = ss_read_value(from, "binary");
  void *state = ss_alloc(f->state);
  memset(state, 0, f->state);
  if (bytes.n == f->state) memcpy(state, bytes.at, f->state);
  return state;
}

/* Calls a function with the arguments in ss_arguments. A step of an aggregate begins with its number and a state. type becomes
 * that of the answer. */
static ss_value ss_answer_call(const ss_function *f, const char **type) {
  const char *from = ss_arguments.at;
  enum { UPDATE, MERGE, FINISH } step = f->finish ? *from++ : UPDATE;
  void *state = f->finish ? ss_read_state(f, &from) : NULL;
  *type = f->finish && step != FINISH ? "binary" : f->returns;
  if (step == FINISH) return f->finish(state);
  if (step == MERGE) f->merge(state, ss_read_state(f, &from));
  if (step == UPDATE) {
    ss_value args[SS_MAX_UDF_PARAMS];
    bool called = true;
    for (int i = 0; i < SS_MAX_UDF_PARAMS && f->params[i].type; i++) {
      args[i] = ss_read_value(&from, f->params[i].type);
      called = called && (args[i].is || f->takes_null);
    }
    if (!f->finish) return called ? f->run(args) : ss_value_null();
    if (called) f->update(state, args);
  }
  return ss_value_bytes(state, f->state);
}

/* What sparkstalk_udf does: the low half is where the answer lies, the high half its length; negative is an error's text. */
SS_UNUSED static int64_t ss_call_function(const ss_function *functions, int count, int index) {
  ss_on_executor = true;
  ss_answer.n = 0;
  bool there = index >= 0 && index < count;
  const char *type = "";
  ss_value v = there ? ss_answer_call(&functions[index], &type) : ss_value_error("there is no such function in this module");
  if (v.is == SS_ERROR) ss_put(v.at, v.n);
  else ss_write_value(&v, type);
  ss_free_all();
  return (int64_t)((uint64_t)(v.is == SS_ERROR) << 63 | (uint64_t)ss_answer.n << 32 | (uint32_t)(uintptr_t)ss_answer.at);
}

/* The manifest's functions. */
SS_UNUSED static char *ss_describe_functions(const ss_function *functions, int count) {
  char *text = "";
  for (const ss_function *f = functions; f < functions + count; f++) {
    char *params = "";
    for (int i = 0; i < SS_MAX_UDF_PARAMS && f->params[i].type; i++)
      params = ss_format("%s%s{\"name\":%s,\"type\":%s}", params, i ? "," : "", ss_quote(f->params[i].name), ss_quote(f->params[i].type));
    text = ss_format("%s%s{\"name\":%s,\"doc\":%s,\"returns\":%s,\"params\":[%s]%s%s%s}", text, *text ? "," : "", ss_quote(f->name),
                     ss_quote(f->doc ? f->doc : ""), ss_quote(f->returns), params, f->finish ? ",\"aggregate\":true" : "",
                     f->options ? "," : "", f->options ? f->options : "");
  }
  return text;
}

#endif
