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
//! What has no name here is in [`host`], the host's functions as they are: columns and frames hold its handles.

mod column;
mod error;
mod frame;
#[rustfmt::skip]
pub mod host;
mod json;
mod task;

pub use column::{call, col, expr, functions, lit, Column, Literal};
pub use error::{Error, Result};
pub use frame::{DataFrame, GroupedData, Reader, Spark};
pub use json::{object, Json};
pub use task::{describe, run, Answer, Context, FromArgument, Param, Task};

/// Declares the tasks of a module, and makes the two functions that it exports.
///
/// A task has a name, parameters with types and perhaps defaults, the type of its result, and the function that runs it, which
/// takes the context and the parameters and returns a [`Result`] of that type. Doc comments go into the manifest. Celery's
/// options may follow the function: `= top, acks_late: true, max_retries: 5, time_limit: 60.0;`.
#[macro_export]
macro_rules! module {
    ($(
        $(#[doc = $doc:literal])*
        task $name:literal($($(#[doc = $param_doc:literal])* $param:ident: $type:ty $(= $default:expr)?),* $(,)?)
            -> $result:ty = $function:path $(, $option:ident: $value:expr)*;
    )*) => {
        fn sparkstalk_tasks() -> Vec<$crate::Task> {
            vec![$($crate::Task {
                name: $name,
                doc: concat!($($doc),*),
                params: vec![$($crate::Param {
                    name: stringify!($param),
                    doc: concat!($($param_doc),*),
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
            }),*]
        }

        #[no_mangle]
        pub extern "C" fn sparkstalk_describe() -> i32 {
            $crate::describe(&sparkstalk_tasks())
        }

        #[no_mangle]
        pub extern "C" fn sparkstalk_run(index: i32) -> i32 {
            $crate::run(&sparkstalk_tasks(), index)
        }
    };
}
