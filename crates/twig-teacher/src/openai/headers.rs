//! What a server says about its limits in the headers of an answer.

use std::time::Duration;

use reqwest::header::HeaderMap;

/// How long to hold back, as the headers `x-ratelimit-remaining-…` and `x-ratelimit-reset-…` say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RateHints {
    /// No call is left until then.
    pub(crate) no_calls_for: Option<Duration>,
    /// So many tokens are left, until they come back after so long.
    pub(crate) tokens_left: Option<(u64, Duration)>,
}

impl RateHints {
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        let of = |left: &str, reset: &str| {
            let left: u64 = text(left)?.trim().parse().ok()?;
            let reset = duration(text(reset)?)?;
            // More is no time to wait but a date, or a mistake.
            (reset <= Duration::from_hours(24)).then_some((left, reset))
        };
        let calls = of("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests");
        Self {
            no_calls_for: calls.and_then(|(left, reset)| (left == 0).then_some(reset)),
            tokens_left: of("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
        }
    }

    /// How long a call of so many tokens had better wait.
    pub(crate) fn pause(self, tokens: u64) -> Option<Duration> {
        let for_tokens = self.tokens_left.filter(|(left, _)| *left < tokens).map(|(_, reset)| reset);
        self.no_calls_for.max(for_tokens)
    }
}

/// A time as servers write it: `1s`, `6m0s`, `12ms`, `1h2m3.5s`, or a number of seconds.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(secs) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(secs).ok();
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_len = rest[digits..].find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len() - digits);
        let scale = match &rest[digits..digits + unit_len] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += number * scale;
        rest = &rest[digits + unit_len..];
    }
    Duration::try_from_secs_f64(total).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_servers_write_them() {
        let millis = |text: &str| duration(text).map(|duration| duration.as_millis());
        let cases = [("1s", 1000), ("6m0s", 360_000), ("12ms", 12), ("1h2m3.5s", 3_723_500), ("0.5", 500)];
        for (text, expected) in cases {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
        for text in ["", "soon", "5 parsecs", "-1s", "1"] {
            assert_eq!(millis(text).is_some(), matches!(text, "" | "1"), "{text}");
        }
    }

    #[test]
    fn only_a_limit_that_is_used_up_holds_calls_back() {
        let read = |left: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-ratelimit-remaining-requests", left.parse().unwrap());
            headers.insert("x-ratelimit-reset-requests", "2s".parse().unwrap());
            RateHints::read(&headers).no_calls_for
        };
        assert_eq!(read("1"), None);
        assert_eq!(read("0"), Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_call_waits_for_the_later_of_calls_and_tokens() {
        let secs = Duration::from_secs;
        let hints = RateHints { no_calls_for: Some(secs(2)), tokens_left: Some((10, secs(5))) };
        assert_eq!((hints.pause(10), hints.pause(11)), (Some(secs(2)), Some(secs(5))));
        assert_eq!(RateHints::default().pause(1), None);
    }
}
