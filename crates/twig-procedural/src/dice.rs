//! Random numbers that depend on a seed and on what they are for, and on nothing else.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A stream of random numbers. Two streams of one seed with different purposes are independent, so that a
/// choice added in one place changes nothing elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// The stream of `seed` for `purpose`.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        Self { state: xxh3_64_with_seed(purpose.as_bytes(), seed) }
    }

    /// The next number, by splitmix64.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number within 0 to 1, 1 excluded.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// A number within `from` to `to`.
    pub(crate) fn between(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.unit()
    }

    /// A whole number below `bound`, which must not be 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Whether an event of that probability happens.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        f64::from(self.unit()) < probability
    }

    /// One of the items, if there are any.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { items.get(self.below(items.len())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_depend_on_seed_and_purpose_alone() {
        let first = |seed, purpose| Dice::new(seed, purpose).next();
        assert_eq!(first(7, "layout"), first(7, "layout"));
        assert_ne!(first(7, "layout"), first(8, "layout"));
        assert_ne!(first(7, "layout"), first(7, "faults"));
    }

    #[test]
    fn numbers_stay_within_bounds_and_spread() {
        let mut dice = Dice::new(1, "test");
        let mean = (0..10_000)
            .map(|_| dice.between(2.0, 4.0))
            .inspect(|x| assert!((2.0..4.0).contains(x)))
            .sum::<f32>()
            / 10_000.0;
        assert!((mean - 3.0).abs() < 0.05);
        assert!((0..100).all(|_| dice.below(3) < 3));
    }
}
