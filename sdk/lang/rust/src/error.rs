use crate::host;
use crate::json::{object, Json};
use std::fmt;

/// An exception as the client's `result.get()` raises it.
#[derive(Clone, Debug)]
pub struct Error {
    /// The class, such as `ValueError`, and the Python module that it is of.
    pub class: String,
    pub module: String,
    /// The exception's arguments; the first is usually the message.
    pub args: Vec<Json>,
    /// Text for people.
    pub traceback: String,
}

/// What a task and an action return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with a message. `class` is one of Python's own, such as `ValueError`, or another one with its module before
    /// the last dot: `sales.errors.NoSuchCustomer`.
    pub fn new(class: &str, message: impl Into<String>) -> Error {
        let (module, class) = class.rsplit_once('.').unwrap_or(("builtins", class));
        Error {
            class: class.to_string(),
            module: module.to_string(),
            args: vec![Json::String(message.into())],
            traceback: String::new(),
        }
    }

    /// The first argument, if it is text.
    pub fn message(&self) -> &str {
        self.args.first().and_then(Json::as_str).unwrap_or("")
    }

    pub(crate) fn to_json(&self) -> String {
        object([
            ("type", Json::from(self.class.as_str())),
            ("module", Json::from(self.module.as_str())),
            ("args", Json::Array(self.args.clone())),
            ("traceback", Json::from(self.traceback.as_str())),
        ])
        .to_string()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.message())
    }
}

impl std::error::Error for Error {}

impl From<host::Failure> for Error {
    fn from(failure: host::Failure) -> Error {
        let text = String::from_utf8_lossy(&failure.0).into_owned();
        let json = match Json::parse(&text) {
            Ok(json) => json,
            Err(why) => return Error::new("sparkstalk.HostError", format!("{}: {}", why, text)),
        };
        let member = |name| json.get(name).and_then(Json::as_str).unwrap_or("").to_string();
        Error {
            class: member("type"),
            module: member("module"),
            args: json.get("args").and_then(Json::as_array).unwrap_or(&[]).to_vec(),
            traceback: member("traceback"),
        }
    }
}

impl From<String> for Error {
    fn from(message: String) -> Error {
        Error::new("sparkstalk.TaskError", message)
    }
}

impl From<&str> for Error {
    fn from(message: &str) -> Error {
        Error::new("sparkstalk.TaskError", message)
    }
}
