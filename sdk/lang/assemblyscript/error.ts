// AssemblyScript has no exceptions: an error ends the task. It is given to the host, and then the instance traps, which the
// host answers with a new one.
import * as host from "./host";
import { Json } from "./json";

/** The error of the action that has just failed, as JSON: type, module, args and traceback. */
export function lastError(): Json { return Json.parse(host.errorTake()); }

/** Ends the task with an exception: one of Python's own, such as "ValueError", or another with its module before the last
 * dot. */
export function raise(type: string, message: string, traceback: string = ""): void {
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

/** What throw and a failed assertion do: asconfig.json names it. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const place = (file === null ? "" : file) + ":" + line.toString() + ":" + column.toString();
  raise("sparkstalk.Panic", message === null ? "an error without a message" : message, place);
}
