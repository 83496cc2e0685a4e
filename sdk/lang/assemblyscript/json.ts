// JSON as Python's Celery writes it: with NaN and Infinity, and numbers of any size.

import { raise } from "./error";

/** What a JSON value is. */
export enum Kind { Null, Bool, Number, String, Array, Object }

/** How deep values may be nested. */
const MAX_DEPTH = 200;

/** A JSON value. Numbers keep their text, so that none loses a digit. */
export class Json {
  kind: Kind = Kind.Null;
  /** The text of a string, a number, true or false. */
  text: string = "null";
  /** The elements of an array, the values of an object. */
  items: Json[] = [];
  /** The names of an object. */
  names: string[] = [];

  /** The value of a text, which ends the task with a ValueError if it is no JSON. */
  static parse(text: string): Json {
    const p = new Parser(text);
    const value = p.value(0);
    p.space();
    if (p.at < text.length) p.wrong("more after the value");
    return value;
  }

  static null(): Json { return new Json(); }
  static string(s: string): Json { return atom(Kind.String, s); }
  static bool(b: bool): Json { return atom(Kind.Bool, b ? "true" : "false"); }
  static i64(n: i64): Json { return atom(Kind.Number, n.toString()); }
  static f64(n: f64): Json { return atom(Kind.Number, n.toString()); }
  static object(): Json { return atom(Kind.Object, ""); }
  static array(items: Json[] = []): Json {
    const a = atom(Kind.Array, "");
    a.items = items;
    return a;
  }

  /** Adds a name and its value to an object, and returns it. */
  set(name: string, value: Json): Json {
    this.names.push(name);
    this.items.push(value);
    return this;
  }

  /** The value of a name in an object, or null. */
  get(name: string): Json | null {
    const i = this.names.lastIndexOf(name);
    return i < 0 ? null : this.items[i];
  }

  /** An element of an array; null beyond its end. */
  at(i: i32): Json { return i < this.items.length ? this.items[i] : Json.null(); }
  get length(): i32 { return this.items.length; }
  get isNull(): bool { return this.kind == Kind.Null; }
  toI64(): i64 { return I64.parseInt(this.text); }
  toF64(): f64 { return F64.parseFloat(this.text); }
  toBool(): bool { return this.text == "true"; }

  toString(): string {
    if (this.kind == Kind.String) return quote(this.text);
    if (this.kind == Kind.Array) {
      const parts: string[] = [];
      for (let i = 0; i < this.items.length; i++) parts.push(this.items[i].toString());
      return "[" + parts.join(",") + "]";
    }
    if (this.kind == Kind.Object) {
      const parts: string[] = [];
      for (let i = 0; i < this.items.length; i++) parts.push(quote(this.names[i]) + ":" + this.items[i].toString());
      return "{" + parts.join(",") + "}";
    }
    return this.text;
  }
}

function atom(kind: Kind, text: string): Json {
  const j = new Json();
  j.kind = kind;
  j.text = text;
  return j;
}

function quote(s: string): string {
  let out = "\"";
  let from = 0;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c >= 0x20 && c != 0x22 && c != 0x5c) continue;
    out += s.substring(from, i);
    out += c < 0x20 ? "\\u" + c.toString(16).padStart(4, "0") : "\\" + String.fromCharCode(c);
    from = i + 1;
  }
  return out + s.substring(from) + "\"";
}

class Parser {
  at: i32 = 0;
  constructor(public text: string) {}

  wrong(why: string): void {
    raise("ValueError", why + " at character " + this.at.toString() + " of the JSON");
  }

  space(): void {
    while (this.at < this.text.length) {
      const c = this.text.charCodeAt(this.at);
      if (c != 0x20 && c != 9 && c != 10 && c != 13) return;
      this.at++;
    }
  }

  took(word: string): bool {
    this.space();
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  need(word: string): void {
    if (!this.took(word)) this.wrong("no " + word);
  }

  value(depth: i32): Json {
    if (depth > MAX_DEPTH) this.wrong("nested too deep");
    if (this.took("{")) {
      const object = Json.object();
      while (!this.took("}")) {
        if (object.length > 0) this.need(",");
        const name = this.string();
        this.need(":");
        object.set(name, this.value(depth + 1));
      }
      return object;
    }
    if (this.took("[")) {
      const array = Json.array();
      while (!this.took("]")) {
        if (array.length > 0) this.need(",");
        array.items.push(this.value(depth + 1));
      }
      return array;
    }
    if (this.took("null")) return Json.null();
    if (this.took("true")) return Json.bool(true);
    if (this.took("false")) return Json.bool(false);
    if (this.text.startsWith("\"", this.at)) return Json.string(this.string());
    const from = this.at;
    while (this.at < this.text.length && !",]} \t\r\n".includes(this.text.charAt(this.at))) this.at++;
    const word = this.text.substring(from, this.at);
    if (word != "NaN" && !isFinite(F64.parseFloat(word)) && !word.endsWith("Infinity") && !isNumber(word)) this.wrong("no value");
    if (word.length == 0) this.wrong("no value");
    return atom(Kind.Number, word);
  }

  string(): string {
    this.need("\"");
    let out = "";
    let from = this.at;
    while (this.at < this.text.length) {
      const c = this.text.charCodeAt(this.at++);
      if (c == 0x22) return out + this.text.substring(from, this.at - 1);
      if (c != 0x5c) continue;
      out += this.text.substring(from, this.at - 1);
      const escape = this.text.charAt(this.at++);
      const i = "bfnrt\"\\/".indexOf(escape);
      if (escape == "u") {
        // A character beyond the first 65536 is two of these, as it is two units of a string here.
        out += String.fromCharCode(<i32>U32.parseInt(this.text.substr(this.at, 4), 16));
        this.at += 4;
      } else if (escape != "" && i >= 0) {
        out += "\b\f\n\r\t\"\\/".charAt(i);
      } else {
        this.wrong("no such escape");
      }
      from = this.at;
    }
    this.wrong("a string without an end");
    return "";
  }
}

/** Whether a word begins as a number does: one too large for an f64 is one too. */
function isNumber(word: string): bool {
  const c = word.charCodeAt(word.startsWith("-") ? 1 : 0);
  return c >= 0x30 && c <= 0x39;
}
