// Task modules in AssemblyScript for sparkstalk. A module's main file declares its tasks, and exports what the host calls:
//
//   export { sparkstalk_describe, sparkstalk_run } from "../sparkstalk";
//
// Tasks make HTTP requests with ctx.http and read the host's environment with ctx.env, where the module needs() it.
// asconfig.json says which function takes errors: {"options": {"use": ["abort=sparkstalk/error/abort"]}}.
// What has no name here is in host.ts, the host's functions as they are: columns and frames hold its handles.
import * as host from "./host";
import { DataFrame, Spark } from "./frame";
import { Http } from "./http";
import { Json, Kind } from "./json";
import { check, raise, raiseLast } from "./error";
import { describeFunctions } from "./udf";

export { DataFrame, GroupedData, Reader, Spark, Column, col, lit, litNull, call, expr } from "./frame";
export { Http, HttpRequest, HttpResponse } from "./http";
export { Json, Kind } from "./json";
export { raise, lastError } from "./error";
export { callUDF, udaf, Udf, udf0, udf1, udf2, udf3, udf4, udf5, udf6, udf7, udf8, udf9, udf10 } from "./udf";
export { sparkstalk_udf, sparkstalk_udf_buffer } from "./udf";
export { Boxed, Decimal, LocalDate, Timestamp } from "./udfvalue";

/** What a task may know and do while it runs. */
export class Context {
  constructor(private task: Task, private values: Json) {}

  /** The session that all tasks share. */
  spark: Spark = new Spark();
  /** Makes HTTP requests through the host. */
  http: Http = new Http();

  /** An argument by its parameter's name. The host has held it to its type. */
  json(name: string): Json {
    const i = this.task.names.indexOf(name);
    if (i < 0) raise("sparkstalk.TaskError", "the task " + this.task.name + " has no parameter " + name);
    return this.values.at(i);
  }
  string(name: string): string { return this.json(name).text; }
  i32(name: string): i32 { return <i32>this.json(name).toI64(); }
  i64(name: string): i64 { return this.json(name).toI64(); }
  f64(name: string): f64 { return this.json(name).toF64(); }
  bool(name: string): bool { return this.json(name).toBool(); }

  /** What is known of the call: id, task, retries and more, by the names of Celery's request. */
  request(): Json { return Json.parse(String.UTF8.decode(host.taskRequest())); }
  /** Writes a line to the host's log. */
  log(message: string, attributes: Json = Json.object()): void {
    host.taskLog(0, message, String.UTF8.encode(attributes.toString()));
  }
  /** Reports a state of the task's own, such as PROGRESS, to the client. */
  updateState(state: string, meta: Json): void {
    if (!host.taskState(state, String.UTF8.encode(meta.toString()))) raiseLast();
  }
  /** Ends the task if it should come to an end. */
  check(): void {
    if (!host.taskCheck()) raiseLast();
  }
  /** Has the call sent again after so many seconds, and ends it. */
  retry(countdown: f64): void {
    const options = Json.object().set("countdown", Json.f64(countdown));
    host.taskRetry(String.UTF8.encode(options.toString()));
    raiseLast();
  }
  /** An environment variable of the host, or null if there is none of that name. The module asks for the right with
   * needs("env:NAME"), and the worker's setting modules grants it; else the task ends with a PermissionError. A task has no
   * environment beside this. */
  env(name: string): string | null {
    const text = host.taskEnv(name);
    if (text === null) raiseLast();
    const value = Json.parse(String.UTF8.decode(text!));
    return value.isNull ? null : value.text;
  }
  /** Sends a task, as a signature of Celery's: task, args, kwargs and options. Returns its id. */
  send(signature: Json): string {
    const id = host.taskSend(String.UTF8.encode(signature.toString()));
    if (id === null) raiseLast();
    return id!;
  }
}

/** A task as it is in the manifest. */
export abstract class Task {
  names: string[] = [];
  private params: Json = Json.array();
  private options: Json = Json.object();
  private words: string = "";
  constructor(public name: string, private returns: string) {}

  /** Says in one line what it does. */
  doc(text: string): Task { this.words = text; return this; }
  /** Adds a parameter. type is bool, int32, int64, float64, string, a list of these such as []string, one with a star that
   * takes None too, or any. defaultJson is its default as JSON; without one the caller has to give it. */
  param(name: string, type: string, doc: string = "", defaultJson: string = ""): Task {
    const param = Json.object().set("name", Json.string(name)).set("type", Json.string(type)).set("doc", Json.string(doc));
    if (defaultJson != "") param.set("default", Json.parse(defaultJson));
    this.names.push(name);
    this.params.items.push(param);
    return this;
  }
  /** Sets one of Celery's options, such as acks_late or max_retries, to a value in JSON; idempotent has the task run once more when
   * Spark lost its session. */
  option(name: string, json: string): Task { this.options.set(name, Json.parse(json)); return this; }

  describe(): Json {
    const out = Json.object().set("name", Json.string(this.name)).set("doc", Json.string(this.words))
      .set("params", this.params).set("returns", Json.string(this.returns));
    for (let i = 0; i < this.options.length; i++) out.set(this.options.names[i], this.options.items[i]);
    return out;
  }
  abstract run(ctx: Context): void;
}

class TaskOf<R> extends Task {
  constructor(name: string, private body: (ctx: Context) => R) { super(name, typeName<R>()); }
  run(ctx: Context): void { handOver<R>(this.body(ctx)); }
}

const tasks: Task[] = [];
const capabilities = Json.array();

/** Asks for a right, at the top of a module's main file: needs("http:api.example.com"), or "env:TZ", "sql", "read:/data/**". The
 * worker's setting modules grants it or not; without it, what needs it is a PermissionError. A module that asks for none of read,
 * write, read_table, write_table, sql, send and conf has of these what the worker grants; one that asks for some, no others. */
export function needs(capability: string): void { capabilities.items.push(Json.string(capability)); }

/** Declares a task. Its function returns a DataFrame, whose rows never come into the module, a Json, a string, a bool or a
 * number. */
export function task<R>(name: string, body: (ctx: Context) => R): Task {
  const t = new TaskOf<R>(name, body);
  tasks.push(t);
  return t;
}

function typeName<R>(): string {
  if (isBoolean<R>()) return "bool";
  if (isFloat<R>()) return "float64";
  if (isInteger<R>()) return sizeof<R>() == 8 ? "int64" : "int32";
  if (isString<R>()) return "string";
  return nameof<R>() == "DataFrame" ? "DataFrame" : "any";
}

function handOver<R>(result: R): void {
  if (isString<R>()) json(Json.string(changetype<string>(result)));
  else if (isBoolean<R>()) json(Json.bool(<bool>result));
  else if (isFloat<R>()) json(Json.f64(<f64>result));
  else if (isInteger<R>()) json(Json.i64(<i64>result));
  else if (nameof<R>() == "DataFrame") {
    if (!host.resultFrame(changetype<DataFrame>(result).handle, host.RowArrays)) raiseLast();
  } else json(changetype<Json>(result));
}

function json(value: Json): void {
  if (!host.resultJSON(String.UTF8.encode(value.toString()))) raiseLast();
}

export function sparkstalk_describe(): i32 {
  const list = Json.array();
  for (let i = 0; i < tasks.length; i++) list.items.push(tasks[i].describe());
  json(Json.object().set("abi", Json.i64(1)).set("sdk", Json.string("assemblyscript/0.1.0")).set("tasks", list)
    .set("capabilities", capabilities).set("functions", describeFunctions()));
  return 0;
}

export function sparkstalk_run(index: i32): i32 {
  const task = tasks[index];
  const values = host.taskBind();
  if (values === null) raiseLast();
  task.run(new Context(task, Json.parse(String.UTF8.decode(values!))));
  return 0;
}
