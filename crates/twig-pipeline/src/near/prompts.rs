//! Short texts compared by their pairs of words.

use rayon::{iter::ParallelIterator, slice::ParallelSlice};

use super::{
    Source, shared, shingles, words,
    words::{min_hash, mixed},
};

/// Words of a shingle: prompts are short, and a pair says what has which colour.
const SHINGLE_WORDS: usize = 2;
/// Hash functions in all bands together.
const FUNCTIONS: usize = 64;
/// Texts that one thread cuts into words at a time.
const CHUNK: usize = 4_096;

/// Texts that are near when they share enough of their pairs of words.
///
/// Every text is cut into words once; what is kept are 4 bytes a pair of words, and 8 a text. Two different pairs
/// of words are taken for one in one of four thousand million cases.
pub(crate) struct Prompts {
    /// The pairs of all texts, one text after the other, each text's sorted.
    pairs: Vec<u32>,
    /// Where the pairs of each text begin, and where the last ones end.
    starts: Vec<usize>,
    threshold: f64,
    rows_of_band: usize,
}

impl Prompts {
    /// `threshold`: the share of common pairs of words from which texts are near, above 0 to 1.
    pub(crate) fn new<T: AsRef<str> + Sync>(texts: &[T], threshold: f64) -> Self {
        let of_chunk = |texts: &[T]| {
            let (mut pairs, mut lengths) = (Vec::new(), Vec::with_capacity(texts.len()));
            for text in texts {
                let of_text = shingles(&words(text.as_ref()), SHINGLE_WORDS);
                lengths.push(of_text.len());
                // The upper half keeps the order.
                pairs.extend(of_text.into_iter().map(|pair| (pair >> 32) as u32));
            }
            (pairs, lengths)
        };
        let chunks: Vec<(Vec<u32>, Vec<usize>)> = texts.par_chunks(CHUNK).map(of_chunk).collect();
        let mut pairs = Vec::with_capacity(chunks.iter().map(|(pairs, _)| pairs.len()).sum());
        let mut starts = Vec::with_capacity(texts.len() + 1);
        starts.push(0);
        for (of_chunk, lengths) in chunks {
            pairs.extend(of_chunk);
            for length in lengths {
                starts.push(starts.last().copied().unwrap_or(0) + length);
            }
        }
        Self { pairs, starts, threshold, rows_of_band: rows_of_band(threshold, FUNCTIONS) }
    }

    fn pairs(&self, row: usize) -> &[u32] {
        &self.pairs[self.starts[row]..self.starts[row + 1]]
    }
}

impl Source for Prompts {
    /// The row itself.
    type Features = usize;

    fn num_rows(&self) -> usize {
        self.starts.len() - 1
    }

    fn num_bands(&self) -> usize {
        FUNCTIONS / self.rows_of_band
    }

    fn key(&self, row: usize, band: usize) -> Option<u64> {
        let pairs = self.pairs(row);
        if pairs.is_empty() {
            return None;
        }
        let functions = band * self.rows_of_band..(band + 1) * self.rows_of_band;
        Some(functions.fold(0, |key: u64, function| {
            mixed(key.rotate_left(23) ^ min_hash(pairs.iter().map(|pair| u64::from(*pair)), function))
        }))
    }

    fn features(&self, row: usize) -> usize {
        row
    }

    fn near(&self, a: &usize, b: &usize) -> Option<f64> {
        let (similarity, _) = shared(self.pairs(*a), self.pairs(*b));
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
