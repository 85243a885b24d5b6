use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::Summary;

/// Words that a thought has at least, if it is to tell a painter anything.
const MIN_THOUGHT_WORDS: i64 = 5;

/// Something to look at before training on a release. None of them makes a release invalid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Warning {
    /// There are no trajectories at all.
    NoTrajectories,
    /// Trajectories whose category has no name.
    UnnamedCategory {
        /// How many.
        trajectories: u64,
    },
    /// All trajectories of a category have the same reward.
    EqualRewards {
        /// The category.
        category: String,
        /// The reward.
        reward: i64,
    },
    /// All attempts have the same score.
    EqualStepScores {
        /// The score.
        score: i64,
    },
    /// Thoughts of very few words.
    ShortThoughts {
        /// How many.
        thoughts: u64,
        /// They have fewer words than this.
        words: i64,
    },
    /// No attempt at a region was accepted.
    NeverAccepted {
        /// Name of the region.
        region: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTrajectories => write!(f, "there are no trajectories"),
            Self::UnnamedCategory { trajectories } => {
                write!(f, "{trajectories} trajectories have a category without a name")
            }
            Self::EqualRewards { category, reward } => {
                write!(f, "all trajectories of category {category} have the reward {reward}")
            }
            Self::EqualStepScores { score } => write!(f, "all attempts have the score {score}"),
            Self::ShortThoughts { thoughts, words } => {
                write!(f, "{thoughts} thoughts have fewer than {words} words")
            }
            Self::NeverAccepted { region } => write!(f, "no attempt at the region {region} was accepted"),
        }
    }
}

/// The warnings that a summary gives rise to.
pub(crate) fn all_of(summary: &Summary, thought_words: &BTreeMap<i64, u64>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if summary.rewards.is_empty() {
        warnings.push(Warning::NoTrajectories);
    }
    for group in &summary.rewards {
        if group.category.trim().is_empty() {
            warnings.push(Warning::UnnamedCategory { trajectories: group.rewards.count });
        }
        if group.rewards.is_collapsed() {
            let category = group.category.clone();
            warnings.push(Warning::EqualRewards { category, reward: group.rewards.min });
        }
    }
    if summary.step_scores.is_collapsed() {
        warnings.push(Warning::EqualStepScores { score: summary.step_scores.min });
    }
    let short: u64 = thought_words.range(..MIN_THOUGHT_WORDS).map(|(_, count)| count).sum();
    if short > 0 {
        warnings.push(Warning::ShortThoughts { thoughts: short, words: MIN_THOUGHT_WORDS });
    }
    for region in summary.regions.iter().filter(|region| region.accepted == 0) {
        warnings.push(Warning::NeverAccepted { region: region.region.clone() });
    }
    warnings
}
