//! What can be measured in thoughts and critiques.

use std::collections::HashSet;

use crate::near::{each_word, shared, shingles, stem};

/// What a template, a schema or a chat model leaves in a text that should be a thought. Compared in lower
/// case, as parts of the text.
const BANNED: [&str; 21] = [
    "score:",
    "improved_description",
    "improved description:",
    "revised_thought",
    "revised thought:",
    "thought:",
    "critique:",
    "region 1:",
    "region 2:",
    "region 3:",
    "user:",
    "assistant:",
    "<image",
    "</think",
    "<think",
    "<|",
    "```",
    "as an ai",
    "as a language model",
    "i cannot",
    "sure, here",
];

/// Small words, which mention nothing.
const SMALL: [&str; 60] = [
    "a", "an", "the", "and", "or", "but", "of", "in", "on", "at", "to", "by", "for", "from", "with",
    "without", "is", "are", "was", "were", "be", "been", "being", "has", "have", "had", "its", "it", "his",
    "her", "their", "this", "that", "these", "those", "as", "into", "onto", "over", "under", "next", "near",
    "there", "who", "which", "while", "down", "up", "out", "off", "through", "between", "behind", "front",
    "side", "left", "right", "top", "bottom", "some",
];

/// Letters that a guess of the language rests on at least; with fewer it is chance.
const MIN_LETTERS: usize = 40;

pub(super) fn num_words(text: &str) -> u32 {
    text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count() as u32
}

/// ISO 639-3 code, or nothing where the text is too short or the guess uncertain.
pub(super) fn language(text: &str) -> String {
    if text.chars().filter(|character| character.is_alphabetic()).count() < MIN_LETTERS {
        return String::new();
    }
    let guess = whatlang::detect(text).filter(whatlang::Info::is_reliable);
    guess.map(|guess| guess.lang().code().to_owned()).unwrap_or_default()
}

pub(super) fn num_banned(text: &str) -> u32 {
    let lower = text.to_lowercase();
    BANNED.iter().filter(|banned| lower.contains(*banned)).count() as u32
}

/// Percent of the runs of three words that repeat an earlier one, in the thought that repeats most; 100 where
/// two regions have the same thought.
pub(super) fn repetition(thoughts: &[&str]) -> u32 {
    let texts: Vec<Vec<u64>> = thoughts.iter().map(|thought| word_hashes(thought)).collect();
    let distinct: HashSet<&Vec<u64>> = texts.iter().collect();
    if distinct.len() < texts.len() {
        return 100;
    }
    let share = |words: &Vec<u64>| match words.len().checked_sub(2) {
        None | Some(0) => 0,
        Some(runs) => percent(runs - words.windows(3).collect::<HashSet<_>>().len(), runs),
    };
    texts.iter().map(share).max().unwrap_or(0)
}

/// Percent of the word pairs of a later region's thought that the thought of an earlier region says already.
/// What both have from the prompt does not count.
pub(super) fn leakage(thoughts: &[&str], prompt: &str) -> u32 {
    let of_prompt = mentioned(prompt);
    let pairs = |thought: &&str| {
        let words: Vec<u64> =
            content_words(thought).into_iter().filter(|word| !of_prompt.contains(word)).collect();
        shingles(&words, 2)
    };
    let pairs: Vec<Vec<u64>> = thoughts.iter().map(pairs).collect();
    let mut most = 0;
    for (index, later) in pairs.iter().enumerate() {
        for earlier in &pairs[..index] {
            most = most.max(percent(shared(earlier, later).1, later.len()));
        }
    }
    most
}

/// Percent of the prompt's words, without the small ones, that the thoughts mention, in singular or plural;
/// 100 for a prompt without such words.
pub(super) fn coverage(prompt: &str, thoughts: &str) -> u32 {
    let wanted = mentioned(prompt);
    let said = mentioned(thoughts);
    match wanted.len() {
        0 => 100,
        all => percent(wanted.intersection(&said).count(), all),
    }
}

fn percent(part: usize, whole: usize) -> u32 {
    (100 * part).checked_div(whole).unwrap_or(0) as u32
}

fn word_hashes(text: &str) -> Vec<u64> {
    let mut words = Vec::new();
    each_word(text, |word| words.push(xxhash_rust::xxh3::xxh3_64(word.as_bytes())));
    words
}

/// The words that mention something, in order, in singular.
fn content_words(text: &str) -> Vec<u64> {
    let mut words = Vec::new();
    each_word(text, |word| {
        if word != "," && !SMALL.contains(&word) {
            words.push(xxhash_rust::xxh3::xxh3_64(stem(word).as_bytes()));
        }
    });
    words
}

fn mentioned(text: &str) -> HashSet<u64> {
    content_words(text).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_prompt_are_mentioned_in_any_number() {
        assert_eq!(coverage("two red cats and a glass vase", "A cat, two of them, all Red."), 60);
        assert_eq!(coverage("two red cats", "Two red cats sit there."), 100);
        assert_eq!(coverage("of the", ""), 100);
    }

    #[test]
    fn a_thought_that_is_ahead_of_its_region_leaks() {
        let prompt = "a red car";
        let honest = [
            "Clear morning sky with thin clouds",
            "The red car on a gravel road",
            "Dry yellow grass and small stones",
        ];
        assert_eq!(leakage(&honest, prompt), 0);
        let ahead = [honest[0], "The red car on a gravel road, dry yellow grass and small stones", honest[2]];
        assert_eq!(leakage(&ahead, prompt), 100);
        assert_eq!(leakage(&["a red car", "the red car"], prompt), 0, "both have it from the prompt");
    }

    #[test]
    fn thoughts_that_go_in_circles_are_measured() {
        assert_eq!(repetition(&["A quiet lake under tall trees", "Reeds and a small boat"]), 0);
        assert_eq!(repetition(&["The same.", "the same"]), 100);
        assert_eq!(repetition(&["a cat and a cat and a cat and a cat"]), 66);
    }

    #[test]
    fn labels_and_languages_are_told() {
        assert_eq!(num_banned("SCORE: 90\nIMPROVED_DESCRIPTION: a car"), 2);
        assert_eq!(num_banned("A scoreboard behind a user of a phone."), 0);
        let english = "Soft morning light falls on the wet meadow behind the old stone house.";
        let german = "Weiches Morgenlicht fällt auf die nasse Wiese hinter dem alten Haus aus Stein.";
        assert_eq!([language(english), language(german), language("a cat")], ["eng", "deu", ""]);
    }
}
