use crate::error::{Error, Result};
use crate::frame::{DataFrame, Spark};
use crate::host::{self, RowForm};
use crate::http::Http;
use crate::json::{object, Json};
use crate::udf::Function;
use std::any::Any;
use std::panic;
use std::sync::Once;

/// What a module has, as [`crate::module`] declares it.
#[derive(Default)]
pub struct Module {
    /// The rights that it asks for.
    pub needs: Vec<&'static str>,
    pub tasks: Vec<Task>,
    pub functions: Vec<Function>,
}

/// A task as [`crate::module`] declares it.
pub struct Task {
    pub name: &'static str,
    pub doc: &'static str,
    pub params: Vec<Param>,
    pub returns: &'static str,
    /// Celery's options and their values.
    pub options: Vec<(&'static str, Json)>,
    /// Runs the task with a value for each parameter, and hands its result over.
    pub run: fn(&Context, Vec<Json>) -> Result<()>,
}

/// A parameter of a task.
pub struct Param {
    pub name: &'static str,
    pub doc: &'static str,
    pub typ: &'static str,
    pub default: Option<Json>,
}

impl Param {
    /// The next argument. The host has held it to its type already.
    pub fn take<T: FromArgument>(name: &str, arguments: &mut impl Iterator<Item = Json>) -> Result<T> {
        let argument = arguments.next().unwrap_or(Json::Null);
        T::from_argument(argument).ok_or_else(|| Error::new("TypeError", format!("argument '{}' must be {}", name, T::TYPE)))
    }
}

/// A type that parameters can have.
pub trait FromArgument: Sized {
    /// The type in the manifest's words.
    const TYPE: &'static str;
    fn from_argument(value: Json) -> Option<Self>;
}

macro_rules! arguments {
    ($($t:ty = $name:literal, $list:literal, $optional:literal: |$v:ident| $e:expr;)*) => { $(
        impl FromArgument for $t {
            const TYPE: &'static str = $name;
            fn from_argument($v: Json) -> Option<$t> {
                $e
            }
        }
        impl FromArgument for Vec<$t> {
            const TYPE: &'static str = $list;
            fn from_argument(value: Json) -> Option<Vec<$t>> {
                match value {
                    Json::Array(values) => values.into_iter().map(FromArgument::from_argument).collect(),
                    _ => None,
                }
            }
        }
        impl FromArgument for Option<$t> {
            const TYPE: &'static str = $optional;
            fn from_argument(value: Json) -> Option<Option<$t>> {
                match value {
                    Json::Null => Some(None),
                    value => FromArgument::from_argument(value).map(Some),
                }
            }
        }
    )* };
}

arguments! {
    bool = "bool", "[]bool", "*bool": |v| if let Json::Bool(b) = v { Some(b) } else { None };
    i32 = "int32", "[]int32", "*int32": |v| v.as_i64().and_then(|n| n.try_into().ok());
    i64 = "int64", "[]int64", "*int64": |v| v.as_i64();
    f64 = "float64", "[]float64", "*float64": |v| v.as_f64();
    String = "string", "[]string", "*string": |v| if let Json::String(s) = v { Some(s) } else { None };
}

impl FromArgument for Json {
    const TYPE: &'static str = "any";
    fn from_argument(value: Json) -> Option<Json> {
        Some(value)
    }
}

/// A type that results can have.
pub trait Answer {
    /// The type in the manifest's words.
    const TYPE: &'static str;
    fn hand_over(&self) -> Result<()>;
}

impl Answer for DataFrame {
    const TYPE: &'static str = "DataFrame";
    /// The rows never come into the module.
    fn hand_over(&self) -> Result<()> {
        Ok(host::result_frame(self.0, RowForm::RowArrays)?)
    }
}

macro_rules! answers {
    ($($t:ty = $name:literal: |$v:ident| $e:expr;)*) => { $(impl Answer for $t {
        const TYPE: &'static str = $name;
        fn hand_over(&self) -> Result<()> {
            let $v = self;
            Ok(host::result_json($e.to_string().as_bytes())?)
        }
    })* };
}

answers! {
    () = "null": |_v| "null";
    bool = "bool": |v| v;
    i32 = "int32": |v| v;
    i64 = "int64": |v| v;
    f64 = "float64": |v| Json::from(*v);
    String = "string": |v| Json::from(v.as_str());
    Json = "any": |v| v;
}

/// What a task may know and do while it runs.
pub struct Context(());

impl Context {
    /// The session that all tasks share.
    pub fn spark(&self) -> Spark {
        Spark
    }

    /// What is known of the call: `id`, `task`, `retries` and more, by the names of Celery's request.
    pub fn request(&self) -> Json {
        Json::parse(&String::from_utf8_lossy(&host::task_request())).unwrap_or(Json::Null)
    }

    /// Writes a line to the host's log, with attributes.
    pub fn log<const N: usize>(&self, message: &str, attributes: [(&str, Json); N]) {
        host::task_log(0, message, object(attributes).to_string().as_bytes())
    }

    /// Reports a state of the task's own, such as PROGRESS, to the client.
    pub fn update_state<const N: usize>(&self, state: &str, meta: [(&str, Json); N]) -> Result<()> {
        Ok(host::task_state(state, object(meta).to_string().as_bytes())?)
    }

    /// An error once the task should come to an end.
    pub fn check(&self) -> Result<()> {
        Ok(host::task_check()?)
    }

    /// Has the call sent again after so many seconds. What it returns is what the task should return at once.
    pub fn retry<T>(&self, countdown: f64, why: &Error) -> Result<T> {
        let why = Json::parse(&why.to_json()).unwrap_or(Json::Null);
        let options = object([("countdown", Json::from(countdown)), ("exc", why)]).to_string();
        host::task_retry(options.as_bytes())?;
        Err(Error::new("sparkstalk.HostError", "a retry has returned"))
    }

    /// A client that makes HTTP requests through the host.
    pub fn http(&self) -> Http {
        Http
    }

    /// An environment variable of the host, if there is one of that name. The module asks for the right with `needs "env:NAME";`,
    /// and the worker's setting `modules` grants it; else the error is a `PermissionError`. A task has no environment beside this.
    pub fn env(&self, name: &str) -> Result<Option<String>> {
        let value = Json::parse(&String::from_utf8_lossy(&host::task_env(name)?))?;
        Ok(value.as_str().map(str::to_string))
    }

    /// Sends a task, as a signature of Celery's: `task`, `args`, `kwargs` and `options`. Returns its id.
    pub fn send(&self, signature: &Json) -> Result<String> {
        Ok(host::task_send(signature.to_string().as_bytes())?)
    }
}

/// Hands the manifest over. It is what `sparkstalk_describe` does.
pub fn describe(module: &Module) -> i32 {
    tell_panics();
    let text = |s: &str| Json::from(s.trim());
    let list = module.tasks.iter().map(|t| {
        let params = t.params.iter().map(|p| {
            let mut members = vec![("name", text(p.name)), ("type", text(p.typ)), ("doc", text(p.doc))];
            members.extend(p.default.clone().map(|d| ("default", d)));
            Json::Object(members.into_iter().map(|(name, v)| (name.to_string(), v)).collect())
        });
        let mut members = vec![
            ("name", text(t.name)),
            ("doc", text(t.doc)),
            ("params", Json::Array(params.collect())),
            ("returns", text(t.returns)),
        ];
        members.extend(t.options.clone());
        Json::Object(members.into_iter().map(|(name, v)| (name.to_string(), v)).collect())
    });
    let sdk = concat!("rust/", env!("CARGO_PKG_VERSION"));
    let manifest = object([
        ("abi", Json::from(1)),
        ("sdk", Json::from(sdk)),
        ("capabilities", Json::from(module.needs.clone())),
        ("tasks", Json::Array(list.collect())),
        (
            "functions",
            Json::Array(module.functions.iter().map(Function::describe).collect()),
        ),
    ]);
    ended(host::result_json(manifest.to_string().as_bytes()).map_err(Error::from))
}

/// Runs a task by its index. It is what `sparkstalk_run` does.
pub fn run(tasks: &[Task], index: i32) -> i32 {
    tell_panics();
    ended(answer(tasks, index))
}

fn answer(tasks: &[Task], index: i32) -> Result<()> {
    let task = tasks
        .get(index as usize)
        .ok_or_else(|| format!("there is no task {} in this module", index))?;
    let values = Json::parse(&String::from_utf8_lossy(&host::task_bind()?))?;
    (task.run)(&Context(()), values.as_array().unwrap_or(&[]).to_vec())
}

fn ended(result: Result<()>) -> i32 {
    match result {
        Ok(()) => 0,
        Err(error) => {
            // If the host does not take it either, its own error is what the client gets.
            let _ = host::result_error(error.to_json().as_bytes());
            1
        }
    }
}

/// A panic ends the instance with a trap. Before, its message and place are given to the host.
fn tell_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let mut error = Error::new("sparkstalk.Panic", panic_message(info.payload()));
            error.traceback = info.location().map(|at| at.to_string()).unwrap_or_default();
            let _ = host::result_error(error.to_json().as_bytes());
        }))
    });
}

pub(crate) fn panic_message(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}
