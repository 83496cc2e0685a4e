// Columns and DataFrames, by PySpark's names. What is wrong with one is the error of the action that needs it.
import * as host from "./host";
import { Json } from "./json";
import { check, raiseLast } from "./error";

/** A column expression. */
export class Column {
  constructor(public handle: host.Expr) {}

  private with(operator: string, other: Column): Column { return call(operator, [this, other]); }
  eq(other: Column): Column { return this.with("==", other); }
  neq(other: Column): Column { return this.eq(other).not(); }
  lt(other: Column): Column { return this.with("<", other); }
  ltEq(other: Column): Column { return this.with("<=", other); }
  gt(other: Column): Column { return this.with(">", other); }
  gtEq(other: Column): Column { return this.with(">=", other); }
  @operator("+") plus(other: Column): Column { return this.with("+", other); }
  @operator("-") minus(other: Column): Column { return this.with("-", other); }
  @operator("*") times(other: Column): Column { return this.with("*", other); }
  @operator("/") dividedBy(other: Column): Column { return this.with("/", other); }
  @operator("&") and(other: Column): Column { return this.with("and", other); }
  @operator("|") or(other: Column): Column { return this.with("or", other); }
  not(): Column { return call("not", [this]); }
  startsWith(other: Column): Column { return this.with("startswith", other); }
  contains(other: Column): Column { return this.with("contains", other); }
  isNull(): Column { return call("isnull", [this]); }
  isNotNull(): Column { return call("isnotnull", [this]); }
  /** Names the column. */
  as(name: string): Column { return new Column(host.exprAlias(this.handle, [name])); }
  /** Casts to a type in DDL form, such as "decimal(10,2)". */
  cast(ddl: string): Column { return new Column(host.exprCast(this.handle, ddl, false)); }
  asc(): Column { return new Column(host.exprSort(this.handle, false, false)); }
  desc(): Column { return new Column(host.exprSort(this.handle, true, true)); }
}

/** A column by name; "a.b" is the field b of a, and "*" all columns. */
export function col(name: string): Column { return new Column(host.exprColumn(name)); }

/** A constant: a string, a bool or a number. */
export function lit<T>(value: T): Column {
  if (isString<T>()) return new Column(host.exprString(changetype<string>(value)));
  if (isBoolean<T>()) return new Column(host.exprBool(<bool>value));
  if (isFloat<T>()) return new Column(host.exprFloat(<f64>value));
  return new Column(host.exprInt(<i64>value));
}

/** NULL. */
export function litNull(): Column { return new Column(host.exprNull()); }

/** A call of any of Spark's functions or operators, by its name in SQL. */
export function call(name: string, args: Column[]): Column { return new Column(host.exprCall(name, handles(args), false)); }

/** An expression in SQL text. */
export function expr(sql: string): Column { return new Column(host.exprSQL(sql)); }

export function handles(columns: Column[]): host.Expr[] {
  const out = new Array<host.Expr>(columns.length);
  for (let i = 0; i < columns.length; i++) out[i] = columns[i].handle;
  return out;
}

/** How files are to be read. */
export class Reader {
  private ddl: string = "";
  private options: string[] = [];
  /** The columns in DDL form, instead of inferring them. */
  schema(ddl: string): Reader { this.ddl = ddl; return this; }
  option(name: string, value: string): Reader { this.options.push(name); this.options.push(value); return this; }
  load(format: string, path: string): DataFrame { return new DataFrame(host.frameRead(format, this.ddl, this.options, [path])); }
  text(path: string): DataFrame { return this.load("text", path); }
  parquet(path: string): DataFrame { return this.load("parquet", path); }
  csv(path: string): DataFrame { return this.load("csv", path); }
  json(path: string): DataFrame { return this.load("json", path); }
}

/** The Spark session that all tasks share. */
export class Spark {
  read(): Reader { return new Reader(); }
  table(name: string): DataFrame { return new DataFrame(host.frameTable(name, [])); }
  /** A query; each ? in it is one of args. */
  sql(query: string, args: Column[] = []): DataFrame { return new DataFrame(host.frameSQL(query, [], handles(args))); }
  /** The column id with the numbers from start to end, exclusive. */
  range(start: i64, end: i64): DataFrame { return new DataFrame(host.frameRange(start, end, 1, 0)); }
  /** Rows of the task's own: an array of arrays of values. schema is DDL, such as "id bigint, name string". */
  createDataFrame(schema: string, rows: Json): DataFrame {
    return new DataFrame(host.frameLocal(schema, String.UTF8.encode(rows.toString())));
  }
}

/** A DataFrame: a plan, not its rows. */
export class DataFrame {
  constructor(public handle: host.Frame) {}

  select(columns: Column[]): DataFrame { return new DataFrame(host.frameSelect(this.handle, handles(columns))); }
  /** The rows for which a condition is true. */
  filter(condition: Column): DataFrame { return new DataFrame(host.frameFilter(this.handle, condition.handle)); }
  withColumn(name: string, column: Column): DataFrame { return new DataFrame(host.frameWithColumns(this.handle, [name], [column.handle])); }
  withColumnRenamed(from: string, to: string): DataFrame { return new DataFrame(host.frameRename(this.handle, [from], [to])); }
  drop(names: string[]): DataFrame { return new DataFrame(host.frameDrop(this.handle, names)); }
  groupBy(keys: Column[]): GroupedData { return new GroupedData(this, keys); }
  /** Aggregates of all rows. */
  agg(aggregates: Column[]): DataFrame { return new GroupedData(this, []).agg(aggregates); }
  /** Orders by columns, or by asc() and desc() of them. */
  orderBy(columns: Column[]): DataFrame { return new DataFrame(host.frameSort(this.handle, handles(columns), true)); }
  limit(n: i32): DataFrame { return new DataFrame(host.frameLimit(this.handle, n)); }
  distinct(): DataFrame { return new DataFrame(host.frameDistinct(this.handle, [])); }
  /** Joins on equal columns of both sides. how is inner, left, right, full, left_semi or left_anti. */
  join(other: DataFrame, on: string[], how: string = "inner"): DataFrame {
    return new DataFrame(host.frameJoin(this.handle, other.handle, how, 0, on));
  }
  union(other: DataFrame): DataFrame {
    return new DataFrame(host.frameSetOp(this.handle, other.handle, host.Union, true, false, false));
  }
  /** The frame as a cached one: computed by the first action that needs it, and kept by the host for all tasks with the
   * same plan. The name is for people. */
  cache(name: string): DataFrame { return new DataFrame(host.frameCache(this.handle, name)); }

  /** Its rows: an array of arrays of values. What is wrong with the plan ends the task with that error. */
  collect(): Json {
    const rows = this.tryCollect();
    if (rows === null) raiseLast();
    return rows!;
  }
  /** Its rows, or null; then lastError() tells why. */
  tryCollect(): Json | null {
    const text = host.actionCollect(this.handle, host.RowArrays);
    return text === null ? null : Json.parse(String.UTF8.decode(text));
  }
  /** The first column of the first row; null without a row. */
  scalar(): Json { return this.limit(1).collect().at(0).at(0); }
  count(): i64 { return check(host.actionCount(this.handle)); }
  /** The first n rows as a table of text. */
  show(n: i32 = 20): string {
    const text = host.actionShow(this.handle, n, 20, false);
    if (text === null) raiseLast();
    return text!;
  }
}

/** A frame grouped by keys. */
export class GroupedData {
  constructor(private frame: DataFrame, private keys: Column[]) {}
  agg(aggregates: Column[]): DataFrame {
    return new DataFrame(host.frameAggregate(this.frame.handle, host.GroupBy, handles(this.keys), handles(aggregates)));
  }
  /** The number of rows of each group, as the column count. */
  count(): DataFrame { return this.agg([call("count", [lit(1)]).as("count")]); }
}
