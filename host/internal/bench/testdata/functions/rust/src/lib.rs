//! The functions of the measurement as the SDK for Rust declares them.

use sparkstalk::{module, Context, Result};

module! {
    task "bench.nothing"() -> () = nothing;
    function "triple"(n: i64) -> i64 = triple;
    function "vowels"(text: &str) -> i64 = vowels;
}

fn nothing(_: &Context) -> Result<()> {
    Ok(())
}

fn triple(n: i64) -> i64 {
    3 * n + 7
}

/// Counts the letters a, e, i, o and u.
fn vowels(text: &str) -> i64 {
    text.bytes().filter(|c| matches!(c, b'a' | b'e' | b'i' | b'o' | b'u')).count() as i64
}
