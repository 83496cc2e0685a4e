use crate::column::{exprs, Column};
use crate::error::Result;
use crate::host;
use crate::json::{object, Json};
use crate::value::{Arguments, Value};
use std::cell::RefCell;
use std::panic;

/// A call of one of the module's own functions, which the executors run.
pub fn call_udf<C: Into<Column>>(name: &str, args: impl IntoIterator<Item = C>) -> Column {
    Column(host::expr_udf(name, &exprs(args)))
}

/// A function or an aggregate as [`crate::module`] declares it.
pub struct Function {
    pub name: &'static str,
    pub doc: &'static str,
    /// Names and Spark's types.
    pub params: Vec<(&'static str, String)>,
    pub returns: String,
    /// More members of its entry in the manifest.
    pub options: Vec<(&'static str, Json)>,
}

impl Function {
    pub(crate) fn describe(&self) -> Json {
        let param = |(name, ddl): &(&str, String)| object([("name", Json::from(*name)), ("type", Json::from(ddl.as_str()))]);
        let mut members = vec![
            ("name", Json::from(self.name)),
            ("doc", Json::from(self.doc.trim())),
            ("params", Json::Array(self.params.iter().map(param).collect())),
            ("returns", Json::from(self.returns.as_str())),
        ];
        members.extend(self.options.clone());
        Json::Object(members.into_iter().map(|(name, v)| (name.to_string(), v)).collect())
    }
}

/// What a function returns for a result of type T: that, or a [`Result`] of it.
pub trait Outcome<T> {
    fn outcome(self) -> Result<T>;
}

impl<T> Outcome<T> for T {
    fn outcome(self) -> Result<T> {
        Ok(self)
    }
}

impl<T> Outcome<T> for Result<T> {
    fn outcome(self) -> Result<T> {
        self
    }
}

/// A type of an aggregate's state: a value, or a tuple of such. The default is the state of no rows.
pub trait State: Default {
    fn load(from: &mut Arguments) -> Self;
    fn save(&self, to: &mut Vec<u8>);
}

impl<T: for<'a> Value<'a> + Default> State for T {
    fn load(from: &mut Arguments) -> Self {
        T::read(from).unwrap_or_default()
    }
    fn save(&self, to: &mut Vec<u8>) {
        self.write(to)
    }
}

macro_rules! tuples {
    ($($($t:ident $i:tt),*;)*) => { $(impl<$($t: State),*> State for ($($t,)*) {
        fn load(from: &mut Arguments) -> Self {
            ($($t::load(from),)*)
        }
        fn save(&self, to: &mut Vec<u8>) {
            $(self.$i.save(to);)*
        }
    })* };
}

tuples! { A 0, B 1; A 0, B 1, C 2; A 0, B 1, C 2, D 3; A 0, B 1, C 2, D 3, E 4; A 0, B 1, C 2, D 3, E 4, F 5; }

/// Runs a step of an aggregate, whose arguments are the step's number, a state, and what belongs to the step.
pub fn step<'a, S: State>(
    from: &mut Arguments<'a>,
    to: &mut Vec<u8>,
    update: impl FnOnce(S, &mut Arguments<'a>) -> S,
    merge: impl FnOnce(S, S) -> S,
    finish: impl FnOnce(S, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    fn state<S: State>(from: &mut Arguments) -> S {
        <Option<&[u8]>>::read(from)
            .flatten()
            .map_or_else(S::default, |bytes| S::load(&mut Arguments(bytes)))
    }
    let [number] = from.array();
    let mine: S = state(from);
    let next = match number {
        0 => update(mine, from),
        1 => merge(mine, state(from)),
        _ => return finish(mine, to),
    };
    let mut bytes = Vec::new();
    next.save(&mut bytes);
    bytes.write(to);
    Ok(())
}

struct Calls {
    ready: bool,
    arguments: Vec<u8>,
    answer: Vec<u8>,
}

thread_local! {
    static CALLS: RefCell<Calls> = const { RefCell::new(Calls { ready: false, arguments: Vec::new(), answer: Vec::new() }) };
}

/// Where so many bytes of arguments may be written to. It is what `sparkstalk_udf_buffer` does.
pub fn room(size: i32) -> *mut u8 {
    CALLS.with(|calls| {
        let arguments = &mut calls.borrow_mut().arguments;
        if size as usize > arguments.len() {
            arguments.resize(size as usize, 0);
        }
        arguments.as_mut_ptr()
    })
}

/// Calls a function by its index. It is what `sparkstalk_udf` does: the low half of the result is where the answer lies, the
/// high half its length, and if it is negative the answer is an error's text. run calls the function with its arguments, writes
/// the answer and says what [`done`] does; it knows none with another index. That it is no table of functions has a JVM see
/// what is called.
#[inline(always)]
pub fn call_function(index: i32, length: i32, run: impl FnOnce(&[u8], &mut Vec<u8>) -> Option<i64>) -> i64 {
    CALLS.with(|calls| {
        let mut calls = calls.try_borrow_mut().unwrap_or_else(|_| called_within());
        let calls = &mut *calls;
        if !calls.ready {
            calls.ready = true;
            print_panics();
        }
        calls.answer.clear();
        let sign = match run(&calls.arguments[..length as usize], &mut calls.answer) {
            Some(sign) => sign,
            None => unknown(&mut calls.answer, index),
        };
        sign | (calls.answer.len() as i64) << 32 | calls.answer.as_ptr() as u32 as i64
    })
}

/// Returns nothing but the sign of what `sparkstalk_udf` returns, and has an error be the answer.
#[inline(always)]
pub fn done(outcome: Result<()>, answer: &mut Vec<u8>) -> i64 {
    match outcome {
        Ok(()) => 0,
        Err(error) => refuse(answer, &error.to_string()),
    }
}

#[cold]
#[inline(never)]
fn called_within() -> ! {
    panic!("a function calls sparkstalk_udf")
}

#[cold]
#[inline(never)]
fn unknown(answer: &mut Vec<u8>, index: i32) -> i64 {
    refuse(answer, &format!("there is no function {} in this module", index))
}

#[cold]
#[inline(never)]
fn refuse(answer: &mut Vec<u8>, why: &str) -> i64 {
    answer.clear();
    answer.extend_from_slice(why.as_bytes());
    i64::MIN
}

#[cold]
#[inline(never)]
fn print_panics() {
    panic::set_hook(Box::new(|info| print(&panic_text(info.payload(), info.location()))));
}

fn panic_text(payload: &dyn std::any::Any, at: Option<&panic::Location>) -> String {
    let at = at.map(|at| at.to_string()).unwrap_or_default();
    format!("panic: {} ({})", crate::task::panic_message(payload), at)
}

/// Prints to the standard error, which an executor puts into the query's error.
#[cfg(target_arch = "wasm32")]
fn print(text: &str) {
    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    extern "C" {
        fn fd_write(fd: i32, texts: *const [usize; 2], count: usize, written: *mut usize) -> i32;
    }
    unsafe { fd_write(2, &[text.as_ptr() as usize, text.len()], 1, &mut 0) };
}

#[cfg(not(target_arch = "wasm32"))]
fn print(text: &str) {
    eprintln!("{}", text)
}
