/* HTTP and the environment, through the host. sparkstalk.h includes it. A module asks for the rights in its source file,
 * SS_NEEDS("http:api.example.com", "env:TZ"); and the worker's setting modules grants them. */
#ifndef SPARKSTALK_HTTP_H
#define SPARKSTALK_HTTP_H

#include <strings.h>

/* An environment variable of the host: *value is NULL if there is none of that name. False is an error: return ss_fail();
 * A task has no environment beside this. */
SS_UNUSED static bool ss_env(const char *name, char **value) {
  int64_t n = ss_task_env(SS_TEXT(name));
  if (n >= 0) *value = ss_json_string(ss_fetch(n));
  return n >= 0;
}

#define SS_MAX_HEADERS 16

typedef struct {
  const char *method; /* NULL is GET */
  const char *url;
  /* Names and values in turn, {"Accept", "text/csv"}, each name once. Host and others of the connection are the host's to set. */
  const char *headers[2 * SS_MAX_HEADERS];
  const char *body;
  size_t size;       /* of the body; 0 is that of a text */
  double timeout;    /* how many seconds it may take until the whole answer is there; 0 means 30 */
  bool no_redirects; /* has a redirect be the answer */
} ss_http_request;

/* An answer, whole. */
typedef struct {
  int status;
  char *url;       /* that answered, after redirects */
  ss_json headers; /* an object with a list of values for each name */
  char *body;      /* with a zero behind it */
  size_t size;     /* of the body */
} ss_http_response;

/* Makes a request: ss_http(.url = url), ss_http(.method = "POST", .url = url, .body = text). It follows redirects and keeps no
 * cookies. NULL is an error: return ss_fail(); of type PermissionError, ValueError for what is no request, ConnectionError,
 * TimeoutError, or sparkstalk.LimitExceeded. An answer of any status is no error. */
#define ss_http(...) ss_http_send(&(ss_http_request){__VA_ARGS__})

SS_UNUSED static ss_http_response *ss_http_send(const ss_http_request *request) {
  char *headers = "";
  for (const char *const *h = request->headers; h < request->headers + 2 * SS_MAX_HEADERS && h[0] && h[1]; h += 2)
    headers = ss_format("%s%s%s:[%s]", headers, *headers ? "," : "", ss_quote(h[0]), ss_quote(h[1]));
  char *head = ss_format("{\"method\":%s,\"url\":%s,\"headers\":{%s},\"timeout\":%.17g,\"no_redirects\":%s}",
                         ss_quote(request->method ? request->method : "GET"), ss_quote(request->url ? request->url : ""), headers,
                         request->timeout, request->no_redirects ? "true" : "false");
  size_t size = request->body && !request->size ? strlen(request->body) : request->size;
  int64_t n = ss_task_http(SS_TEXT(head), request->body, (uint32_t)size);
  if (n < 0) return NULL;
  ss_json answer = ss_fetch(n);
  ss_http_response *out = ss_alloc(sizeof *out);
  out->status = (int)ss_json_int(ss_json_get(answer, "status"));
  out->url = ss_json_string(ss_json_get(answer, "url"));
  out->headers = ss_json_get(answer, "headers");
  n = ss_task_http_body();
  out->body = ss_fetch(n);
  out->size = n > 0 ? (size_t)n : 0;
  return out;
}

/* The first value of a header, whose name may be in any case, or NULL. */
SS_UNUSED static char *ss_http_header(const ss_http_response *response, const char *name) {
  for (ss_json at = ss_json_first(response->headers); at; at = ss_json_next(ss_json_next(at)))
    if (!strcasecmp(ss_json_string(at), name)) return ss_json_string(ss_json_first(ss_json_next(at)));
  return NULL;
}

/* The body as JSON: ss_json_get(ss_http_json(response), "rate"). What is no JSON has no members and no elements. */
SS_UNUSED static ss_json ss_http_json(const ss_http_response *response) { return ss_json_space(response->body); }

/* Whether the status is of the 200s. */
SS_UNUSED static bool ss_http_ok(const ss_http_response *response) { return response->status >= 200 && response->status < 300; }

/* Fails the task for the status of an answer: in Python with an HTTPError of requests, with the beginning of the body.
 * if (!ss_http_ok(response)) return ss_http_fail(response); */
SS_UNUSED static int ss_http_fail(const ss_http_response *response) {
  int place = (int)strcspn(response->url, "?"); /* the query may hold secrets */
  return ss_raise("requests.exceptions.HTTPError",
                  ss_format("%d of %.*s: %.200s", response->status, place, response->url, response->body));
}

#endif
