//! JSON as Python's Celery writes it: with NaN and Infinity, and numbers of any size.

use std::fmt;

/// A JSON value. Numbers keep their text, so that none loses a digit.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Parses one JSON value, or says where it is none.
    pub fn parse(text: &str) -> Result<Json, String> {
        let mut p = Parser { text, at: 0 };
        let value = p.value(0)?;
        p.space();
        if p.at < text.len() {
            return Err(format!("more after the value at byte {} of the JSON", p.at));
        }
        Ok(value)
    }

    /// The value of a name in an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().rev().find(|m| m.0 == name).map(|m| &m.1),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(s) => Some(s),
            _ => None,
        }
    }

    /// The number, if it is a whole one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Json::Number(n) => n.parse().ok(),
            _ => None,
        }
    }

    /// The number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Json::Number(n) => n.parse().ok(),
            _ => None,
        }
    }

    /// The elements of an array.
    pub fn as_array(&self) -> Option<&[Json]> {
        match self {
            Json::Array(a) => Some(a),
            _ => None,
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(b) => write!(f, "{}", b),
            Json::Number(n) => f.write_str(n),
            Json::String(s) => quote(f, s),
            Json::Array(values) => {
                f.write_str("[")?;
                for (i, v) in values.iter().enumerate() {
                    write!(f, "{}{}", if i > 0 { "," } else { "" }, v)?;
                }
                f.write_str("]")
            }
            Json::Object(members) => {
                f.write_str("{")?;
                for (i, (name, v)) in members.iter().enumerate() {
                    f.write_str(if i > 0 { "," } else { "" })?;
                    quote(f, name)?;
                    write!(f, ":{}", v)?;
                }
                f.write_str("}")
            }
        }
    }
}

fn quote(f: &mut fmt::Formatter, s: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in s.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{}", c)?,
            c if c < ' ' => write!(f, "\\u{:04x}", c as u32)?,
            c => write!(f, "{}", c)?,
        }
    }
    f.write_str("\"")
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

/// How deep values may be nested.
const MAX_DEPTH: usize = 200;

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(&[' ', '\t', '\n', '\r'][..]).len();
    }

    /// Moves over a text if it comes next.
    fn took(&mut self, text: &str) -> bool {
        self.space();
        let there = self.rest().starts_with(text);
        self.at += if there { text.len() } else { 0 };
        there
    }

    fn need(&mut self, text: &str) -> Result<(), String> {
        if self.took(text) {
            return Ok(());
        }
        Err(format!("no {:?} at byte {} of the JSON", text, self.at))
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        if depth > MAX_DEPTH {
            return Err(format!("JSON nested more than {} deep", MAX_DEPTH));
        }
        if self.took("{") {
            let mut members = Vec::new();
            while !self.took("}") {
                if !members.is_empty() {
                    self.need(",")?;
                }
                self.space();
                let name = self.string()?;
                self.need(":")?;
                members.push((name, self.value(depth + 1)?));
            }
            return Ok(Json::Object(members));
        }
        if self.took("[") {
            let mut values = Vec::new();
            while !self.took("]") {
                if !values.is_empty() {
                    self.need(",")?;
                }
                values.push(self.value(depth + 1)?);
            }
            return Ok(Json::Array(values));
        }
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
            if self.took(word) {
                return Ok(value);
            }
        }
        if self.rest().starts_with('"') {
            return Ok(Json::String(self.string()?));
        }
        let rest = self.rest();
        let end = rest.find(|c: char| ",]} \t\r\n".contains(c)).unwrap_or(rest.len());
        if rest[..end].parse::<f64>().is_err() {
            return Err(format!("no value at byte {} of the JSON", self.at));
        }
        self.at += end;
        Ok(Json::Number(rest[..end].to_string()))
    }

    fn string(&mut self) -> Result<String, String> {
        self.need("\"")?;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let end = rest.find(&['"', '\\'][..]).ok_or("unexpected end of JSON")?;
            out.push_str(&rest[..end]);
            self.at += end + 1;
            if rest[end..].starts_with('"') {
                return Ok(out);
            }
            let escape = self.rest().chars().next().ok_or("unexpected end of JSON")?;
            self.at += escape.len_utf8();
            out.push(match escape {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => self.unicode()?,
                '"' | '\\' | '/' => escape,
                _ => return Err(format!("no escape \\{} in JSON", escape)),
            });
        }
    }

    /// A character of one \uXXXX or, beyond the first 65536, of two.
    fn unicode(&mut self) -> Result<char, String> {
        let first = self.hex()?;
        if (0xd800..0xdc00).contains(&first) && self.rest().starts_with("\\u") {
            self.at += 2;
            let second = self.hex()?;
            let code = 0x10000 + ((first - 0xd800) << 10) + second.wrapping_sub(0xdc00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Result<u32, String> {
        let digits = self.rest().get(..4).ok_or("unexpected end of JSON")?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| format!("no hexadecimal number: {:?}", digits))
    }
}

macro_rules! from_number {
    ($($t:ty),*) => { $(impl From<$t> for Json {
        fn from(n: $t) -> Json {
            Json::Number(n.to_string())
        }
    })* };
}

from_number!(i32, i64, u32, u64, usize);

impl From<f64> for Json {
    fn from(n: f64) -> Json {
        // Python's words for what JSON has none.
        Json::Number(match n {
            n if n.is_nan() => "NaN".to_string(),
            n if n.is_infinite() => if n > 0.0 { "Infinity" } else { "-Infinity" }.to_string(),
            n => format!("{:?}", n),
        })
    }
}

impl From<bool> for Json {
    fn from(b: bool) -> Json {
        Json::Bool(b)
    }
}

impl From<&str> for Json {
    fn from(s: &str) -> Json {
        Json::String(s.to_string())
    }
}

impl From<String> for Json {
    fn from(s: String) -> Json {
        Json::String(s)
    }
}

impl<T: Into<Json>> From<Vec<T>> for Json {
    fn from(values: Vec<T>) -> Json {
        Json::Array(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Json {
        value.map_or(Json::Null, Into::into)
    }
}

/// An object of the given names and values.
pub fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_back_as_it_was() {
        for text in [
            "null",
            "[1,-0.5,1e300,NaN,-Infinity,12345678901234567890]",
            r#"{"a":{"b":[]},"a":"ü\"\\"}"#,
            r#""\u0000""#,
        ] {
            assert_eq!(Json::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Json::parse(r#" "\u00e9\ud83d\ude00\n\ud800" "#).unwrap(),
            Json::from("é😀\n\u{fffd}")
        );
        assert_eq!(Json::from(vec![Some(1.0), None]).to_string(), "[1.0,null]");
    }

    #[test]
    fn what_is_no_json_is_told() {
        let deep = "[".repeat(100_000);
        for text in [
            "",
            "[1",
            "[1 2]",
            "{\"a\" 1}",
            "{1:2}",
            "\"a",
            "\"\\x\"",
            "\"\\u12",
            "1 2",
            "nul",
            "{\"a\":1,}",
            &deep,
        ] {
            assert!(Json::parse(text).is_err(), "{} passes", &text[..text.len().min(20)]);
        }
    }
}
