/// Features compared at a time, one vector register of 16-bit numbers.
pub(super) const CHUNK: usize = 8;

/// Finds the nearest of many short integer vectors, exactly.
///
/// The first feature is the principal direction and tells most: codes are sorted by it, the search goes
/// outwards from the point and ends where the first feature alone is farther away than the best code found.
/// A code is left as soon as its first features are. On pictures this looks at a fraction of the codes.
#[derive(Debug, Clone)]
pub(super) struct NearestCode {
    num_features: usize,
    /// First feature and index of each code, sorted.
    order: Vec<(i16, u32)>,
    /// The codes in that order, one row each.
    rows: Vec<i16>,
}

impl NearestCode {
    /// Takes one row of `num_features` numbers a code, a multiple of [`CHUNK`]. The numbers lie within
    /// ±16,383, so that differences fit 16 bits, and rows are no longer than 2^14, so that squares fit 32.
    pub(super) fn new(codes: &[i16], num_features: usize) -> Self {
        let mut order: Vec<(i16, u32)> =
            codes.chunks_exact(num_features).map(|row| row[0]).zip(0..).collect();
        order.sort_unstable();
        let row_of = |&(_, index): &(i16, u32)| &codes[index as usize * num_features..][..num_features];
        let rows = order.iter().flat_map(row_of).copied().collect();
        Self { num_features, order, rows }
    }

    /// Index of the nearest code, the first where several are equally near.
    pub(super) fn find(&self, features: &[i16]) -> usize {
        self.find_with_distance(features).0
    }

    /// Index of the nearest code and the squared distance to it.
    pub(super) fn find_with_distance(&self, features: &[i16]) -> (usize, i32) {
        let start = self.order.partition_point(|&(first, _)| first < features[0]);
        let mut best = (i32::MAX, u32::MAX);
        self.search(start..self.order.len(), features, &mut best);
        self.search((0..start).rev(), features, &mut best);
        (best.1 as usize, best.0)
    }

    /// Goes through codes of ever more distant first features, as long as they can be nearer than the best
    /// so far (squared distance and index).
    fn search(&self, places: impl Iterator<Item = usize>, features: &[i16], best: &mut (i32, u32)) {
        for place in places {
            let (first, index) = self.order[place];
            if (i32::from(first) - i32::from(features[0])).pow(2) > best.0 {
                return;
            }
            let row = &self.rows[place * self.num_features..][..self.num_features];
            if let Some(distance) = distance_within(row, features, best.0) {
                *best = (*best).min((distance, index));
            }
        }
    }
}

/// The squared distance, if it is not above `limit`.
fn distance_within(a: &[i16], b: &[i16], limit: i32) -> Option<i32> {
    let mut sum = 0;
    for (a, b) in a.as_chunks::<CHUNK>().0.iter().zip(b.as_chunks::<CHUNK>().0) {
        sum += a.iter().zip(b).map(|(&x, &y)| i32::from(x - y) * i32::from(x - y)).sum::<i32>();
        if sum > limit {
            return None;
        }
    }
    Some(sum)
}

/// The dot product of two vectors of the same length.
pub(super) fn dot(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_of_the_nearest_is_found(
            codes in prop::collection::vec(prop::array::uniform16(-2i16..2), 1..60),
            x in prop::array::uniform16(-3i16..3),
            stretch in prop::array::uniform16(1i16..4000),
        ) {
            let stretched = |row: [i16; 16]| -> [i16; 16] { std::array::from_fn(|i| row[i] * stretch[i]) };
            let (codes, x): (Vec<_>, _) = (codes.into_iter().map(stretched).collect(), stretched(x));
            let distance = |code: &[i16; 16]| -> i32 {
                code.iter().zip(x).map(|(&c, x)| (i32::from(c) - i32::from(x)).pow(2)).sum()
            };
            let wanted = codes.iter().map(distance).enumerate().min_by_key(|&(_, distance)| distance).unwrap();
            let found = NearestCode::new(codes.as_flattened(), 16).find_with_distance(&x);
            prop_assert_eq!(found, wanted);
        }
    }
}
