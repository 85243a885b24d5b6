//! Questions that come before and after a trajectory: where its regions lie, what an existing picture shows, and
//! what judges want to know.

use crate::{Geometry, Picture, Schedule};

/// S = `ULM_u`(T): which regions, in which order.
///
/// Answered by text, a JSON object: `{"regions": [{"name": …, "row": …, "column": …, "rows": …, "columns": …}, …]}`
/// in cells of the token grid.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleTask {
    /// T.
    pub prompt: String,
    /// The grid that the regions tile.
    pub geometry: Geometry,
    /// K, how many regions are wanted.
    pub num_regions: usize,
    /// The picture, where it is there already.
    pub picture: Option<Picture>,
}

/// A thought for a region of a picture that is there already.
///
/// Answered by text, a JSON object: `{"thought": τ_k}`.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribeTask {
    /// T: the prompt or caption of the picture.
    pub prompt: String,
    /// S.
    pub schedule: Schedule,
    /// k, from 0.
    pub region_index: usize,
    /// τ_<k.
    pub earlier_thoughts: Vec<String>,
    /// The whole picture.
    pub picture: Picture,
    /// The picture with everything but the region faded out.
    pub spotlight: Picture,
}

/// Questions that can be answered yes or no, and that a picture of the prompt would answer with yes.
///
/// Answered by text, a JSON object: `{"questions": […]}`.
#[derive(Debug, Clone, PartialEq)]
pub struct QuestionsTask {
    /// T.
    pub prompt: String,
}

/// Such questions, put to a picture.
///
/// Answered by text, a JSON object: `{"answers": [true, false, …]}`, one a question.
#[derive(Debug, Clone, PartialEq)]
pub struct InspectTask {
    /// What is asked.
    pub questions: Vec<String>,
    /// The finished picture.
    pub picture: Picture,
}

/// How likely it is that the picture shows the prompt: the probability of the token `yes` against `no`.
///
/// Answered by text, a JSON object: `{"probability": …}`, from 0 to 1. Teachers that have log-probabilities take
/// it from those of the first token of their answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbabilityTask {
    /// T.
    pub prompt: String,
    /// The finished picture.
    pub picture: Picture,
}

/// Which of two pictures of one prompt is the better one.
///
/// Answered by text, a JSON object: `{"better": "first" | "second" | "neither", "comment": …}`.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareTask {
    /// T.
    pub prompt: String,
    /// A finished picture.
    pub first: Picture,
    /// Another one.
    pub second: Picture,
}
