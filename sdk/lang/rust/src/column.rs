use crate::host::{self, Expr};
use std::ops;

/// A column expression. Like the frame that it is of, it is a description: what is wrong with it is the error of the action
/// that needs it.
#[derive(Clone, Copy, Debug)]
pub struct Column(pub Expr);

/// A column by name; `a.b` is the field b of a, and `*` all columns.
pub fn col(name: &str) -> Column {
    Column(host::expr_column(name))
}

/// A constant.
pub fn lit(value: impl Literal) -> Column {
    value.column()
}

/// A call of any of Spark's functions or operators, by its name in SQL.
pub fn call<C: Into<Column>>(function: &str, args: impl IntoIterator<Item = C>) -> Column {
    Column(host::expr_call(function, &exprs(args), false))
}

/// An expression in SQL text.
pub fn expr(sql: &str) -> Column {
    Column(host::expr_sql(sql))
}

pub(crate) fn exprs<C: Into<Column>>(columns: impl IntoIterator<Item = C>) -> Vec<Expr> {
    columns.into_iter().map(|c| c.into().0).collect()
}

impl From<&str> for Column {
    fn from(name: &str) -> Column {
        col(name)
    }
}

/// What [`lit`] takes.
pub trait Literal {
    /// The constant as a column.
    fn column(self) -> Column;
}

macro_rules! literals {
    ($($t:ty: |$v:ident| $e:expr;)*) => { $(impl Literal for $t {
        fn column(self) -> Column {
            let $v = self;
            Column($e)
        }
    })* };
}

literals! {
    i32: |v| host::expr_int(v as i64);
    i64: |v| host::expr_int(v);
    f64: |v| host::expr_float(v);
    bool: |v| host::expr_bool(v);
    &str: |v| host::expr_string(v);
    &String: |v| host::expr_string(v);
    &[u8]: |v| host::expr_binary(v);
}

impl<T: Literal> Literal for Option<T> {
    fn column(self) -> Column {
        self.map_or_else(|| Column(host::expr_null()), Literal::column)
    }
}

macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident $function:literal;)*) => { impl Column { $($(#[$doc])* pub fn $name(self, other: impl Into<Column>) -> Column {
        call($function, [self, other.into()])
    })* } };
}

operators! {
    eq "==";
    lt "<";
    lt_eq "<=";
    gt ">";
    gt_eq ">=";
    and "and";
    or "or";
    /// Equal, where NULL is equal to NULL.
    eq_null_safe "<=>";
    starts_with "startswith";
    ends_with "endswith";
    contains "contains";
    like "like";
}

impl Column {
    pub fn neq(self, other: impl Into<Column>) -> Column {
        !self.eq(other)
    }

    /// Names the column.
    pub fn alias(self, name: &str) -> Column {
        Column(host::expr_alias(self.0, &[name]))
    }

    /// Casts to a type in DDL form, such as `decimal(10,2)`.
    pub fn cast(self, ddl: &str) -> Column {
        Column(host::expr_cast(self.0, ddl, false))
    }

    /// The order from low to high, with NULL first.
    pub fn asc(self) -> Column {
        Column(host::expr_sort(self.0, false, false))
    }

    /// The order from high to low, with NULL last.
    pub fn desc(self) -> Column {
        Column(host::expr_sort(self.0, true, true))
    }

    pub fn is_null(self) -> Column {
        call("isnull", [self])
    }

    pub fn is_not_null(self) -> Column {
        call("isnotnull", [self])
    }

    /// Whether it is one of the values.
    pub fn is_in<C: Into<Column>>(self, values: impl IntoIterator<Item = C>) -> Column {
        let mut args = vec![self];
        args.extend(values.into_iter().map(Into::into));
        call("in", args)
    }
}

macro_rules! arithmetic {
    ($($trait:ident $method:ident $function:literal;)*) => { $(impl<C: Into<Column>> ops::$trait<C> for Column {
        type Output = Column;
        fn $method(self, other: C) -> Column {
            call($function, [self, other.into()])
        }
    })* };
}

arithmetic! { Add add "+"; Sub sub "-"; Mul mul "*"; Div div "/"; Rem rem "%"; }

impl ops::Not for Column {
    type Output = Column;
    fn not(self) -> Column {
        call("not", [self])
    }
}

/// Spark's functions that tasks need most. Every other one is `call("its_name", [args])`.
pub mod functions {
    use super::{call, lit, Column};

    macro_rules! functions {
        ($($name:ident($($arg:ident),*);)*) => { $(pub fn $name($($arg: impl Into<Column>),*) -> Column {
            call(stringify!($name), [$($arg.into()),*])
        })* };
    }

    functions! {
        abs(x); avg(x); ceil(x); collect_list(x); collect_set(x); date_format(date, format); explode(x); first(x); floor(x);
        last(x); length(x); lower(x); ltrim(x); max(x); mean(x); min(x); month(date); posexplode(x); rtrim(x);
        size(x); sqrt(x); stddev(x); sum(x); to_date(x); to_timestamp(x); trim(x); upper(x); year(date);
    }

    /// The number of values that are not NULL; of `lit(1)`, the number of rows.
    pub fn count(x: impl Into<Column>) -> Column {
        call("count", [x.into()])
    }

    /// The first of the columns that is not NULL.
    pub fn coalesce<C: Into<Column>>(columns: impl IntoIterator<Item = C>) -> Column {
        call("coalesce", columns)
    }

    pub fn concat<C: Into<Column>>(columns: impl IntoIterator<Item = C>) -> Column {
        call("concat", columns)
    }

    /// A text split where a regular expression matches.
    pub fn split(text: impl Into<Column>, pattern: &str) -> Column {
        call("split", [text.into(), lit(pattern), lit(-1)])
    }

    /// The part of a text from a position on, counted from 1.
    pub fn substring(text: impl Into<Column>, position: i32, length: i32) -> Column {
        call("substring", [text.into(), lit(position), lit(length)])
    }

    pub fn regexp_replace(text: impl Into<Column>, pattern: &str, by: &str) -> Column {
        call("regexp_replace", [text.into(), lit(pattern), lit(by)])
    }
}
