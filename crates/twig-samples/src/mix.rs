use serde::{Deserialize, Serialize};
use twig_model::TaskKind;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How much of each group of tasks the default mix has, relative to each other.
///
/// The group with the largest weight is taken whole, the others in proportion. An attempt gives one sample
/// of each group, so equal weights give equal numbers. By default thinking and generating are equal and
/// reflection is left out: in the paper's ablation every mix with reflection scored lower.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MixWeights {
    /// Weight of T, what to say.
    pub think: f64,
    /// Weight of R, how to refine.
    pub reflect: f64,
    /// Weight of G, the image tokens.
    pub generate: f64,
}

/// A weight that is no weight.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("the weight of `{task}` is {weight}; a finite number from 0 on is wanted, not all of them 0")]
pub struct InvalidWeight {
    /// Name of the group.
    pub task: &'static str,
    /// What was given.
    pub weight: f64,
}

impl Default for MixWeights {
    fn default() -> Self {
        Self { think: 1.0, reflect: 0.0, generate: 1.0 }
    }
}

impl MixWeights {
    /// The weight of a group.
    pub fn get(&self, task: TaskKind) -> f64 {
        match task {
            TaskKind::Think => self.think,
            TaskKind::Reflect => self.reflect,
            TaskKind::Generate => self.generate,
        }
    }

    /// Checks that the weights are finite, not negative, and not all 0.
    pub fn check(&self) -> Result<(), InvalidWeight> {
        let is_weight = |weight: f64| weight.is_finite() && weight >= 0.0;
        let invalid = |task: TaskKind| InvalidWeight { task: task.as_str(), weight: self.get(task) };
        if let Some(task) = TaskKind::ALL.into_iter().find(|&task| !is_weight(self.get(task))) {
            return Err(invalid(task));
        }
        if self.largest() == 0.0 { Err(invalid(TaskKind::Think)) } else { Ok(()) }
    }

    /// Whether the seeded draw takes the sample. A function of seed, id and weights, so it does not depend
    /// on which other samples there are.
    pub(crate) fn draws(&self, task: TaskKind, sample_id: &str, seed: u64) -> bool {
        is_drawn(self.get(task) / self.largest(), sample_id, seed)
    }

    fn largest(&self) -> f64 {
        TaskKind::ALL.map(|task| self.get(task)).into_iter().fold(0.0, f64::max)
    }
}

/// Whether a seeded draw with that share of hits takes the sample.
pub(crate) fn is_drawn(share: f64, sample_id: &str, seed: u64) -> bool {
    // The upper 53 bits, so that the fraction is exact and below 1.
    let drawn = (xxh3_64_with_seed(sample_id.as_bytes(), seed) >> 11) as f64 / (1u64 << 53) as f64;
    drawn < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_are_no_weights_are_refused_by_name() {
        assert_eq!(MixWeights::default().check(), Ok(()));
        let refused = |weights: MixWeights| weights.check().unwrap_err().to_string();
        assert_eq!(
            refused(MixWeights { reflect: -0.5, ..MixWeights::default() }),
            "the weight of `reflect` is -0.5; a finite number from 0 on is wanted, not all of them 0"
        );
        assert!(refused(MixWeights { generate: f64::NAN, ..MixWeights::default() }).contains("generate"));
        assert!(refused(MixWeights { think: 0.0, reflect: 0.0, generate: 0.0 }).contains("think"));
    }

    #[test]
    fn the_default_mix_takes_thinking_and_generating_whole_and_no_reflection() {
        let mix = MixWeights::default();
        for n in 0..1_000 {
            let id = format!("{n}");
            assert!(mix.draws(TaskKind::Think, &id, 7) && mix.draws(TaskKind::Generate, &id, 7));
            assert!(!mix.draws(TaskKind::Reflect, &id, 7));
        }
    }

    #[test]
    fn a_smaller_weight_takes_its_share() {
        let mix = MixWeights { think: 1.0, reflect: 0.5, generate: 2.0 };
        let count = |task| (0..20_000).filter(|n| mix.draws(task, &format!("{n}-{task:?}"), 7)).count();
        assert_eq!(count(TaskKind::Generate), 20_000);
        // Four standard deviations of 20,000 draws.
        assert!(count(TaskKind::Think).abs_diff(10_000) < 283);
        assert!(count(TaskKind::Reflect).abs_diff(5_000) < 245);
    }
}
