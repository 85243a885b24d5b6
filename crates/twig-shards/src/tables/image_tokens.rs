use twig_model::{PromptId, TrajectoryTokens};

use crate::{PlainRow, record::record};

record! {
    /// The image tokens of one trajectory by one tokenizer, as the stage `tokens` stores them.
    pub struct ImageTokensRow {
        /// Id of the trajectory.
        trajectory_id: String,
        /// Id of its prompt.
        prompt_id: PromptId,
        /// Name of the tokenizer.
        tokenizer: String,
        /// Ids of the finished picture, in raster order.
        final_ids: Vec<u32>,
        /// For each attempt, in the order made, the ids of its region.
        attempt_ids: Vec<Vec<u32>>,
        /// Peak signal-to-noise ratio of the finished picture after encoding and decoding, in hundredths of a
        /// decibel; null where it was not measured.
        psnr_millibels: Option<i32>,
    }
}

impl ImageTokensRow {
    /// The row of a trajectory's tokens.
    pub fn new(
        trajectory_id: String,
        prompt_id: PromptId,
        tokens: TrajectoryTokens,
        psnr_millibels: Option<i32>,
    ) -> Self {
        let TrajectoryTokens { tokenizer, final_ids, attempt_ids } = tokens;
        Self { trajectory_id, prompt_id, tokenizer, final_ids, attempt_ids, psnr_millibels }
    }

    /// The tokens without the ids they are found by.
    pub fn into_tokens(self) -> TrajectoryTokens {
        TrajectoryTokens {
            tokenizer: self.tokenizer,
            final_ids: self.final_ids,
            attempt_ids: self.attempt_ids,
        }
    }
}

impl PlainRow for ImageTokensRow {
    const TABLE: &'static str = "image_tokens";
}
