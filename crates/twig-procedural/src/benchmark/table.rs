//! Verdicts, counted.

use std::{fmt, ops::AddAssign};

use super::{Trial, Truth};
use crate::{MistakeKind, dice::Dice};

/// Verdicts on regions, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfusionTable {
    /// Regions with a mistake, found faulty.
    pub true_positives: u32,
    /// Regions without a mistake, found faulty.
    pub false_positives: u32,
    /// Regions with a mistake, passed.
    pub false_negatives: u32,
    /// Regions without a mistake, passed.
    pub true_negatives: u32,
    /// Regions that a mistake in a neighbouring region merely touches: neither faulty nor clean, not judged.
    pub touched: u32,
    /// For each kind of mistake, in the order of [`MistakeKind::ALL`]: regions that show it, and how many of
    /// those were found faulty.
    pub by_kind: [(u32, u32); MistakeKind::ALL.len()],
}

impl ConfusionTable {
    /// The critic's verdicts (a score below `accept_score`) on the regions of one trial.
    pub fn of(trial: &Trial, accept_score: i64) -> Self {
        Self::with_verdicts(trial, |region| trial.verdicts[region].score < accept_score)
    }

    /// The verdicts of one that finds regions faulty at random, that share of them, on the same trial.
    pub fn of_random(trial: &Trial, share: f64, seed: u64) -> Self {
        let mut dice = Dice::new(seed, "random critic");
        Self::with_verdicts(trial, |_| dice.happens(share))
    }

    /// The share of regions found faulty that are.
    pub fn precision(&self) -> f64 {
        f64::from(self.true_positives) / f64::from((self.true_positives + self.false_positives).max(1))
    }

    /// The share of faulty regions that were found.
    pub fn recall(&self) -> f64 {
        f64::from(self.true_positives) / f64::from((self.true_positives + self.false_negatives).max(1))
    }

    /// The share of regions that are faulty.
    pub fn faulty_share(&self) -> f64 {
        let faulty = self.true_positives + self.false_negatives;
        f64::from(faulty) / f64::from((faulty + self.false_positives + self.true_negatives).max(1))
    }

    /// The share of regions showing a kind of mistake that were found faulty; `None` where none shows it.
    pub fn recall_of(&self, kind: MistakeKind) -> Option<f64> {
        let (shown, found) = self.by_kind[kind as usize];
        (shown > 0).then(|| f64::from(found) / f64::from(shown))
    }

    fn with_verdicts(trial: &Trial, mut found_faulty: impl FnMut(usize) -> bool) -> Self {
        let mut table = Self::default();
        for region in 0..trial.verdicts.len() {
            let found = found_faulty(region);
            *match (trial.truth(region), found) {
                (Truth::Touched, _) => &mut table.touched,
                (Truth::Faulty, true) => &mut table.true_positives,
                (Truth::Faulty, false) => &mut table.false_negatives,
                (Truth::Clean, true) => &mut table.false_positives,
                (Truth::Clean, false) => &mut table.true_negatives,
            } += 1;
            for (kind, (shown, times_found)) in MistakeKind::ALL.iter().zip(&mut table.by_kind) {
                if trial.shows(region, *kind) {
                    *shown += 1;
                    *times_found += u32::from(found);
                }
            }
        }
        table
    }
}

impl AddAssign<&Self> for ConfusionTable {
    fn add_assign(&mut self, other: &Self) {
        self.true_positives += other.true_positives;
        self.false_positives += other.false_positives;
        self.false_negatives += other.false_negatives;
        self.true_negatives += other.true_negatives;
        self.touched += other.touched;
        for (own, theirs) in self.by_kind.iter_mut().zip(other.by_kind) {
            own.0 += theirs.0;
            own.1 += theirs.1;
        }
    }
}

impl fmt::Display for ConfusionTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| region is | found faulty | passed |")?;
        writeln!(f, "|---|---:|---:|")?;
        writeln!(f, "| faulty | {} | {} |", self.true_positives, self.false_negatives)?;
        writeln!(f, "| clean | {} | {} |", self.false_positives, self.true_negatives)?;
        writeln!(f, "\n{} regions that a mistake merely touches are not judged.", self.touched)?;
        writeln!(f, "\n| mistake | regions that show it | found | recall |")?;
        writeln!(f, "|---|---:|---:|---:|")?;
        for kind in MistakeKind::ALL {
            let (shown, found) = self.by_kind[kind as usize];
            let recall = self.recall_of(kind).map_or_else(|| "–".to_owned(), |recall| format!("{recall:.3}"));
            writeln!(f, "| {} | {shown} | {found} | {recall} |", kind.as_str())?;
        }
        Ok(())
    }
}
