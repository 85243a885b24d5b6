use std::fmt;

use serde::{Deserialize, Serialize};

/// The stable id of a prompt: 16 lower-case hexadecimal digits of a hash of its normalised text.
///
/// The id depends on the text alone, so the same prompt keeps its id, its partition and its paid answers
/// when files are added, reordered or renamed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PromptId(String);

/// A text that is not 16 lower-case hexadecimal digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a prompt id: 16 lower-case hexadecimal digits are wanted")]
pub struct InvalidPromptId(pub String);

impl PromptId {
    /// Number of hexadecimal digits.
    pub const LEN: usize = 16;

    /// Checks the form; ids end up in file names and URLs.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidPromptId> {
        let text = text.into();
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == Self::LEN && text.bytes().all(is_hex) {
            Ok(Self(text))
        } else {
            Err(InvalidPromptId(text))
        }
    }

    /// The id of a 64-bit hash.
    pub fn from_hash(hash: u64) -> Self {
        Self(format!("{hash:016x}"))
    }

    /// The hash the id was made from; uniformly distributed, so it can choose partitions and splits.
    pub fn hash(&self) -> u64 {
        self.0.bytes().fold(0, |hash, digit| {
            let value = if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 };
            hash << 4 | u64::from(value)
        })
    }

    /// The sixteen digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PromptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PromptId {
    type Error = InvalidPromptId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl From<PromptId> for String {
    fn from(id: PromptId) -> Self {
        id.0
    }
}

/// A text to draw, T in the paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Stable id, a function of `text`.
    pub id: PromptId,
    /// The normalised text: no surrounding white space, single spaces.
    pub text: String,
    /// What kind of prompt it is, for example `color` or `3d_spatial`.
    pub category: String,
    /// Where it came from: file name and line, for example `color_train.txt:17`.
    pub source: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_sixteen_hexadecimal_digits() {
        assert!(PromptId::new("00ff00ff00ff00ff").is_ok());
        for bad in ["", "00ff", "00FF00FF00FF00FF", "../../../../etc/", "00ff00ff00ff00ffa"] {
            assert_eq!(PromptId::new(bad), Err(InvalidPromptId(bad.to_owned())));
        }
    }

    #[test]
    fn an_id_gives_its_hash_back() {
        for hash in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(PromptId::from_hash(hash).hash(), hash);
        }
    }
}
