// What tests (assembly/*.test.ts, exports named test_…) call: the tasks of the module. Their host is one of sparkstalk test's, as Go's
// sdktest has it: what their actions come to was recorded from an engine, in testdata/recorded, or is an engine's.
//
//   sparkstalk test --spark sail --record     asks the engine, and keeps its answers
//   sparkstalk test                           needs none

@external("sparkstalk_test", "call")
declare function call_(task: usize, taskLength: i32, args: usize, argsLength: i32): i64;
@external("sparkstalk_test", "take")
declare function take_(to: usize): void;
@external("sparkstalk_test", "given")
declare function given_(source: usize, sourceLength: i32, schema: usize, schemaLength: i32, rows: usize, rowsLength: i32): void;

/** Calls a task, in an instance of the module of its own, with arguments in a JSON array. It returns the result in JSON, or the error
 * as Python prints it: "ValueError: n is negative". */
export function callTask(task: string, args: string = "[]"): string {
  const name = String.UTF8.encode(task), values = String.UTF8.encode(args);
  const out = new ArrayBuffer(<i32>call_(changetype<usize>(name), name.byteLength, changetype<usize>(values), values.byteLength));
  take_(changetype<usize>(out));
  return String.UTF8.decode(out);
}

/** Has rows stand in for what tasks read from a table of that name, or from files of that path:
 * given("/texts", "value string", '[["to be"],["or not"]]'). */
export function given(source: string, schema: string, rows: string): void {
  const a = String.UTF8.encode(source), b = String.UTF8.encode(schema), c = String.UTF8.encode(rows);
  given_(changetype<usize>(a), a.byteLength, changetype<usize>(b), b.byteLength, changetype<usize>(c), c.byteLength);
}
