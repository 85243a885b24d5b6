//! The fields of a pipeline file. Field comments are the user's documentation: they become the JSON Schema
//! in `schemas/`, which editors show while one types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    DecontaminationSettings, JudgementSettings, ReleaseSettings, RoleSettings, RunSettings, SelectSettings,
    TeacherSettings, TemplateSettings, TokenSettings, TrajectorySettings,
};

/// A build job: which prompts, which teachers, how trajectories are made, and what is released.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "twig pipeline file")]
pub struct PipelineFile {
    /// Version of the format of this file; 1 is the only one so far.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// Name of the job and of its dataset. An output folder belongs to the job of one name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Output folder, relative to the current directory. `${VARIABLE}` is replaced by that variable of the
    /// environment, `${VARIABLE:-default}` has a default.
    #[schemars(length(min = 1))]
    pub output: String,
    /// Seed of everything that is drawn by lot. The same seed, prompts and settings give the same bytes.
    #[serde(default)]
    #[schemars(range(max = 4_294_967_295_u32))]
    pub seed: u32,
    /// Where the prompts come from.
    pub prompts: PromptSettings,
    /// Evaluation sets that must not leak into the dataset.
    #[serde(default)]
    pub decontaminate: DecontaminationSettings,
    /// The teachers, by names of your choice.
    pub teachers: BTreeMap<String, TeacherSettings>,
    /// Which teacher takes which role.
    pub roles: RoleSettings,
    /// Own wording of the questions, in place of that which ships with the program.
    #[serde(default)]
    pub templates: TemplateSettings,
    /// How trajectories are made: the expensive stage.
    #[serde(default)]
    pub trajectories: TrajectorySettings,
    /// Who scores finished pictures.
    pub judgements: JudgementSettings,
    /// Which image tokenizers encode the pictures.
    #[serde(default)]
    pub tokens: TokenSettings,
    /// Which trajectories are published. Changing it asks no teacher anything.
    #[serde(default)]
    pub select: SelectSettings,
    /// In what form they are published. Changing it asks no teacher anything.
    #[serde(default)]
    pub release: ReleaseSettings,
    /// How the run goes about it. Changes nothing in the result.
    #[serde(default)]
    pub run: RunSettings,
}

/// Where the prompts come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromptSettings {
    /// Files or glob patterns, relative to the pipeline file: `.txt` (a prompt a line), `.jsonl`, `.csv` or
    /// `.parquet`. `${VARIABLE}` as in `output`.
    #[schemars(length(min = 1))]
    pub files: Vec<String>,
    /// `prompts`, texts to paint, or `pictures`: pictures that are there already, with their captions. Then
    /// `files` are `.parquet`, `.jsonl`, `.tar` (WebDataset) or folders with a `.txt` beside each picture; nobody
    /// paints, the thinker describes each region and the critic checks.
    #[serde(default)]
    pub source: PromptSource,
    /// Field or column with the picture, for `source: pictures`: bytes, or in JSONL a path relative to the file.
    #[serde(default = "default_picture_field")]
    pub picture_field: String,
    /// Field or column with the prompt, in JSONL, CSV and Parquet.
    #[serde(default = "default_text_field")]
    pub text_field: String,
    /// Field or column with the category, in JSONL, CSV and Parquet. Where it is absent the category is the
    /// file's name without its ending and without `_train`, `_val` or `_test`.
    #[serde(default = "default_category_field")]
    pub category_field: String,
    /// One category for all prompts.
    #[serde(default)]
    pub category: Option<String>,
    /// Prompts with more characters are rejected as `too_long`.
    #[serde(default = "default_max_chars")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_chars: usize,
    /// Share of common pairs of words from which of two prompts only the first stays, for example 0.8. Absent:
    /// only equal prompts are duplicates. Case, punctuation and articles do not count as differences.
    #[serde(default)]
    #[schemars(range(min = 0.3, max = 1.0))]
    pub near_duplicates: Option<f64>,
}

/// What prompt files hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptSource {
    /// Texts to paint.
    #[default]
    Prompts,
    /// Pictures with their captions.
    Pictures,
}

fn default_picture_field() -> String {
    "image".to_owned()
}

fn default_text_field() -> String {
    "prompt".to_owned()
}

fn default_category_field() -> String {
    "category".to_owned()
}

fn default_max_chars() -> usize {
    2_000
}
