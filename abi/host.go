// Package abi is the whole boundary between a task module and the host that
// runs it.
//
// [Host] is a Go interface. One generator, abi/abigen, reads this file and
// writes every binding of it: the guest's imports (sdk/internal/hostcall), the
// host's wazero exports (host/hostfn/wasm), [Unsupported], and the table in
// README.md for authors in other languages. To add a host function, add a
// method here, implement it in host/hostfn, give it a name in sdk, and run
// "make generate".
//
// The methods use only what crosses a WASM boundary cheaply: handles (uint32),
// numbers, bools, strings, byte slices, and slices of handles or strings.
//
// The package imports nothing but the standard library and builds for wasip1.
package abi

// Version is the ABI version that this package describes. It is part of the
// import module's name ([ImportModule]) and of every manifest. Version 1 only
// grows: functions are added and never change.
const Version = 1

// Names that a module and its host agree on.
const (
	// ImportModule is the module that host functions are imported from.
	ImportModule = "sparkstalk_v1"
	// ExportDescribe takes nothing and returns i32: zero once the module's
	// [Manifest] was handed over with ResultJSON.
	ExportDescribe = "sparkstalk_describe"
	// ExportRun takes the task's index in the manifest (i32) and returns i32:
	// zero when the task succeeded; anything else when it failed, in which
	// case ResultError was called before.
	ExportRun = "sparkstalk_run"
	// ExportMemory is the module's linear memory.
	ExportMemory = "memory"
)

// Frame is a handle of a DataFrame: a plan, not its rows. It lives as long as
// the task invocation that made it. Zero means none.
type Frame uint32

// Expr is a handle of a column expression. It lives as long as the task
// invocation that made it. Zero means none.
type Expr uint32

// Cursor is a handle of rows on their way from Spark. It lives until it is
// closed, or as long as the task invocation that made it. Zero means none.
type Cursor uint32

// Level is the severity of a log line, with the values of log/slog: -4 debug,
// 0 info, 4 warning, 8 error.
type Level int32

// Grouping says how the keys of [Host.FrameAggregate] form groups.
type Grouping int32

// The groupings.
const (
	GroupBy Grouping = 0 // one group per combination of the keys
	Rollup  Grouping = 1 // and subtotals along the keys' order
	Cube    Grouping = 2 // and subtotals for every subset of the keys
)

// SetOp is the operation of [Host.FrameSetOp].
type SetOp int32

// The set operations.
const (
	Union     SetOp = 0
	Intersect SetOp = 1
	Except    SetOp = 2
)

// Partitioning says how [Host.FrameRepartition] spreads rows.
type Partitioning int32

// The partitionings.
const (
	Shuffle  Partitioning = 0 // evenly or, given expressions, by their hash
	Coalesce Partitioning = 1 // partitions are put together, no row moves on its own
	ByRange  Partitioning = 2 // by the order of the expressions, which are sort orders
)

// Statistic is what [Host.FrameStatistic] computes.
type Statistic int32

// The statistics, with what names and numbers are for each.
const (
	Summary        Statistic = 0 // names: statistics such as count, mean or 25%; none for the usual ones
	Describe       Statistic = 1 // names: columns; none for all numbers and texts
	Crosstab       Statistic = 2 // names: two columns
	FreqItems      Statistic = 3 // names: columns; numbers: the least share of rows
	Covariance     Statistic = 4 // names: two columns
	Correlation    Statistic = 5 // names: two columns
	ApproxQuantile Statistic = 6 // names: columns; numbers: the relative error, then the probabilities
)

// SubqueryKind says what [Host.ExprSubquery] makes of a frame's rows.
type SubqueryKind int32

// The kinds of subqueries.
const (
	SubqueryScalar SubqueryKind = 0 // the one value of its one row, NULL if there is no row
	SubqueryExists SubqueryKind = 1 // whether it has a row
	SubqueryIn     SubqueryKind = 2 // whether the given values are one of its rows
)

// WindowFrame says how the frame of [Host.ExprWindow] is bounded.
type WindowFrame int32

// The window frames.
const (
	DefaultFrame WindowFrame = 0 // all rows, or with an order those up to the current one; the bounds do not count
	RowsFrame    WindowFrame = 1 // bounds are numbers of rows
	RangeFrame   WindowFrame = 2 // bounds are distances of the order's value
)

// WindowBound is an end of a window's frame.
type WindowBound int32

// The window bounds.
const (
	Unbounded  WindowBound = 0
	CurrentRow WindowBound = 1
	ValueBound WindowBound = 2 // the given value: before the current row if negative, else after it
)

// RowForm is the JSON shape of a row.
type RowForm int32

// The row forms.
const (
	RowArrays  RowForm = 0 // [[1,"a"],[2,"b"]]
	RowObjects RowForm = 1 // [{"n":1,"s":"a"},{"n":2,"s":"b"}]
)

// Buffer names one of a column's buffers, for [Host.CursorColumn].
type Buffer int32

// The buffers.
const (
	Validity Buffer = 0 // a bit for each row, least significant first: 1 is a value, 0 is NULL
	Offsets  Buffer = 1 // of texts and bytes: where each begins, rows + 1 numbers of 32 bits
	Values   Buffer = 2 // the values

	JSONOffsets Buffer = 3 // as Offsets, into JSONValues
	JSONValues  Buffer = 4 // the JSON of each value, as rows have it, whatever the layout; NULL is null
)

// Host is what a task can ask of the host that runs it. A value of it belongs
// to one task invocation and is used by one goroutine.
//
// Building frames and expressions is lazy and cannot fail: a missing column, a
// wrong option or a handle that does not exist surfaces as an error of the
// action that would need it. Errors are [*Error].
type Host interface {
	// TaskArgs returns the call's arguments as JSON: {"args": [...], "kwargs": {...}}.
	// Values have the very bytes that the client sent.
	TaskArgs() []byte
	// TaskBind returns the value of each of the task's parameters in the manifest,
	// as a JSON list in their order, with defaults where the call has none. Values
	// are held to the types bool, int32, int64, float64 and string, to these with a
	// star before them, which takes None too, and to lists such as []string; other
	// types take any value. What the arguments and the parameters have against each
	// other is a TypeError in Python's words.
	TaskBind() ([]byte, error)
	// TaskRequest returns what is known of the call as a JSON [Request].
	TaskRequest() []byte
	// TaskLog writes a line to the host's log. attrs is a JSON object or empty.
	TaskLog(level Level, message string, attrs []byte)
	// TaskState reports a state of the task's own, such as PROGRESS, to the
	// client; meta is any JSON value.
	TaskState(state string, meta []byte) error
	// TaskRetry has the call sent again, as Celery's Task.retry does; options is
	// a JSON [Retry] or empty. The message leaves at once. The task then fails
	// with the error celery.exceptions.Retry, which makes its state RETRY. When
	// no retries are left, the error is what the task should fail with: the
	// exception given with the options, else MaxRetriesExceededError.
	TaskRetry(options []byte) error
	// TaskSend sends a task, or a chain, group or chord of tasks, and waits for
	// nothing. signature is JSON in the form of Celery's signatures:
	// {"task": name, "args": [...], "kwargs": {...}, "options": {...},
	// "subtask_type": null, "immutable": false}, of which only task is required.
	// It returns the id of the result: of a chain the last task's, of a chord
	// the body's, of a group the group's.
	TaskSend(signature []byte) (string, error)
	// TaskReplace sends a signature in the task's place: under its id, with its
	// callbacks and the rest of its chain behind. The task then fails with the
	// error celery.exceptions.Ignore, which leaves the result to what replaces it.
	TaskReplace(signature []byte) error
	// TaskAddToChord sends a signature as one more task of the chord whose
	// header the task is part of, and returns its id.
	TaskAddToChord(signature []byte) (string, error)
	// TaskCheck returns nil, or why the task should come to an end now: the
	// error billiard.exceptions.SoftTimeLimitExceeded once its soft time limit
	// is over. Actions return that error by themselves, once, as Python raises
	// it once; what the task does then has until the hard limit.
	TaskCheck() error
	// TaskEnv returns an environment variable of the host, as a JSON string, or
	// null if the host has none of that name. The module needs the right env for
	// it; without, and for a value that is no text, it is an error.
	TaskEnv(name string) ([]byte, error)
	// TaskHTTP sends a request, a JSON [HTTPRequest] with its body, and returns
	// the head of the answer, a JSON [HTTPResponse], whatever its status is. The
	// module needs the right http for the host, and for each that a redirect leads
	// to. Private networks are out of reach unless the host's settings name the
	// address. Beside PermissionError it fails with ValueError for what is no
	// request, ConnectionError, TimeoutError, and sparkstalk.LimitExceeded for
	// too many requests or bytes.
	TaskHTTP(request, body []byte) ([]byte, error)
	// TaskHTTPBody returns the body of the last answer, until the next request.
	TaskHTTPBody() []byte

	// ResultJSON hands over the task's result, one JSON value of at most the
	// host's result limit. The last result or error given counts. In
	// sparkstalk_describe it hands over the module's manifest.
	ResultJSON(value []byte) error
	// ResultFrame makes the rows of frame the task's result. The host runs the
	// plan and passes the rows on once the task has returned; they never enter
	// the guest.
	ResultFrame(frame Frame, form RowForm) error
	// ResultError makes the task fail with the given JSON [Error].
	ResultError(failure []byte) error

	// FrameRead reads files. format is a Spark data source such as text,
	// parquet, csv or json. schema is a DDL string, empty to infer it. options
	// holds names and values by turns.
	FrameRead(format, schema string, options, paths []string) Frame
	// FrameTable reads a table or view of the catalog, or a view of the task's
	// own. options holds names and values by turns.
	FrameTable(name string, options []string) Frame
	// FrameJDBC reads a table of a database. options holds names and values by
	// turns: url, dbtable and others of Spark's source jdbc. Each of predicates,
	// SQL conditions, becomes a partition.
	FrameJDBC(options, predicates []string) Frame
	// FrameChanges reads the changes of a table whose catalog keeps them.
	// options, names and values by turns, say which: startingVersion,
	// endingVersion, startingTimestamp and so on.
	FrameChanges(table string, options []string) Frame
	// FrameSQL runs a query. args replace its parameters: by name when names
	// has as many elements as args, by position when names is empty.
	FrameSQL(query string, names []string, args []Expr) Frame
	// FrameRange has the column id with the numbers from start to end,
	// exclusive, in steps. Zero partitions leaves their number to Spark.
	FrameRange(start, end, step int64, partitions int32) Frame
	// FrameLocal has the given rows. schema is DDL, such as "id bigint, name
	// string". rows is a JSON list with a value for each row: a list of its
	// columns' values, or an object with their names, in which absent ones are
	// NULL. Values are as for ExprLiteral, or as in rows that were collected.
	FrameLocal(schema string, rows []byte) Frame
	// FrameLocalArrow has the rows of a table of Apache Arrow's: stream is an IPC
	// stream, uncompressed, of one or more batches. Columns are of PySpark's types
	// for the same table: dictionaries are their values, timestamps are cut to
	// microseconds, and those of no time zone are of the session's. schema, in
	// DDL, has the names and types that columns shall be cast to, such as
	// "timestamp_ntz(9)"; it may be empty. Unsigned integers, unions, views and
	// the like have no type in Spark.
	FrameLocalArrow(schema string, stream []byte) Frame
	// FrameRaw is a plan made elsewhere: a serialized spark.connect.Relation of
	// Spark Connect's protocol that describes rows, without commands and functions
	// of its own. The module asks for the capability raw_plans in its manifest,
	// and the host's settings must grant it.
	FrameRaw(relation []byte) Frame
	// FrameSelect returns the given columns.
	FrameSelect(in Frame, columns []Expr) Frame
	// FrameFilter returns the rows of in for which condition is true.
	FrameFilter(in Frame, condition Expr) Frame
	// FrameWithColumns adds or replaces columns; names and columns are of one length.
	FrameWithColumns(in Frame, names []string, columns []Expr) Frame
	// FrameDrop leaves the named columns out; names that do not exist are ignored.
	FrameDrop(in Frame, names []string) Frame
	// FrameRename renames columns: from and to are of one length. Names that do
	// not exist are ignored.
	FrameRename(in Frame, from, to []string) Frame
	// FrameAggregate groups in by keys and computes aggregates for each group.
	// Without keys there is one group.
	FrameAggregate(in Frame, grouping Grouping, keys, aggregates []Expr) Frame
	// FrameJoin joins two frames. how has PySpark's names: inner, cross, outer,
	// left, right, semi, anti and their synonyms. The condition is on, or the
	// equality of the columns in using, or nothing.
	FrameJoin(left, right Frame, how string, on Expr, using []string) Frame
	// FrameSetOp combines two frames of like columns. all keeps duplicates.
	// byName matches columns by name instead of position; allowMissing then
	// fills absent ones with null.
	FrameSetOp(left, right Frame, op SetOp, all, byName, allowMissing bool) Frame
	// FrameSort orders rows, over the whole frame or, if not global, within
	// each partition.
	FrameSort(in Frame, orders []Expr, global bool) Frame
	// FrameLimit returns the first n rows.
	FrameLimit(in Frame, n int32) Frame
	// FrameOffset leaves the first n rows out.
	FrameOffset(in Frame, n int32) Frame
	// FrameDistinct drops rows that are equal in the named columns, or in all
	// columns if none is named.
	FrameDistinct(in Frame, columns []string) Frame
	// FrameAlias names a frame, so that SQL text and columns can refer to it.
	FrameAlias(in Frame, name string) Frame
	// FrameHint gives the planner a hint, such as broadcast. parameters are
	// literals or columns. Engines ignore hints that they do not know.
	FrameHint(in Frame, name string, parameters []Expr) Frame
	// FrameJoinAsOf joins each row of left with the row of right whose
	// rightAsOf is nearest to leftAsOf, in a direction: backward, forward or
	// nearest. how is inner or left. on and using are as for FrameJoin, and
	// tolerance is the largest distance; zero is none.
	FrameJoinAsOf(left, right Frame, leftAsOf, rightAsOf Expr, how string, on Expr, using []string, tolerance Expr, allowExactMatches bool, direction string) Frame
	// FrameJoinLateral joins each row of left with the rows that right has for
	// it: right may use columns of left by its alias. how is inner, left or
	// cross. on is a condition, or zero for none.
	FrameJoinLateral(left, right Frame, how string, on Expr) Frame
	// FrameJoinNearest joins each row of left with the rows of right that ranking
	// puts first, as many as results says. how is inner or left, mode exact or
	// approx, direction distance (the least first) or similarity.
	FrameJoinNearest(left, right Frame, ranking Expr, results int32, how, mode, direction string) Frame
	// FrameZip puts the columns of right beside left's. Both must select from one
	// frame, however differently, so that their rows are the same.
	FrameZip(left, right Frame) Frame
	// FrameGroupingSets groups in by several sets of columns. sets has the
	// columns of all sets in a row, each set ended by a zero; keys are those that
	// the result begins with, NULL where a set lacks one.
	FrameGroupingSets(in Frame, sets, keys, aggregates []Expr) Frame
	// FramePivot is FrameAggregate by keys with a column of its own for each
	// value of a column, or for the given values, which are literals.
	FramePivot(in Frame, keys []Expr, column Expr, values, aggregates []Expr) Frame
	// FrameUnpivot turns columns into rows: the columns ids, then the name of a
	// value's column and the value. Without values these are all other columns.
	FrameUnpivot(in Frame, ids, values []Expr, variableName, valueName string) Frame
	// FrameSample takes a random part: rows whose random number from 0 to 1 is
	// at least lower and below upper, or with replacement upper times the rows.
	// deterministicOrder sorts within partitions before, so that several samples
	// with one seed are parts of one whole.
	FrameSample(in Frame, lower, upper float64, withReplacement, deterministicOrder bool, seed int64) Frame
	// FrameSampleBy takes a random part of the rows for each value of a column.
	// strata and fractions are literals of one length; other values get no rows.
	FrameSampleBy(in Frame, column Expr, strata, fractions []Expr, seed int64) Frame
	// FrameTail returns the last n rows.
	FrameTail(in Frame, n int32) Frame
	// FrameWatermark says that rows are at most delay, such as "10 minutes",
	// later than the latest value of a timestamp column. It counts in streams only.
	FrameWatermark(in Frame, column, delay string) Frame
	// FrameDistinctWithinWatermark is FrameDistinct of what came within the
	// watermark. Spark refuses it outside of streams.
	FrameDistinctWithinWatermark(in Frame, columns []string) Frame
	// FrameDropColumns leaves columns out, which may be of one certain frame.
	FrameDropColumns(in Frame, columns []Expr) Frame
	// FrameRepartition spreads the rows over partitions. Zero partitions leaves
	// their number to the engine, which is for Shuffle and ByRange with expressions.
	FrameRepartition(in Frame, how Partitioning, partitions int32, by []Expr) Frame
	// FrameFillNA replaces NULL and NaN. values are literals: one for each of
	// columns, or one for all of them, or one for all columns of its type.
	FrameFillNA(in Frame, columns []string, values []Expr) Frame
	// FrameDropNA leaves out rows with fewer than minNonNulls values that are
	// neither NULL nor NaN in the named columns, or in all if none is named. A
	// negative number asks for all of them.
	FrameDropNA(in Frame, columns []string, minNonNulls int32) Frame
	// FrameReplace replaces values in the named columns, or in all of their type
	// if none is named. from and to are literals of one length.
	FrameReplace(in Frame, columns []string, from, to []Expr) Frame
	// FrameStatistic computes a statistic. See [Statistic] for names and
	// numbers; the latter are literals.
	FrameStatistic(in Frame, statistic Statistic, names []string, numbers []Expr) Frame
	// FrameTranspose turns rows into columns, named by the values of the column
	// index, or of the first column for zero.
	FrameTranspose(in Frame, index Expr) Frame
	// FrameObserve computes aggregates of the rows that pass when an action runs
	// the plan. ActionObserved returns them.
	FrameObserve(in Frame, name string, metrics []Expr) Frame
	// FrameToDF renames all columns.
	FrameToDF(in Frame, names []string) Frame
	// FrameToSchema orders, casts and completes columns by name to a schema in
	// DDL form. Casts that may lose something are an error.
	FrameToSchema(in Frame, schema string) Frame
	// FrameParse reads the texts in the one column of in as csv or json. schema
	// and options are as for FrameRead.
	FrameParse(in Frame, format, schema string, options []string) Frame
	// FrameTableFunction calls a function that returns a table, such as explode
	// or range.
	FrameTableFunction(name string, args []Expr) Frame
	// FrameWithRelations is root, the result of FrameSQL, with frames that its
	// text reads like tables: each of relations is the result of FrameAlias, and
	// its name is the table's. However often the text reads one, it is sent once.
	FrameWithRelations(root Frame, relations []Frame) Frame
	// FrameCache returns in as a cached DataFrame. The cache knows it by its
	// plan: the first action that needs it materialises it, later ones of any
	// task reuse that. name is for people: logs, the dashboard, sparkstalk cache.
	FrameCache(in Frame, name string) Frame
	// FrameCacheWith is FrameCache with options, names and values by turns:
	// storage_level persists the rows at one of Spark's levels, such as
	// MEMORY_AND_DISK, instead of checkpointing them (CHECKPOINT, the default
	// unless the host has another); lazy, true or false, leaves computing them
	// to the action instead of doing so ahead of it; ttl is for how many
	// seconds they are used, and negative for ever.
	FrameCacheWith(in Frame, name string, options []string) Frame

	// ExprColumn is a column by name; "a.b" is field b of a, and "*" all columns.
	ExprColumn(name string) Expr
	// ExprColumnOf is a column of one certain frame, for joins in which both
	// sides have one of that name.
	ExprColumnOf(frame Frame, name string) Expr
	// ExprNull is NULL.
	ExprNull() Expr
	// ExprBool is a boolean literal.
	ExprBool(value bool) Expr
	// ExprInt is an integer literal: int when it fits 32 bits, else bigint.
	ExprInt(value int64) Expr
	// ExprFloat is a double literal.
	ExprFloat(value float64) Expr
	// ExprString is a string literal.
	ExprString(value string) Expr
	// ExprBinary is a binary literal.
	ExprBinary(value []byte) Expr
	// ExprCall calls a Spark function or operator by its SQL name: "split",
	// "+", "==", "and", "isnotnull".
	ExprCall(function string, args []Expr, distinct bool) Expr
	// ExprCast casts to a type in DDL form, such as "decimal(10,2)". try gives
	// NULL instead of an error.
	ExprCast(in Expr, ddl string, try bool) Expr
	// ExprAlias names a column; several names are for functions that return
	// several columns.
	ExprAlias(in Expr, names []string) Expr
	// ExprSort is a sort order, for FrameSort.
	ExprSort(in Expr, descending, nullsLast bool) Expr
	// ExprSQL is an expression in SQL text.
	ExprSQL(text string) Expr
	// ExprSubquery is a subquery: a value made of the rows of another frame. A
	// column of the outer frame within it, by that one's alias, makes it
	// correlated. values are what SubqueryIn looks for, as many as frame has columns, and
	// empty for the other kinds.
	ExprSubquery(frame Frame, kind SubqueryKind, values []Expr) Expr
	// ExprLiteral is a constant of a type in DDL form. value is JSON: null, a
	// bool, a number or a string. A binary is in base64. A date is 2026-01-31, a
	// timestamp 2026-01-31T12:30:00.5Z, a timestamp_ntz the same without a zone, a
	// time 12:30:00.5. A decimal may be a string, and a float "NaN", "Infinity" or
	// "-Infinity". An interval of days to seconds is a number of microseconds, one
	// of years and months a number of months, and a calendar interval
	// [months, days, microseconds]. An array is an array, a map an array of pairs, a
	// struct an array of its fields' values.
	ExprLiteral(ddl string, value []byte) Expr
	// ExprExtract is a part of in: an array's element by its position from 0, a
	// map's value by its key, or a struct's field by its name.
	ExprExtract(in, key Expr) Expr
	// ExprWithField adds or replaces a field of a struct; "a.b" is field b of the
	// field a.
	ExprWithField(in Expr, name string, value Expr) Expr
	// ExprDropFields leaves fields of a struct out; "a.b" is field b of the field a.
	ExprDropFields(in Expr, names []string) Expr
	// ExprWindow computes function over the rows around each row: those with equal
	// partitions, in the given order, within the frame from lower to upper.
	// lowerValue and upperValue count where a bound is ValueBound and are 0 else.
	ExprWindow(function Expr, partitions, orders []Expr, frame WindowFrame, lower, upper WindowBound, lowerValue, upperValue Expr) Expr
	// ExprLambda is a function for ExprCall to hand to one such as "transform". It
	// has up to three parameters; body refers to them with ExprLambdaVariable.
	// Names of lambdas inside each other must differ.
	ExprLambda(params []string, body Expr) Expr
	// ExprLambdaVariable is a parameter of the lambda around it.
	ExprLambdaVariable(name string) Expr
	// ExprNamedArgument is an argument by its name, for ExprCall and ExprCallFunction.
	ExprNamedArgument(name string, value Expr) Expr
	// ExprCallFunction calls a function of the catalog: name may have several parts,
	// such as "db.f", and parts in backticks.
	ExprCallFunction(name string, args []Expr) Expr
	// ExprUDF calls one of the functions of the module's own manifest, which the
	// executors run. Arguments are cast to the types of its parameters. SQL text
	// calls functions by the same names.
	ExprUDF(name string, args []Expr) Expr
	// ExprRegex is all columns whose names match a regular expression, which stands
	// in backticks. frame is that of the columns, or 0.
	ExprRegex(frame Frame, pattern string) Expr
	// ExprMetadataColumn is a column that a data source has beside those of its
	// schema, such as _metadata.
	ExprMetadataColumn(frame Frame, name string) Expr
	// ExprAliasMetadata names a column and puts metadata, a JSON object, into the
	// schema with it.
	ExprAliasMetadata(in Expr, name string, metadata []byte) Expr
	// ExprShufflePartition is the number of the partition that a row goes to, for
	// a repartitioning by it alone.
	ExprShufflePartition(in Expr) Expr

	// ActionCollect runs the plan and returns its rows as one JSON array.
	ActionCollect(frame Frame, form RowForm) ([]byte, error)
	// ActionCount runs the plan and returns the number of its rows.
	ActionCount(frame Frame) (int64, error)
	// ActionSchema returns the frame's schema as a JSON [Schema].
	ActionSchema(frame Frame) ([]byte, error)
	// ActionExplain returns the plan as Spark explains it; mode is simple,
	// extended, codegen, cost or formatted.
	ActionExplain(frame Frame, mode string) (string, error)
	// ActionShow runs the plan and returns its first n rows as a table of
	// text, as Spark prints it. A value of more than truncate characters is
	// cut; zero cuts none. vertical prints a line for each value.
	ActionShow(frame Frame, n, truncate int32, vertical bool) (string, error)
	// ActionHTML runs the plan and returns its first n rows as an HTML table.
	// truncate is that of ActionShow.
	ActionHTML(frame Frame, n, truncate int32) (string, error)
	// ActionTree returns the frame's schema as Spark prints it, a line for each
	// field, down to the given level of nesting; zero is all levels.
	ActionTree(frame Frame, level int32) (string, error)
	// ActionInputFiles returns the files that the plan reads, as a JSON list of
	// strings.
	ActionInputFiles(frame Frame) ([]byte, error)
	// ActionIsLocal says whether collecting the frame needs no executor.
	ActionIsLocal(frame Frame) (bool, error)
	// ActionIsStreaming says whether the frame reads a source that never ends.
	ActionIsStreaming(frame Frame) (bool, error)
	// ActionSameSemantics says whether Spark can tell that two plans give the
	// same rows.
	ActionSameSemantics(frame, other Frame) (bool, error)
	// ActionSemanticHash returns Spark's hash of the plan, a number of 32 bits
	// without sign: plans with the same semantics have the same one.
	ActionSemanticHash(frame Frame) (int64, error)
	// ActionStorageLevel returns where Spark has been told to persist the
	// frame, as a JSON [StorageLevel].
	ActionStorageLevel(frame Frame) ([]byte, error)
	// CursorOpen runs the plan and returns a cursor over its rows, which come
	// in batches of columns. A task may have a limited number of them open. It
	// ends with the task.
	CursorOpen(frame Frame) (Cursor, error)
	// CursorSchema returns the cursor's columns and how their values are laid
	// out, as a JSON [CursorSchema].
	CursorSchema(cursor Cursor) ([]byte, error)
	// CursorNext goes to the next batch and returns how many rows it has: zero
	// at the end of the rows. A batch has at most maxRows rows if that is above
	// zero. What is wrong with the plan or the engine, even after many batches,
	// is its error; the rows before it were good, but are not all.
	CursorNext(cursor Cursor, maxRows int32) (int64, error)
	// CursorColumn returns a buffer of one column of the current batch, counted
	// from 0, in Arrow's layout. It is empty where the column's layout has no
	// such buffer, and for the validity of a column without NULL.
	CursorColumn(cursor Cursor, column int32, buffer Buffer) ([]byte, error)
	// CursorClose ends a cursor. If rows are left, their execution is
	// interrupted. It may be called twice.
	CursorClose(cursor Cursor) error
	// ActionObserved returns what FrameObserve has computed under a name in the
	// last action that ran it to its end: a JSON object of the metrics' names
	// and values.
	ActionObserved(name string) ([]byte, error)

	// ActionWrite writes the rows of frame as spec says, a JSON [WriteSpec]. It
	// is a command: it runs now and once, and is never repeated by the host.
	ActionWrite(frame Frame, spec []byte) error
	// ActionWriteTo writes the rows of frame to a table as spec says, a JSON
	// [WriteToSpec]. It is a command, as ActionWrite is.
	ActionWriteTo(frame Frame, spec []byte) error
	// ActionMerge merges the rows of frame into a table as spec says, a JSON
	// [MergeSpec]. It is a command, as ActionWrite is.
	ActionMerge(frame Frame, spec []byte) error
	// ActionSQL runs a SQL command, such as INSERT or CREATE TABLE, now and once,
	// as ActionWrite does, and returns its result. Parameters are those of
	// FrameSQL. The result of a query is what FrameSQL returns.
	ActionSQL(query string, names []string, args []Expr) (Frame, error)
	// ActionView makes frame a temporary view, which FrameSQL and FrameTable read
	// by its name. Without global it is the task's own: no other task sees it,
	// and it ends with the task. With global it is in the engine, named
	// global_temp.NAME, for all tasks and until it is dropped; the host makes it
	// again when the session was lost. replace takes the place of a view of that
	// name, which else is an error.
	ActionView(frame Frame, name string, replace, global bool) error
	// ActionCatalog asks or changes the catalog. call is a JSON [CatalogCall];
	// the answer is JSON: an array of objects for methods that list, an object
	// for those that get one thing, a string, a boolean, or null.
	ActionCatalog(call []byte) ([]byte, error)
	// ActionConf asks or changes the settings of the session that all tasks
	// share. call is a JSON [ConfCall]; the answer is JSON: a string or null for
	// get, an object for getAll, a boolean for isModifiable, else null. A
	// setting can be set only if the host's configuration lets tasks do so. It
	// then holds in the sessions that follow when one is lost, too.
	ActionConf(call []byte) ([]byte, error)
}
