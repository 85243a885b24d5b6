use twig_model::{Mode, Score};

use crate::{PlainRow, record::record};

record! {
    /// What can be measured in a trajectory without asking anybody: of its texts, and of how its picture looks.
    pub struct MeasureRow {
        /// `{prompt id}-{sample index}`.
        id: String,
        /// Words of the prompt.
        prompt_words: u32,
        /// Words of the shortest thought.
        thought_words_min: u32,
        /// Words of the longest thought.
        thought_words_max: u32,
        /// Words of the shortest critique.
        critique_words_min: u32,
        /// Language of the thoughts as an ISO 639-3 code such as `eng`; empty where they are too short to tell.
        language: String,
        /// Labels of prompt templates and chat models in thoughts and critiques, such as `SCORE:`.
        banned: u32,
        /// Percent of the runs of three words that repeat an earlier one, in the thought that repeats most, or 100 where the thoughts of two regions are the same.
        repetition: u32,
        /// Percent of the word pairs of a later region's thought, those of the prompt aside, that an earlier one says already; the worst pair of regions.
        leakage: u32,
        /// Percent of the prompt's words, without the small ones, that the thoughts mention.
        coverage: u32,
        /// Score of every attempt.
        step_scores: Vec<u32>,
        /// Sketch of the thoughts that stay in the picture, 64 min-hashes of a byte, in hexadecimal digits; empty where there are no words.
        thought_sketch: String,
        /// How the finished picture looks: perceptual hash and thumbnail, in hexadecimal digits; null where it cannot be decoded.
        likeness: Option<String>,
        /// Regions of the finished picture that show a mistake which the embedded painter made on purpose; null where another painted, and for three of four trajectories, which are not looked at.
        faulty_regions: Option<u32>,
    }
}

impl PlainRow for MeasureRow {
    const TABLE: &'static str = "measures";
}

record! {
    /// The columns of a trajectory that selections may name.
    pub struct SelectionRow {
        /// `{prompt id}-{sample index}`.
        id: String,
        /// Weighted mean of the judges' scores of the finished picture, 0 to 100.
        reward: Score,
        /// Lowest score among the attempts that stay in the picture, 0 to 100.
        min_step_score: Score,
        /// Attempts over all regions.
        attempts: u32,
        /// Number of regions.
        num_regions: u32,
        /// Attempts beyond the first at a region.
        num_reflections: u32,
        /// Counts the samples of one prompt from 0.
        sample_index: u32,
        /// What kind of prompt it is.
        category: String,
        /// `whole_image` or `region_by_region`.
        mode: Mode,
        /// The model that painted.
        painter: String,
        /// The prompt.
        prompt: String,
        /// Words of the prompt.
        prompt_words: u32,
        /// Words of the shortest thought.
        thought_words_min: u32,
        /// Words of the longest thought.
        thought_words_max: u32,
        /// Words of the shortest critique.
        critique_words_min: u32,
        /// Language of the thoughts as an ISO 639-3 code such as `eng`; empty where they are too short to tell.
        language: String,
        /// Labels of prompt templates and chat models in thoughts and critiques.
        banned: u32,
        /// Percent of the runs of three words that repeat an earlier one, in the thought that repeats most.
        repetition: u32,
        /// Percent of a later region's word pairs that an earlier thought says already.
        leakage: u32,
        /// Percent of the prompt's words, without the small ones, that the thoughts mention.
        coverage: u32,
    }
}

impl PlainRow for SelectionRow {
    const TABLE: &'static str = "selection";
}
