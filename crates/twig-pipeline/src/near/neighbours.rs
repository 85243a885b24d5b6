//! Finding rows that are near each other in time linear in the rows, by locality-sensitive hashing, and
//! choosing which of them stay.

use rayon::{
    iter::{IndexedParallelIterator, IntoParallelIterator, ParallelExtend, ParallelIterator},
    slice::{ParallelSlice, ParallelSliceMut},
};

/// Rows that can be compared. The order of rows is their rank: of two that are near, the earlier one stays.
pub(crate) trait Source: Sync {
    /// What two rows are compared by.
    type Features: Send;

    /// Number of rows.
    fn num_rows(&self) -> usize;

    /// Number of bands: rows that are near have the same key in at least one of them, almost surely.
    fn num_bands(&self) -> usize;

    /// The row's keys in `band`; `None` for a row that is near nothing, such as an empty text.
    fn key(&self, row: usize, band: usize) -> Option<u64>;

    /// What the row is compared by.
    fn features(&self, row: usize) -> Self::Features;

    /// How alike two rows are, 0 to 1, if that is enough to call them near.
    fn near(&self, a: &Self::Features, b: &Self::Features) -> Option<f64>;
}

/// A row and an earlier one that it is near.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Link {
    pub(crate) row: u32,
    pub(crate) earlier: u32,
    /// 0 to 1.
    pub(crate) similarity: f32,
}

/// Rows that a row is compared with in a band, at most. It keeps the time linear where a great many rows that
/// are not near have one key; the first of them are the earliest.
const MAX_HEADS: usize = 16;

/// Known rows that a row is compared with in a band, at most, see [`links_to_known`].
const MAX_KNOWN: usize = 256;

/// Near rows, each compared in full: by row, then by the earlier row.
///
/// # Memory
/// 16 bytes a row, and 12 a link.
pub(crate) fn links(source: &impl Source) -> Vec<Link> {
    in_bands(source, |group| links_within(source, group))
}

/// Links from the rows after the first `num_known` to those, and no others.
pub(crate) fn links_to_known(source: &impl Source, num_known: usize) -> Vec<Link> {
    in_bands(source, |group| {
        let (known, others) = group.split_at(group.partition_point(|(_, row)| (*row as usize) < num_known));
        let known = if others.is_empty() { &[][..] } else { &known[..known.len().min(MAX_KNOWN)] };
        let known: Vec<_> = known.iter().map(|(_, row)| (*row, source.features(*row as usize))).collect();
        let others = if known.is_empty() { &[][..] } else { others };
        let links = others.iter().flat_map(|&(_, row)| links_of(source, row, &known).1);
        links.collect()
    })
}

/// Links found within the groups of rows that have the same key in a band, each once.
fn in_bands<S: Source>(source: &S, within: impl Fn(&[(u64, u32)]) -> Vec<Link> + Sync) -> Vec<Link> {
    let mut found = Vec::new();
    let mut keys: Vec<(u64, u32)> = Vec::with_capacity(source.num_rows());
    for band in 0..source.num_bands() {
        keys.clear();
        keys.par_extend(
            (0..source.num_rows())
                .into_par_iter()
                .with_min_len(1_024)
                .filter_map(|row| source.key(row, band).map(|key| (key, row as u32))),
        );
        keys.par_sort_unstable();
        let groups = keys.par_chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1);
        found.par_extend(groups.flat_map_iter(&within));
        found.par_sort_unstable_by_key(|link: &Link| (link.row, link.earlier));
        found.dedup_by_key(|link| (link.row, link.earlier));
    }
    found
}

/// What a row is compared by, and its links to others.
fn links_of<S: Source>(source: &S, row: u32, others: &[(u32, S::Features)]) -> (S::Features, Vec<Link>) {
    let features = source.features(row as usize);
    let link = |(earlier, other): &(u32, S::Features)| {
        let similarity = source.near(other, &features)? as f32;
        Some(Link { row, earlier: *earlier, similarity })
    };
    let links = others.iter().filter_map(link).collect();
    (features, links)
}

/// Compares each row of a group with those before it that are unlike each other.
fn links_within<S: Source>(source: &S, group: &[(u64, u32)]) -> Vec<Link> {
    let mut heads: Vec<(u32, S::Features)> = Vec::new();
    let mut links = Vec::new();
    for &(_, row) in group {
        let (features, found) = links_of(source, row, &heads);
        if found.is_empty() && heads.len() < MAX_HEADS {
            heads.push((row, features));
        }
        links.extend(found);
    }
    links
}

/// The rows to leave out: each with the row that it repeats, which stays. Nothing is left out for being near
/// a row that is itself left out, so likeness does not wander along a chain.
pub(crate) fn repeated(links: &[Link]) -> Vec<Link> {
    let mut repeated: Vec<Link> = Vec::new();
    for of_row in links.chunk_by(|a, b| a.row == b.row) {
        let stays =
            |link: &&Link| repeated.binary_search_by_key(&link.earlier, |removed| removed.row).is_err();
        let nearest = of_row
            .iter()
            .filter(stays)
            .max_by(|a, b| a.similarity.total_cmp(&b.similarity).then_with(|| b.earlier.cmp(&a.earlier)));
        if let Some(link) = nearest.copied() {
            repeated.push(link);
        }
    }
    repeated
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers that are near when they differ by at most 2.
    struct Numbers(Vec<i64>);

    impl Source for Numbers {
        type Features = i64;

        fn num_rows(&self) -> usize {
            self.0.len()
        }

        fn num_bands(&self) -> usize {
            2
        }

        fn key(&self, row: usize, band: usize) -> Option<u64> {
            Some((self.0[row] + 3 * band as i64).div_euclid(6) as u64)
        }

        fn features(&self, row: usize) -> i64 {
            self.0[row]
        }

        fn near(&self, a: &i64, b: &i64) -> Option<f64> {
            (a.abs_diff(*b) <= 2).then(|| 1.0 - a.abs_diff(*b) as f64 / 10.0)
        }
    }

    #[test]
    fn the_first_of_near_rows_stays_and_chains_do_not_wander() {
        // 12 is near 10; 14 is near 12, which goes, and not near 10: it stays.
        let repeated = repeated(&links(&Numbers(vec![10, 12, 14, 50, 11, 50])));
        let pairs: Vec<(u32, u32)> = repeated.iter().map(|link| (link.row, link.earlier)).collect();
        assert_eq!(pairs, [(1, 0), (4, 0), (5, 3)]);
    }

    proptest! {
        #[test]
        fn what_is_left_out_is_near_something_that_stays(numbers in proptest::collection::vec(0i64..60, 0..80)) {
            let source = Numbers(numbers.clone());
            let repeated = repeated(&links(&source));
            let is_out = |row: u32| repeated.iter().any(|link| link.row == row);
            for link in &repeated {
                prop_assert!(link.earlier < link.row && !is_out(link.earlier));
                prop_assert!(numbers[link.row as usize].abs_diff(numbers[link.earlier as usize]) <= 2);
            }
        }
    }
}
