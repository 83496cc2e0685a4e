use crate::error::{Error, Result};
use crate::host;
use crate::json::{object, Json};
use std::borrow::Cow;

/// Makes HTTP requests through the host, as [`Context::http`](crate::Context::http) returns it. It follows redirects and keeps
/// no cookies.
///
/// The module asks for the right with `needs "http:api.example.com";`, and the worker's setting `modules` grants it. A request
/// fails with `PermissionError`, `ValueError` for what is none, `ConnectionError`, `TimeoutError`, or
/// `sparkstalk.LimitExceeded`. An answer of any status is no error.
pub struct Http;

/// What [`Http::send`] sends.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    /// Empty is GET.
    pub method: String,
    pub url: String,
    /// Names and values. Host and others of the connection are the host's to set.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// How many seconds it may take until the whole answer is there. Zero means 30.
    pub timeout: f64,
    /// Has a redirect be the answer.
    pub no_redirects: bool,
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    pub status: i64,
    /// Names and values; a name with several values is there as often.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// What has answered, after redirects.
    pub url: String,
}

impl Http {
    /// Requests a URL.
    pub fn get(&self, url: &str) -> Result<HttpResponse> {
        self.send(&HttpRequest {
            url: url.to_string(),
            ..Default::default()
        })
    }

    /// Sends a body to a URL.
    pub fn post(&self, url: &str, content_type: &str, body: &[u8]) -> Result<HttpResponse> {
        self.send(&HttpRequest {
            method: "POST".to_string(),
            url: url.to_string(),
            headers: vec![("Content-Type".to_string(), content_type.to_string())],
            body: body.to_vec(),
            ..Default::default()
        })
    }

    /// Makes a request.
    pub fn send(&self, request: &HttpRequest) -> Result<HttpResponse> {
        let mut headers: Vec<(String, Json)> = Vec::new();
        for (name, value) in &request.headers {
            let value = Json::from(value.as_str());
            match headers.iter_mut().find(|h| h.0 == *name) {
                Some((_, Json::Array(values))) => values.push(value),
                _ => headers.push((name.clone(), Json::Array(vec![value]))),
            }
        }
        let head = object([
            ("method", Json::from(request.method.as_str())),
            ("url", Json::from(request.url.as_str())),
            ("headers", Json::Object(headers)),
            ("timeout", Json::from(request.timeout)),
            ("no_redirects", Json::from(request.no_redirects)),
        ]);
        let answer = host::task_http(head.to_string().as_bytes(), &request.body)?;
        let answer = Json::parse(&String::from_utf8_lossy(&answer))?;
        let text = |value: &Json| value.as_str().unwrap_or("").to_string();
        let mut headers = Vec::new();
        if let Some(Json::Object(members)) = answer.get("headers") {
            for (name, values) in members {
                headers.extend(values.as_array().unwrap_or(&[]).iter().map(|v| (name.clone(), text(v))));
            }
        }
        Ok(HttpResponse {
            status: answer.get("status").and_then(Json::as_i64).unwrap_or(0),
            headers,
            body: host::task_http_body(),
            url: answer.get("url").map(text).unwrap_or_default(),
        })
    }
}

impl HttpResponse {
    /// The first value of a header, whose name may be in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|h| h.0.eq_ignore_ascii_case(name));
        found.next().map(|h| h.1.as_str())
    }

    /// The body as text in UTF-8, with U+FFFD for what is none.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// An error if the status is not of the 200s: in Python an HTTPError of requests, with the beginning of the body.
    pub fn error_for_status(&self) -> Result<()> {
        if (200..300).contains(&self.status) {
            return Ok(());
        }
        let body: String = self.text().chars().take(200).collect();
        let why = format!("{} of {}: {}", self.status, self.place(), body);
        Err(Error::new("requests.exceptions.HTTPError", why))
    }

    /// The body as JSON, of an answer whose status is of the 200s: see [`HttpResponse::error_for_status`].
    pub fn json(&self) -> Result<Json> {
        self.error_for_status()?;
        Json::parse(&self.text())
            .map_err(|why| Error::new("ValueError", format!("the answer of {} is not JSON: {}", self.place(), why)))
    }

    /// The URL without its query, which may hold secrets.
    fn place(&self) -> &str {
        self.url.split('?').next().unwrap_or("")
    }
}
