use serde::{Deserialize, Serialize};
use twig_model::{
    Attempt, CriterionScores, Critique, Mode, Picture, Prompt, PromptId, Region, Schedule, Score, Step,
    Trajectory, TrajectoryId, TrajectoryTokens,
};

use super::head::attempt_record;
use crate::{Malformed, PlainRow, Row, record::record};

/// A trajectory as it is released: with its reward, and the ids of the first tokenizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseTrajectory {
    /// The trajectory.
    pub trajectory: Trajectory,
    /// Its ids by the job's first tokenizer, if it has one.
    pub tokens: Option<TrajectoryTokens>,
    /// Reward of the finished picture.
    pub reward: Score,
}

record! {
    /// Columns of a trajectory, one row each; a part of the stage lacks reward and tokens.
    pub struct TrajectoryRecord {
        /// `{prompt id}-{sample index}`.
        id: String,
        /// The text that is drawn.
        prompt: String,
        /// What kind of prompt it is.
        category: String,
        /// File and line the prompt came from.
        source: String,
        /// How it was made: `whole_image` or `region_by_region`.
        mode: Mode,
        /// The model that painted.
        painter: String,
        /// Counts the samples of one prompt from 0.
        sample_index: u32,
        /// Seed of all its requests.
        seed: i64,
        /// Number of regions.
        num_steps: u32,
        /// Number of entries in `steps` and `images`: attempts over all regions.
        attempts: u32,
        /// Attempts that follow a reflection: those beyond the first at a region.
        num_reflections: u32,
        /// Weighted mean of the judges' scores of the finished picture, 0 to 100.
        reward: Option<Score>,
        /// Lowest score among the attempts that stay in the picture, 0 to 100.
        min_step_score: Score,
        /// The finished picture.
        final_image: Option<Picture>,
        /// Ids of the finished picture by the first tokenizer, in raster order.
        image_tokens: Option<Vec<u32>>,
        /// Every attempt at every region, in the order made.
        steps: Vec<AttemptRecord>,
        /// The canvas after each attempt: regions so far, the rest in the placeholder colour.
        images: Vec<Picture>,
        /// For each entry of `steps`, the ids of its region by the first tokenizer.
        step_tokens: Option<Vec<Vec<u32>>>,
        /// JSON: the schedule with the cells of each region, and the name of the first tokenizer.
        meta: String,
    }
}

attempt_record! {
    /// One attempt at one region.
    pub struct AttemptRecord {
        ..attempt,
    }
}

/// What `meta` holds.
#[derive(Serialize, Deserialize)]
struct Meta {
    schedule: Schedule,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    tokenizer: Option<String>,
}

impl AttemptRecord {
    /// The attempts of a trajectory in the order made.
    pub fn all_of(trajectory: &Trajectory) -> Vec<Self> {
        trajectory
            .attempts()
            .zip(0..)
            .map(|((step, attempt_index, attempt), position)| {
                let region = &trajectory.schedule.regions()[step.region_index];
                Self::new(region, attempt_index as u32, attempt, position)
            })
            .collect()
    }

    fn new(region: &Region, attempt_index: u32, attempt: &Attempt, position: u32) -> Self {
        let span = region.raster_span();
        let critique = &attempt.critique;
        let [color, objects, detail, spatial, coherence] = critique.scores.points().map(i32::from);
        Self {
            step: position,
            kind: if attempt_index == 0 { "generate" } else { "redo" }.to_owned(),
            region: region.name.clone(),
            region_index: region.index as u32,
            attempt: attempt_index,
            token_start: span.map(|span| span.start),
            token_end: span.map(|span| span.end),
            cells: if span.is_some() { None } else { Some(region.cells().collect()) },
            thought: attempt.thought.clone(),
            critique: critique.comment.clone(),
            revised_thought: critique.revised_thought.clone(),
            score: critique.score(),
            color_accuracy: color,
            object_completeness: objects,
            detail_richness: detail,
            spatial_relationships: spatial,
            visual_coherence: coherence,
            accepted: attempt.accepted,
            image_index: position,
        }
    }

    /// Number of tokens of a region given as one run or as cells; `None` if it is given as neither or both.
    pub(crate) fn num_region_tokens(
        start: Option<u32>,
        end: Option<u32>,
        cells: Option<&[u32]>,
    ) -> Option<usize> {
        match (start, end, cells) {
            (Some(start), Some(end), None) => end.checked_sub(start).map(|count| count as usize),
            (None, None, Some(cells)) => Some(cells.len()),
            _ => None,
        }
    }

    fn into_attempt(self, canvas: Picture) -> Result<Attempt, Malformed> {
        let points = [
            self.color_accuracy,
            self.object_completeness,
            self.detail_richness,
            self.spatial_relationships,
            self.visual_coherence,
        ];
        let scores = CriterionScores::new(points.map(i64::from))
            .map_err(|error| Malformed::new("steps", format!("points of a criterion: {error}")))?;
        let critique = Critique { scores, comment: self.critique, revised_thought: self.revised_thought };
        Ok(Attempt { thought: self.thought, critique, accepted: self.accepted, canvas })
    }
}

impl TrajectoryRecord {
    /// The columns of a trajectory, without reward, tokens and finished picture.
    fn new(trajectory: Trajectory, tokenizer: Option<String>) -> Self {
        let steps = AttemptRecord::all_of(&trajectory);
        let images = trajectory.attempts().map(|(_, _, attempt)| attempt.canvas.clone()).collect();
        let meta = Meta { schedule: trajectory.schedule.clone(), tokenizer };
        let meta = serde_json::to_string(&meta).expect("numbers and texts under text keys are always JSON");
        let (num_steps, attempts) = (trajectory.steps.len() as u32, steps.len() as u32);
        Self {
            id: trajectory.id().to_string(),
            mode: trajectory.mode,
            sample_index: trajectory.sample_index,
            seed: trajectory.seed,
            num_steps,
            attempts,
            num_reflections: attempts - num_steps,
            reward: None,
            min_step_score: trajectory.min_step_score(),
            final_image: None,
            image_tokens: None,
            steps,
            images,
            step_tokens: None,
            meta,
            prompt: trajectory.prompt.text,
            category: trajectory.prompt.category,
            source: trajectory.prompt.source,
            painter: trajectory.painter,
        }
    }

    /// The schedule, which by its construction tiles the canvas.
    pub fn schedule(&self) -> Result<Schedule, Malformed> {
        Ok(self.read_meta()?.schedule)
    }

    fn read_meta(&self) -> Result<Meta, Malformed> {
        serde_json::from_str(&self.meta).map_err(|error| Malformed::new("meta", error.to_string()))
    }

    fn into_trajectory(self, schedule: Schedule) -> Result<Trajectory, Malformed> {
        let TrajectoryId { prompt: id, sample_index } = parse_trajectory_id(&self.id)?;
        let last = self.images.last().cloned();
        let final_image = self.final_image.or(last).ok_or_else(|| Malformed::new("images", "empty"))?;
        let steps = collect_steps(self.steps, &self.images, schedule.num_regions())?;
        Ok(Trajectory {
            prompt: Prompt { id, text: self.prompt, category: self.category, source: self.source },
            sample_index,
            mode: self.mode,
            painter: self.painter,
            seed: self.seed,
            schedule,
            steps,
            final_image,
        })
    }
}

/// Puts the attempts at one region together again.
fn collect_steps(
    attempts: Vec<AttemptRecord>,
    images: &[Picture],
    num_regions: usize,
) -> Result<Vec<Step>, Malformed> {
    let mut steps: Vec<Step> = Vec::with_capacity(num_regions);
    for record in attempts {
        let region_index = record.region_index as usize;
        let canvas = images.get(record.image_index as usize).cloned();
        let canvas = canvas.ok_or_else(|| Malformed::new("steps.image_index", "no such picture"))?;
        if record.attempt == 0 {
            steps.push(Step { region_index, attempts: Vec::new() });
        }
        match steps.last_mut() {
            Some(step) if step.region_index == region_index && region_index < num_regions => {
                step.attempts.push(record.into_attempt(canvas)?);
            }
            _ => return Err(Malformed::new("steps", "attempts at a region do not stand together")),
        }
    }
    Ok(steps)
}

/// Reads `{prompt id}-{sample index}`.
pub(crate) fn parse_trajectory_id(id: &str) -> Result<TrajectoryId, Malformed> {
    let parsed = id.rsplit_once('-').and_then(|(prompt, sample)| {
        Some(TrajectoryId { prompt: PromptId::new(prompt).ok()?, sample_index: sample.parse().ok()? })
    });
    parsed.ok_or_else(|| Malformed::new("id", format!("`{id}` is not `{{prompt id}}-{{sample index}}`")))
}

/// The finished picture equals the last canvas, so a part of the stage does not store it again.
impl Row for Trajectory {
    type Record = TrajectoryRecord;
    const TABLE: &'static str = "trajectories";

    fn into_record(self) -> TrajectoryRecord {
        let last_canvas = self.attempts().last().map(|(_, _, attempt)| &attempt.canvas);
        let final_image = (last_canvas != Some(&self.final_image)).then(|| self.final_image.clone());
        TrajectoryRecord { final_image, ..TrajectoryRecord::new(self, None) }
    }

    fn from_record(record: TrajectoryRecord) -> Result<Self, Malformed> {
        let schedule = record.schedule()?;
        record.into_trajectory(schedule)
    }
}

impl Row for ReleaseTrajectory {
    type Record = TrajectoryRecord;
    const TABLE: &'static str = "trajectories";

    fn into_record(self) -> TrajectoryRecord {
        let (tokenizer, image_tokens, step_tokens) = match self.tokens {
            Some(tokens) => (Some(tokens.tokenizer), Some(tokens.final_ids), Some(tokens.attempt_ids)),
            None => (None, None, None),
        };
        let final_image = Some(self.trajectory.final_image.clone());
        let reward = Some(self.reward);
        let record = TrajectoryRecord::new(self.trajectory, tokenizer);
        TrajectoryRecord { reward, final_image, image_tokens, step_tokens, ..record }
    }

    fn from_record(mut record: TrajectoryRecord) -> Result<Self, Malformed> {
        let Meta { schedule, tokenizer } = record.read_meta()?;
        let reward = record.reward.ok_or_else(|| Malformed::new("reward", "null"))?;
        let tokens = match (tokenizer, record.image_tokens.take(), record.step_tokens.take()) {
            (Some(tokenizer), Some(final_ids), Some(attempt_ids)) => {
                Some(TrajectoryTokens { tokenizer, final_ids, attempt_ids })
            }
            (None, None, None) => None,
            _ => return Err(Malformed::new("image_tokens", "tokens without a tokenizer, or the reverse")),
        };
        Ok(Self { trajectory: record.into_trajectory(schedule)?, tokens, reward })
    }
}

impl PlainRow for TrajectoryRecord {
    const TABLE: &'static str = "trajectories";
}

record! {
    /// The small columns of a trajectory, for selection: reading them touches no picture.
    pub struct TrajectorySummary {
        /// `{prompt id}-{sample index}`.
        id: String,
        /// The text that is drawn.
        prompt: String,
        /// What kind of prompt it is.
        category: String,
        /// How it was made.
        mode: Mode,
        /// The model that painted.
        painter: String,
        /// Counts the samples of one prompt from 0.
        sample_index: u32,
        /// Number of regions.
        num_steps: u32,
        /// Attempts over all regions.
        attempts: u32,
        /// Lowest score among the attempts that stay in the picture.
        min_step_score: Score,
    }
}

impl TrajectorySummary {
    /// The prompt's id, which the trajectory's id begins with.
    pub fn prompt_id(&self) -> Result<PromptId, Malformed> {
        Ok(parse_trajectory_id(&self.id)?.prompt)
    }
}

impl PlainRow for TrajectorySummary {
    const TABLE: &'static str = "trajectories";
}

record! {
    /// What a list of trajectories shows and sorts by: reading it touches no picture.
    pub struct TrajectoryListing {
        /// `{prompt id}-{sample index}`.
        id: String,
        /// The text that is drawn.
        prompt: String,
        /// What kind of prompt it is.
        category: String,
        /// How it was made.
        mode: Mode,
        /// The model that painted.
        painter: String,
        /// Number of regions.
        num_steps: u32,
        /// Attempts over all regions.
        attempts: u32,
        /// Weighted mean of the judges' scores of the finished picture; null in a part of the stage.
        reward: Option<Score>,
        /// Lowest score among the attempts that stay in the picture.
        min_step_score: Score,
    }
}

impl PlainRow for TrajectoryListing {
    const TABLE: &'static str = "trajectories";
}

record! {
    /// The finished picture alone, for small views of many trajectories.
    pub struct FinalImage {
        /// Id of the trajectory.
        id: String,
        /// The finished picture; null in a part of the stage where it equals the last canvas.
        final_image: Option<Picture>,
    }
}

impl PlainRow for FinalImage {
    const TABLE: &'static str = "trajectories";
}

record! {
    /// The ids of the finished picture alone, to find pictures that are alike.
    pub struct FinalTokens {
        /// Id of the trajectory.
        id: String,
        /// Ids by the first tokenizer, in raster order; null in a part of the stage.
        image_tokens: Option<Vec<u32>>,
    }
}

impl PlainRow for FinalTokens {
    const TABLE: &'static str = "trajectories";
}
