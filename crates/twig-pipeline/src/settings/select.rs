//! The fields of a pipeline file that decide which rows become training data.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::prompts::{self, PromptError};

/// Evaluation sets that must not leak into the dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DecontaminationSettings {
    /// Files or glob patterns, relative to the pipeline file: evaluation prompts (`.txt`, `.jsonl`, `.csv`,
    /// `.parquet`, with the fields that `prompts` names) and evaluation pictures (`.png`, `.jpg`, `.jpeg`,
    /// `.webp`). While it is empty nothing is compared, and runs warn of it. `${VARIABLE}` as in `output`.
    pub against: Vec<String>,
    /// A prompt with so many words in a row of an evaluation prompt is contaminated, articles not counted; so
    /// is one that holds a whole evaluation prompt of at least four words.
    #[schemars(range(min = 3, max = 50))]
    pub ngram: usize,
    /// Share of common pairs of words from which a prompt is contaminated.
    #[schemars(range(min = 0.3, max = 1.0))]
    pub similarity: f64,
    /// Share of equal bits of the perceptual hash from which a picture is contaminated, if its colours agree
    /// too. Evaluation pictures are also looked for cropped by 5 %.
    #[schemars(range(min = 0.8, max = 1.0))]
    pub picture_similarity: f64,
}

impl Default for DecontaminationSettings {
    fn default() -> Self {
        Self { against: Vec::new(), ngram: 8, similarity: 0.8, picture_similarity: 0.9 }
    }
}

impl DecontaminationSettings {
    /// The files with evaluation prompts.
    pub(crate) fn prompt_files(&self, base: &Path) -> Result<Vec<PathBuf>, PromptError> {
        Ok(self.files(base)?.into_iter().filter(|path| !is_picture(path)).collect())
    }

    /// The evaluation pictures.
    pub(crate) fn picture_files(&self, base: &Path) -> Result<Vec<PathBuf>, PromptError> {
        Ok(self.files(base)?.into_iter().filter(|path| is_picture(path)).collect())
    }

    fn files(&self, base: &Path) -> Result<Vec<PathBuf>, PromptError> {
        prompts::files(&self.against, base)
    }
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| matches!(ending.as_str(), "png" | "jpg" | "jpeg" | "webp"))
}

/// Which trajectories are published. The steps apply in the order of these fields; what each removes stands
/// in `rejected/` with what removed it, and `twig plan --select` counts it beforehand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SelectSettings {
    /// Quality gates for thoughts and critiques: conditions as in `where`, whose failures are counted as
    /// `text_gate`. `true` switches them off.
    pub gates: String,
    /// Which trajectories are published: a condition in a subset of SQL over the columns of a trajectory, for
    /// example `reward >= 80 and min_step_score >= 60 and attempts <= 2`. Columns: `reward`,
    /// `min_step_score`, `attempts`, `num_regions`, `num_reflections`, `sample_index`, `category`, `mode`,
    /// `painter`, `prompt`, `prompt_words`, `thought_words_min`, `thought_words_max`, `critique_words_min`,
    /// `language`, `banned`, `repetition`, `leakage`, `coverage`. Operators: `=`, `<>`, `<`, `<=`, `>`, `>=`,
    /// `+`, `-`, `*`, `/`, `between`, `in`, `like`, `ilike`, `is null`, `and`, `or`, `not`.
    #[serde(rename = "where")]
    pub condition: Option<String>,
    /// Marks that people set in `twig view`, which are in `marks.jsonl` in the job's folder: `drop` leaves out what
    /// is marked so, `keep` publishes nothing but what is marked so. Absent: marks are not read.
    pub marks: Option<MarkedRows>,
    /// Share of common runs of three words from which the thoughts of two trajectories are near; the one with
    /// the higher reward stays. Of different samples of one prompt, too. Absent: not compared.
    #[schemars(range(min = 0.3, max = 1.0))]
    pub near_thoughts: Option<f64>,
    /// Share of equal bits of the perceptual hash from which two pictures are near, if their colours agree
    /// too; the one with the higher reward stays. Absent: not compared.
    #[schemars(range(min = 0.8, max = 1.0))]
    pub near_pictures: Option<f64>,
    /// Trajectories of one prompt, the best by reward.
    #[schemars(range(min = 1))]
    pub per_prompt: Option<u32>,
    /// Trajectories of each category, the best by reward.
    #[schemars(range(min = 1))]
    pub per_category: Option<u32>,
    /// Trajectories of the categories named, instead of `per_category`.
    pub quotas: BTreeMap<String, u32>,
    /// Every category gets as many trajectories as the one with the fewest, the best by reward.
    pub balance: bool,
    /// Trajectories in all, the best by reward.
    #[schemars(range(min = 1))]
    pub top: Option<u32>,
}

/// What marks decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MarkedRows {
    /// What is marked `drop` is left out.
    Drop,
    /// Only what is marked `keep` is published.
    Keep,
}

/// Thoughts that are no thoughts of a person looking at a picture in the making: too short, too long, with
/// labels of a prompt template or of a chat model in them, going round in circles, or ahead of their region.
pub(crate) const DEFAULT_GATES: &str = "thought_words_min >= 3 and thought_words_max <= 300 and critique_words_min >= 1 \
     and banned = 0 and repetition <= 60 and leakage <= 90";

impl Default for SelectSettings {
    fn default() -> Self {
        Self {
            gates: DEFAULT_GATES.to_owned(),
            condition: None,
            marks: None,
            near_thoughts: None,
            near_pictures: None,
            per_prompt: None,
            per_category: None,
            quotas: BTreeMap::new(),
            balance: false,
            top: None,
        }
    }
}
