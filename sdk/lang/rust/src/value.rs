use std::convert::TryInto;

/// A type that functions on executors take and return. Values are laid out as abi/README.md says.
pub trait Value<'a>: Sized {
    /// Spark's type, in DDL form.
    fn ddl() -> String;
    /// Reads a value that is not NULL.
    fn get(from: &mut Arguments<'a>) -> Self;
    /// Writes a value that is not NULL.
    fn put(&self, to: &mut Vec<u8>);

    /// Reads a value; none is a NULL that the type has no place for.
    fn read(from: &mut Arguments<'a>) -> Option<Self> {
        if from.array() == [0] {
            return None;
        }
        Some(Self::get(from))
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.push(1);
        self.put(to);
    }
}

/// What is left of a call's arguments. Where they end too early reading panics.
pub struct Arguments<'a>(pub &'a [u8]);

impl<'a> Arguments<'a> {
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let (value, rest) = self.0.split_at(N);
        self.0 = rest;
        value.try_into().expect("it has N bytes")
    }

    /// Bytes with their length before them.
    pub fn bytes(&mut self) -> &'a [u8] {
        let n = u32::from_le_bytes(self.array()) as usize;
        let (value, rest) = self.0.split_at(n);
        self.0 = rest;
        value
    }
}

fn put_bytes(bytes: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    to.extend_from_slice(bytes);
}

/// Text of Spark's, most of which is ASCII: seeing that takes a JVM less than from_utf8.
fn text(bytes: &[u8]) -> &str {
    const NOT_ASCII: u64 = 0x8080_8080_8080_8080;
    let eights = bytes.chunks_exact(8);
    let rest = eights.remainder();
    let ascii = |eight: &[u8]| u64::from_le_bytes(eight.try_into().expect("they are eight")) & NOT_ASCII == 0;
    if eights.into_iter().all(ascii) && rest.iter().all(|b| *b < 0x80) {
        return unsafe { std::str::from_utf8_unchecked(bytes) }; // ASCII is UTF-8
    }
    other_text(bytes)
}

#[cold]
#[inline(never)] // it is large, and a JVM compiles no large functions
fn other_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("Spark's strings are UTF-8")
}

/// NULL has a place here.
impl<'a, T: Value<'a>> Value<'a> for Option<T> {
    fn ddl() -> String {
        T::ddl()
    }
    fn get(from: &mut Arguments<'a>) -> Self {
        Some(T::get(from))
    }
    fn put(&self, to: &mut Vec<u8>) {
        self.as_ref().expect("NULL has no bytes").put(to)
    }
    fn read(from: &mut Arguments<'a>) -> Option<Self> {
        Some(T::read(from))
    }
    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Some(value) => value.write(to),
            None => to.push(0),
        }
    }
}

impl<'a, T: Value<'a>> Value<'a> for Vec<T> {
    fn ddl() -> String {
        format!("array<{}>", T::ddl())
    }
    fn get(from: &mut Arguments<'a>) -> Self {
        let n = u32::from_le_bytes(from.array());
        let element = |_| T::read(from).expect("a NULL in an array whose elements are no Option");
        (0..n).map(element).collect()
    }
    fn put(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&(self.len() as u32).to_le_bytes());
        self.iter().for_each(|element| element.write(to));
    }
}

macro_rules! values {
    ($($t:ty = $ddl:expr, $from:ident: $get:expr, $v:ident $to:ident: $put:expr;)*) => { $(impl<'a> Value<'a> for $t {
        fn ddl() -> String {
            $ddl.to_string()
        }
        fn get($from: &mut Arguments<'a>) -> Self {
            $get
        }
        fn put(&self, $to: &mut Vec<u8>) {
            let $v = self;
            $put
        }
    })* };
}

macro_rules! numbers {
    ($($t:ty = $ddl:literal;)*) => { $(impl<'a> Value<'a> for $t {
        fn ddl() -> String {
            $ddl.to_string()
        }
        fn get(from: &mut Arguments<'a>) -> Self {
            Self::from_le_bytes(from.array())
        }
        fn put(&self, to: &mut Vec<u8>) {
            to.extend_from_slice(&self.to_le_bytes())
        }
        fn write(&self, to: &mut Vec<u8>) {
            let mut value = [1; 1 + std::mem::size_of::<$t>()]; // at once: there is no room to look for twice
            value[1..].copy_from_slice(&self.to_le_bytes());
            to.extend_from_slice(&value)
        }
    })* };
}

numbers! { i8 = "tinyint"; i16 = "smallint"; i32 = "int"; i64 = "bigint"; f32 = "float"; f64 = "double"; }

values! {
    bool = "boolean", from: from.array() != [0], v to: to.push(*v as u8);
    &'a [u8] = "binary", from: from.bytes(), v to: put_bytes(v, to);
    Vec<u8> = "binary", from: from.bytes().to_vec(), v to: put_bytes(v, to);
    &'a str = "string", from: text(from.bytes()), v to: put_bytes(v.as_bytes(), to);
    String = "string", from: <&str>::get(from).to_string(), v to: put_bytes(v.as_bytes(), to);
    Date = "date", from: Date(i32::get(from)), v to: v.0.put(to);
    Timestamp = "timestamp", from: Timestamp(i64::get(from)), v to: v.0.put(to);
}

/// A date, in days since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i32);

/// A time, in microseconds since 1970 in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A decimal(P,S): the number without its point, so that `Decimal::<10, 2>(1250)` is 12.50.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal<const P: u8, const S: u8>(pub i128);

impl<const P: u8, const S: u8> Decimal<P, S> {
    /// Parses what executors write. SQL text may pass a decimal of another scale: one with too many digits is refused.
    fn parse(text: &str) -> Option<i128> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let fraction = fraction.trim_end_matches('0');
        let zeros = (S as usize).checked_sub(fraction.len())?;
        format!("{}{}{}", whole, fraction, "0".repeat(zeros)).parse().ok()
    }
}

impl<const P: u8, const S: u8> std::fmt::Display for Decimal<P, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let digits = format!("{:0>1$}", self.0.unsigned_abs(), S as usize + 1);
        let (whole, fraction) = digits.split_at(digits.len() - S as usize);
        let sign = if self.0 < 0 { "-" } else { "" };
        let point = if S > 0 { "." } else { "" };
        write!(f, "{}{}{}{}", sign, whole, point, fraction)
    }
}

impl<'a, const P: u8, const S: u8> Value<'a> for Decimal<P, S> {
    fn ddl() -> String {
        format!("decimal({},{})", P, S)
    }
    fn get(from: &mut Arguments<'a>) -> Self {
        let text = <&str>::get(from);
        Decimal(Self::parse(text).unwrap_or_else(|| panic!("{} does not fit {}", text, Self::ddl())))
    }
    fn put(&self, to: &mut Vec<u8>) {
        put_bytes(self.to_string().as_bytes(), to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comes_back<T: for<'a> Value<'a> + PartialEq + std::fmt::Debug>(ddl: &str, value: T) {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        let mut from = Arguments(&bytes);
        assert_eq!(T::read(&mut from), Some(value));
        assert!(from.0.is_empty());
        assert_eq!(T::ddl(), ddl);
    }

    #[test]
    fn values_come_back_as_they_were() {
        comes_back("boolean", true);
        comes_back("tinyint", -128i8);
        comes_back("double", -0.5);
        comes_back("string", Some("größe".to_string()));
        comes_back("string", "eight or more, and größer behind it".to_string());
        comes_back("string", None::<String>);
        comes_back("binary", vec![0u8, 255]);
        comes_back("array<array<int>>", vec![Some(vec![Some(1), None]), None]);
        comes_back("array<date>", vec![Date(-1)]);
        comes_back("decimal(38,18)", Decimal::<38, 18>(i128::MIN / 2));
        comes_back("decimal(2,2)", Decimal::<2, 2>(-5));
    }

    #[test]
    fn text_is_utf8() {
        for (bytes, good) in [
            (&b""[..], true),
            (b"plain", true),
            (b"plain, and more", true),
            ("größe und anderes".as_bytes(), true),
            (b"\xff", false),
            (b"eight up\xff", false),
            (b"seven \xff up and on", false),
        ] {
            assert_eq!(std::panic::catch_unwind(|| text(bytes).len()).ok(), good.then_some(bytes.len()), "{:?}", bytes);
        }
    }

    #[test]
    fn decimals_are_text() {
        for (text, value) in [
            ("-12.50", Some(-1250)),
            ("0.05", Some(5)),
            ("7", Some(700)),
            ("1.2000", Some(120)),
            ("1.234", None),
        ] {
            assert_eq!(Decimal::<10, 2>::parse(text), value, "{}", text);
        }
        for (value, text) in [(-1250, "-12.50"), (5, "0.05"), (-5, "-0.05"), (0, "0.00")] {
            assert_eq!(Decimal::<10, 2>(value).to_string(), text);
        }
        assert_eq!(Decimal::<10, 0>(-7).to_string(), "-7");
    }
}
