// HTTP through the host. A module asks for the right with needs("http:api.example.com"), and the worker's setting modules grants it.
import * as host from "./host";
import { Json } from "./json";
import { raise, raiseLast } from "./error";

/** What Http.send sends. */
export class HttpRequest {
  constructor(public url: string, public method: string = "GET") {}
  body: ArrayBuffer = new ArrayBuffer(0);
  /** How many seconds it may take until the whole answer is there. Zero means 30. */
  timeout: f64 = 0;
  /** Has a redirect be the answer. */
  noRedirects: bool = false;
  private headers: Json = Json.object();

  /** Adds a value of a header. Host and others of the connection are the host's to set. */
  header(name: string, value: string): HttpRequest {
    if (this.headers.get(name) === null) this.headers.set(name, Json.array());
    this.headers.get(name)!.items.push(Json.string(value));
    return this;
  }
  /** Sets the body to a text in UTF-8. */
  text(body: string): HttpRequest { this.body = String.UTF8.encode(body); return this; }

  head(): Json {
    return Json.object().set("method", Json.string(this.method)).set("url", Json.string(this.url)).set("headers", this.headers)
      .set("timeout", Json.f64(this.timeout)).set("no_redirects", Json.bool(this.noRedirects));
  }
}

/** An answer, whole. */
export class HttpResponse {
  /** headers are lists of values by their names; url is what has answered, after redirects. */
  constructor(public status: i32, public url: string, public headers: Json, public body: ArrayBuffer) {}

  /** Whether the status is of the 200s. */
  get ok(): bool { return this.status >= 200 && this.status < 300; }
  /** The first value of a header, whose name may be in any case, or null. */
  header(name: string): string | null {
    for (let i = 0; i < this.headers.length; i++) {
      if (this.headers.names[i].toLowerCase() == name.toLowerCase()) return this.headers.items[i].at(0).text;
    }
    return null;
  }
  /** The body as text. It is taken for UTF-8. */
  text(): string { return String.UTF8.decode(this.body); }
  /** Ends the task if the status is not of the 200s: in Python with an HTTPError of requests, with the beginning of the body. */
  raiseForStatus(): void {
    if (this.ok) return;
    const place = this.url.split("?")[0]; // the query may hold secrets
    raise("requests.exceptions.HTTPError", this.status.toString() + " of " + place + ": " + this.text().substring(0, 200));
  }
  /** The body as JSON. An answer whose status is not of the 200s, or which is no JSON, ends the task. */
  json(): Json {
    this.raiseForStatus();
    return Json.parse(this.text());
  }
}

/** Makes HTTP requests through the host. It follows redirects and keeps no cookies. A request fails with PermissionError,
 * ValueError for what is none, ConnectionError, TimeoutError, or sparkstalk.LimitExceeded. An answer of any status is no error. */
export class Http {
  /** Requests a URL. */
  get(url: string): HttpResponse { return this.send(new HttpRequest(url)); }
  /** Sends a text to a URL. */
  post(url: string, contentType: string, body: string): HttpResponse {
    return this.send(new HttpRequest(url, "POST").header("Content-Type", contentType).text(body));
  }
  /** Makes a request. One that fails ends the task with that error. */
  send(request: HttpRequest): HttpResponse {
    const answer = this.trySend(request);
    if (answer === null) raiseLast();
    return answer!;
  }
  /** The answer to a request, or null; then lastError() tells why. */
  trySend(request: HttpRequest): HttpResponse | null {
    const text = host.taskHTTP(String.UTF8.encode(request.head().toString()), request.body);
    if (text === null) return null;
    const head = Json.parse(String.UTF8.decode(text));
    return new HttpResponse(<i32>head.get("status")!.toI64(), head.get("url")!.text, head.get("headers")!, host.taskHTTPBody());
  }
}
