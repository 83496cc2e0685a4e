// The values of functions on executors, laid out as abi/README.md says. What a type is, is known when the module is compiled.

/** A date, in days since 1970. */
export class LocalDate {
  constructor(public days: i32 = 0) {}
  ddl(): string { return "date"; }
  get(): void { this.days = get<i32>(); }
  put(): void { put<i32>(this.days); }
}

/** A time, in microseconds since 1970 in UTC. */
export class Timestamp {
  constructor(public micros: i64 = 0) {}
  ddl(): string { return "timestamp"; }
  get(): void { this.micros = get<i64>(); }
  put(): void { put<i64>(this.micros); }
}

/** A decimal as text, such as -12.50. */
export class Decimal {
  constructor(public text: string = "0") {}
  ddl(): string { return "decimal(38,18)"; }
  get(): void { this.text = get<string>(); }
  put(): void { put<string>(this.text); }
}

/** A number or bool with a place for NULL: Boxed<i64> | null. */
export class Boxed<T> {
  constructor(public value: T = <T>0) {}
  ddl(): string { return ddl<T>(); }
  get(): void { this.value = get<T>(); }
  put(): void { put<T>(this.value); }
}

/** Spark's type, in DDL form. */
export function ddl<T>(): string {
  if (isBoolean<T>()) return "boolean";
  if (isFloat<T>()) return sizeof<T>() == 4 ? "float" : "double";
  if (isInteger<T>()) {
    if (!isSigned<T>()) ERROR("Spark has no unsigned numbers");
    return sizeof<T>() == 1 ? "tinyint" : sizeof<T>() == 2 ? "smallint" : sizeof<T>() == 4 ? "int" : "bigint";
  }
  if (isString<T>()) return "string";
  if (isArray<T>()) return "array<" + ddl<valueof<NonNullable<T>>>() + ">";
  if (isArrayLike<T>()) return "binary";
  return instantiate<NonNullable<T>>().ddl();
}

/** The call's arguments, and what of them was read. */
let buffer: usize = 0, size: i32 = 0, at: usize = 0;

/** Where so many bytes of arguments may be written to. */
export function argumentRoom(bytes: i32): usize {
  if (bytes > size) {
    if (size > 0) heap.free(buffer);
    buffer = heap.alloc(bytes);
    size = bytes;
  }
  return buffer;
}

function skip(n: i32): usize {
  at += n;
  return at - n;
}

let missing: bool = false;

/** Reads a value. After one that is NULL and has no place for it, any() is false. */
export function read<T>(): T {
  if (load<u8>(skip(1)) != 0) return get<T>();
  if (!isNullable<T>()) missing = true;
  return nothing<T>();
}

function nothing<T>(): T {
  if (isReference<T>()) return changetype<T>(0);
  return <T>0;
}

/** Reads a value that is not NULL. */
export function get<T>(): T {
  if (isBoolean<T>()) return <T>(load<u8>(skip(1)) != 0);
  if (isInteger<T>() || isFloat<T>()) return load<T>(skip(sizeof<T>()));
  if (isString<T>()) {
    const n = get<i32>();
    return changetype<T>(String.UTF8.decodeUnsafe(skip(n), n));
  }
  if (isArray<T>()) {
    const n = get<i32>(), out = instantiate<NonNullable<T>>(n);
    for (let i = 0; i < n; i++) {
      const element = read<valueof<NonNullable<T>>>();
      if (missing) throw new Error("a NULL in an array whose elements have no place for it");
      out[i] = element;
    }
    return out;
  }
  if (isArrayLike<T>()) {
    const n = get<i32>(), out = instantiate<NonNullable<T>>(n);
    memory.copy(changetype<usize>(out.buffer), skip(n), n);
    return out;
  }
  const out = instantiate<NonNullable<T>>();
  out.get();
  return out;
}

/** The answer so far. */
let answer: usize = heap.alloc(256), capacity: i32 = 256, length: i32 = 0;

function room(n: i32): usize {
  length += n;
  if (length > capacity) answer = heap.realloc(answer, capacity = 2 * length);
  return answer + length - n;
}

export function write<T>(value: T): void {
  if (isNullable<T>() && changetype<usize>(value) == 0) return writeNull();
  store<u8>(room(1), 1);
  if (isReference<T>()) put<NonNullable<T>>(changetype<NonNullable<T>>(value));
  else put<T>(value);
}

export function writeNull(): void { store<u8>(room(1), 0); }

function put<T>(value: T): void {
  if (isBoolean<T>()) store<u8>(room(1), <u8>value);
  else if (isInteger<T>() || isFloat<T>()) store<T>(room(sizeof<T>()), value);
  else if (isString<T>()) {
    const text = changetype<string>(value), n = String.UTF8.byteLength(text);
    put<i32>(n);
    String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, room(n));
  } else if (isArray<T>()) {
    put<i32>(value.length);
    for (let i = 0; i < value.length; i++) write<valueof<NonNullable<T>>>(value[i]);
  } else if (isArrayLike<T>()) {
    put<i32>(value.length);
    memory.copy(room(value.length), value.dataStart, value.length);
  } else value.put();
}

/** Begins a call. */
export function begin(): void {
  at = buffer;
  length = 0;
  missing = false;
}

/** Whether there is a value for each parameter that has no place for NULL. */
export function any(): bool { return !missing; }

/** The answer's place in the low half, its length in the high half. */
export function packed(): i64 { return <i64>length << 32 | <i64>answer; }

/** The state of an aggregate, which executors keep as bytes; that of no rows is 0, "" or an empty array. */
export function readState<S>(): S {
  if (load<u8>(skip(1)) == 0) {
    if (isReference<S>() && !isNullable<S>()) {
      if (isString<S>()) return changetype<S>("");
      return instantiate<S>();
    }
    return nothing<S>();
  }
  skip(4);
  return read<S>();
}

export function writeState<S>(state: S): void {
  store<u8>(room(1), 1);
  room(4);
  const start = length;
  write<S>(state);
  store<i32>(answer + start - 4, length - start);
}
