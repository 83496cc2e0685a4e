// AssemblyScript has no exceptions: an error ends the task or the query. It is given to the host, and then the instance traps, which the
// host answers with a new one.
import * as host from "./host";
import { Json } from "./json";

/** The error of the action that has just failed, as JSON: type, module, args and traceback. */
export function lastError(): Json { return Json.parse(host.errorTake()); }

/** Ends the task with an exception: one of Python's own, such as "ValueError", or another with its module before the last
 * dot. */
export function raise(type: string, message: string, traceback: string = ""): void {
  if (executor) print(type + ": " + message + (traceback == "" ? "" : " (" + traceback + ")"));
  const dot = type.lastIndexOf(".");
  const error = Json.object()
    .set("type", Json.string(type.substring(dot + 1)))
    .set("module", Json.string(dot < 0 ? "builtins" : type.substring(0, dot)))
    .set("args", Json.array([Json.string(message)]))
    .set("traceback", Json.string(traceback));
  end(error.toString());
}

/** Ends the task with the error of the action that has just failed. */
export function raiseLast(): void { end(host.errorTake()); }

/** A number that is no error; else the task ends with it. */
export function check(result: i64): i64 {
  if (result < 0) raiseLast();
  return result;
}

function end(error: string): void {
  host.resultError(String.UTF8.encode(error));
  unreachable();
}

/** Whether this is an executor of Spark's, which has no host, and puts what is printed into the query's error. */
let executor: bool = false;

export function onExecutor(): void { executor = true; }

@external("wasi_snapshot_preview1", "fd_write")
declare function fdWrite(fd: i32, texts: usize, count: i32, written: usize): i32;

function print(text: string): void {
  const bytes = String.UTF8.encode(text), list = memory.data(12, 4);
  store<usize>(list, changetype<usize>(bytes));
  store<i32>(list, bytes.byteLength, 4);
  fdWrite(2, list, 1, list + 8);
  unreachable();
}

/** What throw and a failed assertion do: asconfig.json names it. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const place = (file === null ? "" : file) + ":" + line.toString() + ":" + column.toString();
  raise(executor ? "panic" : "sparkstalk.Panic", message === null ? "an error without a message" : message, place);
}
