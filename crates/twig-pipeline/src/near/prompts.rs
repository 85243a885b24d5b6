//! Short texts compared by their pairs of words, with nothing kept but the texts themselves.

use super::{
    Source, shared, shingles, words,
    words::{min_hash, sequence_key},
};

/// Words of a shingle: prompts are short, and a pair says what has which colour.
const SHINGLE_WORDS: usize = 2;
/// Hash functions in all bands together.
const FUNCTIONS: usize = 64;

/// Texts that are near when they share enough of their pairs of words.
///
/// The keys are computed anew for each band, which costs about a microsecond and no memory.
pub(crate) struct Prompts<'a, T: AsRef<str> + Sync> {
    texts: &'a [T],
    threshold: f64,
    rows_of_band: usize,
}

impl<'a, T: AsRef<str> + Sync> Prompts<'a, T> {
    /// `threshold`: the share of common pairs of words from which texts are near, above 0 to 1.
    pub(crate) fn new(texts: &'a [T], threshold: f64) -> Self {
        Self { texts, threshold, rows_of_band: rows_of_band(threshold, FUNCTIONS) }
    }

    fn shingles(&self, row: usize) -> Vec<u64> {
        shingles(&words(self.texts[row].as_ref()), SHINGLE_WORDS)
    }
}

impl<T: AsRef<str> + Sync> Source for Prompts<'_, T> {
    type Features = Vec<u64>;

    fn num_rows(&self) -> usize {
        self.texts.len()
    }

    fn num_bands(&self) -> usize {
        FUNCTIONS / self.rows_of_band
    }

    fn key(&self, row: usize, band: usize) -> Option<u64> {
        let shingles = self.shingles(row);
        if shingles.is_empty() {
            return None;
        }
        let functions = band * self.rows_of_band..(band + 1) * self.rows_of_band;
        let minima: Vec<u64> = functions.map(|function| min_hash(&shingles, function)).collect();
        Some(sequence_key(&minima))
    }

    fn features(&self, row: usize) -> Vec<u64> {
        self.shingles(row)
    }

    fn near(&self, a: &Vec<u64>, b: &Vec<u64>) -> Option<f64> {
        let (similarity, _) = shared(a, b);
        (similarity >= self.threshold).then_some(similarity)
    }
}

/// Hash functions of a band: as many as leave at least 99 of 100 pairs at the threshold with a common key.
pub(super) fn rows_of_band(threshold: f64, functions: usize) -> usize {
    let found = |rows: usize| 1.0 - (1.0 - threshold.powi(rows as i32)).powi((functions / rows) as i32);
    (1..=functions / 4).rev().find(|&rows| found(rows) >= 0.99).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::near::{links, repeated};

    #[test]
    fn bands_fit_their_threshold() {
        assert_eq!([0.5, 0.8, 0.9, 1.0].map(|threshold| rows_of_band(threshold, 64)), [2, 5, 7, 16]);
    }

    #[test]
    fn one_word_of_many_makes_texts_near_and_a_swapped_colour_does_not() {
        let texts = [
            "The soft pink petals of the cherry blossom contrasted with the rough brown bark of the old tree",
            "a red car and a blue dog",
            "A red car and a blue dog.",
            "a blue car and a red dog",
            "soft pink petals of the cherry blossom contrasted with the rough brown bark of an old oak",
            "a green car and a blue dog",
            "...",
            "!",
        ];
        let repeated = repeated(&links(&Prompts::new(&texts, 0.8)));
        let pairs: Vec<(u32, u32)> = repeated.iter().map(|link| (link.row, link.earlier)).collect();
        assert_eq!(pairs, [(2, 1), (4, 0)]);
    }

    /// Texts of 20 words with one word changed share 17 of 21 pairs; nearly all such pairs are found.
    #[test]
    fn of_near_texts_almost_none_is_missed() {
        let text = |number: usize, changed: Option<usize>| {
            let word = |place: usize| {
                let changed = u8::from(Some(place) == changed);
                format!("w{}", xxhash_rust::xxh3::xxh3_64(&[number as u8, place as u8, changed]) % 5_000)
            };
            (0..20).map(word).collect::<Vec<_>>().join(" ")
        };
        let mut texts: Vec<String> = (0..200).map(|number| text(number, None)).collect();
        texts.extend((0..200).map(|number| text(number, Some(number % 20))));
        let repeated = repeated(&links(&Prompts::new(&texts, 0.8)));
        let right = repeated.iter().filter(|link| link.row == link.earlier + 200).count();
        assert!(right >= 196 && right == repeated.len(), "{right} of 200, {} in all", repeated.len());
    }
}
