// What tasks ask of the world outside, through the host.
import { Context, HttpRequest, Json, lastError, needs, raise, task } from "../sparkstalk";

needs("http:127.0.0.1:*");
needs("http:localhost:*");
needs("env:SPARKSTALK_TEST_*");

/** What the server at a URL says of a currency. */
task<Json>("as.rate", (ctx: Context): Json => {
  const rate = ctx.http.get(ctx.string("url")).json().get(ctx.string("currency"));
  if (rate === null) raise("KeyError", ctx.string("currency"));
  return rate!;
}).param("url", "string").param("currency", "string");

/** Sends a text, and returns the answer's status, one of its headers, its URL and its body. */
task<Json>("as.told", (ctx: Context): Json => {
  const request = new HttpRequest(ctx.string("url"), "PUT").header("X-Token", "a\"b").text(ctx.string("text"));
  request.timeout = 20.5;
  request.noRedirects = true;
  const answer = ctx.http.send(request);
  const header = answer.header("x-answer");
  return Json.array([
    Json.i64(answer.status), Json.string(header === null ? "none" : header), Json.string(answer.url), Json.string(answer.text()),
  ]);
}).param("url", "string").param("text", "string");

/** The class of the error that a request fails with. */
task<string>("as.why_not", (ctx: Context): string => {
  const request = new HttpRequest(ctx.string("url"), "POST").header("Content-Type", "text/plain").text("why not?");
  const answer = ctx.http.trySend(request);
  return answer === null ? lastError().get("type")!.text : answer.text();
}).param("url", "string");

/** An environment variable. */
task<Json>("as.zone", (ctx: Context): Json => {
  const value = ctx.env(ctx.string("name"));
  return value === null ? Json.null() : Json.string(value);
}).param("name", "string");
