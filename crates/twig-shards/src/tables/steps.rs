use twig_model::Score;

use super::{AttemptRecord, ReleaseTrajectory, head::attempt_record};
use crate::{PlainRow, record::record};

attempt_record! {
    /// One attempt at one region as a flat row: everything but the pictures, which are found in
    /// `trajectories` by `id` and `image_index`.
    pub struct StepRow {
        /// Id of the trajectory.
        id: String,
        /// The text that is drawn.
        prompt: String,
        /// What kind of prompt it is.
        category: String,
        ..attempt,
        /// Reward of the finished picture, 0 to 100.
        reward: Score,
        /// Ids of the region by the first tokenizer.
        tokens: Option<Vec<u32>>,
    }
}

record! {
    /// What is said in an attempt, for search: no pictures, no ids of tokens.
    pub struct StepTexts {
        /// Id of the trajectory.
        id: String,
        /// What the region was to show.
        thought: String,
        /// What the critic said of it.
        critique: String,
    }
}

impl PlainRow for StepTexts {
    const TABLE: &'static str = "steps";
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
