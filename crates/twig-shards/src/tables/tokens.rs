use twig_model::TrajectoryTokens;

use crate::{PlainRow, record::record};

record! {
    /// Image token ids of one picture by one tokenizer, as released.
    pub struct TokensRow {
        /// Id of the trajectory.
        id: String,
        /// Position of the attempt in the trajectory's `images`; null for the finished picture.
        image_index: Option<u32>,
        /// Name of the tokenizer.
        tokenizer: String,
        /// Ids in raster order: of the whole grid for the finished picture, of the attempt's region otherwise.
        ids: Vec<u32>,
    }
}

impl TokensRow {
    /// The rows of a trajectory: the finished picture, then every attempt.
    pub fn all_of(trajectory_id: &str, tokens: &TrajectoryTokens) -> Vec<Self> {
        let row = |image_index, ids: &Vec<u32>| Self {
            id: trajectory_id.to_owned(),
            image_index,
            tokenizer: tokens.tokenizer.clone(),
            ids: ids.clone(),
        };
        let attempts = tokens.attempt_ids.iter().zip(0..).map(|(ids, index)| row(Some(index), ids));
        std::iter::once(row(None, &tokens.final_ids)).chain(attempts).collect()
    }
}

impl PlainRow for TokensRow {
    const TABLE: &'static str = "tokens";
}
