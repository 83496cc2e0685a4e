//! What tasks ask of the world outside, through the host.

use sparkstalk::{Context, Error, HttpRequest, Json, Result};

/// What the server at a URL says of a currency.
pub fn rate(ctx: &Context, url: String, currency: String) -> Result<Json> {
    let rates = ctx.http().get(&url)?.json()?;
    let rate = rates.get(&currency).cloned();
    rate.ok_or_else(|| Error::new("KeyError", currency))
}

/// Sends a text, and returns the answer's status, one of its headers, its URL and its body.
pub fn told(ctx: &Context, url: String, text: String) -> Result<Json> {
    let answer = ctx.http().send(&HttpRequest {
        method: "PUT".to_string(),
        url,
        headers: vec![("X-Token".to_string(), "a\"b".to_string())],
        body: text.into_bytes(),
        timeout: 20.5,
        no_redirects: true,
    })?;
    let header = answer.header("x-answer").unwrap_or("none");
    Ok(Json::Array(vec![
        answer.status.into(),
        header.into(),
        answer.url.as_str().into(),
        answer.text().as_ref().into(),
    ]))
}

/// The class of the error that a request fails with.
pub fn why_not(ctx: &Context, url: String) -> Result<String> {
    Ok(match ctx.http().post(&url, "text/plain", b"why not?") {
        Ok(answer) => answer.text().into_owned(),
        Err(error) => error.class,
    })
}

/// An environment variable.
pub fn zone(ctx: &Context, name: String) -> Result<Json> {
    Ok(ctx.env(&name)?.into())
}
