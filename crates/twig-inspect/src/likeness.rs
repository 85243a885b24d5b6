//! What counts as the same text.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

/// Words that do not tell prompts apart.
const SMALL_WORDS: [&str; 6] = ["a", "an", "the", "and", "of", "with"];

/// A number that two texts share if they consist of the same words, but for order, case, punctuation and articles.
pub(crate) fn same_words(text: &str) -> u64 {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words: BTreeSet<&str> =
        words.filter(|word| !word.is_empty() && !SMALL_WORDS.contains(word)).collect();
    let mut hasher = DefaultHasher::new();
    words.hash(&mut hasher);
    hasher.finish()
}

/// A number that equal texts share, and others by an accident of one in 2⁶⁴.
pub(crate) fn text_hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_case_and_articles_make_no_other_words() {
        assert_eq!(same_words("A red cup and a blue fox."), same_words("the blue fox, a RED cup"));
        assert_ne!(same_words("a red cup"), same_words("a blue cup"));
        assert_ne!(text_hash("a red cup"), text_hash("A red cup"));
    }
}
