//! Reads thoughts back: which figures a thought says stand in its region.

use crate::{
    grammar::{noun_phrase, words},
    scene::Look,
    thinker::{Portion, SIDES},
};

/// A figure that a thought speaks of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expected {
    /// What it is called, singular.
    pub(crate) noun: String,
    /// What it looks like.
    pub(crate) look: Look,
    /// Which stretch of it stands in the region.
    pub(crate) portion: Portion,
    /// How many of its kind the phrase names.
    pub(crate) of: u32,
    /// Where it stands from left to right, 0 to 1, if the thought says.
    pub(crate) side: Option<f32>,
}

/// First words of sentences that speak of the background or of what to mend, not of figures.
const ASIDES: &[&str] = &[
    "behind",
    "the background",
    "all around",
    "nothing",
    "only",
    "a calm",
    "paint",
    "draw",
    "leave",
    "move",
    "restore",
    "complete",
    "give",
    "bring",
];

/// The figures that a thought names, one for each of a counted group.
pub(crate) fn read_thought(thought: &str) -> Vec<Expected> {
    thought
        .split_inclusive(". ")
        .filter(|sentence| {
            let sentence = sentence.to_lowercase();
            !ASIDES.iter().any(|aside| sentence.starts_with(aside))
        })
        .flat_map(read_sentence)
        .collect()
}

fn read_sentence(sentence: &str) -> Vec<Expected> {
    let words = words(sentence);
    let mut figures: Vec<Expected> = Vec::new();
    let mut portion = Portion::Whole;
    let (mut at, mut first_of_phrase) = (0, 0);
    while at < words.len() {
        let rest = &words[at..];
        if let Some((named, length)) = leading_portion(rest) {
            portion = named;
            at += length;
        } else if let Some((side, length)) = leading_side(rest) {
            for figure in &mut figures[first_of_phrase..] {
                figure.side = Some(side);
            }
            first_of_phrase = figures.len();
            at += length;
        } else if let Some(phrase) = noun_phrase(rest) {
            first_of_phrase = figures.len();
            let group = phrase.group;
            let figure =
                Expected { noun: group.noun, look: group.look, portion, of: group.count, side: None };
            figures.extend(std::iter::repeat_n(figure, group.count as usize));
            portion = Portion::Whole;
            at += phrase.num_words;
        } else {
            at += 1;
        }
    }
    figures
}

fn leading_portion(words: &[String]) -> Option<(Portion, usize)> {
    [Portion::Upper, Portion::Middle, Portion::Lower].into_iter().find_map(|portion| {
        let (one, several) = portion.words()?;
        [one, several]
            .into_iter()
            .find_map(|phrase| begins_with(words, phrase).map(|length| (portion, length)))
    })
}

fn leading_side(words: &[String]) -> Option<(f32, usize)> {
    SIDES.iter().find_map(|(phrase, middle)| begins_with(words, phrase).map(|length| (*middle, length)))
}

fn begins_with(words: &[String], phrase: &str) -> Option<usize> {
    let length = phrase.split(' ').count();
    (words.len() >= length && phrase.split(' ').zip(words).all(|(expected, word)| expected == word))
        .then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thought_is_read_as_its_figures_and_the_background_is_not() {
        let thought = "Here are two red cups on the left and the upper portion of a wooden chair on the right. \
                       Behind is a floor of light planks.";
        let read: Vec<_> = read_thought(thought)
            .into_iter()
            .map(|figure| {
                (figure.noun, figure.look.color.map(|color| color.name), figure.portion, figure.side)
            })
            .collect();
        let cup = ("cup".to_owned(), Some("red"), Portion::Whole, Some(0.31));
        assert_eq!(read, [cup.clone(), cup, ("chair".to_owned(), None, Portion::Upper, Some(0.69))]);
        assert!(
            read_thought("Only a clear blue sky with soft clouds, stretching from edge to edge.").is_empty()
        );
    }
}
