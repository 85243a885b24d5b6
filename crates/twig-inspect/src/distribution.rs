use std::collections::BTreeMap;

use serde::Serialize;

/// How whole numbers are distributed. All bins are as wide, and there are [`Distribution::NUM_BINS`] of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distribution {
    /// How many numbers there are.
    pub count: u64,
    /// Their mean; 0 where there are none.
    pub mean: f64,
    /// The smallest; 0 where there are none.
    pub min: i64,
    /// The largest; 0 where there are none.
    pub max: i64,
    /// From the smallest numbers to the largest.
    pub histogram: Vec<Bin>,
}

/// The numbers from `from` to `to`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bin {
    /// The smallest number that falls into it.
    pub from: i64,
    /// The largest number that falls into it.
    pub to: i64,
    /// How many do.
    pub count: u64,
}

impl Distribution {
    /// Bins of a histogram.
    pub const NUM_BINS: usize = 10;

    /// Scores from 0 to 100: bins of ten, the last one with 100 in it.
    pub(crate) fn of_scores(counts: &BTreeMap<i64, u64>) -> Self {
        Self::new(counts, 10, 100)
    }

    /// Numbers from 0 on, in bins that are as wide as they have to be.
    pub(crate) fn of_lengths(counts: &BTreeMap<i64, u64>) -> Self {
        let max = counts.keys().next_back().copied().unwrap_or(0);
        let width = max / Self::NUM_BINS as i64 + 1;
        Self::new(counts, width, width * Self::NUM_BINS as i64 - 1)
    }

    fn new(counts: &BTreeMap<i64, u64>, width: i64, last: i64) -> Self {
        let mut histogram: Vec<Bin> = (0..Self::NUM_BINS as i64)
            .map(|bin| Bin { from: bin * width, to: (bin + 1) * width - 1, count: 0 })
            .collect();
        histogram[Self::NUM_BINS - 1].to = last;
        for (&value, &count) in counts {
            let bin = usize::try_from(value / width).unwrap_or(0).min(Self::NUM_BINS - 1);
            histogram[bin].count += count;
        }
        let count: u64 = counts.values().sum();
        let sum: f64 = counts.iter().map(|(&value, &count)| value as f64 * count as f64).sum();
        Self {
            count,
            mean: if count == 0 { 0.0 } else { sum / count as f64 },
            min: counts.keys().next().copied().unwrap_or(0),
            max: counts.keys().next_back().copied().unwrap_or(0),
            histogram,
        }
    }

    /// Whether many numbers are all the same, as from a judge that has stopped looking.
    pub(crate) fn is_collapsed(&self) -> bool {
        const MANY: u64 = 10;
        self.count >= MANY && self.min == self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(distribution: &Distribution) -> Vec<u64> {
        distribution.histogram.iter().map(|bin| bin.count).collect()
    }

    #[test]
    fn the_best_score_shares_a_bin_with_the_nineties() {
        let scores = Distribution::of_scores(&BTreeMap::from([(0, 1), (9, 1), (10, 1), (90, 2), (100, 3)]));
        assert_eq!(bins(&scores), [2, 1, 0, 0, 0, 0, 0, 0, 0, 5]);
        assert_eq!((scores.count, scores.min, scores.max), (8, 0, 100));
        assert!((scores.mean - 62.375).abs() < 1e-9);
        assert_eq!(scores.histogram[9], Bin { from: 90, to: 100, count: 5 });
    }

    #[test]
    fn bins_of_lengths_are_as_wide_as_the_longest_needs() {
        let lengths = Distribution::of_lengths(&BTreeMap::from([(0, 1), (3, 1), (47, 1)]));
        assert_eq!(lengths.histogram[0], Bin { from: 0, to: 4, count: 2 });
        assert_eq!(lengths.histogram[9], Bin { from: 45, to: 49, count: 1 });
    }

    #[test]
    fn nothing_has_a_distribution_too() {
        let nothing = Distribution::of_lengths(&BTreeMap::new());
        assert_eq!((nothing.count, nothing.min, nothing.max, nothing.histogram.len()), (0, 0, 0, 10));
        assert!(!nothing.is_collapsed());
    }
}
