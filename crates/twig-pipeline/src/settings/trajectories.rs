//! The settings of the trajectories stage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twig_model::Mode;

use super::schedule::ScheduleSettings;

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
