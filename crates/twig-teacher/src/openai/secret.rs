//! Keys and other values that must not be seen.

use std::fmt;

use reqwest::header::HeaderValue;

/// A text that cannot be printed: it is read from the environment, put into a header, and leaves no trace.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// The environment's variable of that name; `None` where it is unset or empty.
    pub(crate) fn from_environment(name: &str) -> Option<Self> {
        std::env::var(name).ok().filter(|value| !value.is_empty()).map(Self)
    }

    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// A header value marked as sensitive, after `prefix`; `None` where it holds control characters.
    pub(crate) fn header(&self, prefix: &str) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{prefix}{}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The text with every occurrence of this secret covered, for what a server sends back.
    pub(crate) fn covered(&self, text: &str) -> String {
        if self.0.len() < 6 { text.to_owned() } else { text.replace(&self.0, "[covered]") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[covered]")
    }
}
