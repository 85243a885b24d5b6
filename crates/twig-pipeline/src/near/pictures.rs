//! Pictures compared by how they look.

use twig_imaging::Likeness;

use super::Source;

/// Bytes of the hash; a band is a pair of them.
const HASH_BYTES: usize = 8;

/// Rows with how their pictures look; a row without a picture is near nothing.
///
/// Every pair of the hash's eight bytes is a band: pictures whose hashes differ in up to six bits are always
/// found, those with up to ten almost always.
pub(crate) struct Pictures<F> {
    likeness_of: F,
    num_rows: usize,
    threshold: f64,
}

impl<F: Fn(usize) -> Option<Likeness> + Sync> Pictures<F> {
    /// `threshold`: the share of equal bits of the hash from which pictures are near.
    pub(crate) fn new(num_rows: usize, threshold: f64, likeness_of: F) -> Self {
        Self { likeness_of, num_rows, threshold }
    }
}

impl<F: Fn(usize) -> Option<Likeness> + Sync> Source for Pictures<F> {
    type Features = Option<Likeness>;

    fn num_rows(&self) -> usize {
        self.num_rows
    }

    fn num_bands(&self) -> usize {
        HASH_BYTES * (HASH_BYTES - 1) / 2
    }

    fn key(&self, row: usize, band: usize) -> Option<u64> {
        let hash = (self.likeness_of)(row)?.hash();
        let (first, second) = pair(band);
        let byte = |index: usize| (hash >> (8 * index)) & 0xff;
        Some(byte(first) << 8 | byte(second))
    }

    fn features(&self, row: usize) -> Option<Likeness> {
        (self.likeness_of)(row)
    }

    fn near(&self, a: &Option<Likeness>, b: &Option<Likeness>) -> Option<f64> {
        let similarity = a.as_ref()?.similarity(b.as_ref()?);
        (similarity >= self.threshold).then_some(similarity)
    }
}

/// The pair of bytes of a band.
fn pair(band: usize) -> (usize, usize) {
    let mut pairs =
        (0..HASH_BYTES).flat_map(|first| (first + 1..HASH_BYTES).map(move |second| (first, second)));
    pairs.nth(band).unwrap_or((0, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_band_is_another_pair_of_bytes() {
        let mut pairs: Vec<_> = (0..28).map(pair).collect();
        pairs.dedup();
        assert_eq!((pairs.len(), pairs[0], pairs[27]), (28, (0, 1), (6, 7)));
    }
}
