// Spark's functions that tasks need most. Every other one is call("its_name", [args]).
import { call, Column, lit } from "./frame";

export function abs(x: Column): Column { return call("abs", [x]); }
export function avg(x: Column): Column { return call("avg", [x]); }
export function coalesce(columns: Column[]): Column { return call("coalesce", columns); }
export function concat(columns: Column[]): Column { return call("concat", columns); }
export function count(x: Column): Column { return call("count", [x]); }
export function explode(x: Column): Column { return call("explode", [x]); }
export function length(x: Column): Column { return call("length", [x]); }
export function lower(x: Column): Column { return call("lower", [x]); }
export function max(x: Column): Column { return call("max", [x]); }
export function min(x: Column): Column { return call("min", [x]); }
export function sum(x: Column): Column { return call("sum", [x]); }
export function toDate(x: Column): Column { return call("to_date", [x]); }
export function trim(x: Column): Column { return call("trim", [x]); }
export function upper(x: Column): Column { return call("upper", [x]); }
/** A text split where a regular expression matches. */
export function split(text: Column, pattern: string): Column { return call("split", [text, lit(pattern), lit(-1)]); }
/** The part of a text from a position on, counted from 1. */
export function substring(text: Column, position: i32, length: i32): Column { return call("substring", [text, lit(position), lit(length)]); }
