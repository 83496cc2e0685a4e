//! Task modules in Rust for sparkstalk, a Celery worker with a warm Spark session.
//!
//! ```ignore
//! use sparkstalk::{col, functions as f, module, Context, DataFrame, Result};
//!
//! module! {
//!     /// the customers who bought most
//!     task "sales.top"(
//!         /// folder of parquet files
//!         path: String,
//!         n: i32 = 10,
//!     ) -> DataFrame = top;
//! }
//!
//! fn top(ctx: &Context, path: String, n: i32) -> Result<DataFrame> {
//!     let sales = ctx.spark().read().parquet(&path).group_by(["customer"]).agg([f::sum("amount").alias("total")]);
//!     Ok(sales.cache("sales").order_by([col("total").desc()]).limit(n))
//! }
//! ```
//!
//! Tasks make HTTP requests with [`Context::http`], and read the host's environment with [`Context::env`], where the module `needs` it.
//! What has no name here is in [`host`], the host's functions as they are: columns and frames hold its handles.

mod column;
mod error;
mod frame;
#[rustfmt::skip]
pub mod host;
mod http;
mod json;
mod task;
mod udf;
mod value;

pub use column::{call, col, expr, functions, lit, Column, Literal};
pub use error::{Error, Result};
pub use frame::{DataFrame, GroupedData, Reader, Spark};
pub use http::{Http, HttpRequest, HttpResponse};
pub use json::{object, Json};
pub use task::{describe, run, Answer, Context, FromArgument, Module, Param, Task};
pub use udf::{call_function, call_udf, done, room, step, Function, Outcome, State};
pub use value::{Arguments, Date, Decimal, Timestamp, Value};

/// Declares what a module has, and makes the functions that it exports.
///
/// A `task` has a name, parameters with types and perhaps defaults, the type of its result, and the function that runs it,
/// which takes the context and the parameters and returns a [`Result`] of that type. Doc comments go into the manifest.
/// Celery's options may follow the function: `= top, acks_late: true, max_retries: 5, time_limit: 60.0;`, and
/// `idempotent: true`, which has the task run once more when Spark lost its session.
///
/// A `function` is one for Spark's expressions: plans call it with [`call_udf`], SQL text by its name, and the executors run it,
/// in a copy of the module without a host. It takes and returns [`Value`]s, or a [`Result`] of one. With a NULL for a parameter
/// that is no `Option` the result is NULL, without a call. `nondeterministic: true` may follow.
///
/// An `aggregate` makes one value of many rows. Its function takes a [`State`] and a row's arguments and returns the new state;
/// behind it follow `merge`, which makes one state of two, and `finish`, which makes the result of a state.
///
/// ```ignore
/// function "words"(text: &str) -> Vec<&str> = words;
/// aggregate "longest"(word: &str) -> Option<String> = longer, merge: longest, finish: word;
/// ```
///
/// `needs` asks for a right, such as `needs "http:api.example.com";`, `"env:TZ"`, `"sql"` or `"read:/data/**"`. The worker's setting
/// `modules` grants it or not; without it, what needs it is a `PermissionError`. A module that asks for none of read, write,
/// read_table, write_table, sql, send and conf has of these what the worker grants; one that asks for some, no others.
#[macro_export]
macro_rules! module {
    ($(
        $(#[doc = $doc:literal])*
        $kind:ident $name:literal $((
            $($(#[doc = $param_doc:literal])* $param:ident: $type:ty $(= $default:expr)?),* $(,)?
        ) -> $result:ty = $function:path $(, $option:ident: $value:expr)*)?;
    )*) => {
        fn sparkstalk_module() -> $crate::Module {
            let mut module = $crate::Module::default();
            $($crate::declare!(module $kind $name, concat!($($doc),*) $(, $result, $function,
                [$($param: $type, concat!($($param_doc),*), [$($default)?]);*] [$($option: $value),*])?);)*
            module
        }

        #[no_mangle]
        pub extern "C" fn sparkstalk_describe() -> i32 {
            $crate::describe(&sparkstalk_module())
        }

        #[no_mangle]
        pub extern "C" fn sparkstalk_run(index: i32) -> i32 {
            $crate::run(&sparkstalk_module().tasks, index)
        }

        #[no_mangle]
        pub extern "C" fn sparkstalk_udf_buffer(size: i32) -> *mut u8 {
            $crate::room(size)
        }

        #[no_mangle]
        #[allow(unused_mut, unused_variables, unused_assignments)] // of modules without functions
        pub extern "C" fn sparkstalk_udf(index: i32, length: i32) -> i64 {
            $crate::call_function(index, length, |from, to| {
                let mut others = index; // declared before this one's
                $($($crate::call!($kind others, from, to, $result, $function, [$($param: $type),*] [$($option: $value),*]);)?)*
                None
            })
        }
    };
}

/// Adds one declaration to a module.
#[doc(hidden)]
#[macro_export]
macro_rules! declare {
    ($module:ident needs $capability:literal, $doc:expr) => {
        $module.needs.push($capability)
    };
    ($module:ident task $name:literal, $doc:expr, $result:ty, $function:path,
        [$($param:ident: $type:ty, $param_doc:expr, [$($default:expr)?]);*] [$($option:ident: $value:expr),*]) => {
        $module.tasks.push($crate::Task {
            name: $name,
            doc: $doc,
            params: vec![$($crate::Param {
                name: stringify!($param),
                doc: $param_doc,
                typ: <$type as $crate::FromArgument>::TYPE,
                default: { let none: Option<$crate::Json> = None; $(let none = none.or(Some($crate::Json::from($default)));)? none },
            }),*],
            returns: <$result as $crate::Answer>::TYPE,
            options: vec![$((stringify!($option), $crate::Json::from($value))),*],
            run: |context, arguments| {
                let mut arguments = arguments.into_iter();
                $(let $param: $type = $crate::Param::take(stringify!($param), &mut arguments)?;)*
                let result: $result = $function(context, $($param),*)?;
                $crate::Answer::hand_over(&result)
            },
        })
    };
    ($module:ident function $name:literal, $doc:expr, $result:ty, $function:path,
        [$($param:ident: $type:ty, $param_doc:expr, []);*] [$($option:ident: $value:expr),*]) => {
        $crate::declare!(function $module $name, $doc, $result, [$($param: $type),*] [$($option: $value),*])
    };
    ($module:ident aggregate $name:literal, $doc:expr, $result:ty, $function:path,
        [$($param:ident: $type:ty, $param_doc:expr, []);*] [merge: $merge:expr, finish: $finish:expr]) => {
        $crate::declare!(function $module $name, $doc, $result, [$($param: $type),*] [aggregate: true])
    };
    (function $module:ident $name:literal, $doc:expr, $result:ty,
        [$($param:ident: $type:ty),*] [$($option:ident: $value:expr),*]) => {
        $module.functions.push($crate::Function {
            name: $name,
            doc: $doc,
            params: vec![$((stringify!($param), <$type as $crate::Value>::ddl())),*],
            returns: <$result as $crate::Value>::ddl(),
            options: vec![$((stringify!($option), $crate::Json::from($value))),*],
        })
    };
}

/// Runs a declaration if it is that of a function before which no others are left. Each is a function of its own, and stays
/// one: a JVM does not compile large ones.
#[doc(hidden)]
#[macro_export]
macro_rules! call {
    (task $others:ident, $from:ident, $to:ident, $result:ty, $function:path, $params:tt $options:tt) => {};
    (function $others:ident, $from:ident, $to:ident, $result:ty, $function:path,
        [$($param:ident: $type:ty),*] $options:tt) => {
        $crate::call!($others, $from, $to, |from, to| {
            $(let $param = <$type as $crate::Value>::read(from);)*
            if let ($(Some($param),)*) = ($($param,)*) {
                let result: $result = $crate::Outcome::<$result>::outcome($function($($param),*))?;
                $crate::Value::write(&result, to);
            } else {
                to.push(0);
            }
            Ok(())
        })
    };
    (aggregate $others:ident, $from:ident, $to:ident, $result:ty, $function:path,
        [$($param:ident: $type:ty),*] [merge: $merge:expr, finish: $finish:expr]) => {
        $crate::call!($others, $from, $to, |from, to| {
            let update = |state, from: &mut $crate::Arguments| {
                $(let $param = <$type as $crate::Value>::read(from);)*
                match ($($param,)*) {
                    ($(Some($param),)*) => $function(state, $($param),*),
                    _ => state,
                }
            };
            $crate::step(from, to, update, $merge, |state, to| {
                let result: $result = $crate::Outcome::<$result>::outcome($finish(state))?;
                $crate::Value::write(&result, to);
                Ok(())
            })
        })
    };
    ($others:ident, $from:ident, $to:ident, |$arguments:ident, $answer:ident| $body:block) => {
        if $others == 0 {
            #[inline(never)]
            fn run(from: &[u8], to: &mut Vec<u8>) -> i64 {
                fn body($arguments: &mut $crate::Arguments, $answer: &mut Vec<u8>) -> $crate::Result<()> $body
                $crate::done(body(&mut $crate::Arguments(from), to), to)
            }
            return Some(run($from, $to));
        }
        $others -= 1;
    };
}
