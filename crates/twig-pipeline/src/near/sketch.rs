//! Long texts compared by a sketch of 64 bytes, so that the texts themselves need not be held.

use super::{Source, prompts::rows_of_band, shingles, words, words::min_hash};

/// Words of a shingle of thoughts.
const SHINGLE_WORDS: usize = 3;
/// Hash functions, each of which gives a byte.
const FUNCTIONS: usize = 64;

/// One byte of each of 64 min-hashes. Two sketches agree in the share of shingles that their texts have in
/// common, give or take 0.05, and in one of 256 of the others by accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sketch([u8; FUNCTIONS]);

impl Sketch {
    /// The sketch of a text; `None` for one without words.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let shingles = shingles(&words(text), SHINGLE_WORDS);
        let is_text = !shingles.is_empty();
        is_text
            .then(|| Self(std::array::from_fn(|function| min_hash(shingles.iter().copied(), function) as u8)))
    }

    /// As hexadecimal digits, for a table.
    pub(crate) fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The reverse of [`Sketch::to_hex`]; `None` for anything else.
    pub(crate) fn from_hex(digits: &str) -> Option<Self> {
        let bytes = digits.as_bytes().chunks(2);
        let bytes = bytes.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        Some(Self(bytes.collect::<Option<Vec<u8>>>()?.try_into().ok()?))
    }

    fn similarity(&self, other: &Self) -> f64 {
        let equal = self.0.iter().zip(&other.0).filter(|(a, b)| a == b).count();
        equal as f64 / FUNCTIONS as f64
    }
}

/// Rows with the sketches of their texts; a row without a text is near nothing.
pub(crate) struct Sketches<F> {
    sketch_of: F,
    num_rows: usize,
    threshold: f64,
    rows_of_band: usize,
}

impl<F: Fn(usize) -> Option<Sketch> + Sync> Sketches<F> {
    /// `threshold`: the share of common runs of three words from which texts are near.
    pub(crate) fn new(num_rows: usize, threshold: f64, sketch_of: F) -> Self {
        Self { sketch_of, num_rows, threshold, rows_of_band: rows_of_band(threshold, FUNCTIONS) }
    }
}

impl<F: Fn(usize) -> Option<Sketch> + Sync> Source for Sketches<F> {
    type Features = Option<Sketch>;

    fn num_rows(&self) -> usize {
        self.num_rows
    }

    fn num_bands(&self) -> usize {
        FUNCTIONS / self.rows_of_band
    }

    fn key(&self, row: usize, band: usize) -> Option<u64> {
        let Sketch(bytes) = (self.sketch_of)(row)?;
        let start = band * self.rows_of_band;
        Some(xxhash_rust::xxh3::xxh3_64(&bytes[start..start + self.rows_of_band]))
    }

    fn features(&self, row: usize) -> Option<Sketch> {
        (self.sketch_of)(row)
    }

    fn near(&self, a: &Option<Sketch>, b: &Option<Sketch>) -> Option<f64> {
        let similarity = a.as_ref()?.similarity(b.as_ref()?);
        (similarity >= self.threshold).then_some(similarity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sketch_tells_how_much_two_texts_share() {
        let words: Vec<String> = (0..120).map(|number| format!("word{number}")).collect();
        let (a, b) = (words[..100].join(" "), words[20..].join(" "));
        let (a, b) = (Sketch::of(&a).unwrap(), Sketch::of(&b).unwrap());
        // 78 of 118 runs of three words are common.
        assert!((a.similarity(&b) - 0.66).abs() < 0.15, "{}", a.similarity(&b));
        assert_eq!(Sketch::from_hex(&a.to_hex()), Some(a));
        assert_eq!((Sketch::of("?"), Sketch::from_hex("00")), (None, None));
    }
}
