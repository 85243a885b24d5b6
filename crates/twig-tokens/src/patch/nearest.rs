/// Codes looked at together; eight 32-bit sums fill one or two vector registers.
const LANES: usize = 8;

/// Finds the nearest of many short integer vectors, exactly.
///
/// |x − c|² = |x|² + (|c|² − 2·x·c), and |x|² is the same for all c. Codes are stored in blocks of eight,
/// two features of each side by side, which is the order in which SSE2 and its kin multiply and add 16-bit
/// numbers.
#[derive(Debug, Clone)]
pub(super) struct NearestCode {
    num_features: usize,
    num_codes: usize,
    /// `[block][pair of features][lane][2]`
    blocks: Vec<i16>,
    /// |c|² in the order of the codes, filled up to whole blocks with the largest number.
    squares: Vec<i32>,
}

impl NearestCode {
    /// Takes one row of `num_features` numbers a code; `num_features` is even. Numbers stay below 2^14 and
    /// the length of a row below 2^14, so that all sums fit 32 bits.
    pub(super) fn new(codes: &[i16], num_features: usize) -> Self {
        let num_codes = codes.len() / num_features;
        let num_blocks = num_codes.div_ceil(LANES);
        let mut blocks = vec![0; num_blocks * LANES * num_features];
        let mut squares = vec![i32::MAX; num_blocks * LANES];
        for (code, row) in codes.chunks_exact(num_features).enumerate() {
            let block = &mut blocks[code / LANES * LANES * num_features..];
            for (pair, values) in row.chunks_exact(2).enumerate() {
                let at = (pair * LANES + code % LANES) * 2;
                block[at..at + 2].copy_from_slice(values);
            }
            squares[code] = dot(row, row);
        }
        Self { num_features, num_codes, blocks, squares }
    }

    /// Index of the nearest code, the first where several are equally near.
    pub(super) fn find(&self, features: &[i16]) -> usize {
        self.find_with_distance(features).0
    }

    /// Index of the nearest code and the squared distance to it.
    pub(super) fn find_with_distance(&self, features: &[i16]) -> (usize, i32) {
        let (mut best, mut best_score) = (0, i32::MAX);
        let blocks = self.blocks.chunks_exact(LANES * self.num_features);
        for (block, (codes, squares)) in blocks.zip(self.squares.chunks_exact(LANES)).enumerate() {
            let products = block_products(codes, features);
            let scores: [i32; LANES] = std::array::from_fn(|lane| squares[lane] - 2 * products[lane]);
            if scores.iter().any(|&score| score < best_score) {
                for (lane, &score) in scores.iter().enumerate() {
                    if score < best_score {
                        (best, best_score) = (block * LANES + lane, score);
                    }
                }
            }
        }
        debug_assert!(best < self.num_codes);
        (best, best_score + dot(features, features))
    }
}

/// The dot products of one block of codes with `features`.
fn block_products(codes: &[i16], features: &[i16]) -> [i32; LANES] {
    let mut sums = [0i32; LANES];
    for (codes, x) in codes.chunks_exact(2 * LANES).zip(features.chunks_exact(2)) {
        let (x0, x1) = (i32::from(x[0]), i32::from(x[1]));
        for lane in 0..LANES {
            sums[lane] += x0 * i32::from(codes[2 * lane]) + x1 * i32::from(codes[2 * lane + 1]);
        }
    }
    sums
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
            codes in prop::collection::vec([-3i16..3, -3i16..3, -2000i16..2000, -3i16..3], 1..60),
            x in [-4i16..4, -4i16..4, -2100i16..2100, -4i16..4],
        ) {
            let distance = |code: &[i16; 4]| -> i32 {
                code.iter().zip(x).map(|(&c, x)| (i32::from(c) - i32::from(x)).pow(2)).sum()
            };
            let wanted = codes.iter().map(distance).enumerate().min_by_key(|&(_, distance)| distance).unwrap();
            let found = NearestCode::new(codes.as_flattened(), 4).find_with_distance(&x);
            prop_assert_eq!(found, wanted);
        }
    }
}
