//! Texts as the comparisons see them: words in lower case without punctuation and articles, as hashes.

use std::hash::Hasher;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

const ARTICLES: [&str; 3] = ["a", "an", "the"];

/// Hands over the words of a text in lower case, without apostrophes, and a `,` for each comma, semicolon or
/// `&`: there a phrase ends.
pub(crate) fn each_word(text: &str, mut take: impl FnMut(&str)) {
    if text.is_ascii() {
        return each_ascii_word(text, take);
    }
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_alphanumeric() {
            word.extend(character.to_lowercase());
        } else if !matches!(character, '\'' | '’') {
            if !word.is_empty() {
                take(&word);
                word.clear();
            }
            if matches!(character, ',' | ';' | '&') {
                take(",");
            }
        }
    }
}

/// The same for a text of ASCII alone, which most are, several times as fast.
fn each_ascii_word(text: &str, mut take: impl FnMut(&str)) {
    let mut word = String::with_capacity(32);
    for byte in text.bytes().chain([b' ']) {
        if byte.is_ascii_alphanumeric() {
            word.push(char::from(byte.to_ascii_lowercase()));
        } else if byte != b'\'' {
            if !word.is_empty() {
                take(&word);
                word.clear();
            }
            if matches!(byte, b',' | b';' | b'&') {
                take(",");
            }
        }
    }
}

/// Hashes of the words without articles.
pub(crate) fn words(text: &str) -> Vec<u64> {
    let mut words = Vec::with_capacity(16);
    each_word(text, |word| {
        if word != "," && !ARTICLES.contains(&word) {
            words.push(xxh3_64(word.as_bytes()));
        }
    });
    words
}

/// A word without the ending of its plural, so that `two cats` mentions a `cat`.
pub(crate) fn stem(word: &str) -> &str {
    match word {
        _ if word.len() <= 3 || word.ends_with("ss") => word,
        _ if word.ends_with("xes") || word.ends_with("ches") || word.ends_with("shes") => {
            &word[..word.len() - 2]
        }
        _ => word.strip_suffix('s').unwrap_or(word),
    }
}

/// A key of the phrases of a text, whatever their order: phrases end at commas and at `and`. `a red car and a
/// blue dog` and `A blue dog, the red car.` have the same key, `a blue car and a red dog` has another.
pub(crate) fn phrases_key(text: &str) -> u64 {
    let mut phrases = vec![Vec::new()];
    each_word(text, |word| match word {
        "," | "and" => phrases.push(Vec::new()),
        word if ARTICLES.contains(&word) => {}
        word => phrases.last_mut().into_iter().for_each(|phrase| phrase.push(xxh3_64(word.as_bytes()))),
    });
    let mut keys: Vec<u64> =
        phrases.iter().filter(|phrase| !phrase.is_empty()).map(|phrase| sequence_key(phrase)).collect();
    keys.sort_unstable();
    sequence_key(&keys)
}

/// A key of words in this order.
pub(crate) fn sequence_key(words: &[u64]) -> u64 {
    let mut hasher = Xxh3::new();
    for word in words {
        hasher.write_u64(*word);
    }
    hasher.finish()
}

/// The runs of `size` words, as a sorted set; a shorter text is one run.
pub(crate) fn shingles(words: &[u64], size: usize) -> Vec<u64> {
    let run = |words: &[u64]| words.iter().fold(0, |run: u64, word| mixed(run.rotate_left(23) ^ word));
    let mut shingles: Vec<u64> = match words.len() {
        0 => Vec::new(),
        length if length < size => vec![run(words)],
        _ => words.windows(size).map(run).collect(),
    };
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

/// Share of two sorted sets that is common to both (Jaccard), and the number of common elements.
pub(crate) fn shared<T: Ord>(a: &[T], b: &[T]) -> (f64, usize) {
    let (mut i, mut j, mut common) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        common += usize::from(x == y);
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    let all = a.len() + b.len() - common;
    (if all == 0 { 0.0 } else { common as f64 / all as f64 }, common)
}

/// The smallest of the shingles' hashes under the hash function of this number: equal for two sets with the
/// probability of the share that they have in common.
pub(crate) fn min_hash(shingles: impl Iterator<Item = u64>, function: usize) -> u64 {
    let seed = mixed(function as u64 + 1);
    shingles.map(|shingle| mixed(shingle ^ seed)).min().unwrap_or(u64::MAX)
}

/// The finaliser of MurmurHash3: every bit of the result depends on every bit of the number.
pub(crate) fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let number = (number ^ (number >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    number ^ (number >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_punctuation_and_articles_do_not_matter() {
        assert_eq!(words("A red car, and THE blue dog."), words("red car and blue dog"));
        assert_ne!(words("a red car"), words("a car red"));
        assert_eq!(words("the child’s toy"), words("child's toy"));
        // One character that is not ASCII takes the slower way, with the same words.
        assert_eq!(words("Two CATS; & one dog’s bowl"), words("Two CATS; & one dog's bowl"));
        assert!(words(" … !").is_empty());
    }

    #[test]
    fn phrases_may_change_places_and_words_may_not() {
        let key = phrases_key("a red car and a blue dog");
        assert_eq!(key, phrases_key("A blue dog, and the red car."));
        assert_ne!(key, phrases_key("a blue car and a red dog"));
        assert_ne!(phrases_key("a cat behind a dog"), phrases_key("a dog behind a cat"));
    }

    #[test]
    fn the_share_of_equal_minima_is_the_share_of_common_shingles() {
        let (a, b): (Vec<u64>, Vec<u64>) = ((0..60).collect(), (20..80).collect());
        assert_eq!(shared(&a, &b), (0.5, 40));
        let minimum = |set: &[u64], function| min_hash(set.iter().copied(), function);
        let equal = (0..2_000).filter(|&function| minimum(&a, function) == minimum(&b, function)).count();
        assert!((940..1_060).contains(&equal), "{equal} of 2000");
    }

    #[test]
    fn plurals_lose_their_ending() {
        let stems = ["cats", "boxes", "glass", "bus", "benches", "dogs"].map(stem);
        assert_eq!(stems, ["cat", "box", "glass", "bus", "bench", "dog"]);
    }
}
