// A module's own functions for Spark's expressions, which the executors run in a copy of the module without a host. A module
// with functions exports two more names:
//
//   export { sparkstalk_udf, sparkstalk_udf_buffer } from "../sparkstalk";
//
//   udf1("words", words).doc("the words of a text").names(["text"]);
//   function words(text: string): string[] { return text.split(" "); }
//
// Types are bool, i8 to i64, f32, f64, string, Uint8Array for binary, LocalDate, Timestamp, Decimal, and arrays of these. One
// with | null takes NULL too, and Boxed<i64> | null is a number that does. With a NULL for a parameter without, the result is
// NULL, without a call. throw and raise fail the query.
import * as host from "./host";
import { Column, handles } from "./frame";
import { Json } from "./json";
import { onExecutor } from "./error";
import { any, argumentRoom, begin, ddl, get, packed, read, readState, write, writeNull, writeState } from "./udfvalue";

/** A call of one of the module's functions in a plan. */
export function callUDF(name: string, args: Column[]): Column { return new Column(host.exprUDF(name, handles(args))); }

/** A function as it is in the manifest. */
export abstract class Udf {
  private words: string = "";
  private paramNames: string[] = [];
  private options: Json = Json.object();
  constructor(private name: string, private result: string, private types: string[]) { functions.push(this); }

  /** Says in one line what it does. */
  doc(text: string): Udf { this.words = text; return this; }
  /** Names the parameters for people. */
  names(names: string[]): Udf { this.paramNames = names; return this; }
  /** The type of a parameter, counted from 0, in DDL form, such as "decimal(10,2)". */
  param(i: i32, ddl: string): Udf { this.types[i] = ddl; return this; }
  /** The type of the result in DDL form. */
  returns(ddl: string): Udf { this.result = ddl; return this; }
  /** Equal arguments may give unequal results. */
  nondeterministic(): Udf { return this.option("nondeterministic", "true"); }
  /** Sets a member of its entry in the manifest to a value in JSON, such as "export" to the name of an exported function of
   * numbers, which is faster. */
  option(name: string, json: string): Udf { this.options.set(name, Json.parse(json)); return this; }

  describe(): Json {
    const params = Json.array();
    for (let i = 0; i < this.types.length; i++) {
      const param = Json.object().set("type", Json.string(this.types[i]));
      if (i < this.paramNames.length) param.set("name", Json.string(this.paramNames[i]));
      params.items.push(param);
    }
    const out = Json.object().set("name", Json.string(this.name)).set("doc", Json.string(this.words)).set("params", params)
      .set("returns", Json.string(this.result));
    for (let i = 0; i < this.options.length; i++) out.set(this.options.names[i], this.options.items[i]);
    return out;
  }
  /** Reads the arguments and writes the result. */
  abstract call(): void;
}

const functions: Udf[] = [];

export function describeFunctions(): Json {
  const list = Json.array();
  for (let i = 0; i < functions.length; i++) list.items.push(functions[i].describe());
  return list;
}

export function sparkstalk_udf_buffer(size: i32): usize { return argumentRoom(size); }

export function sparkstalk_udf(index: i32, length: i32): i64 {
  onExecutor();
  begin();
  functions[index].call();
  return packed();
}

class Aggregate<S, A, R> extends Udf {
  constructor(name: string, private update: (state: S, value: A) => S, private merge: (a: S, b: S) => S, private finish: (state: S) => R) {
    super(name, ddl<R>(), [ddl<A>()]);
    this.option("aggregate", "true");
  }
  call(): void {
    const step = get<u8>(), state = readState<S>();
    if (step == 2) return write<R>(this.finish(state));
    if (step == 1) return writeState<S>(this.merge(state, readState<S>()));
    const value = read<A>();
    writeState<S>(any() ? this.update(state, value) : state);
  }
}

/** Declares an aggregate, which makes one value of many rows: update adds a row's value to a state, merge puts two states
 * together, and finish makes the result. The state has one of the types of values; that of no rows is 0, "", an empty array
 * or null. */
export function udaf<S, A, R>(name: string, update: (state: S, value: A) => S, merge: (a: S, b: S) => S, finish: (state: S) => R): Udf {
  return new Aggregate<S, A, R>(name, update, merge, finish);
}

// A function of so many arguments.

export function udf0<R>(name: string, body: () => R): Udf { return new Udf0<R>(name, body); }
class Udf0<R> extends Udf {
  constructor(name: string, private body: () => R) { super(name, ddl<R>(), new Array<string>()); }
  call(): void { write<R>(this.body()); }
}

export function udf1<A, R>(name: string, body: (a: A) => R): Udf { return new Udf1<A, R>(name, body); }
class Udf1<A, R> extends Udf {
  constructor(name: string, private body: (a: A) => R) { super(name, ddl<R>(), [ddl<A>()]); }
  call(): void {
    const a = read<A>();
    any() ? write<R>(this.body(a)) : writeNull();
  }
}

export function udf2<A, B, R>(name: string, body: (a: A, b: B) => R): Udf { return new Udf2<A, B, R>(name, body); }
class Udf2<A, B, R> extends Udf {
  constructor(name: string, private body: (a: A, b: B) => R) { super(name, ddl<R>(), [ddl<A>(), ddl<B>()]); }
  call(): void {
    const a = read<A>(), b = read<B>();
    any() ? write<R>(this.body(a, b)) : writeNull();
  }
}

export function udf3<A, B, C, R>(name: string, body: (a: A, b: B, c: C) => R): Udf { return new Udf3<A, B, C, R>(name, body); }
class Udf3<A, B, C, R> extends Udf {
  constructor(name: string, private body: (a: A, b: B, c: C) => R) { super(name, ddl<R>(), [ddl<A>(), ddl<B>(), ddl<C>()]); }
  call(): void {
    const a = read<A>(), b = read<B>(), c = read<C>();
    any() ? write<R>(this.body(a, b, c)) : writeNull();
  }
}

export function udf4<A, B, C, D, R>(name: string, body: (a: A, b: B, c: C, d: D) => R): Udf { return new Udf4<A, B, C, D, R>(name, body); }
class Udf4<A, B, C, D, R> extends Udf {
  constructor(name: string, private body: (a: A, b: B, c: C, d: D) => R) { super(name, ddl<R>(), [ddl<A>(), ddl<B>(), ddl<C>(), ddl<D>()]); }
  call(): void {
    const a = read<A>(), b = read<B>(), c = read<C>(), d = read<D>();
    any() ? write<R>(this.body(a, b, c, d)) : writeNull();
  }
}

export function udf5<A, B, C, D, E, R>(name: string, body: (a: A, b: B, c: C, d: D, e: E) => R): Udf { return new Udf5<A, B, C, D, E, R>(name, body); }
class Udf5<A, B, C, D, E, R> extends Udf {
  constructor(name: string, private body: (a: A, b: B, c: C, d: D, e: E) => R) { super(name, ddl<R>(), [ddl<A>(), ddl<B>(), ddl<C>(), ddl<D>(), ddl<E>()]); }
  call(): void {
    const a = read<A>(), b = read<B>(), c = read<C>(), d = read<D>(), e = read<E>();
    any() ? write<R>(this.body(a, b, c, d, e)) : writeNull();
  }
}

export function udf6<A, B, C, D, E, F, R>(name: string, body: (a: A, b: B, c: C, d: D, e: E, f: F) => R): Udf { return new Udf6<A, B, C, D, E, F, R>(name, body); }
class Udf6<A, B, C, D, E, F, R> extends Udf {
  constructor(name: string, private body: (a: A, b: B, c: C, d: D, e: E, f: F) => R) { super(name, ddl<R>(), [ddl<A>(), ddl<B>(), ddl<C>(), ddl<D>(), ddl<E>(), ddl<F>()]); }
  call(): void {
    const a = read<A>(), b = read<B>(), c = read<C>(), d = read<D>(), e = read<E>(), f = read<F>();
    any() ? write<R>(this.body(a, b, c, d, e, f)) : writeNull();
  }
}

export function udf7<A, B, C, D, E, F, G, R>(name: string, body: (a: A, b: B, c: C, d: D, e: E, f: F, g: G) => R): Udf { return new Udf7<A, B, C, D, E, F, G, R>(name, body); }
class Udf7<A, B, C, D, E, F, G, R> extends Udf {
  constructor(name: string, private body: (a: A, b: B, c: C, d: D, e: E, f: F, g: G) => R) { super(name, ddl<R>(), [ddl<A>(), ddl<B>(), ddl<C>(), ddl<D>(), ddl<E>(), ddl<F>(), ddl<G>()]); }
  call(): void {
    const a = read<A>(), b = read<B>(), c = read<C>(), d = read<D>(), e = read<E>(), f = read<F>(), g = read<G>();
    any() ? write<R>(this.body(a, b, c, d, e, f, g)) : writeNull();
  }
}

export function udf8<A, B, C, D, E, F, G, H, R>(name: string, body: (a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H) => R): Udf { return new Udf8<A, B, C, D, E, F, G, H, R>(name, body); }
class Udf8<A, B, C, D, E, F, G, H, R> extends Udf {
  constructor(name: string, private body: (a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H) => R) { super(name, ddl<R>(), [ddl<A>(), ddl<B>(), ddl<C>(), ddl<D>(), ddl<E>(), ddl<F>(), ddl<G>(), ddl<H>()]); }
  call(): void {
    const a = read<A>(), b = read<B>(), c = read<C>(), d = read<D>(), e = read<E>(), f = read<F>(), g = read<G>(), h = read<H>();
    any() ? write<R>(this.body(a, b, c, d, e, f, g, h)) : writeNull();
  }
}

export function udf9<A, B, C, D, E, F, G, H, I, R>(name: string, body: (a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H, i: I) => R): Udf { return new Udf9<A, B, C, D, E, F, G, H, I, R>(name, body); }
class Udf9<A, B, C, D, E, F, G, H, I, R> extends Udf {
  constructor(name: string, private body: (a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H, i: I) => R) { super(name, ddl<R>(), [ddl<A>(), ddl<B>(), ddl<C>(), ddl<D>(), ddl<E>(), ddl<F>(), ddl<G>(), ddl<H>(), ddl<I>()]); }
  call(): void {
    const a = read<A>(), b = read<B>(), c = read<C>(), d = read<D>(), e = read<E>(), f = read<F>(), g = read<G>(), h = read<H>(), i = read<I>();
    any() ? write<R>(this.body(a, b, c, d, e, f, g, h, i)) : writeNull();
  }
}

export function udf10<A, B, C, D, E, F, G, H, I, J, R>(name: string, body: (a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H, i: I, j: J) => R): Udf { return new Udf10<A, B, C, D, E, F, G, H, I, J, R>(name, body); }
class Udf10<A, B, C, D, E, F, G, H, I, J, R> extends Udf {
  constructor(name: string, private body: (a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H, i: I, j: J) => R) { super(name, ddl<R>(), [ddl<A>(), ddl<B>(), ddl<C>(), ddl<D>(), ddl<E>(), ddl<F>(), ddl<G>(), ddl<H>(), ddl<I>(), ddl<J>()]); }
  call(): void {
    const a = read<A>(), b = read<B>(), c = read<C>(), d = read<D>(), e = read<E>(), f = read<F>(), g = read<G>(), h = read<H>(), i = read<I>(), j = read<J>();
    any() ? write<R>(this.body(a, b, c, d, e, f, g, h, i, j)) : writeNull();
  }
}
