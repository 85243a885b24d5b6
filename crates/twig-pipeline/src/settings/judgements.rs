//! The settings of the judgements stage.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who scores finished pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JudgementSettings {
    /// The judges, by names of your choice. `reward` is the weighted mean of their overall scores.
    pub judges: BTreeMap<String, JudgeSettings>,
    /// Score every region too, not just the whole picture. Asks K more questions a picture and judge.
    #[serde(default)]
    pub regions: bool,
}

/// A judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JudgeSettings {
    /// The teacher that judges.
    pub teacher: String,
    /// What it is asked.
    #[serde(default)]
    pub kind: JudgeKind,
    /// Its weight in `reward`.
    #[serde(default = "default_weight")]
    #[schemars(range(min = 1, max = 1000))]
    pub weight: u32,
}

/// What a judge is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JudgeKind {
    /// Points on the five criteria; the score is their sum.
    #[default]
    Rubric,
    /// Whether the picture shows the prompt; the score is the probability of yes, from log-probabilities where the
    /// teacher has them.
    Probability,
    /// Questions derived from the prompt, each answered yes or no; the score is the share of yes.
    Questions,
    /// Which of two samples of the prompt is better, every pair in both orders; the score is the share of
    /// comparisons won, an even one counting half. Needs `samples_per_prompt` of 2 or more.
    Pairwise,
}

fn default_weight() -> u32 {
    1
}
