//! The fields of a pipeline file. Field comments are the user's documentation: they become the JSON Schema
//! in `schemas/`, which editors show while one types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twig_model::Mode;
use twig_procedural::ProceduralSettings;
use twig_samples::SampleSettings;
use twig_teacher::OpenAiSettings;
use twig_tokens::{PatchTokenizer, layout::PrefixStyle};

use super::{DecontaminationSettings, RunSettings, SelectSettings, schedule::ScheduleSettings};

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

/// A teacher.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TeacherSettings {
    /// The embedded teacher: draws what it reads, needs no network and no key.
    Procedural {
        /// Questions under way at once.
        #[serde(default = "default_concurrency")]
        #[schemars(range(min = 1, max = 4096))]
        concurrency: usize,
        /// How it draws, and which mistakes it makes how often.
        #[serde(default)]
        settings: ProceduralSettings,
    },
    /// A model behind OpenAI's HTTP interface.
    #[serde(rename = "openai")]
    OpenAi(Box<OpenAiSettings>),
}

impl TeacherSettings {
    /// Questions under way at once.
    pub fn concurrency(&self) -> usize {
        match self {
            Self::Procedural { concurrency, .. } => *concurrency,
            Self::OpenAi(settings) => settings.concurrency,
        }
    }
}

fn default_concurrency() -> usize {
    16
}

/// Which teacher takes which role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleSettings {
    /// Writes the thoughts.
    pub thinker: String,
    /// Makes the pictures. Not needed with `prompts.source: pictures`.
    #[serde(default)]
    pub painter: String,
    /// Scores regions and revises thoughts.
    pub critic: String,
}

/// Own wording of the questions: templates in the syntax of Jinja. A variable that a template does not have is
/// an error when the file is loaded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TemplateSettings {
    /// Asks for the thoughts of all regions. Variables: `prompt`, `regions` (each with `name` and `place`).
    pub think_all: Option<String>,
    /// Asks for the thought of one region. Variables: `prompt`, `earlier_thoughts`, `region` (`name`, `place`),
    /// `number`, `count`.
    pub think: Option<String>,
    /// Asks for a critique. Variables: `prompt`, `thoughts`, `region` (`name`, `place`), `number`, `count`.
    pub critique: Option<String>,
    /// Asks for a judgement. Variables: `prompt`, `thoughts`, `region` (absent for the whole picture), `number`.
    pub judge: Option<String>,
}

/// How the K thoughts of a whole image are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// In one call.
    #[default]
    AtOnce,
    /// In K calls, each of which sees the thoughts before it.
    InTurn,
}

/// How trajectories are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrajectorySettings {
    /// `whole_image`: K thoughts, one picture, cut into K regions, a critique a region. `region_by_region`:
    /// think, paint the region, critique, redo, region after region.
    #[schemars(with = "ModeName")]
    pub mode: Mode,
    /// Whether the K thoughts of a whole image are asked for `at_once` or `in_turn`. Region by region it is
    /// always in turn.
    pub thinking: Thinking,
    /// K: the number of regions, for the schedules that do not say themselves; of bands at most the rows of the
    /// token grid, 24.
    #[schemars(range(min = 1))]
    pub regions: usize,
    /// Where the regions lie; by default uniform horizontal bands.
    pub schedule: ScheduleSettings,
    /// How thinker and critic, and the training samples, see a canvas that is not finished.
    pub canvas: CanvasView,
    /// A region is accepted from this score on.
    #[schemars(range(min = 0, max = 100))]
    pub accept_score: i32,
    /// How often a region that was not accepted is painted again. TwiG-50K used 0, zero-shot TwiG 1.
    #[schemars(range(min = 0, max = 8))]
    pub redo_rounds: u32,
    /// Trajectories made of each prompt.
    #[schemars(range(min = 1, max = 64))]
    pub samples_per_prompt: u32,
    /// How often a teacher is asked again, with what was wrong, when its answer misses the form asked for.
    #[schemars(range(min = 0, max = 8))]
    pub invalid_answer_retries: u32,
}

impl Default for TrajectorySettings {
    fn default() -> Self {
        Self {
            mode: Mode::WholeImage,
            thinking: Thinking::AtOnce,
            regions: 3,
            schedule: ScheduleSettings::Bands,
            canvas: CanvasView::Flat,
            accept_score: 90,
            redo_rounds: 0,
            samples_per_prompt: 1,
            invalid_answer_retries: 2,
        }
    }
}

/// How a canvas that is not finished is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CanvasView {
    /// Its pixels so far, the rest in the colour that code 0 of the first tokenizer decodes to.
    #[default]
    Flat,
    /// Through the first tokenizer, encoded and decoded with code 0 where nothing is painted, as TwiG's released code
    /// shows it. With a slow tokenizer this takes its time for every question about a canvas.
    Decoded,
}

/// The names of [`Mode`], for the schema.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema is used")]
enum ModeName {
    /// K thoughts, one picture, K critiques: how TwiG-50K was made.
    WholeImage,
    /// Think, paint, critique, redo, region after region: zero-shot TwiG.
    RegionByRegion,
}

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

/// Which image tokenizers encode the pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSettings {
    /// The tokenizers; the first one's ids stand in `trajectories`, `steps`, `sft` and `janus`.
    #[schemars(length(min = 1))]
    pub tokenizers: Vec<TokenizerSettings>,
    /// Whose pictures are encoded: `selected`, those of the trajectories that the release keeps, or `all`. By
    /// default `selected` where a tokenizer is slow (`janus_vq`), else `all`.
    pub scope: Option<TokenScope>,
}

impl TokenSettings {
    /// Whose pictures are encoded, by choice or by default.
    pub fn scope(&self) -> TokenScope {
        let is_slow = self.tokenizers.iter().any(|tokenizer| match tokenizer {
            TokenizerSettings::Patch {} => false,
            TokenizerSettings::JanusVq { .. } => true,
        });
        self.scope.unwrap_or(if is_slow { TokenScope::Selected } else { TokenScope::All })
    }
}

/// Whose pictures are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// Those of the trajectories that the release keeps. Another selection then encodes what it needs more.
    Selected,
    /// Those of all trajectories.
    All,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self { tokenizers: vec![TokenizerSettings::Patch {}], scope: None }
    }
}

/// What a tokenizer runs on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceName {
    /// The processor.
    #[default]
    Cpu,
    /// The first CUDA device.
    Cuda,
}

/// An image tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenizerSettings {
    /// The embedded patch codebook: 24 × 24 tokens of 16 × 16 pixels.
    Patch {},
    /// Janus-Pro's own: 24 × 24 tokens, 16,384 codes. About a second of two cores a picture.
    JanusVq {
        /// Its name in tables and manifest.
        #[serde(default = "default_janus_name")]
        #[schemars(length(min = 1))]
        name: String,
        /// A checkpoint of Janus-Pro, or of its image tokenizer alone: a folder or a file, relative to the pipeline
        /// file. Safetensors or `pytorch_model.bin`, in one piece or in shards, under the original names or Hugging
        /// Face's. `${VARIABLE}` as in `output`.
        #[schemars(length(min = 1))]
        checkpoint: String,
        /// Threads; by default one a core. Changes nothing in the result.
        #[serde(default)]
        #[schemars(range(min = 1, max = 1024))]
        threads: Option<usize>,
        /// `cpu`, or `cuda` for the first CUDA device: with a program built with `--features cuda`, which has never
        /// been run. Ids of a CUDA device count as another tokenizer's.
        #[serde(default)]
        device: DeviceName,
        /// Pictures under way at once, each of which takes about 250 MB; by default as many as threads, and at most
        /// 4. Changes nothing in the result.
        #[serde(default)]
        #[schemars(range(min = 1, max = 1024))]
        batch: Option<usize>,
    },
}

impl TokenizerSettings {
    /// Its name in tables and manifest.
    pub fn name(&self) -> &str {
        match self {
            Self::Patch {} => PatchTokenizer::NAME,
            Self::JanusVq { name, .. } => name,
        }
    }
}

fn default_janus_name() -> String {
    "janus".to_owned()
}

/// What is published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReleaseSettings {
    /// Share of the prompts that goes to the validation split.
    #[schemars(range(min = 0.0, max = 0.5))]
    pub validation_share: f64,
    /// Size at which a shard is closed, in MB.
    #[schemars(range(min = 1, max = 4096))]
    pub shard_mb: u32,
    /// The text before the image tokens: `twig`, as the released code has it, or `janus`, Janus's template.
    #[schemars(with = "PrefixName")]
    pub prefix: PrefixStyle,
    /// The text tokenizer of `janus`: the folder of a Janus checkpoint, or its `tokenizer.json`, relative to the
    /// pipeline file. `${VARIABLE}` as in `output`. Where it is absent, that of the first image tokenizer's
    /// checkpoint if it has one, else an embedded byte-level one, whose ids fit no published model.
    pub text_tokenizer: Option<String>,
    /// Text in front of the `janus` chats that have a picture, for models that are asked with one: the authors'
    /// Janus processor puts its own there. None by default.
    pub system_prompt: String,
    /// Samples of `janus` with more tokens are rejected as `too_long`, and those of `sft` with them. By default
    /// the context of Janus-Pro.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_tokens: u32,
    /// Share of the generate samples in `janus` whose prompt is blanked, for classifier-free guidance. 0 leaves
    /// it to the trainer, which finds the prompt by `prompt_len`; 0.1 is usual.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub prompt_drop: f64,
    /// Weights of the task groups in the default mix (`in_default_mix`). The paper found thinking and
    /// generating at 1:1 best, and every mix with reflecting worse.
    pub mix: MixSettings,
}

impl Default for ReleaseSettings {
    fn default() -> Self {
        Self {
            validation_share: 0.02,
            shard_mb: 400,
            prefix: PrefixStyle::Twig,
            text_tokenizer: None,
            system_prompt: String::new(),
            max_tokens: SampleSettings::JANUS_CONTEXT,
            prompt_drop: 0.0,
            mix: MixSettings::default(),
        }
    }
}

/// The names of [`PrefixStyle`], for the schema.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema is used")]
enum PrefixName {
    /// `User: τ1 … τk\n\nAssistant:<begin_of_image>`.
    Twig,
    /// `<|User|>: τ1 … τk\n\n<|Assistant|>:<begin_of_image>`.
    Janus,
}

/// Weights of the task groups in the default mix.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MixSettings {
    /// What to say.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub think: f64,
    /// How to refine.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub reflect: f64,
    /// Image tokens.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub generate: f64,
}

impl Default for MixSettings {
    fn default() -> Self {
        Self { think: 1.0, reflect: 0.0, generate: 1.0 }
    }
}
