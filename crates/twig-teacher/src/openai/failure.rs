//! Why a call brought no answer, and what follows from it.

use std::time::Duration;

use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;
use twig_model::{RejectReason, Rejection};

use super::headers::RateHints;

/// Longest part of a server's message that is passed on, in characters.
const MAX_MESSAGE_CHARS: usize = 300;

/// A call that brought no answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// What was seen, in words.
    pub(crate) detail: String,
    /// The call was sent and its answer lost on the way: the server may charge for it.
    pub(crate) maybe_paid: bool,
    /// How long the server wants to be left alone, whatever the status it says so with.
    pub(crate) retry_after: Option<Duration>,
    /// What the server says about its limits.
    pub(crate) hints: RateHints,
}

/// What follows from a failure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FailureKind {
    /// The server has too much to do; the same call later is welcome.
    Overloaded,
    /// Something broke at the server; the same call may work.
    Broken,
    /// Nobody answers: no reply in time, a connection that broke, or a gateway says so. Is it so for everybody, the
    /// question waits and is not given up.
    Silent,
    /// No connection: the call never left. That is no question's fault, however few of them are asked.
    Unreached,
    /// No use in sending this call again; others may go through. The row is rejected.
    Declined(RejectReason),
    /// No call will go through until somebody sees to it.
    Paused,
}

impl Failure {
    /// A failure of which the server has said nothing more.
    pub(crate) fn new(kind: FailureKind, detail: impl Into<String>, maybe_paid: bool) -> Self {
        Self { kind, detail: detail.into(), maybe_paid, retry_after: None, hints: RateHints::default() }
    }

    /// How long a call of so many tokens had better wait: what a refusal has named, or until a limit that is used up
    /// is reset.
    pub(crate) fn wait(&self, tokens: u64) -> Option<Duration> {
        let reset = || self.hints.pause(tokens).filter(|_| self.kind == FailureKind::Overloaded);
        self.retry_after.or_else(reset)
    }

    pub(crate) fn broken(detail: impl Into<String>, maybe_paid: bool) -> Self {
        Self::new(FailureKind::Broken, detail, maybe_paid)
    }

    pub(crate) fn declined(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self::new(FailureKind::Declined(reason), detail, false)
    }

    /// What an answer with an error status means.
    ///
    /// | status | meaning |
    /// |---|---|
    /// | 401, 402, 429 with `insufficient_quota` | nobody gets through: paused |
    /// | 429, 503, 529 | too much to do |
    /// | 408, 502, 504 | nobody answers behind a gateway: try again |
    /// | 409, 425, 500 and other 5xx | broken, try again |
    /// | 501, 505 and every other 4xx | this question is declined |
    pub(crate) fn from_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let error = ErrorBody::read(body);
        let detail = format!("HTTP {}: {}", status.as_u16(), error.message);
        let kind = match status.as_u16() {
            401 | 402 => FailureKind::Paused,
            429 if error.is("insufficient_quota") || error.is("billing_hard_limit_reached") => {
                FailureKind::Paused
            }
            429 | 503 | 529 => FailureKind::Overloaded,
            501 | 505 => FailureKind::Declined(RejectReason::TeacherFailed),
            408 | 502 | 504 => FailureKind::Silent,
            409 | 425 | 500..=599 => FailureKind::Broken,
            _ if error.is_refusal() => FailureKind::Declined(RejectReason::Refused),
            _ => FailureKind::Declined(RejectReason::TeacherFailed),
        };
        Self {
            kind,
            detail,
            maybe_paid: false,
            retry_after: retry_after(headers),
            hints: RateHints::read(headers),
        }
    }

    /// What a call that did not come to an answer means.
    pub(crate) fn from_transport(error: &reqwest::Error) -> Self {
        let sent = !error.is_connect() && !error.is_builder();
        let (kind, what) = if error.is_connect() {
            (FailureKind::Unreached, "cannot connect")
        } else if error.is_timeout() {
            (FailureKind::Silent, "no answer in time")
        } else {
            (FailureKind::Silent, "the connection broke")
        };
        let detail = format!("{what}: {}", with_causes(error));
        Self::new(kind, detail, sent)
    }

    /// Whether the same call may work later.
    pub(crate) fn may_pass(&self) -> bool {
        match self.kind {
            FailureKind::Overloaded | FailureKind::Broken | FailureKind::Silent | FailureKind::Unreached => {
                true
            }
            FailureKind::Declined(_) | FailureKind::Paused => false,
        }
    }

    /// The rejection of a row, where this failure is the row's.
    pub(crate) fn rejection(self, reason: RejectReason) -> Rejection {
        Rejection::new(reason, self.detail)
    }
}

/// `Retry-After` in seconds (a fraction is accepted), in milliseconds as `retry-after-ms`, or as a date.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(millis) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return seconds(millis / 1000.0);
    }
    let text = text("retry-after")?;
    match text.parse::<f64>() {
        Ok(secs) => seconds(secs),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            seconds(date.duration_since(std::time::SystemTime::now()).unwrap_or_default().as_secs_f64())
        }
    }
}

/// A server that asks for more than a day is taken to mean a day.
fn seconds(secs: f64) -> Option<Duration> {
    (secs.is_finite() && secs >= 0.0).then(|| Duration::from_secs_f64(secs.min(86_400.0)))
}

/// The server's own words, from `{"error": {"message": …, "type": …, "code": …}}` or whatever it sent.
struct ErrorBody {
    message: String,
    names: Vec<String>,
}

impl ErrorBody {
    fn read(body: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = if value["error"].is_null() { &value } else { &value["error"] };
        let message = (error["message"].as_str().or(error.as_str()))
            .map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
        let names = [&error["code"], &error["type"]].into_iter().filter_map(Value::as_str).map(str::to_owned);
        Self { names: names.collect(), message: shortened(&message) }
    }

    fn is(&self, name: &str) -> bool {
        self.names.iter().any(|is| is == name)
    }

    /// Whether the server declined for what was asked, and not for how.
    fn is_refusal(&self) -> bool {
        const WORDS: [&str; 5] = ["policy", "moderation", "content_filter", "safety", "refus"];
        self.names.iter().chain([&self.message]).any(|text| {
            let text = text.to_lowercase();
            WORDS.iter().any(|word| text.contains(word))
        })
    }
}

/// A server's text in one line of bounded length.
pub(crate) fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}

/// The error with its causes, without the address: it may hold a key.
fn with_causes(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    if text.is_empty() { "no particulars".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, body: &str) -> Failure {
        Failure::from_status(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn every_status_has_its_consequence() {
        let overloaded = FailureKind::Overloaded;
        let policy =
            r#"{"error": {"message": "Your request was rejected", "code": "content_policy_violation"}}"#;
        let quota = r#"{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}"#;
        let cases = [
            (401, "", FailureKind::Paused),
            (402, "", FailureKind::Paused),
            (429, quota, FailureKind::Paused),
            (429, "slow down", overloaded.clone()),
            (503, "", overloaded.clone()),
            (529, "", overloaded),
            (500, "", FailureKind::Broken),
            (502, "", FailureKind::Silent),
            (408, "", FailureKind::Silent),
            (400, policy, FailureKind::Declined(RejectReason::Refused)),
            (400, "{}", FailureKind::Declined(RejectReason::TeacherFailed)),
            (403, "", FailureKind::Declined(RejectReason::TeacherFailed)),
            (404, "", FailureKind::Declined(RejectReason::TeacherFailed)),
            (422, "", FailureKind::Declined(RejectReason::TeacherFailed)),
            (501, "", FailureKind::Declined(RejectReason::TeacherFailed)),
        ];
        for (status, body, kind) in cases {
            assert_eq!(failure(status, body).kind, kind, "{status} {body}");
        }
        assert_eq!(failure(400, policy).detail, "HTTP 400: Your request was rejected");
    }

    #[test]
    fn a_refusal_without_retry_after_waits_until_the_limit_is_reset() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-remaining-requests", "0".parse().unwrap());
        headers.insert("x-ratelimit-reset-requests", "3s".parse().unwrap());
        let wait = |status, headers: &HeaderMap| {
            Failure::from_status(StatusCode::from_u16(status).unwrap(), headers, b"").wait(3_000)
        };
        assert_eq!(wait(429, &headers), Some(Duration::from_secs(3)));
        assert_eq!(wait(500, &headers), None);
        headers.insert("retry-after", "1".parse().unwrap());
        assert_eq!(wait(429, &headers), Some(Duration::from_secs(1)));
        // With calls left the refusal is a stray one.
        headers.remove("retry-after");
        headers.insert("x-ratelimit-remaining-requests", "9".parse().unwrap());
        assert_eq!(wait(429, &headers), None);
        // Unless there are too few tokens for this one.
        headers.insert("x-ratelimit-remaining-tokens", "150".parse().unwrap());
        headers.insert("x-ratelimit-reset-tokens", "250ms".parse().unwrap());
        assert_eq!(wait(429, &headers), Some(Duration::from_millis(250)));
        // Nobody waits for the seconds since 1970, or for ever.
        for reset in ["1767225600", "1e19", "99999999h"] {
            headers.insert("x-ratelimit-reset-tokens", reset.parse().unwrap());
            assert_eq!(wait(429, &headers), None, "{reset}");
        }
    }

    #[test]
    fn retry_after_is_read_in_every_form() {
        let read = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(read("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(read("retry-after", "0.25"), Some(Duration::from_millis(250)));
        assert_eq!(read("retry-after-ms", "40"), Some(Duration::from_millis(40)));
        assert_eq!(read("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"), Some(Duration::ZERO));
        let later = std::time::SystemTime::now() + Duration::from_secs(30);
        let date = read("retry-after", &httpdate::fmt_http_date(later)).unwrap();
        assert!((28..=30).contains(&date.as_secs()), "{date:?}");
        assert_eq!(read("retry-after", "soon"), None);
        assert_eq!(read("retry-after", "-3"), None);
        assert_eq!(read("retry-after", "1e300"), Some(Duration::from_hours(24)));
        let never = read("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(never, Some(Duration::from_hours(24)));
    }
}
