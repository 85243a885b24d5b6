use twig_model::Score;

use super::{AttemptRecord, ReleaseTrajectory};
use crate::{PlainRow, record::record};

record! {
    /// One attempt at one region as a flat row: everything but the pictures, which are found in
    /// `trajectories` by `id` and `image_index`.
    pub struct StepRow {
        /// Id of the trajectory.
        id: String,
        /// The text that is drawn.
        prompt: String,
        /// What kind of prompt it is.
        category: String,
        /// Position among the attempts of the trajectory.
        step: u32,
        /// `generate` for the first attempt at a region, `redo` for those that follow a reflection.
        kind: String,
        /// Name of the region.
        region: String,
        /// Position of the region in the schedule, from 0.
        region_index: u32,
        /// Which attempt at this region, from 0.
        attempt: u32,
        /// First token of the region in raster order; null where it is not one run.
        token_start: Option<u32>,
        /// One past the last token of the region; null where it is not one run.
        token_end: Option<u32>,
        /// Token indices of the region where it is not one run.
        cells: Option<Vec<u32>>,
        /// What the region was to show.
        thought: String,
        /// What the critic said of it.
        critique: String,
        /// The thought with the named defects fixed; repeats it where nothing is wrong.
        revised_thought: String,
        /// Sum of the five criteria, 0 to 100.
        score: Score,
        /// Colours are those the text names, 0 to 20.
        color_accuracy: i32,
        /// Everything named is there, whole and as often as said, 0 to 20.
        object_completeness: i32,
        /// Textures and details are rendered, 0 to 20.
        detail_richness: i32,
        /// Things stand where the text puts them, 0 to 20.
        spatial_relationships: i32,
        /// The region fits the rest of the picture, 0 to 20.
        visual_coherence: i32,
        /// Whether the score reached the acceptance threshold.
        accepted: bool,
        /// Position of its canvas in the trajectory's `images`.
        image_index: u32,
        /// Reward of the finished picture, 0 to 100.
        reward: Score,
        /// Ids of the region by the first tokenizer.
        tokens: Option<Vec<u32>>,
    }
}

impl StepRow {
    /// The rows of a trajectory, in the order in which the attempts were made.
    pub fn all_of(release: &ReleaseTrajectory) -> Vec<Self> {
        let ReleaseTrajectory { trajectory, tokens, reward } = release;
        let id = trajectory.id().to_string();
        AttemptRecord::all_of(trajectory)
            .into_iter()
            .enumerate()
            .map(|(position, attempt)| Self {
                id: id.clone(),
                prompt: trajectory.prompt.text.clone(),
                category: trajectory.prompt.category.clone(),
                step: attempt.step,
                kind: attempt.kind,
                region: attempt.region,
                region_index: attempt.region_index,
                attempt: attempt.attempt,
                token_start: attempt.token_start,
                token_end: attempt.token_end,
                cells: attempt.cells,
                thought: attempt.thought,
                critique: attempt.critique,
                revised_thought: attempt.revised_thought,
                score: attempt.score,
                color_accuracy: attempt.color_accuracy,
                object_completeness: attempt.object_completeness,
                detail_richness: attempt.detail_richness,
                spatial_relationships: attempt.spatial_relationships,
                visual_coherence: attempt.visual_coherence,
                accepted: attempt.accepted,
                image_index: attempt.image_index,
                reward: *reward,
                tokens: tokens.as_ref().and_then(|tokens| tokens.attempt_ids.get(position).cloned()),
            })
            .collect()
    }
}

impl PlainRow for StepRow {
    const TABLE: &'static str = "steps";
}
