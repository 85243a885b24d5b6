use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CriterionScores, Picture, Prompt, PromptId, Schedule, Score};

/// How the pictures of a trajectory come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// K thoughts → one picture → cut into K regions → one critique a region. How TwiG-50K was made.
    WholeImage,
    /// Think → paint the region → critique → redo, region after region, as in zero-shot TwiG.
    RegionByRegion,
}

impl Mode {
    /// The name in tables and pipeline files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WholeImage => "whole_image",
            Self::RegionByRegion => "region_by_region",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::WholeImage, Self::RegionByRegion].into_iter().find(|mode| mode.as_str() == name)
    }
}

/// Which sample of which prompt: `{prompt id}-{sample index}`, safe in file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrajectoryId {
    /// The prompt.
    pub prompt: PromptId,
    /// Counts the samples of that prompt from 0.
    pub sample_index: u32,
}

impl fmt::Display for TrajectoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.prompt, self.sample_index)
    }
}

/// What the critic said about one attempt at one region: (r_k, τ̂_k) in the paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Critique {
    /// Points on the five criteria; their sum is the score r_k.
    pub scores: CriterionScores,
    /// What is right or wrong, in a sentence or two.
    pub comment: String,
    /// τ̂_k: the thought with the named defects fixed; repeats the thought where nothing is wrong.
    pub revised_thought: String,
}

impl Critique {
    /// r_k, 0 to 100.
    pub fn score(&self) -> Score {
        self.scores.total()
    }
}

/// One try at painting a region. Every attempt is kept: failures are training data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// τ_k, or for a redo τ̂_k of the attempt before.
    pub thought: String,
    /// What the critic said of it.
    pub critique: Critique,
    /// Whether the score reached the job's `accept_score`.
    pub accepted: bool,
    /// The canvas after this attempt, as PNG: regions up to this one, the rest in the placeholder colour.
    pub canvas: Picture,
}

/// All attempts at one region, in order; the last one stays in the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Position of the region in the schedule, from 0.
    pub region_index: usize,
    /// At least one.
    pub attempts: Vec<Attempt>,
}

impl Step {
    /// The attempt that stays in the picture.
    ///
    /// # Panics
    /// If there is no attempt, which no constructor of steps allows.
    pub fn last_attempt(&self) -> &Attempt {
        self.attempts.last().expect("a step has at least one attempt")
    }
}

/// A picture together with the thoughts and critiques it was made with, region by region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trajectory {
    /// The prompt, T in the paper.
    pub prompt: Prompt,
    /// Counts the samples of that prompt from 0.
    pub sample_index: u32,
    /// How it was made.
    pub mode: Mode,
    /// Name of the model that painted.
    pub painter: String,
    /// Seed of every request of this trajectory.
    pub seed: i64,
    /// The regions.
    pub schedule: Schedule,
    /// One step a region, in schedule order.
    pub steps: Vec<Step>,
    /// The finished picture as PNG; equal to the canvas of the last step's last attempt.
    pub final_image: Picture,
}

impl Trajectory {
    /// The id of its row.
    pub fn id(&self) -> TrajectoryId {
        TrajectoryId { prompt: self.prompt.id.clone(), sample_index: self.sample_index }
    }

    /// Every attempt with its place, in the order in which they were made. The position in this sequence
    /// is `image_index` in the tables.
    pub fn attempts(&self) -> impl Iterator<Item = (&Step, usize, &Attempt)> {
        self.steps.iter().flat_map(|step| {
            step.attempts
                .iter()
                .enumerate()
                .map(move |(attempt_index, attempt)| (step, attempt_index, attempt))
        })
    }

    /// Number of attempts over all regions.
    pub fn num_attempts(&self) -> usize {
        self.steps.iter().map(|step| step.attempts.len()).sum()
    }

    /// The lowest score among the attempts that stay in the picture.
    pub fn min_step_score(&self) -> Score {
        self.steps.iter().map(|step| step.last_attempt().critique.score()).min().unwrap_or(Score::MAX)
    }
}
